"""What a run tells at its end, and how several runs compare."""
