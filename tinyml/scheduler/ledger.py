"""The accounts of a growing section's state while its tensors are settled, the last one first."""

from __future__ import annotations

from copy import copy
from typing import NamedTuple

import numpy as np

from tinyml.ir import Node, Tensor
from tinyml.scheduler.in_place import replacing
from tinyml.scheduler.network import Limits, Network
from tinyml.scheduler.packing import align
from tinyml.scheduler.rows import Lockstep
from tinyml.scheduler.states import CARRIED, COLUMNS_AGAIN, EXTRA, WHOLE, WITHIN, State, with_bit
from tinyml.scheduler.strips import Run, row_bytes, run_with


class Growing(NamedTuple):
    """A section that grows from a node on, by number, within limits."""

    network: Network
    lockstep: Lockstep
    first: int
    limits: Limits


class Ledger:
    """A state's accounts while tensors are settled, the last one first. Arguments as of `Growth.settled`."""

    def __init__(self, growing: Growing, state: State, number: int, closing: bool) -> None:
        self.network, self.lockstep, self.first, self.limits = growing
        self.old, self.number, self.closing = state, number, closing
        self.costs, self.passing, self.runs = state.costs.copy(), list(state.passing), list(state.runs)
        self.choices = state.choices
        self.begin = number + 1 - len(state.passing)
        self.open: list[Tensor] = []
        self.certain = frozenset(n for n in state.again if self.network.life[n.output].last <= number)
        self.passes = state.passes
        self.more_bytes, self.more_macs = 0, 0  # what the open tensors add at the least

    def settle(self, tensor: Tensor) -> list[Ledger]:
        """Adds a tensor to the costs, or leaves it open; two ledgers for two ways, none when the state is useless."""
        if self.network.life[tensor].last > self.number:
            self.open.append(tensor)
            return [self]
        readers, producer = self.network.distinct_readers.get(tensor, ()), self.network.producer(tensor)
        unknown = [node for node in readers if node.output in self.open and self._ends_inside(node.output)]
        if unknown and tensor in self.old.passes:
            self.open.append(tensor)
            return [self]
        again, lockstep = self.old.again, self.lockstep
        held = lockstep.held(tensor, self.certain, producer)
        read_for_certain = not any(node in again for node in unknown)
        extra = 0
        if producer is not None and producer in again:
            rows = lockstep.computed(producer, self.certain).total
            extra = producer.macs * rows // tensor.hwc[0] - producer.macs
            if read_for_certain and self._in_vain(tensor, producer, rows):
                return []
        if not read_for_certain or (not held.carries and any(self._matters(node, tensor) for node in unknown)):
            self.open.append(tensor)
            if read_for_certain:
                self.passes = self.passes | {tensor}
            if not self.limits.every:  # readers that skip rows may make it less
                self.more_bytes += align(held.rows * tensor.row_bytes) if held.carries else 0
                self.more_macs += extra
            return [self]
        self.costs[:, EXTRA] += extra
        if not held.carries:
            return self._pass(tensor, held.rows, producer)
        self.costs[:, CARRIED] += align(held.rows * tensor.row_bytes)
        return [self]

    def _in_vain(self, tensor: Tensor, producer: Node, rows: int) -> bool:
        """Whether nothing is gained by computing so many rows again."""
        kept = self.lockstep.held(tensor, self.certain - {producer}, producer)
        useless = not kept.carries and rows >= tensor.hwc[0] and not self.limits.every
        return useless or not rows

    def _matters(self, node: Node, tensor: Tensor) -> bool:
        """Whether it may depend on a reader's output how a tensor that lives within a tick is held."""
        replaces = self.network.fused[node].in_place(node)
        return self.network.strips.may_be_cut(node) or tensor in (node.operands[index] for index in replaces)

    def _ends_inside(self, tensor: Tensor) -> bool:
        return not self.closing or self.network.life[tensor].last <= self.number

    def _pass(self, tensor: Tensor, rows: int, producer: Node | None) -> list[Ledger]:
        """Counts a tensor that lives within a tick, in strips where that is possible."""
        life, strips = self.network.life[tensor], self.network.strips
        cuttable = producer is not None and self.network.knobs.strips
        run = strips.extended(self.runs, tensor, producer) if cuttable and producer is not None else None
        if run is None or producer is None:
            self._count_whole(tensor, rows)
            return [self]
        whole = [self._fork()] if self.limits.every else []
        for ledger in whole:
            ledger.choices = with_bit(self.choices, life.first, WHOLE)
            ledger._count_whole(tensor, rows)
        ways = self._ways(run, producer)
        ledgers = [self, *(self._fork() for _ in ways[1:])]
        for ledger, again in zip(ledgers, ways, strict=True):
            ledger._cut(rows, run, producer, again)
        return ledgers + whole

    def _count_whole(self, tensor: Tensor, rows: int) -> None:
        """Counts a tensor over its whole width."""
        life, size = self.network.life[tensor], align(rows * tensor.row_bytes)
        around = run_with(self.runs, life.last)
        end = around.end if around else life.last
        self._add(size, life.first, end - (end == life.last and self._is_replaced(tensor)))
        self.runs.append(Run(life.first, life.first, size))

    def _ways(self, run: Run, producer: Node) -> tuple[bool, ...]:
        """Whether a node may compute again the columns of its output that strips share: must where one behind does."""
        if run.again >= 0 or not self.limits.columns_again:
            return (run.again >= 0,)
        kept = run.with_node(self.network.number[producer], False)
        useful = self.network.strips.computed(producer, kept).keeps and self._costs_to_keep(producer.output, kept)
        return (False, True) if useful else (False,)

    def _costs_to_keep(self, tensor: Tensor, run: Run) -> bool:
        """Whether it may raise the peak that a tensor is alive during the whole run, which its producer starts."""
        first, last = run.start - self.begin, self.network.life[tensor].last - self.begin
        used = max(self.passing[first] + run.kept_bytes, *self.passing[first + 1 : last + 1])
        if max(self.passing[last + 1 : run.end + 1 - self.begin], default=0) > used:
            return True
        front = self.network.nodes[run.start - 1] if run.start > self.first else None
        if front is None or front.output not in self.old.open:
            return False
        grows = self.network.strips.extended([run], front.output, front) is not None
        return grows and not self.lockstep.held(front.output, self.certain, front).carries

    def _cut(self, rows: int, run: Run, producer: Node, again: bool) -> None:
        """Counts the output of a node that goes in front of a run, some rows of a strip of it."""
        strips, tensor, life = self.network.strips, producer.output, self.network.life[producer.output]
        columns = strips.computed(producer, run.with_node(life.first, again))
        size = align(rows * row_bytes(tensor, columns))
        self._add(size, life.first, run.end if columns.keeps else life.last)
        self._add(run.kept_bytes, life.first, life.first)
        self.runs = [other for other in self.runs if other != run]
        self.runs.append(run.with_node(life.first, again, size if columns.keeps else 0))
        if again:
            height, width = tensor.hwc[:2]
            work = producer.macs * self.lockstep.computed(producer, self.certain).total
            self.costs[:, EXTRA] += work * max(columns.total, width) // (height * width) - work // height
            self.choices = with_bit(self.choices, life.first, COLUMNS_AGAIN)

    def _fork(self) -> Ledger:
        other = copy(self)
        other.costs, other.passing, other.runs = self.costs.copy(), list(self.passing), list(self.runs)
        other.open = list(self.open)
        return other

    def _is_replaced(self, tensor: Tensor) -> bool:
        return replacing(self.network, self.lockstep, tensor, self.certain, self.number) is not None

    def _add(self, size: int, first: int, last: int) -> None:
        for step in range(first, last + 1):
            self.passing[step - self.begin] += size

    def state(self) -> State:
        done = min((self.network.life[t].first for t in self.open), default=self.number + 1) - self.begin
        self.costs[:, WITHIN] = np.maximum(self.costs[:, WITHIN], max(self.passing[:done], default=0))
        runs = tuple(sorted(run for run in self.runs if run.end >= self.begin + done))
        open_tensors, passing = tuple(reversed(self.open)), tuple(self.passing[done:])
        return self.old._replace(
            open=open_tensors,
            passing=passing,
            runs=runs,
            costs=self.costs,
            choices=self.choices,
            passes=self.passes,
            more=(self.more_bytes, self.more_macs),
        )
