"""The gallery with real picture files and a real, small model."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from reid_gallery.gallery import asking
from reid_gallery.gallery.errors import (
    EmbeddingError,
    LayoutError,
    ModelMismatchError,
    PictureError,
    QueryError,
    StoreError,
)
from reid_gallery.gallery.extractor import Extractor
from reid_gallery.gallery.facade import Gallery
from reid_gallery.gallery.pictures.read import read_crop
from reid_gallery.gallery.reports.views import report_view
from reid_gallery.gallery.types import Failure


@pytest.fixture
def gallery(tmp_path, tiny_model):
    with Gallery.open(tmp_path / "store", model=tiny_model) as opened:
        yield opened


def test_enroll_query_and_see_where(gallery, crops):
    asked = [crops / f"p{n}" / "3.png" for n in range(6)]
    held_out = [
        Path(shutil.move(path, path.with_name(f"asked{n}.bin"))) for n, path in enumerate(asked)
    ]
    report = gallery.enroll([crops])
    assert (len(report.enrolled), report.failed, report.conflicting) == (18, (), ())
    answers = gallery.query(held_out, k=3)
    assert [answer.matches[0].pid for answer in answers] == [f"p{n}" for n in range(6)]
    assert all(len({m.pid for m in answer.matches}) == 3 for answer in answers)
    assert answers[0].known is None
    assert answers[0].threshold is None
    best = answers[0].matches[0]
    assert Path(best.sighting.path).parent.name == "p0"
    assert answers[0].model == gallery.extractor.sha256


# -- promise 4: the same picture ---------------------------------------------------------------


def test_the_same_picture_is_skipped_or_a_conflict(gallery, crops, tmp_path):
    gallery.enroll([crops])
    again = gallery.enroll([crops])
    assert (len(again.enrolled), len(again.skipped)) == (0, 24)
    shutil.copy(crops / "p0" / "0.png", tmp_path / "copy.png")
    same = gallery.enroll([tmp_path / "copy.png"], pid="p0")
    assert len(same.skipped) == 1
    other = gallery.enroll([tmp_path / "copy.png"], pid="someone")
    assert [(c.pid, c.enrolled_as) for c in other.conflicting] == [("someone", "p0")]
    assert "someone" not in {person.pid for person in gallery.identities()}
    assert gallery.stats().sightings == 24


def test_pictures_that_were_moved_are_found_at_their_new_place(gallery, crops, other_model):
    enrolled = gallery.enroll([crops / "p0", crops / "p1"]).enrolled
    copied = gallery.enroll([shutil.copytree(crops / "p1", crops.parent / "copy" / "p1")])
    assert (len(copied.skipped), copied.moved) == (4, ())  # the first ones are still there
    moved = (crops / "p0").rename(crops.parent / "p0")
    assert not gallery.verify().sound
    report = gallery.enroll([moved])
    assert (report.enrolled, len(report.skipped)) == ((), 4)
    assert report.moved == tuple(map(str, sorted(moved.glob("*.png"))))
    assert "4 known pictures were found at a new place" in report_view(report).plain
    assert gallery.verify().sound
    gallery.rebuild(model=other_model)
    assert gallery.stats().sightings == len(enrolled) == 8


def test_pictures_that_were_renumbered_are_found_whoever_they_show_by_now(gallery, crops):
    gallery.enroll([crops / "p0"])
    gallery.rename("p0", "anna")
    for number in reversed(range(4)):
        (crops / "p0" / f"{number}.png").rename(crops / "p0" / f"{number + 1}.png")
    report = gallery.enroll([crops / "p0"])
    assert (len(report.conflicting), len(report.moved)) == (4, 4)
    assert gallery.verify().sound
    assert gallery.enroll([crops / "p0"], pid="anna").moved == ()


def test_twins_in_one_batch(gallery, tmp_path, crops):
    twins = tmp_path / "twins"
    shutil.copytree(crops / "p0", twins / "a")
    shutil.copy(twins / "a" / "0.png", twins / "a" / "again.png")
    shutil.copytree(crops / "p0", twins / "b")
    report = gallery.enroll([twins])
    assert (len(report.enrolled), len(report.skipped), len(report.conflicting)) == (4, 1, 4)


def test_a_moved_sighting_is_known_under_its_new_name(gallery, crops):
    gallery.enroll([crops / "p0"])
    gallery.rename("p0", "anna")
    assert len(gallery.enroll([crops / "p0"], pid="anna").skipped) == 4


def test_an_enrolment_that_is_undone_halfway_goes_on_as_another(gallery, tmp_path):
    for number in range(100):
        draw_one(tmp_path / "many" / f"{number}.png", number)
    undone: list[int] = []

    def undo_the_first(done):
        with Gallery.open(tmp_path / "store") as other:
            undone.extend([other.undo(allow_removal=True).seq] if not undone else [])

    gallery.enroll([tmp_path / "many"], pid="x", progress=undo_the_first)
    assert gallery.stats().sightings == 36
    assert [change.kind for change in gallery.history()] == ["enroll", "remove", "enroll"]
    gallery.undo(allow_removal=True)
    assert gallery.stats().sightings == 0


def draw_one(path, seed):
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (16, 8, 3), np.uint8)).save(path)


# -- promise 5: rebuild ------------------------------------------------------------------------


def test_rebuild_needs_no_picture(gallery, crops):
    gallery.enroll([crops])
    question = [read_crop(crops / "p2" / "1.png")]
    before = gallery.query(question)
    shutil.rmtree(crops)
    gallery.rebuild()
    assert gallery.query(question) == before


def test_rebuild_with_another_model_moves_the_store(gallery, crops, other_model, tmp_path):
    gallery.enroll([crops])
    gallery.merge("p0", "p1")
    gallery.rebuild(model=other_model)
    new = Extractor.load(other_model)
    assert gallery.stats().model == new.sha256
    expected = new.embed([read_crop(crops / "p4" / "2.png")])
    (answer,) = gallery.query_embeddings(expected, k=1)
    assert answer.matches[0].pid == "p4"
    assert answer.matches[0].score == pytest.approx(1, abs=1e-5)
    assert gallery.verify().sound
    with Gallery.open(tmp_path / "store") as again:  # the new model is found where it was
        assert again.query([crops / "p1" / "0.png"])[0].matches[0].pid == "p0"


class StopHereError(Exception):
    pass


def test_an_interrupted_rebuild_leaves_the_old_generation_answering_and_goes_on(
    gallery, crops, other_model, tmp_path
):
    for number in range(6, 26):  # more than one batch
        for variant in range(4):
            path = crops / f"q{number}" / f"{variant}.png"
            path.parent.mkdir(exist_ok=True)
            random = np.random.default_rng((number, variant))
            Image.fromarray(random.integers(0, 255, (64, 32, 3), np.uint8)).save(path)
    gallery.enroll([crops])
    question = [crops / "p3" / "0.png"]
    before = gallery.query(question)

    def stop(done):
        raise StopHereError

    with pytest.raises(StopHereError):
        gallery.rebuild(model=other_model, progress=stop)
    assert gallery.query(question) == before
    with Gallery.open(tmp_path / "store") as again:
        assert again.query(question) == before
        late = again.enroll([draw(tmp_path / "late.png")], pid="late")
        assert len(late.enrolled) == 1
    done: list[int] = []
    gallery.rebuild(model=other_model, progress=done.append)
    assert sum(done) == 104 - 64 + 1  # the first batch was kept; the late one is taken along
    assert gallery.query([tmp_path / "late.png"], k=1)[0].matches[0].pid == "late"
    assert gallery.verify().sound


def draw(path):
    Image.fromarray(np.random.default_rng(5).integers(0, 255, (64, 32, 3), np.uint8)).save(path)
    return path


def test_rebuild_with_pictures_gone_or_changed_says_which_and_changes_nothing(
    gallery, crops, other_model
):
    gallery.enroll([crops])
    question = [crops / "p3" / "0.png"]
    before = gallery.query(question)
    (crops / "p0" / "0.png").unlink()
    shutil.copy(crops / "p2" / "0.png", crops / "p1" / "0.png")
    with pytest.raises(StoreError, match="2 sightings can't be embedded again"):
        gallery.rebuild(model=other_model)
    assert gallery.query(question) == before


def test_who_is_removed_during_a_rebuild_does_not_stop_it(gallery, crops, other_model, tmp_path):
    for number in range(6, 20):  # more than one batch
        for variant in range(4):
            path = crops / f"q{number}" / f"{variant}.png"
            path.parent.mkdir(exist_ok=True)
            random = np.random.default_rng((number, variant))
            Image.fromarray(random.integers(0, 255, (64, 32, 3), np.uint8)).save(path)
    gallery.enroll([crops])

    def remove_the_last(done):
        with Gallery.open(tmp_path / "store") as other:
            if any(person.pid == "q9" for person in other.identities()):
                other.remove(pid="q9")

    gallery.rebuild(model=other_model, progress=remove_the_last)
    assert gallery.stats().sightings == 76
    assert gallery.stats().model == Extractor.load(other_model).sha256
    assert gallery.verify().sound


def test_rebuild_moves_a_store_without_anyone_too(gallery, crops, other_model, tmp_path):
    gallery.rebuild(model=other_model)
    with Gallery.open(tmp_path / "store") as again:
        assert len(again.enroll([crops / "p0"]).enrolled) == 4
        assert again.stats().model == Extractor.load(other_model).sha256


def test_another_model_is_an_error_that_names_rebuild(gallery, crops, other_model, tmp_path):
    gallery.enroll([crops])
    with (
        Gallery.open(tmp_path / "store", model=other_model) as other,
        pytest.raises(ModelMismatchError, match="rebuild --model"),
    ):
        other.query([crops / "p0" / "0.png"])


def test_an_open_gallery_whose_store_was_moved_says_so(gallery, crops, other_model, tmp_path):
    gallery.enroll([crops])
    with Gallery.open(tmp_path / "store") as other:
        other.rebuild(model=other_model)
    with pytest.raises(ModelMismatchError):
        gallery.enroll([draw(tmp_path / "new.png")], pid="new")
    with pytest.raises(ModelMismatchError):
        gallery.query([crops / "p0" / "0.png"])


# -- asking ------------------------------------------------------------------------------------


def test_filters(gallery, tmp_path, crops):
    lines = ["path,pid,camera,time,tracklet"] + [
        f"crops/p{n}/{v}.png,p{n},cam{v},2026-05-0{v + 1}T12:00:00,walk{v}"
        for n in range(6)
        for v in range(4)
    ]
    manifest = tmp_path / "people.csv"
    manifest.write_text("\n".join(lines))
    assert len(gallery.enroll(manifest=manifest).enrolled) == 24
    question = [crops / "p2" / "1.png"]

    def best(**options):
        match = gallery.query(question, k=1, **options)[0].matches[0]
        return match.pid, match.sighting.camera

    assert best() == ("p2", "cam1")
    assert best(not_cameras=["cam1"])[0] == "p2"
    assert best(not_cameras=["cam1"])[1] != "cam1"
    assert best(cameras=["cam3"]) == ("p2", "cam3")
    assert best(since=datetime(2026, 5, 3, tzinfo=UTC))[1] in {"cam2", "cam3"}
    assert best(until=datetime(2026, 5, 1, 12)) == ("p2", "cam0")
    assert gallery.query(question, cameras=["nowhere"])[0].matches == ()
    identity, sightings = gallery.identity("p2")
    assert identity.cameras == ("cam0", "cam1", "cam2", "cam3")
    assert identity.first_seen == datetime(2026, 5, 1, 12, tzinfo=UTC)
    assert [s.tracklet for s in sightings] == ["walk0", "walk1", "walk2", "walk3"]


def test_as_one_and_min_score(gallery, crops):
    gallery.enroll([crops])
    pictures = sorted((crops / "p1").glob("*.png"))
    (answer,) = gallery.query(pictures, as_one=True, k=6)
    assert answer.query == tuple(map(str, pictures))
    assert answer.matches[0].pid == "p1"
    low = answer.matches[-1].score
    (cut,) = gallery.query(pictures, as_one=True, k=6, min_score=low + 1e-6)
    assert len(cut.matches) == 5


def test_reranked_queries_are_each_others_neighbours(gallery, crops, monkeypatch):
    gallery.enroll([crops / f"p{n}" for n in range(4)])
    monkeypatch.setattr(asking, "_BATCH", 2)  # which must not part them
    pictures = sorted((crops / "p1").glob("*.png"))
    answers = list(gallery.query_each([*pictures, crops / "none.png"], rerank=True, k=3))
    assert isinstance(answers[-1], Failure)
    assert [answer.query for answer in answers[:-1]] == [(str(path),) for path in pictures]
    embeddings = gallery.extractor.embed([read_crop(path) for path in pictures])
    together = gallery.query_embeddings(embeddings, rerank=True, k=3)
    alone = gallery.query_embeddings(embeddings[:1], rerank=True, k=3)
    assert [[m.score for m in a.matches] for a in answers[:-1]] == [
        pytest.approx([m.score for m in a.matches], abs=1e-3) for a in together
    ]
    assert [m.score for m in alone[0].matches] != [m.score for m in together[0].matches]
    assert {(a.known, a.threshold, a.probability) for a in together} == {(None, None, None)}
    assert list(gallery.query_each([], rerank=True)) == []


def test_bad_pictures_do_not_stop_the_others(gallery, crops, tmp_path):
    (crops / "p0" / "bad.jpg").write_bytes(b"no picture")
    report = gallery.enroll([crops])
    assert len(report.enrolled) == 24
    assert [Path(f.path).name for f in report.failed] == ["bad.jpg"]
    answers = list(gallery.query_each([crops / "p0" / "bad.jpg", crops / "p1" / "0.png"]))
    assert isinstance(answers[0], Failure)
    assert answers[1].matches[0].pid == "p1"
    with pytest.raises(PictureError, match=r"bad\.jpg"):
        gallery.query([crops / "p0" / "bad.jpg"])


# -- promise 7: no picture stops a batch -------------------------------------------------------


def test_of_a_hundred_odd_files_each_is_enrolled_or_listed(gallery, tmp_path, malformed_pictures):
    odd = malformed_pictures(tmp_path / "odd")
    assert len(odd) >= 50
    expected = {str(picture.path): picture.decodes for picture in odd.values()}
    report = gallery.enroll(list(expected), pid="odd")
    failed = {failure.path for failure in report.failed}
    assert failed == {path for path, decodes in expected.items() if not decodes}
    assert len(report.enrolled) + len(report.skipped) == sum(expected.values())
    assert all(failure.reason for failure in report.failed)
    answers = list(gallery.query_each(list(expected)))
    refused = [isinstance(answer, Failure) for answer in answers]
    assert refused == [not decodes for decodes in expected.values()]


def test_arrays(gallery, crops):
    arrays = [read_crop(crops / f"p{n}" / "0.png") for n in range(6)]
    report = gallery.enroll_crops(arrays, pids=[f"p{n}" for n in range(6)], cameras=["c"] * 6)
    assert len(report.enrolled) == 6
    assert len(gallery.enroll_crops(arrays[:1], pids=["p0"]).skipped) == 1
    assert gallery.query(arrays, k=1)[4].matches[0].pid == "p4"
    assert gallery.verify().sound


def test_compare(gallery, crops, tiny_model):
    same = gallery.compare(crops / "p0" / "0.png", crops / "p0" / "1.png")
    other = gallery.compare(crops / "p0" / "0.png", crops / "p3" / "1.png")
    assert same.score > 0.9 > other.score
    assert same.same is None


@pytest.mark.parametrize("options", [{"k": 0}, {"fpir": 0.0}, {"fpir": 1.0}, {"pooling": "median"}])
def test_options_out_of_range(gallery, crops, options):
    with pytest.raises(QueryError):
        gallery.query([crops / "p0" / "0.png"], **options)


def test_an_empty_gallery_has_no_match(gallery, crops):
    (answer,) = gallery.query([crops / "p0" / "0.png"])
    assert answer.matches == ()
    assert answer.pid is None


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.ones((2, 24), np.float32), "unit vectors"),
        (np.full((2, 24), np.nan, np.float32), "unit vectors"),
        (np.ones((2, 24), np.int64), "float32"),
        (np.ones(24, np.float32), "float32"),
        (np.eye(3, dtype=np.float32), "dimensions"),
    ],
)
def test_embeddings_are_checked(gallery, rows, message):
    with pytest.raises(EmbeddingError, match=message):
        gallery.enroll_embeddings(rows, pids=["a"] * len(rows))


def test_vectors_from_elsewhere_do_not_slip_into_a_models_store(gallery, crops, tmp_path):
    gallery.enroll([crops])
    rows = np.eye(24, dtype=np.float32)[:2]
    with (
        Gallery.open(tmp_path / "store") as same,
        pytest.raises(ModelMismatchError, match="tiny-0"),
    ):
        same.enroll_embeddings(rows, pids=["a", "b"])
    assert len(gallery.enroll_embeddings(rows, pids=["a", "b"]).enrolled) == 2  # its model is given


def test_embeddings_need_a_pid_each(gallery):
    with pytest.raises(EmbeddingError, match="3 rows but 2 pids"):
        gallery.enroll_embeddings(np.eye(24, dtype=np.float32)[:3], pids=["a", "b"])


def test_what_is_not_there_is_reported(gallery, tmp_path, crops):
    (tmp_path / "empty").mkdir()
    report = gallery.enroll([tmp_path / "empty", crops, tmp_path / "missing.jpg"])
    assert len(report.enrolled) == 24
    assert [Path(failure.path).name for failure in report.failed] == ["empty", "missing.jpg"]
    with pytest.raises(LayoutError, match="no picture was named"):
        gallery.enroll([])


# -- verify, export, import --------------------------------------------------------------------


def test_verify_finds_what_differs(gallery, crops, tmp_path):
    gallery.enroll([crops])
    assert gallery.verify().sound
    (crops / "p0" / "0.png").unlink()
    draw(crops / "p0" / "1.png")
    report = gallery.verify()
    assert [Path(f.path).name for f in report.pictures] == ["0.png", "1.png"]
    assert gallery.verify(pictures=False).sound


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_export_and_import_give_the_same_gallery(gallery, crops, tmp_path, ending, tiny_model):
    gallery.enroll([crops], camera="door")
    gallery.rename("p0", 'Łukasz, "Łu"')
    assert gallery.export(tmp_path / f"all{ending}") == 24
    with Gallery.open(tmp_path / "copy", model=tiny_model) as copy:
        report = copy.import_(tmp_path / f"all{ending}")
        assert len(report.enrolled) == 24
        question = [crops / "p0" / "0.png", crops / "p5" / "1.png"]
        assert copy.query(question) == gallery.query(question)
        assert copy.identities() == gallery.identities()
        assert len(copy.import_(tmp_path / f"all{ending}").skipped) == 24
        assert copy.verify().sound


def test_one_path_is_no_list_and_a_text_is_no_time(tmp_path):
    with Gallery.open(tmp_path / "store") as gallery:
        with pytest.raises(LayoutError, match=r"a ndarray is no path; .* enroll_crops"):
            gallery.enroll([np.zeros((2, 2, 3), np.uint8)])
        with pytest.raises(LayoutError, match="put crops in brackets"):
            gallery.enroll("crops")
        with pytest.raises(QueryError, match=r"put a\.jpg in brackets"):
            gallery.query("a.jpg")
        with pytest.raises(QueryError, match="datetimes"):
            gallery.query(["a.jpg"], since="2026-05-01")
