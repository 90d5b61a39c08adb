"""The Plan: which kernels run, in which order, and where every byte lies. All that codegen needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tinyml.board import Board
from tinyml.ir import Graph, Node, Tensor
from tinyml.kernel import Kernel


@dataclass(frozen=True)
class Buffer:
    """A tensor in the arena.

    rows: rows of the tensor that are held, as a ring when fewer than its height.
    offset: of its first byte in the arena.
    first, last: groups (by index) during which it is alive; -1 stands for "before the first", len(groups) for "after
        the last": inputs are filled before, outputs are read after.
    """

    tensor: Tensor
    rows: int
    offset: int
    first: int
    last: int

    @property
    def size_bytes(self) -> int:
        return self.rows * self.tensor.row_bytes

    @property
    def end(self) -> int:
        return self.offset + self.size_bytes


@dataclass(frozen=True)
class Scratch:
    """Working memory of one group."""

    offset: int
    size_bytes: int


@dataclass(frozen=True)
class Group:
    """Nodes that run together. A group of one runs its node over all rows at once: layer by layer."""

    nodes: tuple[Node, ...]
    scratch: Scratch | None = None

    @property
    def node(self) -> Node:
        (node,) = self.nodes
        return node

    @property
    def macs(self) -> int:
        return sum(node.macs for node in self.nodes)


@dataclass(frozen=True)
class Plan:
    """A schedule of a graph.

    kernels: one per node that runs; nodes that only rename bytes (views) have none.
    buffers: one per activation.
    arena_bytes: everything the model needs in SRAM, inputs and outputs included.
    lower_bound_bytes: no packing of these buffers with these lifetimes is smaller.
    keeps_input: the inputs survive an inference.
    board: whose kernels were chosen and whose memory must hold it; None for portable C.
    """

    graph: Graph
    kernels: Mapping[Node, Kernel]
    groups: tuple[Group, ...]
    buffers: Mapping[Tensor, Buffer]
    arena_bytes: int
    lower_bound_bytes: int
    keeps_input: bool = False
    board: Board | None = None

    @property
    def is_minimal(self) -> bool:
        """Whether the arena is proved minimal for this order of nodes."""
        return self.arena_bytes == self.lower_bound_bytes

    @property
    def macs_executed(self) -> int:
        return sum(group.macs for group in self.groups)

    def live_bytes(self, group: int) -> int:
        """Bytes in use during a group, scratch included; bytes that several tensors share count once."""
        spans = [(b.offset, b.end) for b in self.buffers.values() if b.first <= group <= b.last]
        scratch = self.groups[group].scratch if 0 <= group < len(self.groups) else None
        if scratch:
            spans.append((scratch.offset, scratch.offset + scratch.size_bytes))
        return _covered(spans)

    @property
    def peak_group(self) -> int:
        """The first group with the most bytes in use."""
        return max(range(len(self.groups)), key=self.live_bytes, default=0)


def _covered(spans: list[tuple[int, int]]) -> int:
    total, reached = 0, 0
    for begin, end in sorted(spans):
        total += max(0, end - max(begin, reached))
        reached = max(reached, end)
    return total
