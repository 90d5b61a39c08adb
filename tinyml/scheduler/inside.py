"""What the tensors inside a fused section take: rows, columns, and during which steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tinyml.ir import Node, Tensor
from tinyml.scheduler.in_place import replacing
from tinyml.scheduler.network import Network
from tinyml.scheduler.sections import Section
from tinyml.scheduler.storage import Lifetime
from tinyml.scheduler.strips import ColumnRange, Run, Strips, run_with


@dataclass(frozen=True)
class Span:
    """A tensor inside a section. columns: what is held of them at each strip; None for the whole width."""

    rows: int
    life: Lifetime
    columns: ColumnRange | None = None


@dataclass(frozen=True)
class Inside:
    """tensors: that never leave a section. runs: of nodes that work strip by strip; none of a single node.

    replaced: of the tensors, those in whose place the node computes its output.
    """

    tensors: Mapping[Tensor, Span]
    runs: tuple[Run, ...]
    strips: Strips
    replaced: Mapping[Tensor, Node]

    def columns(self, node: Node) -> ColumnRange | None:
        """What each strip computes of a node's output; None for a node that works over the whole width."""
        run = run_with(self.runs, self.strips.number[node])
        return self.strips.computed(node, run) if run else None


def tensors_inside(network: Network, section: Section, columns: Mapping[int, int]) -> Inside:
    """columns: of the last output of a run in a strip, by its node's number (strips.py)."""
    strips = Strips(network.number, network.readers, network.fused, columns)
    if section.lockstep is None:
        return Inside({}, (), strips, {})
    found: dict[Tensor, Span] = {}
    runs: list[Run] = []
    for tensor in reversed(_never_leaving(network, section)):
        life, producer = network.life[tensor], network.producer(tensor)
        held = section.lockstep.held(tensor, section.again, producer)
        cuttable = network.knobs.strips and not held.carries and producer not in section.whole
        run = strips.extended(runs, tensor, producer) if cuttable and producer is not None else None
        if run is not None and producer is not None:
            grown = run.with_node(life.first, producer in section.columns_again)
            runs = [other for other in runs if other != run] + [grown]
            found[tensor] = Span(held.rows, Lifetime(life.first, life.last), strips.computed(producer, grown))
        else:
            whole = Lifetime(section.first, section.last)
            found[tensor] = Span(held.rows, whole if held.carries else Lifetime(life.first, life.last))
    spans = {t: _through_runs(span, runs) for t, span in found.items()}
    replaced = {}
    for tensor, span in spans.items():
        node = replacing(network, section.lockstep, tensor, section.again, section.last)
        wide = node is not None and span.columns is spans[node.output].columns is None
        if node is not None and wide:
            replaced[tensor] = node
    return Inside(spans, tuple(sorted(runs)), strips, replaced)


def _never_leaving(network: Network, section: Section) -> list[Tensor]:
    """Tensors with a storage of their own whose whole life lies in the section, by producer."""
    own = [t for t, life in network.life.items() if section.first <= life.first and life.last <= section.last]
    return sorted(own, key=lambda tensor: network.life[tensor].first)


def _through_runs(span: Span, runs: list[Run]) -> Span:
    """The steps during which a tensor's bytes matter: a run takes its steps again and again."""
    first, last = span.life.first, span.life.last
    for run in runs:
        cut = span.columns is not None and run.start <= first and last <= run.end
        if cut and span.columns is not None and not span.columns.keeps:
            continue
        if run.start <= first <= run.end:
            first = run.start
        if run.start <= last <= run.end:
            last = run.end
    return Span(span.rows, Lifetime(first, last), span.columns)
