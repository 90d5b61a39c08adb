"""A Graph run in numpy, node by node: the oracle that every kernel, firmware and device must equal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tinyml.errors import UsageError
from tinyml.ir import ACTIVATION_TYPES, Array, Graph, Node, Tensor, channels_first_hint, require_graph, shown

Inputs = Array | Sequence[Array]


def run(graph: Graph, inputs: Inputs) -> tuple[Array, ...]:
    """Outputs of one inference from the initial states, in the order of graph.outputs.

    inputs: one array per graph input (a lone array for a single input), of its dtype and shape; a missing batch side
    is added.
    """
    return Inferences(graph).run(inputs)


def run_all(graph: Graph, inputs: Inputs) -> Mapping[Tensor, Array]:
    """The value of every tensor of the graph, for comparing layer by layer; from the initial states."""
    return Inferences(graph).run_all(inputs)


class Inferences:
    """One inference after another; the graph's states go from each to the next."""

    def __init__(self, graph: Graph) -> None:
        require_graph(graph)
        self._graph = graph
        self.reset()

    def reset(self) -> None:
        """The next inference is a first one."""
        self._states = [state.initial for state in self._graph.states]

    def run(self, inputs: Inputs) -> tuple[Array, ...]:
        """As the function `run`, from where the inference before ended."""
        values = self.run_all(inputs)
        return tuple(values[tensor] for tensor in self._graph.outputs)

    def run_all(self, inputs: Inputs) -> Mapping[Tensor, Array]:
        """As the function `run_all`, from where the inference before ended."""
        graph = self._graph
        values: dict[Tensor, Array] = {t: t.values for t in graph.tensors if t.is_constant}
        values.update(zip(graph.inputs, check_inputs(graph, inputs), strict=True))
        values.update(zip((state.read for state in graph.states), self._states, strict=True))
        for node in graph.nodes:
            values.update(zip(node.outputs, evaluate(node, [values[t] for t in node.inputs]), strict=True))
        # inputs belong to the caller, who may fill them anew
        self._states = [values[state.written].copy() for state in graph.states]
        return values


def evaluate(node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
    """Outputs of one node."""
    integer = any(tensor.dtype in ACTIVATION_TYPES for tensor in (*node.inputs[:1], *node.outputs))
    return node.op.run_int8(node, values) if integer else node.op.run_float(node, values)


def check_inputs(graph: Graph, inputs: Inputs) -> tuple[Array, ...]:
    """The inputs as arrays of exactly the graph's shapes and dtypes; UsageError where they do not fit."""
    arrays = [inputs] if isinstance(inputs, np.ndarray) else list(inputs)
    if len(arrays) != len(graph.inputs):
        raise UsageError(f"{graph.name} has {len(graph.inputs)} inputs, {len(arrays)} given")
    return tuple(_check_input(tensor, np.asarray(array)) for tensor, array in zip(graph.inputs, arrays, strict=True))


def _check_input(tensor: Tensor, array: Array) -> Array:
    if array.shape == tensor.shape[1:] and tensor.shape[:1] == (1,):
        array = array[None]
    if array.shape != tensor.shape or array.dtype != tensor.dtype.numpy:
        raise UsageError(
            f"input {shown(tensor.name)} is {tensor.dtype.value}{list(tensor.shape)}, "
            f"given {array.dtype}{list(array.shape)}",
            channels_first_hint(array.shape[array.shape[:1] == (1,) :], tensor.shape[1:]),
        )
    return array
