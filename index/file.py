"""One file for one saved index, whole or refused, opened without reading what it holds.

    0      magic, 8 bytes
    8      crc32 of bytes 12 to 4096, uint32
    12     length of the JSON that follows, uint32
    16     JSON: kind, dim, count, size of the file, sections, stamp; then zeros up to 4096
    4096   the sections, each from a multiple of 4096 on

Everything is little-endian. The header is written last and carries the size of the file, so a
file cut at any length, or one never finished, is known by its first page. Small sections carry a
crc32 that is checked when they are opened; the vectors don't, that would be reading them all.
"""

import json
import mmap as memory_map
import os
import secrets
import struct
import zlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedWriter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import IndexFileError, IndexValueError
from .protocol import Stamp

MAGIC = b"REIDIX\x00\x01"
PAGE = 4096
_PREFIX = struct.Struct("<8sII")


@dataclass(frozen=True)
class Section:
    """A part of the file: where it starts, its bytes, and their crc32 if it is checked."""

    offset: int
    size: int
    crc32: int | None


@dataclass(frozen=True)
class Header:
    """The first page of an index file."""

    kind: str
    dim: int
    count: int
    size: int
    sections: Mapping[str, Section]
    stamp: Stamp

    def __post_init__(self) -> None:
        numbers = (self.dim, self.count, self.size)
        if not isinstance(self.kind, str) or not all(isinstance(n, int) for n in numbers):
            raise ValueError("kind is text; dim, count and size are whole numbers")
        if any(part.offset + part.size > self.size for part in self.sections.values()):
            raise ValueError("a section lies outside the file")


@dataclass(frozen=True)
class NewSection:
    """A part to be written: contiguous arrays one after the other."""

    name: str
    arrays: Iterable[npt.NDArray[Any]]
    checked: bool = False


class IndexFile:
    """An open index file, its bytes mapped or read."""

    def __init__(self, path: Path, *, mmap: bool) -> None:
        """Open and check the header and the size; raises `IndexFileError`."""
        self.path = path
        try:
            with _open_regular(path) as file:
                self.header = _read_header(path, file)
                # Through the descriptor that was checked: no other file can slip in.
                self._bytes: Any = (
                    memory_map.mmap(file.fileno(), self.header.size, access=memory_map.ACCESS_READ)
                    if mmap
                    else np.fromfile(file, dtype=np.uint8, count=self.header.size)
                )
        except OSError as error:
            raise IndexFileError(f"{path}: can't be read ({error.strerror or error})") from error

    def array(self, name: str, dtype: npt.DTypeLike, shape: tuple[int, ...]) -> npt.NDArray[Any]:
        """A section as a read-only array; raises `IndexFileError` if it isn't that."""
        section = self.header.sections.get(name)
        dtype = np.dtype(dtype).newbyteorder("<")
        count = int(np.prod(shape))
        if section is None or section.size != count * dtype.itemsize:
            raise broken(self.path, f"no section {name!r} of {count * dtype.itemsize} bytes")
        array = np.frombuffer(self._bytes, dtype=dtype, count=count, offset=section.offset)
        if section.crc32 is not None and zlib.crc32(array.data) != section.crc32:
            raise broken(self.path, f"the bytes of its section {name!r} have changed")
        array.flags.writeable = False
        return array.reshape(shape)


def read_header(path: Path) -> Header:
    """The first page of an index file; raises `IndexFileError` as opening it would."""
    try:
        with _open_regular(path) as file:
            return _read_header(path, file)
    except OSError as error:
        raise IndexFileError(f"{path}: can't be read ({error.strerror or error})") from error


def write_index_file(
    path: Path,
    *,
    kind: str,
    dim: int,
    count: int,
    stamp: Stamp,
    sections: Iterable[NewSection],
) -> None:
    """Write a file beside ``path``, sync it, and put it in the place of ``path``.

    Raises:
        IndexFileError: the system refused; what was at ``path`` still is.
        IndexValueError: the stamp is too long for the first page.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        _delete_leftovers(path)
        with temporary.open("xb") as file:
            written = {section.name: _write_section(file, section) for section in sections}
            header = Header(kind, dim, count, _pad(file), written, stamp)
            file.seek(0)
            file.write(_encode_header(header))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise IndexFileError(f"{path}: can't be written ({error.strerror or error})") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def broken(path: Path, reason: str) -> IndexFileError:
    """The error for a file that isn't what an index file should be."""
    return IndexFileError(
        f"{path}: not a whole index file ({reason}); delete it and build it again"
    )


def _open_regular(path: Path) -> Any:
    if path.exists() and not path.is_file():  # opening a pipe would wait for its writer
        raise IndexFileError(f"{path}: a directory or device, not an index file")
    return path.open("rb")


def _read_header(path: Path, file: Any) -> Header:
    page = file.read(PAGE)
    size = os.fstat(file.fileno()).st_size
    file.seek(0)
    if len(page) < PAGE:
        raise broken(path, f"only {size} bytes")
    magic, crc32, length = _PREFIX.unpack_from(page)
    if magic != MAGIC:
        raise broken(path, "it doesn't begin as one")
    if zlib.crc32(page[12:]) != crc32 or length > PAGE - _PREFIX.size:
        raise broken(path, "its first page is damaged")
    header = _decode_header(path, page[_PREFIX.size : _PREFIX.size + length])
    if header.size != size:
        raise broken(path, f"{size} bytes where {header.size} were written")
    return header


def _decode_header(path: Path, text: bytes) -> Header:
    try:
        fields = json.loads(text)
        fields["sections"] = {name: Section(*part) for name, part in fields["sections"].items()}
        return Header(**fields)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise broken(path, f"its header can't be understood: {error}") from error


def _encode_header(header: Header) -> bytes:
    fields = vars(header) | {
        "sections": {
            name: [part.offset, part.size, part.crc32] for name, part in header.sections.items()
        }
    }
    text = json.dumps(fields).encode()
    if len(text) > PAGE - _PREFIX.size:
        raise IndexValueError(f"stamp is too long: {len(text)} bytes of header, {PAGE} is a page")
    rest = (struct.pack("<I", len(text)) + text).ljust(PAGE - 12, b"\0")
    return MAGIC + struct.pack("<I", zlib.crc32(rest)) + rest


def _write_section(file: BufferedWriter, section: NewSection) -> Section:
    offset = max(PAGE, _pad(file))
    file.seek(offset)
    crc32 = 0
    for array in section.arrays:
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        file.write(little.data)
        if section.checked:
            crc32 = zlib.crc32(little.data, crc32)
    return Section(offset, file.tell() - offset, crc32 if section.checked else None)


def _pad(file: BufferedWriter) -> int:
    """Fill up to a whole page; returns the size of the file then."""
    position = file.tell()
    size = max(PAGE, -(-position // PAGE) * PAGE)
    file.write(bytes(size - position))
    return size


def _delete_leftovers(path: Path) -> None:
    """What a killed save left holds vectors that may have been removed since."""
    for other in path.parent.iterdir():
        if other.name.startswith(f".{path.name}.") and other.suffix == ".tmp":
            other.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
