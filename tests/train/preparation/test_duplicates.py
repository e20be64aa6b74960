import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from reid_gallery.train.preparation.duplicates import NEAR_BITS, find_near
from reid_gallery.train.preparation.looking import perceptual_code

words = st.integers(0, 2**64 - 1)
flips = st.sets(st.integers(0, 127), max_size=2 * NEAR_BITS)


def naive(codes: list[tuple[int, int]]) -> list[tuple[int, int, int]]:
    found = []
    for second, other in enumerate(codes):
        for first, one in enumerate(codes[:second]):
            bits = sum((a ^ b).bit_count() for a, b in zip(one, other, strict=True))
            if bits <= NEAR_BITS:
                found.append((first, second, bits))
    return sorted(found)


@settings(deadline=None)
@given(start=st.lists(st.tuples(words, words), max_size=6), near=st.lists(flips, max_size=8))
def test_the_same_pairs_as_all_against_all(start, near):
    codes = list(start)
    for at, flipped in enumerate(near if start else []):
        high, low = codes[at % len(codes)]
        for bit in flipped:
            high, low = (high ^ 1 << bit, low) if bit < 64 else (high, low ^ 1 << (bit - 64))
        codes.append((high, low))
    found = find_near(np.array(codes, np.uint64).reshape(-1, 2))
    assert sorted(zip(found.first, found.second, found.bits, strict=True)) == naive(codes)
    assert (np.diff(found.bits) >= 0).all()


def test_a_code_by_hand():
    """Grey falls from left to right, but for one row that rises: 8 bits of 128 are set."""
    crop = np.repeat(np.linspace(200, 20, 9).astype(np.uint8)[None], 16, axis=0)
    crop[3] = crop[3, ::-1]
    code = perceptual_code(np.repeat(crop[..., None], 3, axis=2))
    octets = code.view(np.uint8)
    assert code.shape == (2,)
    assert octets.tolist() == [0, 0, 0, 255, *[0] * 12]


@pytest.mark.parametrize("change", ["saved again", "smaller", "darker"])
def test_the_same_picture_otherwise_is_near_and_another_is_not(tmp_path, change):
    rng = np.random.default_rng(0)

    def picture() -> np.ndarray:
        coarse = rng.integers(0, 255, (12, 6, 3)).astype(np.uint8)
        return np.asarray(Image.fromarray(coarse).resize((64, 128), Image.Resampling.BICUBIC))

    crop, other = picture(), picture()
    if change == "saved again":
        Image.fromarray(crop).save(tmp_path / "a.jpg", quality=40)
        again = np.asarray(Image.open(tmp_path / "a.jpg"))
    elif change == "smaller":
        again = np.asarray(Image.fromarray(crop).resize((40, 90)))
    else:
        again = (crop * 0.6).astype(np.uint8)
    codes = np.array([perceptual_code(c) for c in (crop, again, other)])
    found = find_near(codes)
    assert list(zip(found.first, found.second, strict=True)) == [(0, 1)]
