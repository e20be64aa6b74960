"""How numbers of things are said."""

import pytest
from reid_gallery.gallery.counted import counted


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (counted(0, "sighting"), "0 sightings"),
        (counted(1, "sighting"), "1 sighting"),
        (counted(2000, "sighting"), "2,000 sightings"),
        (counted(1, "person", "were"), "1 person was"),
        (counted(2, "person", "were"), "2 people were"),
        (counted(1, "person", "have"), "1 person has"),
        (counted(1, "valid query"), "1 valid query"),
        (counted(2, "valid query", "are"), "2 valid queries are"),
    ],
)
def test_one_is_not_several(said, expected):
    assert said == expected
