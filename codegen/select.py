"""Graph + board features -> the C kernels that can run each node."""

from __future__ import annotations

from collections.abc import Iterable

from codegen.kernels import KERNELS
from tinyml.errors import UnsupportedError
from tinyml.ir import Graph, Node, shown
from tinyml.kernel import Kernel


class Selection(dict[Node, tuple[Kernel, ...]]):
    """Kernels per node. Chooses for nodes that are not there yet, too: a scheduler may cut layers into slices."""

    def __init__(self, features: Iterable[str]) -> None:
        super().__init__()
        self._features = frozenset(features)

    def __missing__(self, node: Node) -> tuple[Kernel, ...]:
        self[node] = tuple(kernel for kernel in KERNELS if _fits(kernel, node, self._features))
        return self[node]


def select_kernels(graph: Graph, features: Iterable[str] = ()) -> Selection:
    """Kernels per node, preferred first: those of the inventory that accept it and need no CPU feature that is missing.

    Raises UnsupportedError naming every node that has none.
    """
    found = Selection(features)
    for node in graph.nodes:
        _ = found[node]
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
