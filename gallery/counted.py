"""Numbers of things as they are said: ``1 sighting is``, ``2,000 sightings are``."""

_PLURALS = {"person": "people", "valid query": "valid queries"}
_SINGULARS = {"are": "is", "were": "was", "have": "has"}


def counted(number: int, noun: str, verb: str = "") -> str:
    """A number with its noun and, if wanted, its verb.

    Args:
        number: how many.
        noun: of one.
        verb: of several.
    """
    if number == 1:
        words = [noun, _SINGULARS.get(verb, verb)]
    else:
        words = [_PLURALS.get(noun, f"{noun}s"), verb]
    return " ".join([f"{number:,}", *filter(None, words)])
