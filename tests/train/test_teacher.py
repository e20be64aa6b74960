import shutil
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from reid_gallery.gallery.errors import ModelError, TrainingError
from reid_gallery.gallery.extractor import Extractor, resolve_model
from reid_gallery.gallery.extractor.models import use_model
from reid_gallery.gallery.pictures.fit import fit
from reid_gallery.gallery.pictures.read import read_crop
from reid_gallery.train.commands import find_teacher
from reid_gallery.train.teacher import load_teacher

NOWHERE = Path("/nowhere/teacher.npz")


def test_a_teachers_rows_come_in_the_order_of_the_paths(people, teacher):
    paths = sorted(people.rglob("*.jpg"))
    rows = load_teacher(teacher, paths, kept=NOWHERE)
    assert rows.dtype == torch.float32
    assert rows.shape == (60, 6)
    order = [7, 3, 41]
    assert torch.equal(load_teacher(teacher, [paths[n] for n in order], kept=NOWHERE), rows[order])


def test_a_teacher_that_lacks_pictures(people, teacher):
    paths = [*sorted(people.rglob("*.jpg")), Path("/nowhere/new.jpg")]
    with pytest.raises(TrainingError, match=r"lacks 1 of 61 pictures \(.*new\.jpg"):
        load_teacher(teacher, paths, kept=NOWHERE)


def an_array() -> bytes:
    file = BytesIO()
    np.save(file, np.zeros((2, 3)))
    return file.getvalue()


@pytest.mark.parametrize("content", [None, b"", b"text", b"PK\x03\x04 torn zip", an_array()])
def test_a_teachers_file_that_cannot_be_read(tmp_path, content):
    file = tmp_path / "teacher.npz"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(TrainingError, match=r"teacher\.npz: neither a teacher's"):
        load_teacher(file, [], kept=NOWHERE)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"paths": ["a"]}, "neither a teacher's"),
        ({"paths": ["a"], "embeddings": [["x"]]}, "neither a teacher's"),
        ({"paths": ["a"], "embeddings": np.array([[None]])}, "neither a teacher's"),
        ({"paths": ["a"], "embeddings": np.ones((2, 3))}, "one row a path"),
        ({"paths": ["a"], "embeddings": np.ones(1)}, "one row a path"),
        ({"paths": ["/a"], "embeddings": np.array([[1.0, np.nan]])}, "not numbers"),
    ],
)
def test_a_teachers_file_of_another_form(tmp_path, arrays, message):
    file = tmp_path / "teacher.npz"
    np.savez(file, **arrays)
    with pytest.raises(TrainingError, match=message):
        load_teacher(file, [Path("/a")] if message == "not numbers" else [], kept=NOWHERE)
    single = tmp_path / "teacher.npy"
    np.save(single, np.ones(3))
    with pytest.raises(TrainingError, match="neither a teacher's"):
        load_teacher(single, [], kept=NOWHERE)


# -- a model as the teacher ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def paths(people) -> list[Path]:
    return sorted(people.rglob("*.jpg"))[:7]


@pytest.fixture(scope="module")
def taught(paths, tmp_path_factory):
    kept = tmp_path_factory.mktemp("teacher") / "teacher.npz"
    return kept, load_teacher(resolve_model(), paths, kept=kept)


def test_a_model_sees_each_picture_as_it_is_and_mirrored(paths, taught):
    model = Extractor.load(resolve_model())
    for row, path in zip(taught[1].numpy(), paths, strict=True):
        fitted = fit(read_crop(path))
        both = model.embed_fitted([fitted])[0] + model.embed_fitted([fitted[:, ::-1]])[0]
        np.testing.assert_allclose(row, both / np.linalg.norm(both), atol=1e-5)


def test_embeddings_are_made_once(paths, taught, capsys):
    kept, rows = taught
    before = kept.stat()
    order = [3, 0, 6]
    again = load_teacher(resolve_model(), [paths[n] for n in order], kept=kept)
    assert torch.equal(again, rows[order])
    assert (kept.stat().st_mtime_ns, kept.stat().st_ino) == (before.st_mtime_ns, before.st_ino)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("why", ["another teacher", "more pictures", "torn"])
def test_embeddings_are_made_again_where_they_do_not_fit(paths, taught, tmp_path, why):
    kept, rows = tmp_path / "teacher.npz", taught[1]
    if why == "torn":
        kept.write_bytes(taught[0].read_bytes()[:500])
    else:
        count = 3 if why == "more pictures" else 7
        sha256 = "0" * 64 if why == "another teacher" else Extractor.load(resolve_model()).sha256
        names = [str(path.resolve()) for path in paths[:count]]
        np.savez(kept, paths=names, embeddings=np.zeros((count, 512), np.float32), teacher=sha256)
    assert torch.equal(load_teacher(resolve_model(), paths, kept=kept), rows)
    assert [path.name for path in tmp_path.iterdir()] == ["teacher.npz"]


@pytest.mark.parametrize("bare", [False, True])
def test_embeddings_that_were_made_elsewhere_are_not_replaced(paths, tmp_path, bare):
    kept = tmp_path / "teacher.npz"
    if bare:
        kept.write_bytes(an_array())
    else:
        np.savez(kept, paths=["a.jpg"], embeddings=np.zeros((1, 512), np.float32))
    before = kept.read_bytes()
    with pytest.raises(TrainingError, match="was not made here"):
        load_teacher(resolve_model(), paths[:1], kept=kept)
    assert kept.read_bytes() == before


def test_a_model_that_cannot_teach(paths, tmp_path):
    with pytest.raises(ModelError, match="no such model file"):
        load_teacher(tmp_path / "none.onnx", paths, kept=tmp_path / "kept.npz")
    with pytest.raises(TrainingError, match="can't be written"):
        load_teacher(resolve_model(), paths[:1], kept=tmp_path / "no" / "kept.npz")


def test_a_name_is_a_teacher_too(tmp_path, monkeypatch):
    assert find_teacher(None) is None
    assert find_teacher(tmp_path / "made.npz") == tmp_path / "made.npz"
    (tmp_path / "file").touch()
    assert find_teacher(tmp_path / "file") == tmp_path / "file"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    use_model(shutil.copy(resolve_model("default"), tmp_path / "osnet_x0.25.onnx"))
    assert find_teacher(Path("osnet_x0.25")) == resolve_model("osnet_x0.25")
    assert find_teacher(Path("default")) == resolve_model("default")
    with pytest.raises(ModelError, match="nor a name that model list shows"):
        find_teacher(Path("nobody"))
