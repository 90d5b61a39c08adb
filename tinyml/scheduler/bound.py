"""Whether a graph fits so many bytes at all, without a plan: the search for a path that ends with the first one found.

Depth first over the nodes after which a section may end, the furthest first; a node from which no path leads to the end
is visited once. Nothing is computed twice, and nothing is packed.
"""

from __future__ import annotations

from collections.abc import Iterator

from tinyml.scheduler.network import Limits, Network
from tinyml.scheduler.sections import growths, section_alone


def network_fits(network: Network, limit_bytes: int) -> bool:
    """Whether there is a partition whose worst step takes no more than these bytes; a packed arena may take more."""
    count = len(network.nodes)
    crossing = _crossing(network)
    visited = {0}
    paths = [_ends(network, 0, limit_bytes, crossing)] if count else []
    while paths:
        start = next(paths[-1], None)
        if start is None:
            paths.pop()
        elif start == count:
            return True
        elif start not in visited:
            visited.add(start)
            paths.append(_ends(network, start, limit_bytes, crossing))
    return count == 0 <= limit_bytes


def _ends(network: Network, first: int, limit_bytes: int, crossing: list[int]) -> Iterator[int]:
    """Where the next section may start behind one that starts at a node, the furthest first."""
    grown = [(growth, growth.states, last) for growth, last in growths(network, first, Limits(limit_bytes))]
    for growth, states, last in reversed(grown):
        if crossing[last] <= limit_bytes:
            growth.states = states
            options = growth.options(last)
            if options is not None and options.within(limit_bytes) >= 0:
                yield last + 1
    if not (first == 0 and network.fed is not None) and section_alone(network, first).peaks[0] <= limit_bytes:
        yield first + 1


def _crossing(network: Network) -> list[int]:
    """Bytes alive from each node to the next: a section that ends there takes no less."""
    change = [0] * (len(network.nodes) + 1)
    for life in network.lives:
        if life.first < life.last and life.last > 0:
            change[max(life.first, 0)] += life.size_bytes
            change[min(life.last, len(network.nodes))] -= life.size_bytes
    total, found = 0, []
    for value in change[:-1]:
        total += value
        found.append(total)
    return found
