"""Graph + board features -> the C kernels that can run each node."""

from __future__ import annotations

from collections.abc import Iterable

from codegen.kernels import KERNELS
from tinyml.errors import UnsupportedError
from tinyml.ir import Graph, Node, shown
from tinyml.kernel import Kernel


def select_kernels(graph: Graph, features: Iterable[str] = ()) -> dict[Node, tuple[Kernel, ...]]:
    """Kernels per node, preferred first: those of the inventory that accept it and need no CPU feature that is missing.

    Raises UnsupportedError naming every node that has none.
    """
    available = frozenset(features)
    found = {node: tuple(k for k in KERNELS if _fits(k, node, available)) for node in graph.nodes}
    missing = [node for node, kernels in found.items() if not kernels]
    if missing:
        listed = "\n".join(
            f"  {shown(node.name)}: {node.op.kind} of {[list(t.shape) for t in node.inputs]}" for node in missing
        )
        raise UnsupportedError(
            f"{graph.name}: no C kernel for\n{listed}", "replace these layers, or add a kernel (CONTRIBUTING.md)"
        )
    return found


def _fits(kernel: Kernel, node: Node, available: frozenset[str]) -> bool:
    return kernel.requires <= available and kernel.runs(node)
