"""What the search knows of a graph: the nodes that run, and how long what they compute is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tinyml.ir import Graph, Node, Tensor
from tinyml.kernel import Kernel
from tinyml.ops import SCHEDULED
from tinyml.scheduler.overlap import Borders
from tinyml.scheduler.packing import align
from tinyml.scheduler.rows import Lockstep
from tinyml.scheduler.slices import first_slices
from tinyml.scheduler.storage import Lifetime, Placement, Storage, lifetimes, readers, step_numbers, taken_over
from tinyml.scheduler.strips import Strips

CHOICES = 64  # kept while a section grows; all where they are fewer, which makes the search exact
QUICK_CHOICES = 8  # of a search that is to tell whether, or about how far, memory can be saved


class Limits(NamedTuple):
    """Of a search. bytes: at the worst step. macs: computed again. choices: kept while a section grows.

    columns_again: whether columns that strips share may be computed again, too. every: all choices, those too that
        another one beats, as packed they may turn out smaller, and with outputs that could be cut into strips and are
        not; the bound on work is not heeded.
    """

    bytes: float
    macs: float = 0
    choices: int = CHOICES
    columns_again: bool = False
    every: bool = False


@dataclass(frozen=True)
class Knobs:
    """What the planner may use besides groups of nodes; each can be switched off to see what it gives.

    strips: of columns (strips.py). columns_again: instead of keeping those that strips share, where work may be done
        twice. overlap: output over consumed input at the borders of groups. in_place: kernels whose output takes over
        an operand.
    slices: of channels (slicing.py), in graphs rewritten for them; off, as they are the slowest of all.
    room_bytes: the arena may grow up to these for faster kernels: by a part of its least size, for their working
        memory; with `speed` by all, and then for layers that run by themselves and outputs that are not in place, too.
    """

    strips: bool = True
    columns_again: bool = True
    overlap: bool = True
    in_place: bool = True
    slices: bool = False
    room_bytes: int = 0
    speed: bool = False


@dataclass
class Effort:
    """What a search may still spend: choices grown by a node. A number, so that every machine finds the same plan."""

    left: int


@dataclass(frozen=True)
class Life:
    """A storage's bytes, the numbers of the nodes that produce and last read it, its tensor if there is just one."""

    size_bytes: int
    first: int
    last: int
    tensor: Tensor | None


class Network:
    """What the search knows of a graph. Nodes are those that run, by number; storages are what views share."""

    def __init__(
        self,
        graph: Graph,
        nodes: Sequence[Node],
        placement: Placement,
        alone: Mapping[Node, Kernel],
        fused: Mapping[Node, Kernel],
        keep_inputs: bool,
        fed: Tensor | None = None,
        knobs: Knobs | None = None,
    ) -> None:
        self.knobs = knobs or Knobs()
        self.nodes, self.alone, self.fused, self.fed = nodes, alone, fused, fed
        self.number = {node: number for number, node in enumerate(nodes)}
        self.placement, self.alive = placement, _alive(graph, self.number, keep_inputs, fed)
        storages = placement.storages()
        self.lives = [_life(storage, self.alive) for storage in storages]
        self.life = {life.tensor: life for life in self.lives if life.tensor is not None}
        self.views_before = _views_before(graph, self.number)
        self.readers = readers(nodes)
        self.alike = first_slices(graph)
        # of slices, which read and compute the same rows, the first speaks for all
        self.distinct_readers = {
            tensor: [node for node in nodes if node is self.alike.get(node, node) or self.alike[node] not in nodes]
            for tensor, nodes in self.readers.items()
        }
        writer = {tensor: number for number, node in enumerate(nodes) for tensor in node.outputs}
        self.borders = Borders(storages, self.alive, self.number, self.distinct_readers, writer, fed)
        self.locksteps: dict[int, Lockstep] = {}  # by the node that a section starts at
        self.strips = Strips(self.number, self.readers, fused)
        self.macs = sum(node.macs for node in nodes)

    @property
    def unseen_bytes(self) -> int:
        """That outputs in the place of parts of storages, of which the search sees nothing behind them, may save."""
        found = 0
        for node in self.nodes if self.knobs.in_place else ():
            operand = taken_over(node, self.alone[node], self.placement, self.alive)
            if operand is not None and not self.placement.fills_its_storage(operand):
                found += align(node.output.size_bytes)
        return found

    def producer(self, tensor: Tensor) -> Node | None:
        """The node that computes a tensor with a storage of its own; None for what comes from outside."""
        first = self.life[tensor].first
        return self.nodes[first] if tensor is not self.fed and first >= 0 else None

    @staticmethod
    def holds_sums(node: Node) -> bool:
        """Whether it is cheaper to keep what a sliced block gives than to compute it again."""
        return isinstance(node.op, SCHEDULED)

    def within_slices(self, number: int) -> bool:
        """Whether the node before a node is in the same sliced block, so that no group may begin here."""
        node = self.nodes[number] if number < len(self.nodes) else None
        first = self.alike.get(node) if node else None
        return first is not None and (first is not node or self.alike.get(self.nodes[number - 1]) is not None)

    @property
    def inputs_bytes(self) -> int:
        """Of the inputs that lie there whole: no arena is smaller."""
        return sum(life.size_bytes for life in self.lives if life.first < 0)

    @property
    def reads_fed_until(self) -> int:
        """The last node that reads the input fed by rows: they all have to be in the first section."""
        return max(self.number[node] for node in self.readers.get(self.fed, ())) if self.fed else -1


def _views_before(graph: Graph, number: Mapping[Node, int]) -> list[list[Node]]:
    """For each node that runs, by number: the views between the node before it and itself."""
    found: list[list[Node]] = [[]]
    for node in graph.nodes:
        if node in number:
            found.append([])
        else:
            found[-1].append(node)
    return found


def _alive(
    graph: Graph, number: Mapping[Node, int], keep_inputs: bool, fed: Tensor | None
) -> Mapping[Tensor, Lifetime]:
    """Views take the number of the next node that runs; a fed input is born with node 0."""
    alive = lifetimes(graph, step_numbers(graph, number), keep_inputs)
    return alive if fed is None else alive | {fed: Lifetime(0, alive[fed].last)}


def _life(storage: Storage, alive: Mapping[Tensor, Lifetime]) -> Life:
    life = storage.life(alive)
    only = next(iter(storage.places)) if len(storage.places) == 1 else None
    return Life(align(storage.size_bytes), life.first, life.last, only)
