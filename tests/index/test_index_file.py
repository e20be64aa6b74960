"""The file of any kind of index: mapped, free of what was removed, and whole or refused."""

import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reid_gallery.index import IndexFileError, kinds, new_index, open_index, read_stamp

DIM = 4


def unit_rows(count, dim=DIM, seed=0):
    rows = np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture(scope="module", params=kinds())
def kind(request):
    return request.param


def saved(path, kind, count=5, dim=DIM):
    index = new_index(dim, kind=kind)
    index.add(np.arange(count) * 3, unit_rows(count, dim))
    index.save(path, {"sequence": 7})
    return path


@pytest.fixture(scope="module")
def whole(kind, tmp_path_factory):
    return saved(tmp_path_factory.mktemp("whole") / "an.index", kind).read_bytes()


def refused(path, content):
    path.write_bytes(content)
    for open_it in (open_index, read_stamp, lambda file: open_index(file, mmap=False)):
        with pytest.raises(IndexFileError, match=re.escape(str(path))):
            open_it(path)


def test_cut_at_any_length(tmp_path, whole):
    for length in range(len(whole)):
        if length < 200 or length % 37 == 0 or length > len(whole) - 200:
            refused(tmp_path / "an.index", whole[:length])


def test_longer_than_written(tmp_path, whole):
    refused(tmp_path / "an.index", whole + b"\0")
    refused(tmp_path / "an.index", whole * 2)


def test_any_byte_of_the_first_page_changed(tmp_path, whole):
    for position in [*range(400), *range(400, 4096, 61), 4095]:
        changed = bytearray(whole)
        changed[position] ^= 1 << position % 8
        refused(tmp_path / "an.index", bytes(changed))


def test_ids_changed(tmp_path, whole):
    path = tmp_path / "an.index"
    for position in range(4096, 4096 + 5 * 8):
        changed = bytearray(whole)
        changed[position] ^= 4
        path.write_bytes(changed)
        with pytest.raises(IndexFileError, match="'ids' have changed"):
            open_index(path)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=9000), st.booleans())
def test_garbage(tmp_path_factory, whole, garbage, with_magic):
    path = tmp_path_factory.getbasetemp() / "garbage.index"
    refused(path, whole[:8] + garbage if with_magic else garbage)


def test_files_of_other_types(tmp_path):
    faiss = pytest.importorskip("faiss")
    index = faiss.IndexFlatIP(DIM)
    index.add(unit_rows(50))
    faiss.write_index(index, str(tmp_path / "faiss"))
    np.save(tmp_path / "numpy.npy", unit_rows(500))
    for name in ("faiss", "numpy.npy"):
        refused(tmp_path / "other.index", (tmp_path / name).read_bytes())
    refused(tmp_path / "other.index", os.urandom(20_000))
    refused(tmp_path / "other.index", b"")
    refused(tmp_path / "other.index", bytes(1 << 20))


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "an.index")
    with pytest.raises(IndexFileError, match="device"):
        open_index(tmp_path / "an.index")


def smaps(path):
    """kB by name of the mapping of a file in this process."""
    text = Path("/proc/self/smaps").read_text()
    (part,) = re.findall(rf"{re.escape(str(path))}\n((?:\w+: +\d+ kB\n)+)", text)
    return {name: int(size) for name, size in re.findall(r"(\w+): +(\d+) kB", part)}


def anonymous_kb():
    return int(re.search(r"RssAnon:\s+(\d+)", Path("/proc/self/status").read_text())[1])


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_mapped_and_not_copied(tmp_path, kind):
    count, dim = 40_000, 128
    path = saved(tmp_path / "an.index", kind, count, dim)
    size_kb = path.stat().st_size // 1024
    open_index(path).search(unit_rows(2, dim), 3)  # FAISS is imported, its threads are there
    before = anonymous_kb()
    index = open_index(path)
    # Opening has read the ids; the vectors it has not.
    assert smaps(path)["Rss"] < 8 * count / 1024 + 200
    index.search(unit_rows(1, dim), 3)
    index.remove(np.arange(300))
    index.search(unit_rows(8, dim), 3)
    index.add(np.array([1]), unit_rows(1, dim))
    index.search(unit_rows(8, dim), 3)
    assert smaps(path)["Rss"] > 0.5 * size_kb
    assert smaps(path)["Anonymous"] == 0
    assert anonymous_kb() - before < size_kb / 2


def test_a_removed_vector_is_not_in_the_file(tmp_path, kind):
    path = tmp_path / "an.index"
    vectors = unit_rows(40)
    index = new_index(DIM, kind=kind)
    index.add(np.arange(20), vectors[:20])
    index.save(path)
    index = open_index(path)
    index.add(np.arange(20, 40), vectors[20:])
    index.save(path)
    content = path.read_bytes()
    assert all(content.count(row.tobytes()) == 1 for row in vectors)
    index.remove(np.arange(0, 40, 2))
    index.save(path)
    content = path.read_bytes()
    assert [content.count(row.tobytes()) for row in vectors] == [0, 1] * 20
    assert content.count(np.int64(38).tobytes() + np.int64(39).tobytes()) == 0


def test_what_a_killed_save_left_is_deleted(tmp_path, kind):
    path = tmp_path / "an[1].index"
    leftover = tmp_path / ".an[1].index.0123456789abcdef.tmp"
    others = [tmp_path / ".another.index.0123.tmp", tmp_path / "an[1].index.bak"]
    for file in (leftover, *others):
        file.write_bytes(b"old")
    saved(path, kind)
    assert sorted(tmp_path.iterdir()) == sorted([path, *others])


def test_a_save_that_fails_leaves_the_old_file(tmp_path, kind):
    path = saved(tmp_path / "an.index", kind)
    before = path.read_bytes()
    index = new_index(DIM, kind=kind)
    index.add(np.arange(5000), unit_rows(5000))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, limits[1]))
    try:
        with pytest.raises(IndexFileError, match="can't be written"):
            index.save(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("delay_s", [0.0, 0.01, 0.02, 0.04, 0.08])
def test_killed_while_saving(tmp_path, kind, delay_s):
    """Killed at any instant, the file is the old one or the new one."""
    path = saved(tmp_path / "an.index", kind)
    program = (
        "import sys, numpy as np\n"
        "from pathlib import Path\n"
        "from reid_gallery.index import open_index\n"
        "path = Path(sys.argv[1])\n"
        "index = open_index(path)\n"
        "rows = np.zeros((20_000, 4), np.float32); rows[:, 0] = 1\n"
        "index.add(np.arange(1000, 21_000), rows)\n"
        "print('ready', flush=True)\n"
        "while True: index.save(path, {'sequence': 8})\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(delay_s)
        process.kill()
    index = open_index(path)
    assert (len(index), index.stamp["sequence"]) in [(5, 7), (20_005, 8)]
    assert np.array_equal(index.vectors(np.arange(5) * 3), unit_rows(5))


def test_the_file_follows_the_umask(tmp_path, kind):
    old = os.umask(0o027)
    try:
        path = saved(tmp_path / "an.index", kind)
    finally:
        os.umask(old)
    assert path.stat().st_mode & 0o777 == 0o640


ENGINE = """
import sys
import numpy as np
from pathlib import Path
from reid_gallery.index import IndexEngineError, new_index, open_index
row = np.array([[1, 0]], np.float32)
index = new_index(2)
index.add(np.array([5]), row)
index.save(Path(sys.argv[1]))
index = open_index(Path(sys.argv[1]))
assert index.vectors(np.array([5])).tolist() == [[1, 0]]
assert "faiss" not in sys.modules
sys.modules["faiss"] = None
try:
    index.search(row, 1)
except IndexEngineError as error:
    print(error)
"""


def test_faiss_is_imported_by_the_first_search_and_named_if_missing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", ENGINE, str(tmp_path / "an.index")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "pip install faiss-cpu" in done.stdout
