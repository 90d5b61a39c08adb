"""Output over consumed input: at the border of a group, what it writes may lie where what it has read lay.

The search and the layout both ask here, so that they agree on what a group takes.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from tinyml.ir import Node, Tensor
from tinyml.scheduler.rows import Again, Lockstep
from tinyml.scheduler.storage import Lifetime, Storage

_MOST = 3  # storages that a group writes, and as many that it consumes


@dataclass(frozen=True)
class Overlap:
    """A storage that a group writes, and one that it consumes, by number, where the first may begin in the other.

    low, high: the tensors of the two that the group computes and reads. consumers: its nodes that read `high`.
    shift_bytes: how much farther the storages are apart than the tensors.
    """

    written: int
    consumed: int
    low: Tensor
    high: Tensor
    consumers: Sequence[Node]
    shift_bytes: int

    def gap(self, lockstep: Lockstep, again: Again) -> int:
        """Least distance in bytes from the start of the storage that is written up to that of the consumed one."""
        return max(0, lockstep.overlap(self.low, self.high, self.consumers, again) + self.shift_bytes)


@dataclass(frozen=True)
class Borders:
    """What may lie in one place at the borders of groups. Nodes are those that run, by number.

    alive: of all tensors in the storages. readers, writer: nodes. fed: the input that comes row by row.
    """

    storages: Sequence[Storage]
    alive: Mapping[Tensor, Lifetime]
    number: Mapping[Node, int]
    readers: Mapping[Tensor, Sequence[Node]]
    writer: Mapping[Tensor, int]
    fed: Tensor | None = None

    def overlaps(self, first: int, last: int) -> list[Overlap]:
        """Of a group of nodes first..last."""
        # in front of the closer looks, as this is asked for every kernel that is tried
        dying = [i for i, life in enumerate(self._lives) if life.first < first <= life.last <= last]
        born = [i for i, life in enumerate(self._lives) if first <= life.first <= last < life.last]
        if not dying or not born:
            return []
        written = self._largest((j, self._written(self.storages[j], first, last)) for j in born)
        consumed = self._largest((i, self._consumed(self.storages[i], first, last)) for i in dying)
        found = []
        for (j, low), (i, high) in itertools.product(written, consumed):
            shift = self.storages[j].places[low] - self.storages[i].places[high]
            found.append(Overlap(j, i, low, high, self.readers_inside(high, first, last), shift))
        return found

    def _largest(self, candidates: Iterable[tuple[int, Tensor | None]]) -> list[tuple[int, Tensor]]:
        """Storages with their tensors, where there is one: so few that all ways to stack them can be tried."""
        found = [(number, tensor) for number, tensor in candidates if tensor is not None]
        return sorted(found, key=lambda pair: -self.storages[pair[0]].size_bytes)[:_MOST]

    @cached_property
    def _lives(self) -> list[Lifetime]:
        return [storage.life(self.alive) for storage in self.storages]

    def readers_inside(self, tensor: Tensor, first: int, last: int) -> list[Node]:
        """Nodes of a group that read a tensor; of slices, the first."""
        return [node for node in self.readers.get(tensor, ()) if first <= self.number[node] <= last]

    def _consumed(self, storage: Storage, first: int, last: int) -> Tensor | None:
        """The one tensor of a storage that dies in a group which the group reads, if nothing else is left in there."""
        read = [tensor for tensor in storage.places if self.readers_inside(tensor, first, last)]
        if len(read) != 1 or read[0] is self.fed or self.alive[read[0]].first >= first:
            return None
        others = (tensor for tensor in storage.places if tensor is not read[0])
        return read[0] if all(self.alive[tensor].last < first for tensor in others) else None

    def _written(self, storage: Storage, first: int, last: int) -> Tensor | None:
        """The one tensor of a storage born in a group which the group computes, if it lives on."""
        written = [tensor for tensor in storage.places if first <= self.writer.get(tensor, -1) <= last]
        return written[0] if len(written) == 1 and self.alive[written[0]].last > last else None
