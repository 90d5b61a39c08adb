"""Which nodes run together: the partition into fused groups with the lowest memory peak, by dynamic programming.

Groups are runs of neighbours in the graph's order. What a group needs depends on that group alone: tensors that cross
its borders are held whole, those inside in rings (rows.py). So the least peak over all partitions is a shortest path in
which the greatest edge counts, exact for the costs used. Source of the formulation: msf-CNN (arXiv 2505.11483).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tinyml.ir import Graph, Node, Tensor
from tinyml.kernel import Kernel
from tinyml.scheduler.packing import align
from tinyml.scheduler.rows import Lockstep
from tinyml.scheduler.storage import Placement, lifetimes, readers, step_numbers


@dataclass(frozen=True, eq=False)
class Section:
    """Nodes first..last (by number), fused in lockstep; None for a node that runs over all its rows at once."""

    first: int
    last: int
    lockstep: Lockstep | None

    @property
    def calls(self) -> int:
        """Kernels called, all ticks together."""
        return (self.last - self.first + 1) * (self.lockstep.pace if self.lockstep else 1)


@dataclass(frozen=True)
class _Life:
    """A storage's bytes, the numbers of the nodes that produce and last read it, its tensor if there is just one."""

    size_bytes: int
    first: int
    last: int
    tensor: Tensor | None


class Partition:
    """The search. Nodes are those that run, by number; storages are what views share."""

    def __init__(
        self,
        graph: Graph,
        nodes: Sequence[Node],
        placement: Placement,
        alone: Mapping[Node, Kernel],
        fused: Mapping[Node, Kernel],
        keep_inputs: bool,
        fed: Tensor | None = None,
    ) -> None:
        self.nodes, self.alone, self.fused, self.fed = nodes, alone, fused, fed
        self.number = {node: number for number, node in enumerate(nodes)}
        self.lives = _lives(graph, self.number, placement, keep_inputs, fed)
        self.views_before = _views_before(graph, self.number)
        self.readers = readers(nodes)

    def best(self) -> list[Section] | None:
        """The sections of a partition with the least peak, and among those the one with the fewest calls of kernels.

        None when the input is to be fed by rows and cannot be.
        """
        count = len(self.nodes)
        edges = [self._sections(first) for first in range(count)]
        peaks = _shortest(count, edges, lambda reached, cost, section: max(reached, cost))[0]
        if peaks[count] == float("inf"):
            return None
        allowed = [[(s, cost) for s, cost in sections if cost <= peaks[count]] for sections in edges]
        _, chosen = _shortest(count, allowed, lambda reached, cost, section: reached + section.calls)
        sections: list[Section] = []
        while count:
            best = chosen[count]
            assert best is not None
            sections.append(best)
            count = best.first
        return sections[::-1]

    def _sections(self, first: int) -> list[tuple[Section, int]]:
        """Every section that starts at a node, with the bytes it needs at its worst step."""
        feeds = first == 0 and self.fed is not None
        found = [] if feeds else [(Section(first, first, None), self._cost_alone(first))]
        operands = [tensor for tensor in self.nodes[first].operands if not tensor.is_constant]
        if not operands:
            return found
        lockstep = Lockstep.paced_by(max(operands, key=lambda tensor: tensor.hwc[0]), self.fused)
        if feeds and self.fed is not None:
            lockstep.feed(self.fed)
        costs = _SectionCosts(self, first, lockstep)
        for last in range(first, len(self.nodes)):
            for view in self.views_before[last]:
                lockstep.add_view(view)
            if not lockstep.add(self.nodes[last]):
                break
            if not feeds or self._reads_fed_until <= last:
                found.append((Section(first, last, lockstep), costs.extended_to(last)))
        return found

    @property
    def _reads_fed_until(self) -> int:
        """The last node that reads the input fed by rows: they all have to be in the first section."""
        return max(self.number[node] for node in self.readers.get(self.fed, ())) if self.fed else -1

    def _cost_alone(self, number: int) -> int:
        node = self.nodes[number]
        kernel = self.alone[node]
        total = align(kernel.scratch_bytes(node))
        total += sum(align(life.size_bytes) for life in self.lives if life.first <= number <= life.last)
        for index in kernel.in_place(node):
            operand = node.operands[index]
            if any(life.tensor is operand and life.last == number for life in self.lives):
                return total - align(operand.size_bytes)
        return total


class _SectionCosts:
    """Bytes that a section needs, extended node by node."""

    def __init__(self, partition: Partition, first: int, lockstep: Lockstep) -> None:
        self.partition, self.first, self.lockstep = partition, first, lockstep
        self._rings: dict[Tensor, tuple[int, bool]] = {}

    def extended_to(self, last: int) -> int:
        """The most bytes alive at a step of nodes first..last."""
        p, first = self.partition, self.first
        whole, passing = 0, [0] * (last - first + 1)
        entering: list[Tensor] = []
        leaving: list[Tensor] = []
        for life in p.lives:
            if life.first > last or life.last < first:
                continue
            if life.first < first or life.last > last or life.tensor is None:
                whole += align(life.size_bytes)
                if life.tensor is not None and life.first < first and life.last <= last:
                    entering.append(life.tensor)
                elif life.tensor is not None and life.first >= first:
                    leaving.append(life.tensor)
                continue
            size, carries = self._ring(life.tensor)
            if carries:
                whole += size
            else:
                for number in range(life.first - first, life.last - first + 1):
                    passing[number] += size
        for number in range(first, last + 1):
            node = p.nodes[number]
            scratch = align(p.fused[node].scratch_bytes(node))
            if p.fused[node].accumulates:
                whole += scratch
            else:
                passing[number - first] += scratch
        return whole + max(passing) - self._saved(entering, leaving, last)

    def _ring(self, tensor: Tensor) -> tuple[int, bool]:
        """(bytes, carries) of a tensor that lives inside the section."""
        if tensor not in self._rings:
            readers = self.partition.readers.get(tensor, ())
            rows = self.lockstep.rows_held(tensor, readers)
            self._rings[tensor] = align(rows * tensor.row_bytes), self.lockstep.carries(tensor, readers)
        return self._rings[tensor]

    def _saved(self, entering: Sequence[Tensor], leaving: Sequence[Tensor], last: int) -> int:
        """Bytes saved by letting one output overwrite one consumed input."""
        best = 0
        for high in entering:
            for low in leaving:
                gap = align(self.lockstep.overlap(low, high, self.readers_inside(high, last)))
                best = max(best, align(low.size_bytes) - max(gap, align(low.size_bytes) - align(high.size_bytes)))
        return best

    def readers_inside(self, tensor: Tensor, last: int) -> list[Node]:
        number = self.partition.number
        return [node for node in self.partition.readers[tensor] if self.first <= number[node] <= last]


def _shortest(
    count: int, edges: Sequence[Sequence[tuple[Section, int]]], extend: Callable[[float, int, Section], float]
) -> tuple[list[float], list[Section | None]]:
    """(least length to every node's border, the section that ends there) over sections in a row from the first node."""
    lengths: list[float] = [0] + [float("inf")] * count
    chosen: list[Section | None] = [None] * (count + 1)
    for first in range(count):
        for section, cost in edges[first]:
            length = extend(lengths[first], cost, section)
            if length < lengths[section.last + 1]:
                lengths[section.last + 1], chosen[section.last + 1] = length, section
    return lengths, chosen


def _views_before(graph: Graph, number: Mapping[Node, int]) -> list[list[Node]]:
    """For each node that runs, by number: the views between the node before it and itself."""
    found: list[list[Node]] = [[]]
    for node in graph.nodes:
        if node in number:
            found.append([])
        else:
            found[-1].append(node)
    return found


def _lives(
    graph: Graph, number: Mapping[Node, int], placement: Placement, keep_inputs: bool, fed: Tensor | None
) -> list[_Life]:
    """One life per storage. Views take the number of the next node that runs; a fed input is born with node 0."""
    alive = lifetimes(graph, step_numbers(graph, number), keep_inputs)
    lives = []
    for storage in placement.storages():
        first = min(0 if tensor is fed else alive[tensor].first for tensor in storage.places)
        last = max(alive[tensor].last for tensor in storage.places)
        only = next(iter(storage.places)) if len(storage.places) == 1 else None
        lives.append(_Life(storage.size_bytes, first, last, only))
    return lives
