"""The Plan: which kernels run, in which order, and where every byte lies. All that codegen needs."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from tinyml.board import Board
from tinyml.ir import Graph, Node, Tensor
from tinyml.kernel import Kernel
from tinyml.scheduler.packing import align
from tinyml.scheduler.rows import RowRange
from tinyml.scheduler.strips import ColumnRange, row_bytes


@dataclass(frozen=True)
class Buffer:
    """A tensor in the arena.

    rows: rows of the tensor that are held, as a ring when fewer than its height.
    columns: of each row that are held at each strip (strips.py); None for all.
    offset: of its first byte in the arena.
    first, last: steps (by number) during which it is alive; -1 stands for "before the first", the number of steps for
        "after the last": inputs are filled before, outputs are read after.
    """

    tensor: Tensor
    rows: int
    offset: int
    first: int
    last: int
    columns: ColumnRange | None = None

    @property
    def stride(self) -> int:
        """Bytes from one row to the next."""
        return row_bytes(self.tensor, self.columns)

    @property
    def size_bytes(self) -> int:
        return self.rows * self.stride

    @property
    def end(self) -> int:
        return self.offset + self.size_bytes


@dataclass(frozen=True)
class Scratch:
    """Working memory of one step, or of a whole group for a kernel that accumulates."""

    offset: int
    size_bytes: int

    @property
    def end(self) -> int:
        return self.offset + self.size_bytes


@dataclass(frozen=True, eq=False)
class Step:
    """A node in a group.

    rows: what it computes at each tick (of its operand, for a kernel that accumulates).
    columns: what it computes of these rows at each strip; None when it works over the whole width at once.
    """

    node: Node
    kernel: Kernel
    rows: RowRange
    scratch: Scratch | None = None
    columns: ColumnRange | None = None

    @property
    def macs_executed(self) -> int:
        """Multiply-accumulates over all ticks and strips; rows and columns computed twice count twice."""
        height, width = (self.node.operands[0] if self.kernel.accumulates else self.node.outputs[0]).hwc[:2]
        computed = self.columns.total if self.columns else width
        return self.node.macs * self.rows.total * computed // (height * width)

    @property
    def recompute(self) -> float:
        """How often its rows are computed, on average."""
        return self.rows.total / (self.node.operands[0] if self.kernel.accumulates else self.node.outputs[0]).hwc[0]

    @property
    def column_recompute(self) -> float:
        """How often the columns of a row are computed, on average; 1.0 where strips keep what they share."""
        again = self.columns is not None and self.columns.again
        return self.columns.total / self.node.outputs[0].hwc[1] if self.columns and again else 1.0

    @property
    def kernel_calls(self) -> int:
        """Calls in one inference: ticks with rows to compute, times strips with columns to compute."""
        strips = int((self.columns.end > self.columns.begin).sum()) if self.columns else 1
        return int(self.rows.active.sum()) * strips


# From the steps that a node could be, one per kernel and the one listed first in front, to the fastest in front.
Order = Callable[[Sequence[Step]], Sequence[Step]]


@dataclass(frozen=True)
class Flash:
    """How to choose kernels for the least flash.

    parts: what a step with its kernel needs in flash, each part by an identity with its bytes; steps share equal ones.
    """

    parts: Callable[[Step], Mapping[Hashable, int]]


Preference: TypeAlias = Order | Flash


@dataclass(frozen=True, eq=False)
class Group:
    """Steps that run together: all of them at every tick, a few rows each. One tick is layer by layer.

    runs: steps (by their place here) first..last that, within a tick, run strip after strip.
    """

    steps: tuple[Step, ...]
    ticks: int = 1
    runs: tuple[tuple[int, int], ...] = ()

    @property
    def macs(self) -> int:
        return sum(step.node.macs for step in self.steps)


OPTIMIZE = {"speed": "-O3", "balanced": "-O2", "size": "-Os"}  # what a plan is chosen for, and the compiler's share


@dataclass(frozen=True, eq=False)
class Plan:
    """A schedule of a graph.

    buffers: one per activation.
    arena_bytes: everything the model needs in SRAM, inputs and outputs included.
    lower_bound_bytes: no packing of these buffers with these lifetimes is smaller.
    keeps_input: the inputs survive an inference.
    board: whose kernels were chosen and whose memory must hold it; None for portable C.
    optimize: what was chosen for, a name of OPTIMIZE.
    fed: the input that comes row by row, one at each tick of the first group, and is never held whole; None when the
        inputs are resident.
    unsliced: the graph that was to be planned, where the one that runs has blocks in slices (slices.py).
    """

    graph: Graph
    groups: tuple[Group, ...]
    buffers: Mapping[Tensor, Buffer]
    arena_bytes: int
    lower_bound_bytes: int
    keeps_input: bool = False
    board: Board | None = None
    fed: Tensor | None = None
    optimize: str = "balanced"
    unsliced: Graph | None = None

    @property
    def model(self) -> Graph:
        """The graph that was to be planned."""
        return self.unsliced or self.graph

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """All steps in order; their place here is their number."""
        return tuple(step for group in self.groups for step in group.steps)

    @property
    def is_minimal(self) -> bool:
        """Whether the arena is proved minimal for this order of steps and these buffers."""
        return self.arena_bytes == self.lower_bound_bytes

    @cached_property
    def state_offsets(self) -> Mapping[Tensor, int]:
        """Where states are kept: the offset in the memory for states, for what is read and for what is written."""
        offsets: dict[Tensor, int] = {}
        end = 0
        for state in self.graph.states:
            offsets[state.read] = offsets[state.written] = end
            end += align(state.read.size_bytes)
        return offsets

    @property
    def state_bytes(self) -> int:
        """SRAM that states take besides the arena; each begins at a multiple of `ALIGNMENT`."""
        return states_bytes(self.graph)

    @property
    def macs_executed(self) -> int:
        return sum(step.macs_executed for step in self.steps)

    @property
    def kernel_calls(self) -> int:
        """Calls of kernels in one inference."""
        return sum(step.kernel_calls for step in self.steps)

    def live_bytes(self, step: int) -> int:
        """Bytes in use during a step, scratch included; bytes that several tensors share count once."""
        spans = [(b.offset, b.end) for b in self.buffers.values() if b.first <= step <= b.last]
        spans += [(s.scratch.offset, s.scratch.end) for s in self.steps_with_scratch(step) if s.scratch]
        return covered(spans)

    def steps_with_scratch(self, number: int) -> list[Step]:
        """Steps whose scratch is in use at a step: its own, and those of its group that accumulate."""
        first = 0
        for group in self.groups:
            if first <= number < first + len(group.steps):
                own = group.steps[number - first]
                return [s for s in group.steps if s.scratch and (s is own or s.kernel.accumulates)]
            first += len(group.steps)
        return []

    @property
    def peak_step(self) -> int:
        """The first step with the most bytes in use."""
        return max(range(len(self.steps)), key=self.live_bytes, default=0)


def states_bytes(graph: Graph) -> int:
    return sum(align(state.read.size_bytes) for state in graph.states)


def covered(spans: list[tuple[int, int]]) -> int:
    """Bytes in the union of spans [begin, end)."""
    total, reached = 0, 0
    for begin, end in sorted(spans):
        total += max(0, end - max(begin, reached))
        reached = max(reached, end)
    return total
