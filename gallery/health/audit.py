"""The audit: load once, look from five sides, put the findings in order. Nothing is changed."""

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from ..store.everything import read_contents, read_everything
from ..store.store import Store
from .doubles import find_doubles
from .findings import AuditReport, Finding, Kind
from .mending import Mending
from .people import Column, Numbers, People, Standing, stand
from .recognition import Embed, choose_sample, try_spoilt
from .seen_pictures import SeenPictures, look_through, read_again
from .spoiling import save_again
from .strays import Strays, find_strays
from .telling import Teller
from .twins import nearest_earlier, same_picture_chances, same_vector

_LIKELY = 0.5
"""What is more likely so than not is told."""


def audit(
    store: Store, embed: Embed | None, *, pictures: bool, progress: Callable[[int], None]
) -> AuditReport:
    """Look for likely mistakes; see `Gallery.audit`.

    Args:
        store: is only read.
        embed: the gallery's extractor, to try spoilt pictures on; None where it isn't at hand.
        pictures: whether to read the pictures.
        progress: called with the number of pictures read since the last call.
    """
    everything = read_everything(store)
    if everything is None or not everything[1]:
        return AuditReport(checked=0, people=0, pictures_read=0)
    _, sightings, vectors = everything
    people = People.of(sightings)
    standing = stand(vectors, people)
    strays = find_strays(vectors, people, standing)
    seen = SeenPictures(np.empty(0, np.intp))
    if pictures:
        seen = look_through(sightings, read_contents(store, sightings), progress)
    teller = Teller(sightings, vectors, people, Mending(store.directory.root))
    findings = [
        *_wrong_people(teller, strays),
        *_same_people(teller),
        *_same_pictures(teller, seen, strays),
        *_poor_pictures(teller, seen, embed, standing, strays),
        *teller.seen_little(),
    ]
    order = list(Kind)
    findings.sort(key=lambda found: (-(found.chance or 0.0), order.index(found.kind)))
    return AuditReport(
        checked=len(sightings),
        people=len(people.pids),
        pictures_read=len(seen.at),
        findings=tuple(findings),
        unread=seen.unread,
    )


def _wrong_people(teller: Teller, strays: Strays) -> Iterator[Finding]:
    """One finding for all that goes from one person to another; to nobody, one a burst."""
    people = teller.people
    groups: dict[tuple[int, int], list[int]] = {}
    for row in np.flatnonzero(strays.chance > _LIKELY).tolist():
        destination = int(strays.destination[row])
        origin = people.owner[row] if destination >= 0 else people.burst_key[row]
        groups.setdefault((int(origin), destination), []).append(row)
    for (_, destination), rows in groups.items():
        yield teller.wrong_person(rows, destination, float(strays.chance[rows].mean()))


def _same_people(teller: Teller) -> Iterator[Finding]:
    doubles = find_doubles(teller.vectors, teller.people)
    for at in np.flatnonzero(doubles.chance > _LIKELY).tolist():
        yield teller.same_person(
            int(doubles.first[at]),
            int(doubles.second[at]),
            float(doubles.score[at]),
            float(doubles.chance[at]),
        )


def _same_pictures(teller: Teller, seen: SeenPictures, strays: Strays) -> Iterator[Finding]:
    earlier, chance = find_twins(teller, seen)
    for row in np.flatnonzero(chance > _LIKELY).tolist():
        first = int(earlier[row])
        # The later one was saved anew, unless the first was given to the wrong person.
        wrong_first = strays.chance[first] > max(_LIKELY, strays.chance[row])
        surplus, kept = (first, row) if wrong_first else (row, first)
        yield teller.same_picture(surplus, kept, float(chance[row]))


def find_twins(teller: Teller, seen: SeenPictures) -> tuple[Numbers, Column]:
    """Return intp[n], the earlier sighting most like each; float64[n], the chance it's the same."""
    earlier, score = nearest_earlier(teller.vectors)
    chance = same_vector(score)
    if seen.thumbnails is None:
        return earlier, chance
    place = np.full(len(earlier), -1)
    place[seen.at] = np.arange(len(seen.at))
    rows = seen.at[(earlier[seen.at] >= 0) & (place[earlier[seen.at]] >= 0)]
    if len(rows):
        sample = read_again(teller.sightings[row] for row in choose_sample(place >= 0).tolist())
        pairs = (seen.thumbnails[place[rows]], seen.thumbnails[place[earlier[rows]]])
        chance[rows] = same_picture_chances(pairs, sample, [save_again(crop) for crop in sample])
    return earlier, chance


def _poor_pictures(
    teller: Teller, seen: SeenPictures, embed: Embed | None, standing: Standing, strays: Strays
) -> Iterator[Finding]:
    """Pictures so poor that one is likelier missed, and that were: who is known does no harm."""
    if embed is None or not len(seen.at):
        return
    tested: npt.NDArray[np.bool_] = np.isfinite(standing.own + standing.other)
    rightly_placed: npt.NDArray[np.bool_] = np.less_equal(strays.chance, _LIKELY)
    missed: npt.NDArray[np.bool_] = np.less_equal(standing.own, standing.other)
    at = choose_sample(tested & np.isin(np.arange(len(tested)), seen.at))
    crops = read_again(teller.sightings[row] for row in at.tolist())
    natural = np.flatnonzero(tested[seen.at] & rightly_placed[seen.at])
    as_it_is = [seen.qualities[place] for place in natural.tolist()], missed[seen.at][natural]
    recognition = try_spoilt(crops, at, embed, (teller.vectors, teller.people), as_it_is)
    if recognition is None:
        return
    risk = recognition.risk(seen.qualities)
    for place in np.flatnonzero(
        (risk > _LIKELY) & missed[seen.at] & rightly_placed[seen.at]
    ).tolist():
        quality = seen.qualities[place]
        yield teller.poor_picture(int(seen.at[place]), quality, float(risk[place]))
