"""Near-duplicates: pairs of pictures whose perceptual codes differ in few bits."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.intp]

NEAR_BITS = 15
"""Codes that differ in so many of 128 bits, or fewer, are near. On Market-1501, CUHK03 and CUHK01,
pairs of one person outnumber those of two by far up to here, and no longer from 20 on."""

_BANDS = NEAR_BITS + 1
_MOST_NEIGHBOURS = 1024
"""Of a crowd whose codes share a band, each is compared with so many that follow it: all of them
where pictures are fewer than some 50,000, and else those nearest in the list."""


@dataclass(frozen=True, slots=True, eq=False)
class NearPairs:
    """Pairs of near-duplicates, nearest first.

    Attributes:
        first: intp[m], the picture that comes first.
        second: intp[m], the other.
        bits: intp[m], in how many bits they differ.
    """

    first: Numbers
    second: Numbers
    bits: Numbers


def find_near(codes: npt.NDArray[np.uint64]) -> NearPairs:
    """Find all pairs that differ in `NEAR_BITS` bits or fewer.

    Codes are cut into 16 bands of 8 bits. Two that differ in 15 bits at most agree in one band at
    least, so only those that share a band are compared.

    Args:
        codes: uint64[n, 2].
    """
    keys = [np.empty(0, np.int64)]
    bands = codes.reshape(len(codes), 2).view(np.uint8)
    for band in range(_BANDS):
        order = np.argsort(bands[:, band], kind="stable")
        keys.append(_near_in_order(codes, order, bands[order, band]))
    pairs = np.unique(np.concatenate(keys))
    first, second = np.divmod(pairs, max(len(codes), 1))
    bits = _differing(codes, first, second)
    nearest = np.argsort(bits, kind="stable")
    return NearPairs(first[nearest], second[nearest], bits[nearest])


def _near_in_order(
    codes: npt.NDArray[np.uint64], order: Numbers, bands: npt.NDArray[np.uint8]
) -> npt.NDArray[np.int64]:
    """Compare those that stand 1, 2, ... places apart in a band; a pair is first * n + second."""
    found = [np.empty(0, np.int64)]
    ordered = codes[order]
    at = np.arange(len(order))
    for step in range(1, _MOST_NEIGHBOURS + 1):
        at = at[: np.searchsorted(at, len(order) - step)]
        at = at[bands[at] == bands[at + step]]
        if not len(at):
            break
        near = at[_differing(ordered, at, at + step) <= NEAR_BITS]
        one, other = order[near], order[near + step]
        low, high = np.minimum(one, other), np.maximum(one, other)
        found.append(low.astype(np.int64) * len(codes) + high)
    return np.concatenate(found)


def _differing(codes: npt.NDArray[np.uint64], first: Numbers, second: Numbers) -> Numbers:
    """In how many bits pairs of codes differ, intp[m]."""
    bits = np.zeros(len(first), np.intp)
    for half in range(2):
        bits += np.bitwise_count(codes[first, half] ^ codes[second, half])
    return bits
