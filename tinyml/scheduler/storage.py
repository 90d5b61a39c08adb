"""Which tensors share memory: views (reshapes, concatenation, splits) and kernels that run in place."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from tinyml.ir import Graph, Node, Tensor
from tinyml.kernel import Kernel


@dataclass(frozen=True)
class Lifetime:
    """Groups (by index) during which a tensor's bytes matter, both ends included; -1 is before the first."""

    first: int
    last: int


@dataclass(eq=False)
class Storage:
    """A run of bytes with tensors at fixed offsets in it: one box for the packer."""

    size_bytes: int
    places: dict[Tensor, int] = field(default_factory=dict)

    def life(self, alive: Mapping[Tensor, Lifetime]) -> Lifetime:
        """From the first to the last use of any tensor in it."""
        lives = [alive[tensor] for tensor in self.places]
        return Lifetime(min(life.first for life in lives), max(life.last for life in lives))


class Placement:
    """The storage of every activation. Starts with one storage each; `merge` joins two."""

    def __init__(self, graph: Graph) -> None:
        self.of = {t: Storage(t.size_bytes, {t: 0}) for t in graph.tensors if t.in_arena}

    def merge(self, host: Tensor, guest: Tensor, offset: int) -> None:
        """The guest's storage moves into the host's, so that the guest starts `offset` bytes behind the host."""
        into, moved = self.of[host], self.of[guest]
        shift = into.places[host] + offset - moved.places[guest]
        for tensor, place in moved.places.items():
            into.places[tensor] = place + shift
            self.of[tensor] = into

    def fills_its_storage(self, tensor: Tensor) -> bool:
        storage = self.of[tensor]
        return storage.size_bytes == tensor.size_bytes

    def overlapping(self, tensor: Tensor) -> Iterator[tuple[Tensor, int]]:
        """(other tensor, its offset from this one) for all that share a byte with it."""
        storage = self.of[tensor]
        begin = storage.places[tensor]
        for other, place in storage.places.items():
            if other is not tensor and place < begin + tensor.size_bytes and begin < place + other.size_bytes:
                yield other, place - begin

    def storages(self) -> list[Storage]:
        """Each storage once, in order of first appearance."""
        return list({id(storage): storage for storage in self.of.values()}.values())


def step_numbers(graph: Graph, running: Collection[Node]) -> dict[Node, int]:
    """The number of every node among those that run, in order; a view has that of the next one that runs."""
    steps: dict[Node, int] = {}
    number = 0
    for node in graph.nodes:
        steps[node] = number
        number += node in running
    return steps


def readers(nodes: Iterable[Node]) -> dict[Tensor, list[Node]]:
    """The nodes that read each operand, in order; each node once."""
    found: dict[Tensor, list[Node]] = {}
    for node in nodes:
        for tensor in dict.fromkeys(node.operands):
            found.setdefault(tensor, []).append(node)
    return found


def lifetimes(graph: Graph, steps: Mapping[Node, int], keep_inputs: bool) -> dict[Tensor, Lifetime]:
    """First and last group of every activation. `steps` gives the group of each node, a view node that of the next."""
    end = max(steps.values(), default=-1) + 1
    found: dict[Tensor, Lifetime] = {}
    for tensor in graph.tensors:
        if not tensor.in_arena:
            continue
        producer = graph.producer.get(tensor)
        first = steps[producer] if producer else -1
        last = max((steps[node] for node in graph.consumers.get(tensor, ())), default=first)
        if tensor in graph.outputs or (keep_inputs and producer is None):
            last = end
        found[tensor] = Lifetime(first, last)
    return found


def place_views(graph: Graph, placement: Placement) -> frozenset[Node]:
    """Merges the storages of view nodes; returns the nodes that need not run. Others run as copies."""
    dropped: set[Node] = set()
    for node in graph.nodes:
        if _views_possible(node, placement):
            for view in node.op.views(node):
                placement.merge(view.host, view.tensor, view.offset_bytes)
            dropped.add(node)
    return frozenset(dropped)


def _views_possible(node: Node, placement: Placement) -> bool:
    """A guest can lie in one host only: it must fill its storage, and share it with neither host nor another guest."""
    views = node.op.views(node)
    if not views or not all(t.in_arena for view in views for t in (view.tensor, view.host)):
        return False
    guests = {id(placement.of[view.tensor]) for view in views}
    hosts = {id(placement.of[view.host]) for view in views}
    return (
        len(guests) == len(views)
        and guests.isdisjoint(hosts)
        and all(placement.fills_its_storage(view.tensor) for view in views)
    )


def place_in_place(
    nodes: Iterable[Node], kernels: Mapping[Node, Kernel], placement: Placement, alive: Mapping[Tensor, Lifetime]
) -> None:
    """Lets outputs take over operands where the kernel allows it and nobody reads the operand's bytes again."""
    for node in nodes:
        operand = taken_over(node, kernels[node], placement, alive)
        if operand is not None:
            placement.merge(operand, node.output, 0)


def taken_over(node: Node, kernel: Kernel, placement: Placement, alive: Mapping[Tensor, Lifetime]) -> Tensor | None:
    """The operand whose bytes the output of a node may take."""
    operands = (node.operands[index] for index in kernel.in_place(node))
    return next((operand for operand in operands if _may_take_over(node, operand, placement, alive)), None)


def _may_take_over(node: Node, operand: Tensor, placement: Placement, alive: Mapping[Tensor, Lifetime]) -> bool:
    output = node.output
    if not (operand.in_arena and output.in_arena) or operand.size_bytes != output.size_bytes:
        return False
    if placement.of[operand] is placement.of[output] or not placement.fills_its_storage(output):
        return False
    step = alive[output].first
    if alive[operand].last > step:
        return False
    for other, offset in placement.overlapping(operand):
        # another operand of this node may share the bytes only if it is read in step with this one
        if alive[other].last > step or (other in node.operands and (offset or other.size_bytes != operand.size_bytes)):
            return False
    return True
