"""A C statement that knows where in the arena it works."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Call:
    """A statement in which bytes from the start of the arena stand between the pieces of text."""

    pieces: tuple[str, ...]
    offsets: tuple[int, ...]

    def text(self, offsets: Sequence[str]) -> str:
        return self.pieces[0] + "".join(o + piece for o, piece in zip(offsets, self.pieces[1:], strict=True))
