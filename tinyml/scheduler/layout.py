"""Sections whose kernels are open, and, with kernels, the boxes and offsets of all they need."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tinyml.board import Board
from tinyml.ir import Graph, Node, Tensor
from tinyml.kernel import Kernel
from tinyml.scheduler.inside import Inside, tensors_inside
from tinyml.scheduler.network import Network
from tinyml.scheduler.packing import Box, align, live_bound, pack
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
        lives = [[alive[tensor] for tensor in storage.places] for storage in storages]
        spans = [(min(life.first for life in own), max(life.last for life in own)) for own in lives]
        for section in self.sections if self.network.knobs.overlap else ():
            if section.lockstep is None:
                continue
            nodes = self.nodes[section.first : section.last + 1]
            # in front of the closer looks, as this is asked for every kernel that is tried
            dying = [i for i, (first, last) in enumerate(spans) if first < section.first <= last <= section.last]
            born = [i for i, (first, last) in enumerate(spans) if section.first <= first <= section.last < last]
            for i, j in itertools.product(dying, born):
                high = self._consumed(storages[i], section, nodes, alive)
                low = self._written(storages[j], section, nodes, alive)
                if high is None or low is None:
                    continue
                consumers = [node for node in nodes if high in node.operands]
                gap = section.lockstep.overlap(low, high, consumers, section.again)
                gap += storages[j].places[low] - storages[i].places[high]
                if align(max(gap, 0)) < align(storages[j].size_bytes):
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
