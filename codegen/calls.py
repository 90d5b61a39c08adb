"""A C statement that knows where in the arena, or among the states, it works."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tinyml.ir import Tensor
from tinyml.scheduler import Plan


@dataclass(frozen=True)
class Call:
    """A statement in which bytes from the start of the arena, or of the states, stand between the pieces of text."""

    pieces: tuple[str, ...]
    offsets: tuple[int, ...]

    def text(self, offsets: Sequence[str]) -> str:
        return self.pieces[0] + "".join(o + piece for o, piece in zip(offsets, self.pieces[1:], strict=True))


class Place(NamedTuple):
    """Bytes in memory: `offset` from what the C calls `base`."""

    base: str
    offset: int


def place(plan: Plan, tensor: Tensor, column: int, strip: int) -> Place | None:
    """Where a column of a tensor lies at a strip; None for a constant."""
    if tensor.is_constant:
        return None
    if tensor.is_state:
        return Place("states", plan.state_offsets[tensor] + column * tensor.pixel_bytes)
    buffer = plan.buffers[tensor]
    first = int(buffer.columns.first[strip]) if buffer.columns else 0
    return Place("arena", buffer.offset + (column - first) * tensor.pixel_bytes)
