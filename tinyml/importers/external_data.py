"""Weights that a model file keeps in files beside it: read only from the model's own folder."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from tinyml.errors import ModelError, UnsupportedError
from tinyml.ir import shown

MAX_BYTES = 1 << 28  # of all such weights together


class ExternalData:
    """Reads pieces of files in `folder`; None: there is none."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = None if folder is None else folder.resolve()
        self._left = MAX_BYTES
        self._read: list[bytes] = []

    def digest(self, model: bytes) -> str:
        """sha256 of the model file and of what was read for it, hex; empty when nothing was."""
        return hashlib.sha256(b"".join([model, *self._read])).hexdigest() if self._read else ""

    def read(self, stated: Mapping[str, str]) -> bytes:
        """The bytes at `location`, from `offset` on, `length` of them (ONNX's keys).

        Raises ModelError for a file that is missing, too short or outside the folder.
        """
        if self._folder is None:
            raise UnsupportedError("weights outside the file, which was not read from a folder")
        location = stated.get("location", "")
        try:
            path = (self._folder / location).resolve()
            offset, length = int(stated.get("offset", 0)), int(stated.get("length", -1))
            inside = path.is_relative_to(self._folder) and path.is_file()
        except (ValueError, OSError) as error:
            raise ModelError(f"weights in {shown(location)}, which cannot be read ({error})") from error
        if not inside:
            raise ModelError(f"weights in {shown(location)}, which is no file in the model's folder")
        self._read.append(self._piece(path, offset, length))
        return self._read[-1]

    def _piece(self, path: Path, offset: int, length: int) -> bytes:
        try:
            size = path.stat().st_size
            length = size - offset if length < 0 else length
            if offset < 0 or length < 0 or offset + length > size:
                raise ModelError(f"weights at {offset}, {length} bytes, of {path.name}, which has {size}")
            self._left -= length
            if self._left < 0:
                raise UnsupportedError(f"more than {MAX_BYTES} bytes of weights outside the file")
            with path.open("rb") as file:
                file.seek(offset)
                return file.read(length)
        except OSError as error:
            raise ModelError(f"weights in {path.name}, which cannot be read ({error.strerror})") from error
