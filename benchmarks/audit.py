"""How many mistakes ``reid-gallery audit`` finds, and how many of its findings are mistakes.

    python benchmarks/audit.py STORE [--seeds 10] [--out .work/audit-store]

STORE is a gallery whose people are known for certain, such as Market-1501's test folder enrolled by
``benchmarks/market_gallery.py``; it is only read. In copies of it, held in memory, 5 % of the
sightings are given to other people drawn by chance: one by one, or all that one camera saw of a
person at a time, as when a tracker switches people. In others 5 % of the people are parted in two
under two names: sighting by sighting, or camera by camera. Precision and recall are means over the
seeds; the 95 % intervals are bootstrapped by identity (the true one of each sighting or person),
all seeds of a person together. ``right person`` is the share of found
sightings whose suggested person is the true one.

Market's distractors (person 0000) are boxes of nobody in particular; they stay out, unless
``--distractors`` enrolls them as the one person that the folder makes of them. With ``--out`` one
corrupted gallery is written as a store, to look at ``reid-gallery audit --sheet``.
"""

import argparse
import resource
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from openset import resample
from reid_gallery import Gallery
from reid_gallery.gallery.extractor import Extractor, resolve_model
from reid_gallery.gallery.health.doubles import find_doubles
from reid_gallery.gallery.health.people import People, stand
from reid_gallery.gallery.health.recognition import choose_sample, recognised, try_spoilt
from reid_gallery.gallery.health.spoiling import spoil
from reid_gallery.gallery.health.strays import find_strays
from reid_gallery.gallery.health.twins import nearest_earlier
from reid_gallery.gallery.pictures.quality import measure_quality
from reid_gallery.gallery.pictures.read import read_crop
from reid_gallery.gallery.store.everything import read_everything
from reid_gallery.gallery.store.store import Store
from reid_gallery.gallery.types import Sighting

DISTRACTORS = "0000"
SHARE = 0.05
RESAMPLES = 2000

Vectors = npt.NDArray[np.float32]
Labels = list[str]


@dataclass
class Counts:
    """Of each true identity: what was told, what was to be found, and what of it was."""

    told: dict[str, int]
    wrong: dict[str, int]
    found: dict[str, int]
    placed: dict[str, int]

    @classmethod
    def of(cls, pids: Sequence[str]) -> "Counts":
        """Nothing counted yet."""
        return cls(*(dict.fromkeys(pids, 0) for _ in range(4)))

    def without(self, pid: str) -> "Counts":
        """The same, less one identity."""
        columns = (self.told, self.wrong, self.found, self.placed)
        return Counts(*({p: n for p, n in column.items() if p != pid} for column in columns))

    def line(self) -> str:
        """Precision, recall and, for sightings, the share of right people, with intervals."""
        columns = [np.array(list(c.values())) for c in (self.told, self.wrong, self.found)]
        told, wrong, found = columns
        placed = np.array(list(self.placed.values()))
        drawn = np.random.default_rng(0).integers(len(told), size=(RESAMPLES, len(told)))
        cells = []
        ratios = [(found, told), (found, wrong), *([(placed, found)] if placed.any() else [])]
        for share, whole in ratios:
            means = share[drawn].sum(axis=1) / np.maximum(1, whole[drawn].sum(axis=1))
            low, high = np.quantile(means, [0.025, 0.975])
            cells.append(f"{share.sum() / max(1, whole.sum()):.3f} [{low:.3f}, {high:.3f}]")
        return "  ".join(cells)


def read_known(path: Path, *, without: Sequence[str] = ()) -> tuple[list[Sighting], Vectors]:
    """Return a gallery's n sightings and their float32[n, d], but those of some people."""
    store = Store(path, create=False, wait_s=1.0)
    everything = read_everything(store)
    store.close()
    if everything is None:
        raise SystemExit(f"{path}: is empty")
    _, sightings, vectors = everything
    kept = [n for n, s in enumerate(sightings) if s.pid not in without]
    return [sightings[n] for n in kept], vectors[kept]


def give_away_one_by_one(
    sightings: Sequence[Sighting], random: np.random.Generator, pids: Sequence[str]
) -> Labels:
    """Give 5 % of the sightings to other people."""
    labels = [sighting.pid for sighting in sightings]
    for row in random.permutation(len(labels))[: round(SHARE * len(labels))].tolist():
        labels[row] = _another(labels[row], random, pids)
    return labels


def give_away_by_camera(
    sightings: Sequence[Sighting], random: np.random.Generator, pids: Sequence[str]
) -> Labels:
    """Give all that a camera saw of a person to another one, until it is 5 % of the sightings."""
    labels = [sighting.pid for sighting in sightings]
    groups: dict[tuple[str, str | None], list[int]] = {}
    for row, sighting in enumerate(sightings):
        groups.setdefault((sighting.pid, sighting.camera), []).append(row)
    rooms, left = list(groups.values()), round(SHARE * len(labels))
    for at in random.permutation(len(rooms)).tolist():
        if len(rooms[at]) <= left:
            left -= len(rooms[at])
            to = _another(labels[rooms[at][0]], random, pids)
            for row in rooms[at]:
                labels[row] = to
    return labels


def _another(pid: str, random: np.random.Generator, pids: Sequence[str]) -> str:
    other = pids[int(random.integers(len(pids)))]
    return other if other != pid else _another(pid, random, pids)


def part_people(
    sightings: Sequence[Sighting],
    random: np.random.Generator,
    pids: Sequence[str],
    by_camera: bool,
) -> Labels:
    """Part 5 % of the people in two; the second half is called PID/2."""
    labels = [sighting.pid for sighting in sightings]
    rows_of: dict[str, list[int]] = {}
    for row, pid in enumerate(labels):
        rows_of.setdefault(pid, []).append(row)
    for pid in random.permutation(np.array(pids))[: round(SHARE * len(pids))].tolist():
        parts = {sightings[row].camera if by_camera else row for row in rows_of[pid]}
        shuffled = random.permutation(np.array(sorted(map(str, parts))))
        away = set(shuffled[: len(parts) // 2].tolist())
        for row in rows_of[pid]:
            if str(sightings[row].camera if by_camera else row) in away:
                labels[row] = f"{pid}/2"
    return labels


def relabel(sightings: Sequence[Sighting], labels: Labels) -> list[Sighting]:
    """The same sightings under other names."""
    return [replace(s, pid=label) for s, label in zip(sightings, labels, strict=True)]


def count_strays(
    sightings: Sequence[Sighting], vectors: Vectors, labels: Labels, to: Counts
) -> None:
    """Audit one corrupted gallery and count."""
    people = People.of(relabel(sightings, labels))
    strays = find_strays(vectors, people, stand(vectors, people))
    for row, (sighting, label) in enumerate(zip(sightings, labels, strict=True)):
        told, wrong = bool(strays.chance[row] > 0.5), label != sighting.pid
        at = int(strays.destination[row])
        to.told[sighting.pid] += told
        to.wrong[sighting.pid] += wrong
        to.found[sighting.pid] += told and wrong
        to.placed[sighting.pid] += told and wrong and at >= 0 and people.pids[at] == sighting.pid


def count_doubles(
    sightings: Sequence[Sighting], vectors: Vectors, labels: Labels, to: Counts
) -> None:
    """Audit one gallery with people parted in two and count."""
    people = People.of(relabel(sightings, labels))
    doubles = find_doubles(vectors, people)
    for name in people.pids:
        to.wrong[name.removesuffix("/2")] += name.endswith("/2")
    for first, second, chance in zip(doubles.first, doubles.second, doubles.chance, strict=True):
        if chance > 0.5:
            one, other = sorted((people.pids[first], people.pids[second]))
            whose = one.removesuffix("/2")
            to.told[whose] += 1
            to.found[whose] += other == f"{one}/2"


def scenarios(
    sightings: Sequence[Sighting], vectors: Vectors, pids: Sequence[str], seeds: int
) -> Iterator[tuple[str, Counts]]:
    """Every table's lines."""
    corrupt: dict[str, Callable[..., Labels]] = {
        "wrong, one by one": give_away_one_by_one,
        "wrong, by camera": give_away_by_camera,
    }
    for name, make in corrupt.items():
        unseen = [replace(sighting, camera=None, tracklet=None) for sighting in sightings]
        for title, seen in ((name, sightings), (f"{name}, neither known", unseen)):
            counts = Counts.of(sorted({s.pid for s in sightings}))
            for seed in range(seeds):
                labels = make(sightings, np.random.default_rng(seed), pids)
                count_strays(seen, vectors, labels, counts)
            yield title, counts
    for name, by_camera in (("parted, one by one", False), ("parted, by camera", True)):
        counts = Counts.of(sorted({s.pid for s in sightings}))
        for seed in range(seeds):
            random = np.random.default_rng(seed)
            labels = part_people(sightings, random, pids, by_camera)
            count_doubles(sightings, vectors, labels, counts)
        yield name, counts


def measure_risk(sightings: Sequence[Sighting], vectors: Vectors) -> None:
    """Learn from one half of the people which quality is not recognised; test on the other half."""
    people = People.of(sightings)
    standing = stand(vectors, people)
    usable = np.isfinite(standing.own + standing.other)
    embed = Extractor.load(resolve_model(None)).embed
    halves = [choose_sample(usable & (people.owner % 2 == side), seed=side) for side in (0, 1)]
    crops = [[read_crop(Path(sightings[row].path)) for row in half] for half in halves]
    recognition = try_spoilt(crops[0], halves[0], embed, (vectors, people))
    severities = np.random.default_rng(1).random(len(crops[1]))
    spoilt = [spoil(crop, way, severities[way]) for way, crop in enumerate(crops[1])]
    missed = ~recognised(embed(spoilt), halves[1], vectors, people)
    risk = recognition.risk([measure_quality(crop) for crop in spoilt])
    told = area(risk, missed, people.owner[halves[1]])
    print(f"spoilt pictures: {len(missed)}, missed {missed.mean():.3f}, {told}")
    for low in (0.0, 0.25, 0.5, 0.75):
        among = (risk >= low) & (risk < low + 0.25)
        told = f"risk {risk[among].mean():.2f}, missed {missed[among].mean():.2f}"
        print(f"  {among.sum():4} pictures: {told}")
    rows = np.flatnonzero(usable & (people.owner % 2 == 1))[::4]
    risk = recognition.risk([measure_quality(read_crop(Path(sightings[r].path))) for r in rows])
    missed = ~(standing.own > standing.other)[rows]
    told = area(risk, missed, people.owner[rows])
    print(f"as they are: {len(rows)}, missed {missed.mean():.3f}, {told}")


def area(
    risk: npt.NDArray[np.float64], missed: npt.NDArray[np.bool_], owner: npt.NDArray[np.intp]
) -> str:
    """The area under the ROC curve, with an interval bootstrapped by identity."""
    areas = []
    for weight in resample(owner, 200).astype(int):
        drawn = np.repeat(np.arange(len(risk)), weight[owner])
        ranks, truth = risk[drawn].argsort().argsort(), missed[drawn]
        above = ranks[truth].sum() - truth.sum() * (truth.sum() - 1) / 2
        areas.append(above / max(1, truth.sum() * (~truth).sum()))
    low, high = np.quantile(areas[1:], [0.025, 0.975])
    return f"area under ROC {areas[0]:.3f} [{low:.3f}, {high:.3f}]"


def write_store(path: Path, source: Path, sightings: Sequence[Sighting], labels: Labels) -> None:
    """Copy a store and give its sightings the labels."""
    shutil.copytree(source, path)
    with Gallery.open(path, create=False) as gallery:
        for sighting, label in zip(sightings, labels, strict=True):
            if sighting.pid != label:
                gallery.split([sighting.id], to=label)


def main() -> None:
    """Corrupt, audit, count, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--distractors", action="store_true")
    parser.add_argument("--quality", action="store_true", help="Measure picture quality, and stop.")
    parser.add_argument("--out", type=Path, help="Write a corrupted copy there, and stop.")
    arguments = parser.parse_args()
    sightings, vectors = read_known(
        arguments.store, without=() if arguments.distractors else (DISTRACTORS,)
    )
    pids = sorted({s.pid for s in sightings})
    if arguments.out is not None:
        labels = give_away_one_by_one(sightings, np.random.default_rng(0), pids)
        write_store(arguments.out, arguments.store, sightings, labels)
        return
    if arguments.quality:
        measure_risk(sightings, vectors)
        return
    print(f"{len(sightings):,} sightings of {len(pids):,} people, {arguments.seeds} seeds")
    print(f"{'':36}precision             recall                right person")
    for title, counts in scenarios(sightings, vectors, pids, arguments.seeds):
        print(f"{title:36}{counts.line()}", flush=True)
        if arguments.distractors:
            print(f"{f'  less sightings of {DISTRACTORS}':36}{counts.without(DISTRACTORS).line()}")
    started = time.perf_counter()
    people = People.of(sightings)
    find_strays(vectors, people, stand(vectors, people))
    find_doubles(vectors, people)
    told = time.perf_counter() - started
    nearest_earlier(vectors)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    both = time.perf_counter() - started
    print(f"people and sightings {told:.1f} s, with nearest pictures {both:.1f} s, {memory:.0f} MB")


if __name__ == "__main__":
    main()
