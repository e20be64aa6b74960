"""Kept graphs: the same embeddings, and never one that is torn, changed or of another model."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from reid_gallery.gallery.errors import ModelError
from reid_gallery.gallery.extractor import Extractor, graphs, resolve_model, session


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """A user's empty cache directory."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "reid-gallery" / "graphs"


@pytest.fixture(scope="module")
def model() -> Path:
    return resolve_model(None)


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, 256, 128, 3), dtype=np.uint8)


def test_a_kept_graph_gives_the_same_embeddings(cache, model, pictures):
    first = Extractor.load(model)
    [kept] = cache.iterdir()
    before = kept.read_bytes()
    second = Extractor.load(model)
    assert [path.read_bytes() for path in cache.iterdir()] == [before]
    assert (first.sha256, first.spec) == (second.sha256, second.spec)
    np.testing.assert_array_equal(first.embed_fitted(pictures), second.embed_fitted(pictures))


def test_it_is_the_kept_one_that_is_loaded(cache, model, monkeypatch):
    import onnxruntime

    Extractor.load(model)
    loaded = []
    load = onnxruntime.InferenceSession

    def note(path, *arguments, **options):
        loaded.append(Path(path).parent)
        return load(path, *arguments, **options)

    monkeypatch.setattr(onnxruntime, "InferenceSession", note)
    Extractor.load(model)
    assert loaded == [cache]


@pytest.mark.parametrize("harm", ["torn", "changed"])
def test_a_harmed_graph_is_made_anew(cache, model, pictures, harm):
    wanted = Extractor.load(model).embed_fitted(pictures)
    [kept] = cache.iterdir()
    content = bytearray(kept.read_bytes())
    content[len(content) // 2] ^= 64
    kept.write_bytes(content[: len(content) // 3] if harm == "torn" else content)
    np.testing.assert_array_equal(Extractor.load(model).embed_fitted(pictures), wanted)
    [anew] = cache.iterdir()  # not always of the same bytes: ONNX Runtime orders nodes as it likes
    assert graphs.find_graph(kept.stem.rpartition("-")[0]) == anew
    assert anew.read_bytes() != bytes(content)


def test_each_model_has_its_own(cache, model, tmp_path):
    Extractor.load(model)
    other = tmp_path / "other.onnx"
    shutil.copy(model, other)
    with other.open("ab") as file:  # a field that nobody reads: another file, the same model
        file.write(b"\x2a\x01x")
    Extractor.load(other)
    assert len(list(cache.iterdir())) == 2


def test_only_the_last_used_are_kept(cache, model, tmp_path, monkeypatch):
    monkeypatch.setattr(graphs, "_KEPT", 2)
    used = tmp_path / "used.onnx"
    for number in range(4):
        copy = tmp_path / f"{number}.onnx"
        shutil.copy(model, copy)
        with copy.open("ab") as file:
            file.write(b"\x2a\x01" + bytes([65 + number]))
        Extractor.load(copy)
        if number == 0:
            shutil.copy(copy, used)
            [first] = cache.iterdir()
        for place, path in enumerate(sorted(cache.iterdir(), key=lambda p: p.stat().st_mtime)):
            os.utime(path, (place, place))  # as if it were long ago
        Extractor.load(used)
    assert len(list(cache.iterdir())) == 2
    assert first in cache.iterdir()


def test_weights_in_another_file_are_read_from_there(cache, model, pictures, tmp_path):
    """The hash doesn't cover them: a kept graph would go on with the old ones."""
    onnx = pytest.importorskip("onnx")
    graph, elsewhere = onnx.load(model), b""
    for tensor in graph.graph.initializer:
        if "conv_pw.weight" in tensor.name:  # the optimiser turns these into others of its own
            onnx.external_data_helper.set_external_data(
                tensor, "weights", offset=len(elsewhere), length=len(tensor.raw_data)
            )
            elsewhere += tensor.raw_data
            tensor.ClearField("raw_data")
    assert elsewhere
    file, weights = tmp_path / "model.onnx", tmp_path / "weights"
    file.write_bytes(graph.SerializeToString())
    weights.write_bytes(elsewhere)
    before = Extractor.load(file).embed_fitted(pictures)
    weights.write_bytes((np.frombuffer(elsewhere, np.float32) * np.float32(1.1)).tobytes())
    assert np.abs(Extractor.load(file).embed_fitted(pictures) - before).max() > 0.01
    assert not cache.exists()


def test_what_others_could_have_put_there_is_not_used(cache, model):
    Extractor.load(model)
    [kept] = cache.iterdir()
    cache.chmod(0o777)
    key = graphs.graph_key(Extractor.load(model).sha256, _runtime())
    assert graphs.find_graph(key) is None
    kept.unlink()
    Extractor.load(model)
    assert list(cache.iterdir()) == []
    cache.chmod(0o700)
    Extractor.load(model)
    [anew] = cache.iterdir()
    assert graphs.find_graph(key) == anew


def test_of_two_that_make_one_at_once_the_first_is_kept(cache, model):
    Extractor.load(model)
    [kept] = cache.iterdir()
    key = kept.stem.rpartition("-")[0]
    with graphs.keeping_graph(key, model) as temporary:
        temporary.write_bytes(b"the second")
    assert list(cache.iterdir()) == [kept]


def test_a_relative_cache_directory_is_none(cache, model, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    Extractor.load(model)
    assert not cache.exists()
    assert len(list((tmp_path / "home" / ".cache" / "reid-gallery" / "graphs").iterdir())) == 1


def test_a_graph_that_is_pruned_before_it_is_read_is_done_without(cache, model, monkeypatch):
    monkeypatch.setattr(session, "find_graph", lambda key: cache / "gone.onnx")
    assert Extractor.load(model).dim == 512


def _runtime() -> str:
    import onnxruntime

    return onnxruntime.__version__


@pytest.mark.parametrize("place", ["a file", "no home"])
def test_where_nothing_can_be_kept_models_open_all_the_same(
    model, pictures, tmp_path, monkeypatch, place
):
    if place == "a file":
        (tmp_path / "file").touch()
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    else:
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        monkeypatch.delenv("XDG_DATA_HOME", raising=False)
        monkeypatch.setattr(Path, "home", staticmethod(_no_home))
    assert resolve_model(None) == model
    assert Extractor.load(model).embed_fitted(pictures).shape == (3, 512)


def _no_home() -> Path:
    raise RuntimeError("no home")


def test_a_graph_that_can_t_be_written_is_done_without(cache, model, pictures):
    """A limit on the size of files is what a full disk is to ONNX Runtime."""
    code = (
        "import resource, signal, sys\n"
        "from reid_gallery.gallery.extractor import Extractor\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\n"
        "print(Extractor.load(sys.argv[1]).dim)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(model)], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) == ("512\n", 0), done.stderr
    assert list(cache.iterdir()) == []


def test_a_bad_model_is_told_of_and_nothing_is_kept(cache, tmp_path):
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(b"not a model")
    with pytest.raises(ModelError, match=r"bad\.onnx: not a model"):
        Extractor.load(bad)
    assert list(cache.iterdir()) == []
