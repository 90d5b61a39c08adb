"""Random graphs with states, and a small streaming network like those that listen for a wake word."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from tests.op_graphs import Rng
from tests.random_graphs import random_graphs
from tinyml.ir import Activation, Array, DType, Graph, Node, Quant, Shape, State, Tensor, verify
from tinyml.ops import Add, Concatenation, Conv2D, DepthwiseConv2D, FullyConnected, Logistic, Mul, Reshape, StridedSlice


def stateful_graphs(seed: int, count: int) -> Iterator[Graph]:
    """Random graphs in which one to three tensors are replaced by something that remembers."""
    for index, graph in enumerate(random_graphs(seed, count)):
        rng = np.random.default_rng([seed, index, 2])
        for number in range(int(rng.integers(1, 4))):
            graph = with_memory(graph, rng, number)
        yield verify(graph, "imported")


def with_memory(graph: Graph, rng: Rng, number: int) -> Graph:
    """Readers of one tensor read a sum over time, a product with the past, a window of the past, or the past itself."""
    tensors = [t for t in graph.tensors if not t.is_constant and t.dtype is DType.INT8 and graph.consumers.get(t)]
    old = tensors[int(rng.integers(len(tensors)))]
    name = f"memory_{number}"
    nodes, new, states = _memory(old, rng, name)
    place = next((at + 1 for at, node in enumerate(graph.nodes) if old in node.outputs), 0)
    readers = [
        replace(node, inputs=tuple(new if tensor is old else tensor for tensor in node.inputs))
        for node in graph.nodes[place:]
    ]
    outputs = tuple(new if tensor is old and rng.random() < 0.5 else tensor for tensor in graph.outputs)
    kept = tuple(
        replace(state, written=new) if state.written is old and rng.random() < 0.3 else state for state in graph.states
    )
    return replace(graph, nodes=(*graph.nodes[:place], *nodes, *readers), outputs=outputs, states=kept + states)


def _memory(old: Tensor, rng: Rng, name: str) -> tuple[list[Node], Tensor, tuple[State, ...]]:
    kind = int(rng.integers(4)) if old.shape else 3
    if kind == 0:
        axis = 1 if len(old.shape) == 4 and old.shape[0] == 1 else int(rng.integers(len(old.shape)))
        return window(old, axis, int(rng.integers(1, 5)), initial_bytes(rng), name)
    read = like(old, name)
    initial = values(rng, read.shape)
    if kind == 3:  # a delay line of one or two
        second = like(old, f"{name}_second")
        line = (State(second, read, values(rng, read.shape)), State(read, old, initial))
        return ([], second, line) if rng.random() < 0.5 else ([], read, line[1:])
    result = like(old, f"{name}_result")
    node = Node(result.name, Add() if kind == 1 else Mul(), (old, read), (result,))
    return [node], result, (State(read, result if rng.random() < 0.6 else old, initial),)


def window(
    new: Tensor, axis: int, length: int, initial: int | None, name: str, whole: bool = False
) -> tuple[list[Node], Tensor, tuple[State, ...]]:
    """What came before and what is new along an axis: a streaming layer's view of time.

    whole: the result is all of it; else its first part, of the shape of what is new. initial: None for noise.
    """
    side, rest = new.shape[axis], (new.shape[:axis], new.shape[axis + 1 :])
    read = Tensor(name, (*rest[0], length, *rest[1]), DType.INT8, new.quant)
    joined = Tensor(f"{name}_joined", (*rest[0], length + side, *rest[1]), DType.INT8, new.quant)
    last = Tensor(f"{name}_last", read.shape, DType.INT8, new.quant)
    first = Tensor(f"{name}_first", new.shape, DType.INT8, new.quant)
    nodes = [
        Node(joined.name, Concatenation(axis), (read, new), (joined,)),
        Node(last.name, sliced(joined.shape, axis, side, length), (joined,), (last,)),
    ]
    if not whole:
        nodes.append(Node(first.name, sliced(joined.shape, axis, 0, side), (joined,), (first,)))
    rng = np.random.default_rng(0)
    begins = values(rng, read.shape) if initial is None else np.full(read.shape, initial, np.int8)
    return nodes, joined if whole else first, (State(read, last, begins),)


def sliced(shape: Shape, axis: int, begin: int, size: int) -> StridedSlice:
    begins = tuple(begin if at == axis else 0 for at in range(len(shape)))
    sizes = tuple(size if at == axis else side for at, side in enumerate(shape))
    return StridedSlice(begins, sizes, (1,) * len(shape))


def initial_bytes(rng: Rng) -> int | None:
    return None if rng.random() < 0.3 else int(rng.integers(-128, 128))


def values(rng: Rng, shape: Shape) -> Array:
    if rng.random() < 0.5:
        return np.full(shape, int(rng.integers(-128, 128)), np.int8)
    return rng.integers(-128, 128, shape).astype(np.int8)


def like(tensor: Tensor, name: str) -> Tensor:
    return Tensor(name, tensor.shape, DType.INT8, tensor.quant)


def streaming_network(seed: int = 0) -> Graph:
    """Three new rows of eight features an inference; two convolutions over windows of the past, a probability."""
    rng = np.random.default_rng(seed)
    sound = Tensor("sound", (1, 3, 8), DType.INT8, Quant.per_tensor(0.1, -128))
    rows = Tensor("rows", (1, 3, 1, 8), DType.INT8, sound.quant)
    first, first_joined, first_states = window(rows, 1, 2, -128, "first", whole=True)
    hidden = Tensor("hidden", (1, 1, 1, 16), DType.INT8, Quant.per_tensor(0.05, -128))
    second, second_joined, second_states = window(hidden, 1, 6, -128, "second", whole=True)
    mixed = Tensor("mixed", (1, 1, 1, 16), DType.INT8, Quant.per_tensor(0.1, 4))
    flat = Tensor("flat", (1, 16), DType.INT8, mixed.quant)
    score = Tensor("score", (1, 1), DType.INT8, Quant.per_tensor(0.1, 10))
    chance = Tensor("chance", (1, 1), DType.INT8, Logistic.OUTPUT_QUANT)
    nodes = (
        Node("rows", Reshape(rows.shape), (sound,), (rows,)),
        *first,
        Node(
            "hidden",
            Conv2D(3, 1, activation=Activation.RELU),
            (first_joined, *_weights(rng, 16, 16, 5, 1, 8)),
            (hidden,),
        ),
        *second,
        Node("mixed", DepthwiseConv2D(), (second_joined, *_weights(rng, 16, 1, 7, 1, 16)), (mixed,)),
        Node("flat", Reshape(flat.shape), (mixed,), (flat,)),
        Node("score", FullyConnected(), (flat, *_weights(rng, 1, 1, 16)), (score,)),
        Node("chance", Logistic(), (score,), (chance,)),
    )
    return Graph("streaming", nodes, (sound,), (chance,), states=first_states + second_states)


def _weights(rng: Rng, channels: int, *shape: int) -> tuple[Tensor, Tensor]:
    """Weights and bias."""
    data, bias = rng.integers(-127, 128, shape).astype(np.int8), rng.integers(-500, 500, channels).astype(np.int32)
    name = f"weights_{len(shape)}_{shape[0]}"
    return Tensor.constant(name, data, Quant.per_tensor(0.004)), Tensor.constant(f"{name}_bias", bias)
