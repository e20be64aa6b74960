"""How well an extractor retrieves: figures on arrays, and the public protocols on folders."""
