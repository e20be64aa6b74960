"""A model file's identity."""

import hashlib
import mmap
import os
from typing import BinaryIO


def hash_file(file: BinaryIO) -> str:
    """The sha256 of an open file, hex, in one go.

    Piece by piece, each piece would wait for the interpreter's lock while another thread imports.
    """
    if not os.fstat(file.fileno()).st_size:
        return hashlib.sha256().hexdigest()
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return hashlib.sha256(content).hexdigest()
