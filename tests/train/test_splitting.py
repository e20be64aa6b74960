from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reid_gallery.gallery.errors import LayoutError
from reid_gallery.gallery.pictures.labelled import LabelledPicture
from reid_gallery.gallery.pictures.manifest import write_manifest
from reid_gallery.train.calibration import _known_camera
from reid_gallery.train.splitting import held_out_people, split_people

pids = st.sets(st.text("abcdef0123456789", min_size=1, max_size=6), max_size=60)
shares, seeds = st.floats(0, 0.9), st.integers(0, 99)


def write(manifest: Path, lines: list[tuple]) -> Path:
    """Write a manifest of (pid, number of pictures, source, split)."""
    pictures = [
        LabelledPicture(
            path=Path(f"/{source}/{pid}/{split}-{n}.jpg"), pid=pid, source=source, split=split
        )
        for pid, count, source, split in lines
        for n in range(count)
    ]
    write_manifest(manifest, pictures)
    return manifest


def split_of(manifest: Path, **options):
    options = {"validation_share": 0.3, "seed": 0, **options}
    return split_people([(manifest, "folders")], **options)


# -- who is held out -------------------------------------------------------------------------------


@given(people=pids, others=pids, share=shares, seed=seeds)
def test_nobody_changes_sides_when_others_join_unless_they_are_few(people, others, share, seed):
    before, after = (held_out_people(p, share, seed) for p in (people, people | others))
    bounds = [(b // 2 + b % 2, b + b // 2) for b in _exact(share, people, people | others)]
    strictly = all(
        low < len(p) < high and len(p) > 2
        for p, (low, high) in zip((before, after), bounds, strict=True)
    )
    if strictly:  # else chance was corrected
        assert after & people == before


@given(people=pids, share=shares, seed=seeds)
def test_the_number_stays_near_the_share_among_few_people_too(people, share, seed):
    held_out = held_out_people(people, share, seed)
    (exact,) = _exact(share, people)
    assert held_out <= people
    assert len(held_out) != 1
    if exact == 1:
        assert len(held_out) == (2 if len(people) >= 5 else 0)
    else:
        assert max(min(2, exact), exact / 2) <= len(held_out) <= 1.5 * exact


def _exact(share: float, *crowds: set[str]) -> list[int]:
    return [round(share * len(crowd)) for crowd in crowds]


@pytest.mark.parametrize("share", [0.08, 0.3])
def test_the_share_is_about_what_was_asked_for(share):
    people = [f"{n:04d}" for n in range(1500)]
    got = [len(held_out_people(people, share, seed)) / len(people) for seed in range(20)]
    assert all(abs(g - share) < 4 * (share * (1 - share) / len(people)) ** 0.5 for g in got)
    assert len({frozenset(held_out_people(people, share, seed)) for seed in range(20)}) == 20


def test_the_choice_is_the_same_in_every_version():
    assert held_out_people([f"{n:04d}" for n in range(40)], 0.1, 0) == {
        "0025",
        "0008",
        "0023",
        "0005",
        "0003",
    }


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 0.5), seed=seeds)
def test_no_person_is_in_both_parts(people, share, seed):
    split = split_people([(people, "folders")], validation_share=share, seed=seed)
    training, validation = ({p.person for p in part} for part in (split.training, split.validation))
    assert not training & validation
    assert validation == {f"0:{pid}" for pid in held_out_people(_pids(people), share, seed)}
    assert len(split.training) + len(split.validation) == 60


def _pids(people: Path) -> list[str]:
    return [folder.name for folder in people.iterdir()]


# -- joining ---------------------------------------------------------------------------------------


def test_ids_of_two_sources_never_meet(people):
    split = split_people([(people, "folders"), (people, "folders")], validation_share=0.2, seed=0)
    assert len({p.person for p in split.training + split.validation}) == 20
    assert {p.source for p in split.training} == {"0", "1"}
    held_out = [{p.person[2:] for p in split.validation if p.source == n} for n in "01"]
    assert held_out[0] == held_out[1] != set()


def test_a_picture_of_an_unknown_camera_has_one_of_its_own(people):
    split = split_people([(people, "folders")], validation_share=0.2, seed=0)
    cameras = [p.camera for p in split.training + split.validation]
    assert len(set(cameras)) == len(cameras)


def test_where_the_camera_is_unknown_the_tracklet_stands_for_it(tmp_path):
    pictures = [
        LabelledPicture(path=tmp_path / f"{pid}{n}.jpg", pid=pid, tracklet=f"t{pid}{n // 3}")
        for pid in "abcdef"
        for n in range(6)
    ]
    write_manifest(tmp_path / "people.csv", pictures)
    split = split_of(tmp_path / "people.csv")
    cameras = {p.path.name: p.camera for p in split.training + split.validation}
    assert cameras["a0.jpg"] == cameras["a2.jpg"] != cameras["a3.jpg"]
    assert len(set(cameras.values())) == 12
    assert all(_known_camera(p) is None for p in split.training)


def test_a_manifest_that_joins_sources_is_split_source_by_source(tmp_path):
    lines = [(f"p{n}", 1, source, None) for source in "ab" for n in range(40)]
    split = split_of(write(tmp_path / "people.csv", lines), validation_share=0.1)
    by_source = {s: {p.person for p in split.validation if p.source == f"0/{s}"} for s in "ab"}
    wanted = held_out_people([f"p{n}" for n in range(40)], 0.1, 0)
    assert by_source == {s: {f"0/{s}:{pid}" for pid in wanted} for s in "ab"}


def test_sources_of_like_names_do_not_meet(tmp_path):
    lines = [(f"p{n}", 1, source, None) for source in ("a:1", "a_1", "a%3A1") for n in range(9)]
    split = split_of(write(tmp_path / "people.csv", lines), validation_share=0.3)
    assert len({p.person for p in (*split.training, *split.validation)}) == 27


def test_a_manifest_tells_the_split(tmp_path):
    lines = [(pid, 2, "a", "validation" if pid in "xy" else "training") for pid in "uvwxyz"]
    manifest = write(tmp_path / "people.csv", lines)
    for seed in range(3):
        split = split_of(manifest, seed=seed, validation_share=0.5)
        assert {p.person for p in split.validation} == {"0/a:x", "0/a:y"}
        assert {p.person for p in split.training} == {f"0/a:{pid}" for pid in "uvwz"}


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([("x", 1, "a", "training"), ("x", 2, "a", "validation")], "x is in both parts"),
        ([("x", 1, "a", "training"), ("y", 1, "a", None)], "has no split, but others"),
    ],
)
def test_a_split_that_contradicts_itself(tmp_path, lines, reason):
    with pytest.raises(LayoutError, match=reason):
        split_of(write(tmp_path / "people.csv", lines))


def test_a_picture_counts_once_and_is_one_persons(tmp_path):
    manifest = tmp_path / "people.csv"
    lines = [f"{n}.jpg,p{n % 9}" for n in range(18)]
    splits = []
    for more in ([], lines):
        manifest.write_text("\n".join(["path,pid", *lines, *more]))
        splits.append(split_of(manifest, validation_share=0.5))
    once, twice = splits
    assert (len(once.training), len(once.validation)) == (
        len(twice.training),
        len(twice.validation),
    )
    manifest.write_text("\n".join(["path,pid", *lines, "0.jpg,somebody"]))
    with pytest.raises(LayoutError, match="named twice, as p0 and as somebody; leave one out"):
        split_of(manifest)


def test_what_a_manifest_could_not_tell_is_left_out(tmp_path):
    manifest = tmp_path / "people.csv"
    rows = [f"{n}.jpg,p{n},c1,2026-01-01" for n in range(3)] + ["3.jpg,p3,c1,yesterday"]
    manifest.write_text("\n".join(["path,pid,camera,time", *rows]))
    split = split_of(manifest, validation_share=0)
    assert [p.person for p in split.training] == ["0:p0", "0:p1", "0:p2"]
    assert len(split.left_out) == 1
    assert "line 5" in split.left_out[0]


def test_three_people_are_needed(tmp_path):
    manifest = write(tmp_path / "people.csv", [("a", 2, None, None), ("b", 2, None, None)])
    with pytest.raises(LayoutError, match="at least 3 people"):
        split_of(manifest, validation_share=0)
    with pytest.raises(LayoutError, match="at least 3 people"):
        split_people([], validation_share=0, seed=0)


# -- then people with few pictures are left out ----------------------------------------------------


def test_people_are_split_first_and_only_those_to_train_on_are_dropped(tmp_path):
    lines = [(f"p{n:02d}", n + 1, "a", None) for n in range(40)]
    manifest = write(tmp_path / "people.csv", lines)
    whole, balanced = split_of(manifest), split_of(manifest, drop_quantile=0.25)
    assert balanced.validation == whole.validation
    before, after = (Counter(p.person for p in part.training) for part in (whole, balanced))
    dropped = before.keys() - after.keys()
    assert len(dropped) == round(0.25 * len(before))
    assert max(before[person] for person in dropped) < min(after.values())
    assert all(after[person] == before[person] for person in after)


def test_a_source_of_many_pictures_does_not_drop_another(tmp_path):
    lines = [(f"p{n}", 3, "few", None) for n in range(9)]
    lines += [(f"p{n}", 30 + n, "many", None) for n in range(9)]
    split = split_of(write(tmp_path / "people.csv", lines), validation_share=0, drop_quantile=0.25)
    assert Counter(p.source for p in split.training) == {"0/few": 27, "0/many": 245}
