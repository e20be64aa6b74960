"""Text on one line, whatever a path or a name in it holds."""


def spell_out(text: str) -> str:
    """What would break the line or steer the terminal, as a Python text would have it."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
