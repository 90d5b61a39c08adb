"""A Graph run in numpy, node by node: the oracle that every kernel, firmware and device must equal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tinyml.errors import UsageError
from tinyml.ir import ACTIVATION_TYPES, Array, Graph, Node, Tensor, channels_first_hint, shown

Inputs = Array | Sequence[Array]


def run(graph: Graph, inputs: Inputs) -> tuple[Array, ...]:
    """Outputs of one inference, in the order of graph.outputs.

    inputs: one array per graph input (a lone array for a single input), of its dtype and shape; a missing batch side
    is added.
    """
    values = run_all(graph, inputs)
    return tuple(values[tensor] for tensor in graph.outputs)


def run_all(graph: Graph, inputs: Inputs) -> Mapping[Tensor, Array]:
    """The value of every tensor of the graph, for comparing layer by layer."""
    values: dict[Tensor, Array] = {t: t.values for t in graph.tensors if t.is_constant}
    values.update(zip(graph.inputs, check_inputs(graph, inputs), strict=True))
    for node in graph.nodes:
        values.update(zip(node.outputs, evaluate(node, [values[t] for t in node.inputs]), strict=True))
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
