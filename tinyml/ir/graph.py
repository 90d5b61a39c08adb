"""A network as a value: nodes in execution order, holding their tensors directly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from tinyml.ir.op import Op
from tinyml.ir.tensor import Tensor


@dataclass(frozen=True, eq=False)
class Node:
    """One op applied to tensors. Compared by identity."""

    name: str
    op: Op
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    @property
    def operands(self) -> tuple[Tensor, ...]:
        return self.op.operands(self)

    @property
    def output(self) -> Tensor:
        """The output of a node that has one."""
        (tensor,) = self.outputs
        return tensor

    @property
    def macs(self) -> int:
        return self.op.macs(self)

    def __str__(self) -> str:
        outputs = ", ".join(map(str, self.outputs))
        inputs = ", ".join(f"%{t.name}" for t in self.inputs)
        return f"{outputs} = {self.op}({inputs})"

    __repr__ = __str__


@dataclass(frozen=True, eq=False)
class Graph:
    """Nodes in an order in which each tensor is produced before it is read.

    sha256: of the file the graph came from, hex, or empty.
    """

    name: str
    nodes: tuple[Node, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    sha256: str = ""

    @cached_property
    def producer(self) -> Mapping[Tensor, Node]:
        return {tensor: node for node in self.nodes for tensor in node.outputs}

    @cached_property
    def consumers(self) -> Mapping[Tensor, tuple[Node, ...]]:
        """Nodes that read a tensor, in execution order; each node once."""
        found: dict[Tensor, list[Node]] = {}
        for node in self.nodes:
            for tensor in dict.fromkeys(node.inputs):
                found.setdefault(tensor, []).append(node)
        return {tensor: tuple(nodes) for tensor, nodes in found.items()}

    @cached_property
    def macs(self) -> int:
        return sum(node.macs for node in self.nodes)

    @property
    def tensors(self) -> Iterator[Tensor]:
        """Every tensor once: inputs first, then by node."""
        seen: dict[Tensor, None] = dict.fromkeys(self.inputs)
        for node in self.nodes:
            seen.update(dict.fromkeys((*node.inputs, *node.outputs)))
        seen.update(dict.fromkeys(self.outputs))
        return iter(seen)

    @property
    def weights_bytes(self) -> int:
        return sum(tensor.size_bytes for tensor in self.tensors if tensor.is_constant)

    def with_nodes(self, nodes: Iterator[Node] | list[Node] | tuple[Node, ...]) -> Graph:
        return replace(self, nodes=tuple(nodes))

    def substitute(self, replacements: Mapping[Tensor, Tensor]) -> Graph:
        """Every use of a key reads the value instead, graph outputs included. Chains of replacements are followed."""

        def final(tensor: Tensor) -> Tensor:
            while tensor in replacements:
                tensor = replacements[tensor]
            return tensor

        def rewired(node: Node) -> Node:
            inputs = tuple(map(final, node.inputs))
            return node if inputs == node.inputs else replace(node, inputs=inputs)

        nodes = tuple(map(rewired, self.nodes))
        return replace(self, nodes=nodes, outputs=tuple(map(final, self.outputs)))
