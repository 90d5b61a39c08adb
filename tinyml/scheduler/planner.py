"""Graph and candidate kernels -> Plan: order, views, in-place, kernel variants, offsets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tinyml.board import Board
from tinyml.ir import Graph, Node, Tensor
from tinyml.kernel import Kernel
from tinyml.scheduler.packing import Box, Packing, align, live_bound, pack
from tinyml.scheduler.plan import Buffer, Group, Plan, Scratch
from tinyml.scheduler.storage import Lifetime, Placement, Storage, lifetimes, place_in_place, place_views

Candidates = Mapping[Node, Sequence[Kernel]]


@dataclass(frozen=True)
class _Layout:
    """Boxes of a plan before they have offsets: storages first, then one per group with scratch."""

    nodes: tuple[Node, ...]
    kernels: Mapping[Node, Kernel]
    alive: Mapping[Tensor, Lifetime]
    placement: Placement
    storages: Sequence[Storage]
    boxes: Sequence[Box]


def make_plan(graph: Graph, candidates: Candidates, keep_inputs: bool = False, board: Board | None = None) -> Plan:
    """A layer-by-layer plan with the smallest arena for the graph's order of nodes.

    candidates: kernels per node, the preferred (fastest) first. A later one, such as an in-place variant, is taken only
        where it makes the arena smaller.
    keep_inputs: the input buffers survive an inference; costs memory.
    """
    kernels = _choose(graph, candidates, keep_inputs)
    layout = _lay_out(graph, kernels, keep_inputs)
    return replace(_to_plan(graph, layout, pack(layout.boxes), keep_inputs), board=board)


def _choose(graph: Graph, candidates: Candidates, keep_inputs: bool) -> dict[Node, Kernel]:
    """One kernel per node: the preferred one wherever the least peak does not depend on another.

    Starts from the variant with the least memory for every node; goes back to the preferred one where the peak stays.
    """
    frugal = {node: min(kernels, key=lambda k: _own_bytes(node, k)) for node, kernels in candidates.items()}
    peak = _peak(graph, frugal, keep_inputs)
    chosen = dict(frugal)
    for node, kernels in candidates.items():
        if chosen[node] is not kernels[0]:
            trial = {**chosen, node: kernels[0]}
            if _peak(graph, trial, keep_inputs) <= peak:
                chosen = trial
    return chosen


def _own_bytes(node: Node, kernel: Kernel) -> int:
    """Output and scratch of a node run by itself."""
    return kernel.scratch_bytes(node) + (0 if kernel.in_place(node) else sum(t.size_bytes for t in node.outputs))


def _peak(graph: Graph, kernels: Mapping[Node, Kernel], keep_inputs: bool) -> int:
    return live_bound([Box(align(b.size_bytes), b.first, b.last) for b in _lay_out(graph, kernels, keep_inputs).boxes])


def _lay_out(graph: Graph, kernels: Mapping[Node, Kernel], keep_inputs: bool) -> _Layout:
    placement = Placement(graph)
    dropped = place_views(graph, placement)
    nodes = tuple(node for node in graph.nodes if node not in dropped)
    alive = lifetimes(graph, _steps(graph, dropped), keep_inputs)
    place_in_place(nodes, kernels, placement, alive)
    storages = placement.storages()
    boxes = [_storage_box(storage, alive) for storage in storages]
    boxes += [Box(kernels[n].scratch_bytes(n), i, i) for i, n in enumerate(nodes) if kernels[n].scratch_bytes(n)]
    return _Layout(nodes, kernels, alive, placement, storages, boxes)


def _steps(graph: Graph, dropped: frozenset[Node]) -> dict[Node, int]:
    """Group index of every node; a node that does not run gets that of the next one that does."""
    steps: dict[Node, int] = {}
    running = 0
    for node in graph.nodes:
        steps[node] = running
        running += node not in dropped
    return steps


def _storage_box(storage: Storage, alive: Mapping[Tensor, Lifetime]) -> Box:
    lives = [alive[tensor] for tensor in storage.places]
    return Box(storage.size_bytes, min(life.first for life in lives), max(life.last for life in lives))


def _to_plan(graph: Graph, layout: _Layout, packing: Packing, keep_inputs: bool) -> Plan:
    buffers: dict[Tensor, Buffer] = {}
    for storage, offset in zip(layout.storages, packing.offsets, strict=False):
        for tensor, place in storage.places.items():
            life = layout.alive[tensor]
            buffers[tensor] = Buffer(tensor, tensor.hwc[0], offset + place, life.first, life.last)
    scratch_offsets = iter(packing.offsets[len(layout.storages) :])
    groups = []
    for node in layout.nodes:
        size = layout.kernels[node].scratch_bytes(node)
        groups.append(Group((node,), Scratch(next(scratch_offsets), size) if size else None))
    kernels = {node: layout.kernels[node] for node in layout.nodes}
    return Plan(graph, kernels, tuple(groups), buffers, packing.total_bytes, packing.lower_bound_bytes, keep_inputs)
