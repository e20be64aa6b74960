"""Reading picture files: right colours, or a reason, and nothing else."""

import io
import os
import random
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from reid_gallery.gallery.errors import PictureError
from reid_gallery.gallery.pictures.quiet import quiet
from reid_gallery.gallery.pictures.read import content_hash, decode_crop, read_bytes, read_crop


@pytest.fixture(scope="module")
def odd_pictures(malformed_pictures, tmp_path_factory):
    return malformed_pictures(tmp_path_factory.mktemp("odd") / "pictures")


def test_there_are_plenty_of_each(odd_pictures):
    decoding = sum(odd.decodes for odd in odd_pictures.values())
    assert decoding >= 50
    assert len(odd_pictures) - decoding >= 40


def test_what_can_be_decoded_shows_the_right_colours(odd_pictures):
    wrong = []
    for name, odd in odd_pictures.items():
        if odd.decodes:
            crop = read_crop(odd.path)
            assert crop.dtype == np.uint8
            assert crop.flags.c_contiguous
            if not odd.agrees(crop):
                wrong.append(name)
    assert wrong == []


def test_what_cannot_be_decoded_is_refused_with_its_name_and_reason(odd_pictures):
    for odd in odd_pictures.values():
        if not odd.decodes:
            with pytest.raises(PictureError) as caught:
                read_crop(odd.path)
            text = str(caught.value)
            assert text.startswith(f"{odd.path}: ")
            assert "\n" not in text
            assert " at 0x" not in text  # no object's address instead of a reason


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("empty.jpg", "the file is empty"),
        ("text.jpg", "not a picture"),
        ("one_pixel.png", "1x1 is too small"),
        ("bomb.png", "too many pixels"),
        ("bomb_small.png", "6000x6000 is over 25,000,000 pixels"),
        ("bomb.tif", "its tiles are 1,073,741,824 pixels"),
        ("large.bmp", "1,073,741,824 bytes are too many"),
        ("folder.jpg", "a folder"),
        ("pipe.jpg", "a pipe or device"),
        ("link_to_nothing.jpg", "a link to a file that is gone"),
        ("link_in_a_circle.jpg", "symbolic links"),
        ("cut90.jpg", "truncated"),
    ],
)
def test_reasons(odd_pictures, name, reason):
    with pytest.raises(PictureError, match=reason):
        read_crop(odd_pictures[name].path)


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs Linux")
def test_what_the_system_refuses_to_read(odd_pictures):
    with pytest.raises(PictureError, match=r"can't be read \(Input/output error\)"):
        read_crop(odd_pictures["unreadable.jpg"].path)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("gone.jpg", "no such file"),
        ("a" * 300 + ".jpg", "File name too long"),
        ("nul\0.jpg", "no file can have this name"),
        ("/dev/zero", "a pipe or device"),
    ],
)
def test_names_without_a_file(path, reason):
    with pytest.raises(PictureError, match=reason):
        read_crop(Path(path))


def test_a_name_that_is_not_utf8_can_be_read(tmp_path, malformed):
    pixels = malformed.encoding.quadrants()
    path = tmp_path / os.fsdecode(b"\xff.png")
    Image.fromarray(pixels).save(path)
    assert np.array_equal(read_crop(path), pixels)


# -- truncated files ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("PNG", {}),
        ("GIF", {}),
        ("WEBP", {}),
        ("BMP", {}),
        ("TIFF", {}),
    ],
)
def test_a_truncated_file_is_refused_or_whole_never_half_a_picture(malformed, kind, options):
    noise = np.random.default_rng(1).integers(0, 256, (24, 12, 3)).astype(np.uint8)
    content = malformed.encoding.encode(Image.fromarray(noise), kind, **options)
    whole = decode_crop(content, where="whole")
    refused = 0
    for length in range(0, len(content), 3):
        try:
            crop = decode_crop(content[:length], where="cut")
        except PictureError:
            refused += 1
        else:
            assert np.array_equal(crop, whole), f"{length} of {len(content)} bytes"
    assert refused > len(content) // 3 * 0.9


# -- hostile files -----------------------------------------------------------------------------

FUZZED = ["plain.png", "plain.jpg", "progressive.jpg", "cmyk_adobe.jpg", "exif6.jpg", "exif6.png",
          "exif6.tif", "exif6.webp", "animated.gif", "animated.webp", "animated.png", "plain.bmp",
          "plain.ppm", "palette_transparent.png", "grey16.png", "float_unit.tif", "int16range.tif",
          "grey16.pgm", "two_views.jpg"]  # fmt: skip


def damage(content: bytes, seed: int) -> bytes:
    """Flip, set, cut out or insert bytes, most of them near the beginning."""
    chance = random.Random(seed)
    damaged = bytearray(content)
    for _ in range(chance.choice([1, 1, 2, 8])):
        end = min(len(damaged), 200) if chance.random() < 0.6 else len(damaged)
        at, action = chance.randrange(end), chance.random()
        if action < 0.6:
            damaged[at] ^= 1 << chance.randrange(8)
        elif action < 0.8:
            damaged[at] = chance.choice([0, 1, 127, 128, 255])
        elif action < 0.9 and len(damaged) > 20:
            del damaged[at : at + chance.randrange(1, 9)]
        else:
            damaged[at:at] = chance.randbytes(chance.randrange(1, 9))
    return bytes(damaged)


@settings(max_examples=600, deadline=5000)
@given(name=st.sampled_from(FUZZED), seed=st.integers(0, 2**32))
def test_damaged_bytes_give_a_crop_or_a_picture_error(odd_pictures, name, seed):
    content = damage(odd_pictures[name].path.read_bytes(), seed)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            crop = decode_crop(content, where=name)
        except PictureError:
            return
        finally:
            assert warned == []
    assert crop.dtype == np.uint8
    assert crop.ndim == 3
    assert crop.shape[2] == 3
    assert min(crop.shape[:2]) >= 8


@settings(max_examples=200, deadline=5000)
@given(st.binary(max_size=300))
def test_any_bytes_give_a_crop_or_a_picture_error(content):
    with pytest.raises(PictureError):
        decode_crop(content, where="bytes")


def test_bombs_take_no_memory_and_no_time(odd_pictures):
    bombs = [
        str(odd.path) for name, odd in odd_pictures.items() if "bomb" in name or "large" in name
    ]
    assert len(bombs) >= 6
    script = """
import resource, sys
from pathlib import Path
from reid_gallery.gallery.errors import PictureError
from reid_gallery.gallery.pictures.read import read_crop
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for name in sys.argv[1:]:
    try:
        read_crop(Path(name))
    except PictureError:
        continue
    raise SystemExit(f"{name} was decoded")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    result = subprocess.run(
        [sys.executable, "-c", script, *bombs],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert int(result.stdout) < 100 * 1024 * (1024 if sys.platform == "darwin" else 1)


def test_a_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    began = time.monotonic()
    with pytest.raises(PictureError, match="a pipe"):
        read_bytes(tmp_path / "pipe.jpg")
    assert time.monotonic() - began < 5


# -- quiet -------------------------------------------------------------------------------------


def test_nothing_is_printed_or_warned(odd_pictures, capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for odd in odd_pictures.values():
            try:
                read_crop(odd.path)
            except PictureError:
                assert not odd.decodes
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")


@pytest.fixture
def noisy(malformed) -> bytes:
    """A sound PNG that Pillow warns of: it says that it is an animation of 0 frames."""
    frames = malformed.encoding.pack_chunk(b"acTL", bytes(8))
    return malformed.encoding.png(8, 8, (b"\0" + bytes(24)) * 8, extra=frames)


def test_pillow_does_warn_of_the_noisy_file(noisy):
    with pytest.warns(UserWarning, match="Invalid APNG"):
        Image.open(io.BytesIO(noisy)).load()


def test_threads_that_overlap_leave_the_warning_filters_as_they_were(noisy):
    before = list(warnings.filters)
    shapes = []

    def decode_many():
        shapes.extend(decode_crop(noisy, where="noisy").shape for _ in range(100))

    threads = [threading.Thread(target=decode_many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shapes == [(8, 8, 3)] * 400
    assert warnings.filters == before


def test_leaving_in_the_order_of_entering_restores_the_filters():
    before = list(warnings.filters)
    quiet.__enter__()
    quiet.__enter__()
    assert warnings.filters != before
    quiet.__exit__(None, None, None)
    assert warnings.filters != before
    quiet.__exit__(None, None, None)
    assert warnings.filters == before


def test_our_own_warnings_are_not_silenced_meanwhile():
    with pytest.warns(UserWarning, match="ours"), quiet:
        warnings.warn("ours", UserWarning, stacklevel=1)


# -- the hash ----------------------------------------------------------------------------------


def test_the_hash_of_a_file_is_sha256_of_its_bytes():
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, B.1
    assert content_hash(b"abc") == known


def test_the_hash_of_an_array_covers_shape_and_pixels_and_not_strides():
    crop = np.arange(10 * 8 * 3, dtype=np.uint8).reshape(10, 8, 3)
    assert content_hash(crop) == content_hash(np.asfortranarray(crop))
    assert content_hash(crop) != content_hash(crop.reshape(8, 10, 3))
    changed = crop.copy()
    changed[3, 4, 1] += 1
    assert content_hash(crop) != content_hash(changed)
