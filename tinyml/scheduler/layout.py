"""Sections whose kernels are open, and, with kernels, the boxes and offsets of all they need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tinyml.board import Board
from tinyml.ir import Graph, Node, Tensor
from tinyml.kernel import Kernel
from tinyml.scheduler.inside import Inside, tensors_inside
from tinyml.scheduler.network import Network
from tinyml.scheduler.packing import Box, align, aligned, live_bound, may_pack, pack
from tinyml.scheduler.plan import Buffer, Group, Plan, Scratch, Step
from tinyml.scheduler.rows import RowRange
from tinyml.scheduler.sections import Section
from tinyml.scheduler.storage import Lifetime, Placement, Storage, lifetimes, place_in_place, place_views, step_numbers
from tinyml.scheduler.strips import Run, cut_node, row_bytes


@dataclass(frozen=True)
class Layout:
    """Boxes of a plan before they have offsets: storages first, then scratch by node."""

    draft: Draft
    kernels: Mapping[Node, Kernel]
    alive: Mapping[Tensor, Lifetime]
    storages: Sequence[Storage]
    scratch: Sequence[Node]
    boxes: Sequence[Box]
    overlaps: Mapping[tuple[int, int], int]

    @property
    def bound(self) -> int:
        return live_bound(*aligned(self.boxes, self.overlaps))

    def may_pack(self, last: int, limit_bytes: int) -> bool:
        """Whether the boxes of the nodes up to a node, by number, take no more than a limit, as far as can be told."""
        chosen = [i for i, box in enumerate(self.boxes) if box.first <= last]
        boxes = [Box(b.size_bytes, b.first, min(b.last, last)) for b in map(self.boxes.__getitem__, chosen)]
        place = {box: number for number, box in enumerate(chosen)}
        known = {(low, high): gap for (low, high), gap in self.overlaps.items() if low in place and high in place}
        return may_pack(boxes, {(place[low], place[high]): gap for (low, high), gap in known.items()}, limit_bytes)

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


class Draft:
    """Sections whose kernels and offsets are still open."""

    def __init__(
        self,
        graph: Graph,
        network: Network,
        sections: Sequence[Section],
        keep_inputs: bool,
        columns: Mapping[int, int] | None = None,
        like: Draft | None = None,
    ) -> None:
        self.graph, self.network, self.sections, self.keep_inputs = graph, network, sections, keep_inputs
        self.nodes, self.fed, self.columns = network.nodes, network.fed, dict(columns or {})
        self.section = {node: s for s in sections for node in self.nodes[s.first : s.last + 1]}
        self.steps = step_numbers(graph, self.section)
        self.lives = lifetimes(graph, self.steps, keep_inputs)
        self.inside: dict[Section, Inside] = {
            section: like.inside[section] if like and self._as_wide(like, section) else self._look_inside(section)
            for section in sections
        }
        self.spans = {tensor: span for inside in self.inside.values() for tensor, span in inside.tensors.items()}

    def with_columns(self, columns: Mapping[int, int]) -> Draft:
        """The same with other widths of strips."""
        return Draft(self.graph, self.network, self.sections, self.keep_inputs, columns, self)

    def _as_wide(self, like: Draft, section: Section) -> bool:
        """Whether the strips of a section are as wide as in another draft."""
        ends = range(section.first, section.last + 1)
        return all(self.columns.get(end) == like.columns.get(end) for end in ends)

    def _look_inside(self, section: Section) -> Inside:
        return tensors_inside(self.network, section, self.columns)

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

    def lay_out(self, kernels: Mapping[Node, Kernel]) -> Layout:
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
        return Layout(self, kernels, alive, storages, scratch, boxes, self._overlaps(storages, alive))

    def _box(self, storage: Storage, alive: Mapping[Tensor, Lifetime]) -> Box:
        life = storage.life(alive)
        # several tensors inside a section are of one size
        spans = ((tensor, self.spans.get(tensor)) for tensor in storage.places)
        sizes = (span.rows * row_bytes(tensor, span.columns) for tensor, span in spans if span is not None)
        size = max(sizes, default=storage.size_bytes)
        return Box(size, life.first, life.last)

    def _scratch_box(self, node: Node, kernel: Kernel) -> Box:
        section, step = self.section[node], self.steps[node]
        whole = kernel.accumulates and section.lockstep is not None
        first, last = (section.first, section.last) if whole else (step, step)
        return Box(kernel.scratch_bytes(node), first, last)

    def _overlaps(self, storages: Sequence[Storage], alive: Mapping[Tensor, Lifetime]) -> dict[tuple[int, int], int]:
        """Pairs (written, consumed) of storages that may overlap at a section border, with the least distance."""
        found: dict[tuple[int, int], int] = {}
        borders = replace(self.network.borders, storages=storages, alive=alive)
        for section in self.sections if self.network.knobs.overlap else ():
            if section.lockstep is None:
                continue
            for overlap in borders.overlaps(section.first, section.last):
                gap = overlap.gap(section.lockstep, section.again)
                if align(gap) < align(storages[overlap.written].size_bytes):
                    found[overlap.written, overlap.consumed] = gap
        return found
