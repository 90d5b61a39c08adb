"""Graph and candidate kernels -> Plan: views, groups, kernel variants, offsets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from tinyml.board import Board
from tinyml.errors import UnsupportedError, UsageError
from tinyml.ir import Graph, Node, Tensor, verify
from tinyml.kernel import Kernel
from tinyml.scheduler.bound import network_fits
from tinyml.scheduler.frugal import Candidates, by_rows, frugal
from tinyml.scheduler.fusion import SMALL, Partition, extra_macs, peak_bytes
from tinyml.scheduler.layout import Draft, Layout
from tinyml.scheduler.network import Knobs, Network
from tinyml.scheduler.plan import Plan, Preference
from tinyml.scheduler.refine import Refinement
from tinyml.scheduler.sections import Section
from tinyml.scheduler.slices import slice_counts
from tinyml.scheduler.storage import Placement, place_views
from tinyml.scheduler.strips import LEAST_COLUMNS
from tinyml.scheduler.variants import for_strips, preferred


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
    order: Preference | None = None,
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
    order: of kernels that fit a step, by speed, or what they take in flash; as listed in `candidates` when None.
    """
    task = Task.of(graph, candidates, keep_inputs, board, feed_rows, knobs, order)
    return task.planned(max_recompute, limit_bytes, fuse or feed_rows)


@dataclass(frozen=True, eq=False)
class Task:
    """A graph to plan, with all that is settled before nodes are put into sections."""

    graph: Graph
    candidates: Candidates
    keep_inputs: bool
    board: Board | None
    network: Network
    order: Preference | None = None

    @classmethod
    def of(
        cls,
        graph: Graph,
        candidates: Candidates,
        keep_inputs: bool = False,
        board: Board | None = None,
        feed_rows: bool = False,
        knobs: Knobs | None = None,
        order: Preference | None = None,
    ) -> Task:
        """Arguments as of `make_plan`. Raises UnsupportedError for a graph that cannot be fed by rows, ModelError for
        states that are not settled, as `optimize` leaves them."""
        if graph.states and not slice_counts(graph):  # whose sums are int32
            verify(graph, "int8")
        placement = Placement(graph)
        dropped = place_views(graph, placement)
        nodes = tuple(node for node in graph.nodes if node not in dropped)
        alone = {node: frugal(node, candidates[node]) for node in nodes}
        fused = {node: by_rows(node, candidates[node]) for node in nodes}
        fed = _fed_input(graph, nodes) if feed_rows else None
        network = Network(graph, nodes, placement, alone, fused, keep_inputs, fed, knobs)
        return cls(graph, candidates, keep_inputs, board, network, order)

    def like(self, graph: Graph) -> Task:
        """The same task for another graph, such as this one in slices."""
        network = self.network
        arguments = graph, self.candidates, self.keep_inputs, self.board, network.fed is not None, network.knobs
        return Task.of(*arguments, self.order)

    def max_extra_macs(self, max_recompute: float) -> float:
        """Multiply-accumulates beyond the model's own; UsageError for a factor below 1.

        Above 0 wherever something may be done twice, for what has none at all.
        """
        if max_recompute < 1.0:
            raise UsageError(f"a recompute factor of {max_recompute} is less than the model's own work, 1.0")
        return max((max_recompute - 1) * self.network.macs, 0.5) if max_recompute > 1 else 0

    @cached_property
    def partition(self) -> Partition:
        return Partition(self.network)

    def planned(self, max_recompute: float, limit_bytes: int | None, fuse: bool = True) -> Plan:
        """Arguments as of `make_plan`."""
        network, max_extra_macs = self.network, self.max_extra_macs(max_recompute)
        found = list(self.partition.best(max_extra_macs, limit_bytes)) if fuse else []
        partitions = [self._refined(found, max_extra_macs, limit_bytes)] if found else []
        plans = [self.finished(sections) for sections in partitions]
        for sections in self.layer_by_layer():
            # a tie is for this one
            least = min((plan.arena_bytes for plan in plans), default=0)
            if not plans or network.knobs.speed or self.bound(sections) <= least:
                plans = [self.finished(sections), *plans]
        if not plans:
            raise cannot_feed(self.graph)
        if network.knobs.speed and plans[0].arena_bytes <= network.knobs.room_bytes:
            return plans[0]
        return min(plans, key=lambda plan: (max(plan.arena_bytes, limit_bytes or 0), plan.macs_executed))

    def packed(self, sections: list[Section], max_extra_macs: float | None = None) -> Plan:
        """The plan for a partition, or a smaller one for another that takes no more work, or no more than is stated."""
        if max_extra_macs is None:
            max_extra_macs = max(extra_macs(sections), 0.5 if any(section.again for section in sections) else 0)
        return self.finished(self._refined([sections], max_extra_macs, None))

    def _refined(
        self, found: Sequence[list[Section]], max_extra_macs: float, limit_bytes: int | None
    ) -> Sequence[Section]:
        """The best partition of a small graph; of a large one, a better one than those found where packing loses some.

        Arguments as of `Partition.best`, which found them.
        """
        slack, enough = self.network.unseen_bytes, max(limit_bytes or 0, 0)
        plans: list[tuple[Sequence[Section], Plan]] = [(sections, self.smallest(sections)) for sections in found]
        known = min(plans, key=lambda pair: pair[1].arena_bytes)
        arena = known[1].arena_bytes
        limit = max(arena - 1, enough) + slack
        every = self.partition.every(limit, max_extra_macs)
        if every is not None:
            return Refinement(self, every, max_extra_macs, *known, enough, slack).run()[0]
        lowest = min(map(peak_bytes, found)) - slack
        enough = enough if lowest <= enough else 0  # where nothing fits, about as little as can be
        if arena <= max(enough, lowest):
            return known[0]
        again = any(section.columns_again for sections in found for section in sections)
        for columns_again in (False, True) if again else (False,):
            options = self.partition.options(limit, max_extra_macs, columns_again)
            known = Refinement(self, options, max_extra_macs, *known, enough, slack).run()
        return known[0]

    def layer_by_layer(self) -> list[list[Section]]:
        """The one partition without fused groups; none for an input that is fed by rows."""
        alone = [Section(number, number, None) for number in range(len(self.network.nodes))]
        return [alone] if self.network.fed is None else []

    def may_fit(self, limit_bytes: int) -> bool:
        """Whether a plan with nothing computed twice may fit. Small networks always may: refinement finds more."""
        if len(self.network.nodes) <= SMALL or network_fits(self.network, limit_bytes + self.network.unseen_bytes):
            return True
        return any(self.bound(sections) <= limit_bytes for sections in self.layer_by_layer())

    def bound(self, sections: Sequence[Section]) -> int:
        """Bytes that no plan for a partition goes below."""
        return self._laid_out(sections).bound

    def may_fit_up_to(self, sections: Sequence[Section], last: int, limit_bytes: int) -> bool:
        """Whether a plan may fit that begins as a partition does up to node `last`."""
        return self._laid_out(sections).may_pack(last, limit_bytes)

    def _laid_out(self, sections: Sequence[Section]) -> Layout:
        draft, kernels = self._draft(sections)
        return draft.lay_out(kernels)

    def _draft(self, sections: Sequence[Section]) -> tuple[Draft, dict[Node, Kernel]]:
        """With the kernels that need the least memory."""
        draft = Draft(self.graph, self.network, sections, self.keep_inputs)
        alone, fused = self.network.alone, self.network.fused
        return draft, {n: (alone if s.lockstep is None else fused)[n] for n, s in draft.section.items()}

    def smallest(self, sections: Sequence[Section]) -> Plan:
        """The plan for a partition with the narrowest strips and the kernels that need the least memory."""
        draft, kernels = self._draft(sections)
        return draft.lay_out(self._for_strips(draft, kernels)).to_plan(self.board)

    def finished(self, sections: Sequence[Section]) -> Plan:
        """The plan for a partition: columns of strips, kernels, offsets."""
        draft, kernels = self._draft(sections)
        wide = _widened(draft, kernels)
        least = self._for_strips(wide, kernels)
        room_bytes = self.network.knobs.room_bytes
        fast = wide.lay_out(preferred(wide, self.candidates, least, self.order)).to_plan(self.board)
        if fast.arena_bytes <= max(draft.lay_out(kernels).bound, room_bytes):
            return fast
        # with as many bytes alive, packing may lose more
        others = wide.lay_out(least), draft.lay_out(self._for_strips(draft, kernels))
        plans = fast, *(layout.to_plan(self.board) for layout in others)
        return min(plans, key=lambda plan: plan.arena_bytes)

    def _for_strips(self, draft: Draft, kernels: Mapping[Node, Kernel]) -> dict[Node, Kernel]:
        return {node: for_strips(draft, node, self.candidates[node], kernel) for node, kernel in kernels.items()}


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


def _widened(draft: Draft, kernels: Mapping[Node, Kernel]) -> Draft:
    """Strips as wide as they can be without raising the peak, or the work."""
    whole = {run.end: draft.nodes[run.end].output.hwc[1] for run in draft.runs}
    if not whole:
        return draft
    peak, macs = draft.lay_out(kernels).bound, draft.macs_of_columns(kernels)
    wide = draft.with_columns(whole)
    if wide.lay_out(kernels).bound <= peak:
        return wide
    alike = draft.network.alike
    for node, width in {alike.get(n, n): n.output.hwc[1] for n in map(draft.nodes.__getitem__, whole)}.items():
        ends = [end for end in whole if alike.get(draft.nodes[end], draft.nodes[end]) is node]
        for count in range(1, width // LEAST_COLUMNS):
            trial = draft.with_columns({**draft.columns, **dict.fromkeys(ends, -(-width // count))})
            if trial.lay_out(kernels).bound <= peak and trial.macs_of_columns(kernels) <= macs:
                draft = trial
                break
    return draft
