"""The kernels that need the least memory, with which the search for groups works."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tinyml.ir import Node
from tinyml.kernel import Kernel

Candidates = Mapping[Node, Sequence[Kernel]]  # the preferred (fastest) first


def frugal(node: Node, kernels: Sequence[Kernel]) -> Kernel:
    """The kernel with the least memory for a node that runs by itself."""
    return min(whole(kernels), key=lambda kernel: _own_bytes(node, kernel))


def whole(kernels: Sequence[Kernel]) -> Sequence[Kernel]:
    """Kernels for a node by itself: adding rows up is for those that are never all there."""
    return [kernel for kernel in kernels if not kernel.accumulates] or kernels


def _own_bytes(node: Node, kernel: Kernel) -> int:
    """Output and scratch of a node run by itself."""
    return kernel.scratch_bytes(node) + (0 if kernel.in_place(node) else sum(t.size_bytes for t in node.outputs))


def by_rows(node: Node, kernels: Sequence[Kernel]) -> Kernel:
    """The kernel for a fused group: one that adds up rows as they come, else the one that computes rows with the least
    scratch."""
    return min(kernels, key=lambda kernel: (not kernel.accumulates, not kernel.by_rows, kernel.scratch_bytes(node)))


def takes(kernel: Kernel, strips: Sequence[Node]) -> bool:
    return kernel.by_rows and not kernel.accumulates and all(map(kernel.runs, strips))
