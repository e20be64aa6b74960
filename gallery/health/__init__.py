"""The gallery's own health: what looks like a mistake, how likely it is one, what mends it."""
