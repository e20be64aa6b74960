"""Lengths of time as people write them."""

import re

_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([dhms])\s*")


def parse_duration(text: str) -> float:
    """Return the seconds in ``2h``, ``90m``, ``1h30m`` or ``45s``.

    Raises:
        ValueError: it is none of these, or no time at all.
    """
    parts = _PART.findall(text)
    if not parts or _PART.sub("", text).strip():
        raise ValueError(f"{text!r} is no length of time; write it like 2h, 90m or 1h30m")
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if not seconds:
        raise ValueError(f"{text!r} is no time at all")
    return seconds


def say_duration(seconds: float) -> str:
    """Write seconds for people: ``2h05m``, ``4m10s`` or ``9s``."""
    whole = max(0, round(seconds))
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m{rest:02}s" if minutes else f"{rest}s"
