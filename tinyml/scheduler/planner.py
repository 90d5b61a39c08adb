"""Graph and candidate kernels -> Plan: views, groups, kernel variants, offsets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tinyml.board import Board
from tinyml.errors import UnsupportedError, UsageError
from tinyml.ir import Graph, Node, Tensor, verify
from tinyml.kernel import Kernel
from tinyml.scheduler.frugal import by_rows, frugal, takes, whole
from tinyml.scheduler.fusion import Partition
from tinyml.scheduler.inside import tensors_inside
from tinyml.scheduler.network import Knobs, Network
from tinyml.scheduler.packing import Box, align, live_bound, pack
from tinyml.scheduler.plan import Buffer, Group, Order, Plan, Scratch, Step
from tinyml.scheduler.rows import RowRange
from tinyml.scheduler.sections import Section
from tinyml.scheduler.storage import (
    Lifetime,
    Placement,
    Storage,
    lifetimes,
    place_in_place,
    place_views,
    step_numbers,
)
from tinyml.scheduler.strips import LEAST_COLUMNS, Run, cut_node, row_bytes

SPEED_SHARE = 12  # of the smallest arena, one part more may go into the working memory of faster kernels

Candidates = Mapping[Node, Sequence[Kernel]]


def make_plan(
    graph: Graph,
    candidates: Candidates,
    keep_inputs: bool = False,
    board: Board | None = None,
    fuse: bool = True,
    feed_rows: bool = False,
    max_recompute: float = 1.0,
    limit_bytes: int | None = None,
    knobs: Knobs | None = None,
    order: Order | None = None,
) -> Plan:
    """The plan with the smallest arena for the graph's order of nodes, or the one with the least work that fits.

    candidates: kernels per node, the preferred (fastest) first. A later one, such as an in-place variant, is taken only
        where it makes the arena smaller.
    keep_inputs: the input buffers survive an inference; costs memory.
    fuse: let nodes run together by rows; False plans layer by layer.
    feed_rows: the input comes row by row and is never held. Raises UnsupportedError for a graph that cannot take it so.
    max_recompute: multiply-accumulates executed, as a multiple of the model's own; 1.0 computes nothing twice.
    limit_bytes: the least work whose arena stays within these, instead of the smallest arena; where none does, one
        about as small as can be.
    knobs: all when None.
    order: of kernels that fit a step, by speed; as listed in `candidates` when None.
    """
    task = Task.of(graph, candidates, keep_inputs, board, feed_rows, knobs, order)
    max_extra_macs = task.max_extra_macs(max_recompute)
    options = task.layer_by_layer()
    if fuse or feed_rows:
        options += Partition(task.network).best(max_extra_macs, limit_bytes)
    if not options:
        raise cannot_feed(graph)
    plans = [task.finished(sections) for sections in options]
    if task.network.knobs.speed and plans[0].arena_bytes <= task.network.knobs.room_bytes:
        return plans[0]
    # the search works with the bytes alive at each step; the packed arena decides, and a tie is for layer by layer
    return min(plans, key=lambda plan: plan.arena_bytes)


@dataclass(frozen=True, eq=False)
class Task:
    """A graph to plan, with all that is settled before nodes are put into sections."""

    graph: Graph
    candidates: Candidates
    keep_inputs: bool
    board: Board | None
    network: Network
    order: Order | None = None

    @classmethod
    def of(
        cls,
        graph: Graph,
        candidates: Candidates,
        keep_inputs: bool = False,
        board: Board | None = None,
        feed_rows: bool = False,
        knobs: Knobs | None = None,
        order: Order | None = None,
    ) -> Task:
        """Arguments as of `make_plan`. Raises UnsupportedError for a graph that cannot be fed by rows, ModelError for
        states that are not settled, as `optimize` leaves them."""
        if graph.states:
            verify(graph, "int8")
        placement = Placement(graph)
        dropped = place_views(graph, placement)
        nodes = tuple(node for node in graph.nodes if node not in dropped)
        alone = {node: frugal(node, candidates[node]) for node in nodes}
        fused = {node: by_rows(node, candidates[node]) for node in nodes}
        fed = _fed_input(graph, nodes) if feed_rows else None
        network = Network(graph, nodes, placement, alone, fused, keep_inputs, fed, knobs)
        return cls(graph, candidates, keep_inputs, board, network, order)

    def max_extra_macs(self, max_recompute: float) -> int:
        """Multiply-accumulates beyond the model's own; UsageError for a factor below 1."""
        if max_recompute < 1.0:
            raise UsageError(f"a recompute factor of {max_recompute} is less than the model's own work, 1.0")
        return int((max_recompute - 1) * self.network.macs)

    def layer_by_layer(self) -> list[list[Section]]:
        """The one partition without fused groups; none for an input that is fed by rows."""
        alone = [Section(number, number, None) for number in range(len(self.network.nodes))]
        return [alone] if self.network.fed is None else []

    def finished(self, sections: Sequence[Section]) -> Plan:
        """The plan for a partition: columns of strips, kernels, offsets."""
        network = self.network
        draft = _Draft(self.graph, network, sections, self.keep_inputs)
        kernels = {
            node: (network.alone if section.lockstep is None else network.fused)[node]
            for node, section in draft.section.items()
        }
        draft = _widened(draft, kernels)
        kernels = {n: _for_strips(draft, n, self.candidates[n], kernel) for n, kernel in kernels.items()}
        return draft.lay_out(_prefer(draft, self.candidates, kernels, self.order)).to_plan(self.board)


def _fed_input(graph: Graph, nodes: Sequence[Node]) -> Tensor:
    """The input to feed by rows; UnsupportedError where that makes no sense."""
    tensor = graph.inputs[0]
    if len(graph.inputs) != 1 or tensor.hwc[0] == 1:
        raise cannot_feed(graph, "it does not have exactly one input of several rows")
    if not nodes or tensor not in nodes[0].operands or tensor in graph.outputs:
        raise cannot_feed(graph, "its first layer does not read the input")
    return tensor


def cannot_feed(graph: Graph, why: str = "its first layers need more than a few rows at a time") -> UnsupportedError:
    return UnsupportedError(f"{graph.name} cannot be fed by rows: {why}", "--input resident")


def _for_strips(draft: _Draft, node: Node, kernels: Sequence[Kernel], chosen: Kernel) -> Kernel:
    """The kernel itself, or the next one by rows if there is a strip of columns that it does not accept."""
    strips = draft.strips_of(node)
    return next(kernel for kernel in (chosen, *kernels) if takes(kernel, strips)) if strips else chosen


def _widened(draft: _Draft, kernels: Mapping[Node, Kernel]) -> _Draft:
    """Strips as wide as they can be without raising the peak, or the work."""
    whole = {run.end: draft.nodes[run.end].output.hwc[1] for run in draft.runs}
    if not whole:
        return draft
    peak, macs = draft.lay_out(kernels).bound, draft.macs_of_columns(kernels)
    wide = draft.with_columns(whole)
    if wide.lay_out(kernels).bound <= peak:
        return wide
    for end, width in whole.items():
        for count in range(1, width // LEAST_COLUMNS):
            trial = draft.with_columns({**draft.columns, end: -(-width // count)})
            if trial.lay_out(kernels).bound <= peak and trial.macs_of_columns(kernels) <= macs:
                draft = trial
                break
    return draft


def _prefer(
    draft: _Draft, candidates: Candidates, least: dict[Node, Kernel], order: Order | None
) -> dict[Node, Kernel]:
    """Goes back to the most preferred kernel of every node that does not raise the peak, or not beyond the room."""
    chosen, knobs = dict(least), draft.network.knobs
    peak = draft.lay_out(chosen).bound
    room = max(peak, knobs.room_bytes if knobs.speed else min(knobs.room_bytes, peak + peak // SPEED_SHARE))
    for node, section in draft.section.items():
        alternatives = _alternatives(draft, node, section, candidates[node], chosen[node])
        for preferred in _ordered(draft, node, alternatives, order):
            # only scratch may take of the room: an output that is no longer in place buys little speed
            same_places = preferred.in_place(node) == chosen[node].in_place(node)
            no_more = same_places and preferred.scratch_bytes(node) <= chosen[node].scratch_bytes(node)
            trial = {**chosen, node: preferred}
            if no_more or draft.lay_out(trial).bound <= (room if same_places or knobs.speed else peak):
                chosen = trial
                break
    return chosen


def _ordered(draft: _Draft, node: Node, kernels: Sequence[Kernel], order: Order | None) -> Sequence[Kernel]:
    if order is None or len(kernels) < 2:
        return kernels
    return [step.kernel for step in order([draft.step(node, kernel) for kernel in kernels])]


def _alternatives(
    draft: _Draft, node: Node, section: Section, kernels: Sequence[Kernel], chosen: Kernel
) -> Sequence[Kernel]:
    """Kernels that can run a node as its section wants it, the preferred first."""
    if section.lockstep is None:
        return whole(kernels)
    if chosen.accumulates or not chosen.by_rows:
        return (chosen,)
    strips = draft.strips_of(node)
    return [kernel for kernel in kernels if takes(kernel, strips)]


@dataclass(frozen=True)
class _Layout:
    """Boxes of a plan before they have offsets: storages first, then scratch by node."""

    draft: _Draft
    kernels: Mapping[Node, Kernel]
    alive: Mapping[Tensor, Lifetime]
    storages: Sequence[Storage]
    scratch: Sequence[Node]
    boxes: Sequence[Box]
    overlaps: Mapping[tuple[int, int], int]

    @property
    def bound(self) -> int:
        aligned = [Box(align(box.size_bytes), box.first, box.last) for box in self.boxes]
        return live_bound(aligned, {pair: align(gap) for pair, gap in self.overlaps.items()})

    def to_plan(self, board: Board | None) -> Plan:
        packing = pack(self.boxes, self.overlaps)
        buffers: dict[Tensor, Buffer] = {}
        for storage, offset in zip(self.storages, packing.offsets, strict=False):
            for tensor, place in storage.places.items():
                life, span = self.alive[tensor], self.draft.spans.get(tensor)
                rows, columns = (span.rows, span.columns) if span else (tensor.hwc[0], None)
                buffers[tensor] = Buffer(tensor, rows, offset + place, life.first, life.last, columns)
        spaces = packing.offsets[len(self.storages) :]
        scratch = {n: Scratch(o, self.kernels[n].scratch_bytes(n)) for n, o in zip(self.scratch, spaces, strict=True)}
        groups = tuple(self._group(section, scratch) for section in self.draft.sections)
        total, bound = packing.total_bytes, packing.lower_bound_bytes
        draft = self.draft
        return Plan(draft.graph, groups, buffers, total, bound, draft.keep_inputs, board, draft.fed)

    def _group(self, section: Section, scratch: Mapping[Node, Scratch]) -> Group:
        nodes = self.draft.nodes[section.first : section.last + 1]
        if section.lockstep is None:
            (node,) = nodes
            return Group((replace(self.draft.step(node, self.kernels[node]), scratch=scratch.get(node)),))
        ranges = [section.lockstep.computed(node, section.again) for node in nodes]
        ticks = max(rows.ticks for rows in ranges)
        inside = self.draft.inside[section]
        steps = []
        for node, computed in zip(nodes, ranges, strict=True):
            cut = RowRange(computed.begin[:ticks], computed.end[:ticks])
            steps.append(Step(node, self.kernels[node], cut, scratch.get(node), inside.columns(node)))
        runs = tuple((run.start - section.first, run.end - section.first) for run in inside.runs)
        return Group(tuple(steps), ticks, runs)


class _Draft:
    """Sections whose kernels and offsets are still open."""

    def __init__(
        self,
        graph: Graph,
        network: Network,
        sections: Sequence[Section],
        keep_inputs: bool,
        columns: Mapping[int, int] | None = None,
    ) -> None:
        self.graph, self.network, self.sections, self.keep_inputs = graph, network, sections, keep_inputs
        self.nodes, self.fed, self.columns = network.nodes, network.fed, dict(columns or {})
        self.section = {node: s for s in sections for node in self.nodes[s.first : s.last + 1]}
        self.steps = step_numbers(graph, self.section)
        self.lives = lifetimes(graph, self.steps, keep_inputs)
        self.inside = {section: tensors_inside(network, section, self.columns) for section in sections}
        self.spans = {tensor: span for inside in self.inside.values() for tensor, span in inside.tensors.items()}

    def with_columns(self, columns: Mapping[int, int]) -> _Draft:
        """The same with other widths of strips."""
        return _Draft(self.graph, self.network, self.sections, self.keep_inputs, columns)

    def step(self, node: Node, kernel: Kernel) -> Step:
        """The node as a step, without scratch."""
        section = self.section[node]
        if section.lockstep is None:
            rows = node.operands[0] if kernel.accumulates else node.outputs[0]
            return Step(node, kernel, RowRange(np.zeros(1, np.int64), np.array([rows.hwc[0]], np.int64)))
        computed = section.lockstep.computed(node, section.again)
        cut = RowRange(computed.begin[: computed.ticks], computed.end[: computed.ticks])
        return Step(node, kernel, cut, None, self.inside[section].columns(node))

    def macs_of_columns(self, kernels: Mapping[Node, Kernel]) -> int:
        """Multiply-accumulates of the nodes that compute columns again."""
        again = (node for section in self.sections for node in section.columns_again)
        return sum(self.step(node, kernels[node]).macs_executed for node in again)

    @property
    def runs(self) -> list[Run]:
        return [run for inside in self.inside.values() for run in inside.runs]

    def strips_of(self, node: Node) -> list[Node]:
        """The node cut into the strips of its run, those of one shape once; empty for one over the whole width."""
        columns = self.inside[self.section[node]].columns(node)
        if columns is None:
            return []
        spans = zip(columns.begin.tolist(), columns.end.tolist(), strict=True)
        cuts = [cut_node(node, begin, end) for begin, end in spans if begin < end]
        return list({(cut.op, *(t.shape for t in (*cut.inputs, cut.output))): cut for cut in cuts}.values())

    def _life(self, tensor: Tensor) -> Lifetime:
        """Steps during which a tensor's bytes matter; in a fused section a step comes again at every tick."""
        if tensor in self.spans:
            return self.spans[tensor].life
        first, last = self.lives[tensor].first, self.lives[tensor].last
        for section in self.sections:
            if section.lockstep is not None and section.first <= first <= section.last:
                first = section.first
            if section.lockstep is not None and section.first <= last <= section.last:
                last = section.last
        return Lifetime(first, last)

    def lay_out(self, kernels: Mapping[Node, Kernel]) -> _Layout:
        placement = Placement(self.graph)
        place_views(self.graph, placement)
        alive = {tensor: self._life(tensor) for tensor in self.lives}
        alone = [self.nodes[s.first] for s in self.sections if s.lockstep is None]
        if self.network.knobs.in_place:
            place_in_place(alone, kernels, placement, alive)
        for inside in self.inside.values():
            for tensor, node in inside.replaced.items():
                if tensor in (node.operands[index] for index in kernels[node].in_place(node)):
                    placement.merge(tensor, node.output, 0)
        storages = placement.storages()
        boxes = [self._box(storage, alive) for storage in storages]
        scratch = [node for node in self.nodes if kernels[node].scratch_bytes(node)]
        boxes += [self._scratch_box(node, kernels[node]) for node in scratch]
        return _Layout(self, kernels, alive, storages, scratch, boxes, self._overlaps(storages, alive))

    def _box(self, storage: Storage, alive: Mapping[Tensor, Lifetime]) -> Box:
        lives = [alive[tensor] for tensor in storage.places]
        # several tensors inside a section are of one size
        spans = ((tensor, self.spans.get(tensor)) for tensor in storage.places)
        sizes = (span.rows * row_bytes(tensor, span.columns) for tensor, span in spans if span is not None)
        size = max(sizes, default=storage.size_bytes)
        return Box(size, min(life.first for life in lives), max(life.last for life in lives))

    def _scratch_box(self, node: Node, kernel: Kernel) -> Box:
        section, step = self.section[node], self.steps[node]
        whole = kernel.accumulates and section.lockstep is not None
        first, last = (section.first, section.last) if whole else (step, step)
        return Box(kernel.scratch_bytes(node), first, last)

    def _overlaps(self, storages: Sequence[Storage], alive: Mapping[Tensor, Lifetime]) -> dict[tuple[int, int], int]:
        """Pairs (written, consumed) of storages that may overlap at a section border, with the least distance."""
        found: dict[tuple[int, int], int] = {}
        for section in self.sections if self.network.knobs.overlap else ():
            if section.lockstep is None:
                continue
            nodes = self.nodes[section.first : section.last + 1]
            for i, high_storage in enumerate(storages):
                high = self._consumed(high_storage, section, nodes, alive)
                for j, low_storage in enumerate(storages) if high is not None else ():
                    low = self._written(low_storage, section, nodes, alive)
                    if high is None or low is None or i == j:
                        continue
                    consumers = [node for node in nodes if high in node.operands]
                    gap = section.lockstep.overlap(low, high, consumers, section.again)
                    gap += low_storage.places[low] - high_storage.places[high]
                    if align(max(gap, 0)) < align(low_storage.size_bytes):
                        found[j, i] = max(gap, 0)
        return found

    def _consumed(
        self, storage: Storage, section: Section, nodes: Sequence[Node], alive: Mapping[Tensor, Lifetime]
    ) -> Tensor | None:
        """The one tensor of a storage that the section reads, if it comes from before and the storage dies here."""
        read = [tensor for tensor in storage.places if any(tensor in node.operands for node in nodes)]
        dies = all(alive[tensor].last <= section.last for tensor in storage.places)
        if len(read) != 1 or not dies or alive[read[0]].first >= section.first or read[0] is self.fed:
            return None
        others = (tensor for tensor in storage.places if tensor is not read[0])
        return read[0] if all(alive[tensor].last < section.first for tensor in others) else None

    def _written(
        self, storage: Storage, section: Section, nodes: Sequence[Node], alive: Mapping[Tensor, Lifetime]
    ) -> Tensor | None:
        """The one tensor of a storage that the section writes, if it lives on and nothing was in the storage before."""
        written = [tensor for tensor in storage.places if any(tensor in node.outputs for node in nodes)]
        fresh = all(alive[tensor].first >= section.first for tensor in storage.places)
        lives_on = len(written) == 1 and alive[written[0]].last > section.last
        return written[0] if fresh and lives_on else None
