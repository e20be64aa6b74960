"""Write a model file with another specification, without a library for ONNX.

An ONNX file is one protocol-buffers message, ModelProto: a sequence of fields, each a key (number
and wire type) and a value. Field 14 holds a metadata entry, itself a message of key (field 1) and
value (field 2). Order doesn't matter, so the old entry is left out and the new one put at the end;
every other byte stays. Protocol Buffers documentation, "Encoding"; onnx.proto, ModelProto.
"""

from collections.abc import Iterator
from pathlib import Path

from ..atomic import replacing
from ..errors import ModelError
from .onnx_extractor import Extractor
from .spec import METADATA_KEY, ModelSpec

_ENTRY = 14
_VARINT, _FIXED64, _SIZED, _FIXED32 = 0, 1, 2, 5


def write_with_spec(model: Path, out: Path, spec: ModelSpec) -> None:
    """Copy a model file to ``out`` with ``spec`` in place of its specification, and check it.

    Raises:
        ModelError: the file can't be read or written, or isn't ONNX.
    """
    try:
        with replacing(out) as temporary:
            temporary.write_bytes(with_spec(model.read_bytes(), spec))
            if Extractor.load(temporary).spec != spec:
                raise ModelError(f"{out}: the specification didn't come through; nothing written")
    except OSError as error:
        raise ModelError(f"{out}: can't be written ({error.strerror or error})") from error


def with_spec(content: bytes, spec: ModelSpec) -> bytes:
    """Return an ONNX file's bytes with ``spec`` as its one specification.

    Raises:
        ModelError: the bytes aren't of an ONNX file.
    """
    key = METADATA_KEY.encode()
    kept = [
        content[start:end]
        for number, start, value, end in _fields(content)
        if not (number == _ENTRY and _entry_key(content[value:end]) == key)
    ]
    entry = _sized(1, key) + _sized(2, spec.to_json().encode())
    return b"".join(kept) + _sized(_ENTRY, entry)


def _entry_key(entry: bytes) -> bytes | None:
    for number, _, value, end in _fields(entry):
        if number == 1:
            return entry[value:end]
    return None


def _fields(message: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Yield each field's number, and where it, its value and what follows begin."""
    start = 0
    while start < len(message):
        key, value = _read_varint(message, start)
        wire = key & 7
        if wire == _VARINT:
            end = _read_varint(message, value)[1]
        elif wire == _SIZED:
            size, value = _read_varint(message, value)
            end = value + size
        elif wire in (_FIXED64, _FIXED32):
            end = value + (8 if wire == _FIXED64 else 4)
        else:
            raise ModelError("not an ONNX file: a field of an unknown kind")
        if end > len(message):
            raise ModelError("not an ONNX file, or one that is cut off")
        yield key >> 3, start, value, end
        start = end


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    """Read a number, 7 bits a byte, the lowest first; return it and where it ends."""
    number = 0
    for count in range(10):
        if at + count >= len(message):
            break
        byte = message[at + count]
        number |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            return number, at + count + 1
    raise ModelError("not an ONNX file, or one that is cut off")


def _write_varint(number: int) -> bytes:
    written = bytearray()
    while number >= 0x80:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*written, number])


def _sized(number: int, value: bytes) -> bytes:
    return _write_varint(number << 3 | _SIZED) + _write_varint(len(value)) + value
