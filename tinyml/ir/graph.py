"""A network as a value: nodes in execution order, holding their tensors directly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from tinyml.errors import UsageError
from tinyml.ir.op import Op
from tinyml.ir.tensor import Array, Tensor


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
class State:
    """What an inference leaves for the next one.

    read: holds `initial` in the first inference, later what `written` held at the end of the one before. Like an input,
        no node produces it.
    written: any tensor of the graph, of the same shape, dtype and quantization.
    initial: of that shape and dtype, read-only.
    """

    read: Tensor
    written: Tensor
    initial: Array

    @property
    def name(self) -> str:
        return self.read.name


def require_graph(given: object) -> None:
    """Raises UsageError for anything but a Graph: the path of a model, most often."""
    if not isinstance(given, Graph):
        raise UsageError(f"a Graph is expected, not {type(given).__name__}", "tinyml.load(path) reads one")


@dataclass(frozen=True, eq=False)
class Graph:
    """Nodes in an order in which each tensor is produced before it is read.

    sha256: of the file the graph came from, hex, or empty.
    states: what is carried from one inference to the next; empty for a function of the inputs alone.
    """

    name: str
    nodes: tuple[Node, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    sha256: str = ""
    states: tuple[State, ...] = ()

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
        """Every tensor once: inputs first, then what states hold, then by node."""
        seen: dict[Tensor, None] = dict.fromkeys((*self.inputs, *(state.read for state in self.states)))
        for node in self.nodes:
            seen.update(dict.fromkeys((*node.inputs, *node.outputs)))
        seen.update(dict.fromkeys((*self.outputs, *(state.written for state in self.states))))
        return iter(seen)

    @property
    def state_bytes(self) -> int:
        return sum(state.read.size_bytes for state in self.states)

    def opened(self) -> Graph:
        """One inference as a function: states are inputs behind the inputs, and outputs behind the outputs."""
        read, written = tuple(s.read for s in self.states), tuple(s.written for s in self.states)
        return replace(self, inputs=self.inputs + read, outputs=self.outputs + written, states=())

    def closed(self, states: tuple[State, ...]) -> Graph:
        """The reverse of `opened`, of a graph whose last inputs and outputs are these states, by whatever tensors."""
        if not states:
            return self
        count = len(states)
        ends = zip(self.inputs[-count:], self.outputs[-count:], states, strict=True)
        kept = tuple(State(read, written, state.initial) for read, written, state in ends)
        return replace(self, inputs=self.inputs[:-count], outputs=self.outputs[:-count], states=kept)

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
        states = tuple(replace(state, written=final(state.written)) for state in self.states)
        return replace(self, nodes=nodes, outputs=tuple(map(final, self.outputs)), states=states)
