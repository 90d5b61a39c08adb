"""Random layers of the sizes that networks have, for measuring what kernels cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from tests.cases_sums import CASES as SUMS
from tests.cases_wide import INT4, INT16
from tests.op_cases import CASES
from tests.op_graphs import Rng, activation, one_node, same_padding
from tinyml.ir import Activation, DType, Graph, Node, Padding, Quant, ShapeError, Tensor
from tinyml.kernel import Kernel, Types
from tinyml.ops import (
    Add,
    AveragePool2D,
    BatchMatMul,
    Concatenation,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    LogSoftmax,
    MaxPool2D,
    Mean,
    Mul,
    Pad,
    Relu,
    Softmax,
)
from tinyml.scheduler.rows import RowRange

MOST_MACS, MOST_WEIGHTS_BYTES = 250_000, 12_000
_TRIES = 4000


@dataclass(frozen=True)
class Layer:
    """A node, run by a kernel over ticks of rows. idle: ticks without work in between."""

    kernel: Kernel
    node: Node
    rows: RowRange


def layers(kernel: Kernel, count: int, bytes_limit: int, rng: Rng) -> Iterator[Layer]:
    """Layers that the kernel runs, whole, by rows and a few rows at a time; fewer where they are hard to find."""
    found = 0
    makers = _makers(kernel)
    for attempt in range(_TRIES):
        if found == count:
            return
        try:
            graph = makers[attempt % len(makers)](rng)
        except ShapeError:
            continue
        node = _without_states(graph.nodes[0])
        sides = (sum(tensor.size_bytes for tensor in side) for side in (node.operands, node.outputs))
        parts = (*sides, 4 * kernel.scratch_bytes(node))
        weights = sum(t.size_bytes for t in node.inputs if t.is_constant)
        if node.macs > MOST_MACS or weights > MOST_WEIGHTS_BYTES or not kernel.runs(node):
            continue
        if max(parts) > 4 * bytes_limit // 9:  # layers lie over each other, each part in a place of its own
            continue
        yield Layer(kernel, node, _rows(kernel, node, found))
        found += 1


def _without_states(node: Node) -> Node:
    """The node with ordinary tensors for its states, which lie in the arena then."""
    plain = {tensor: replace(tensor, is_state=False) for tensor in (*node.inputs, *node.outputs) if tensor.is_state}
    inputs, outputs = (tuple(plain.get(tensor, tensor) for tensor in side) for side in (node.inputs, node.outputs))
    return replace(node, inputs=inputs, outputs=outputs)


def _makers(kernel: Kernel) -> list[Callable[[Rng], Graph]]:
    """What draws graphs for a kernel, in turn: of ops that networks spend their time in, mostly of networks' sizes."""
    kind = kernel.op.kind
    if kernel.types == Types():
        return [*([_MAKERS[kind]] * 4 if kind in _MAKERS else []), CASES[kind]]
    return [(INT4 if kernel.types.weights is DType.INT4 else {**INT16, **SUMS})[kind]]


def _rows(kernel: Kernel, node: Node, number: int) -> RowRange:
    """Every third layer whole, every third row by row, the others two rows at a time or every other tick."""
    height = (node.operands[0] if kernel.accumulates else node.outputs[0]).hwc[0]
    if number % 3 == 0 or not (kernel.by_rows or kernel.accumulates) or height == 1:
        return RowRange(np.zeros(1, np.int64), np.array([height], np.int64))
    each = 1 if number % 3 == 1 else 2
    ends = np.minimum(np.arange(each, height + each, each, dtype=np.int64), height)
    if number % 6 == 5:
        ends = np.repeat(ends, 2)
    return RowRange(np.concatenate([[0], ends[:-1]]), ends)


def _between(rng: Rng, low: int, high: int) -> int:
    """Log-uniform."""
    return int(np.exp(rng.uniform(np.log(low), np.log(high + 1))))


def _channels(rng: Rng, high: int = 256) -> int:
    """Mostly multiples of 8, as architectures have them."""
    channels = _between(rng, 1, high)
    return -(-channels // 8) * 8 if rng.random() < 0.6 else channels


def _image(rng: Rng, width_one: float = 0.1) -> tuple[int, int]:
    height = _between(rng, 1, 40)
    if rng.random() < width_one:
        return height, 1
    return height, height if rng.random() < 0.6 else _between(rng, 1, 40)


def _finished(rng: Rng, op: Conv2D | DepthwiseConv2D | FullyConnected, image: Tensor, shape: tuple[int, ...]) -> Graph:
    """A layer with filters of that shape; sums of noise spread over int8."""
    axis = 3 if isinstance(op, DepthwiseConv2D) else 0
    count, taps = shape[axis], int(np.prod(shape)) // shape[axis]
    scale = 1 / (37 * np.sqrt(taps))
    values = rng.integers(-64, 65, shape).astype(np.int8)
    filters = Tensor.constant("weights", values, Quant((scale,) * count, (0,) * count, axis))
    products = Quant((scale * image.affine.scale,) * count, (0,) * count, 0)
    bias = Tensor.constant("bias", rng.integers(-500, 500, count, np.int32), products)
    relu = op.activation is not Activation.NONE
    return one_node(op, [image, filters, bias], [Quant.per_tensor(6 / 255, -128 if relu else 3)])


def _activation(rng: Rng) -> Activation:
    return Activation(rng.choice(["none", "relu", "relu6", "relu6"]))


def _operand(shape: tuple[int, ...], name: str = "input") -> Tensor:
    return activation(np.random.default_rng(0), name, shape, Quant.per_tensor(1 / 64, -3))


def _padding(rng: Rng, height: int, width: int, kernel: tuple[int, int], stride: tuple[int, int]) -> Padding:
    return same_padding(height, width, kernel, stride, (1, 1)) if rng.random() < 0.7 else Padding()


_KERNELS = (
    (1, 1),
    (1, 1),
    (1, 1),
    (1, 1),
    (3, 3),
    (3, 3),
    (3, 3),
    (5, 5),
    (10, 4),
    (3, 1),
    (1, 3),
    (5, 1),
    (2, 2),
    (7, 7),
)


def conv2d(rng: Rng) -> Graph:
    kernel = _KERNELS[int(rng.integers(len(_KERNELS)))]
    height, width = _image(rng)
    stride = (1, 1) if rng.random() < 0.7 else (2, 2)
    padding = Padding() if kernel == (1, 1) else _padding(rng, height, width, kernel, stride)
    depth = int(rng.choice([1, 3, 3, 4])) if rng.random() < 0.2 else _channels(rng)
    image = _operand((1, height, width, depth))
    return _finished(
        rng, Conv2D(*stride, padding=padding, activation=_activation(rng)), image, (_channels(rng), *kernel, depth)
    )


def depthwise_conv2d(rng: Rng) -> Graph:
    kernel = [(3, 3), (3, 3), (5, 5), (7, 7), (3, 1), (5, 1), (9, 1), (1, 5), (2, 2)][int(rng.integers(9))]
    height, width = _image(rng, 0.25)
    stride = (1, 1) if rng.random() < 0.65 else (2, 2)
    if width == 1 and rng.random() < 0.8:
        kernel, stride = (_between(rng, 1, 32), 1), (1, 1)
        padding = Padding()
    else:
        padding = _padding(rng, height, width, kernel, stride)
    image = _operand((1, height, width, _channels(rng)))
    op = DepthwiseConv2D(*stride, padding=padding, activation=_activation(rng))
    return _finished(rng, op, image, (1, *kernel, image.shape[3]))


def fully_connected(rng: Rng) -> Graph:
    batch = 1 if rng.random() < 0.8 else _between(rng, 1, 20)
    features, outputs = _channels(rng, 700), _channels(rng)
    return _finished(rng, FullyConnected(_activation(rng)), _operand((batch, features)), (outputs, features))


def _shape(rng: Rng) -> tuple[int, ...]:
    return (1, *_image(rng), _channels(rng, 128))


def add(rng: Rng) -> Graph:
    shape = _shape(rng)
    operands = [_operand(shape, "first"), _operand(shape, "second")]
    return one_node(Add(_activation(rng)), operands, [Quant.per_tensor(1 / 40, -3)])


def mul(rng: Rng) -> Graph:
    shape = _shape(rng)
    second = shape if rng.random() < 0.4 else (1, 1, 1, shape[3])
    return one_node(
        Mul(_activation(rng)), [_operand(shape, "first"), _operand(second, "second")], [Quant.per_tensor(1 / 64, -3)]
    )


def _pool(op: type[AveragePool2D] | type[MaxPool2D]) -> Callable[[Rng], Graph]:
    def make(rng: Rng) -> Graph:
        shape = _shape(rng)
        if rng.random() < 0.5:
            window, stride, padding = shape[1:3], (1, 1), Padding()
        else:
            window = stride = (2, 2) if rng.random() < 0.6 else (3, 3)
            padding = _padding(rng, shape[1], shape[2], window, stride)
        image = _operand(shape)
        return one_node(op(*window, *stride, padding), [image], [image.affine])

    return make


def mean(rng: Rng) -> Graph:
    return one_node(Mean((1, 2)), [_operand(_shape(rng))], [Quant.per_tensor(1 / 64, -3)])


def relu(rng: Rng) -> Graph:
    return one_node(Relu(Activation.RELU), [_operand(_shape(rng))], [Quant.per_tensor(1 / 64, -3)])


def _softmax(op: Softmax | LogSoftmax) -> Callable[[Rng], Graph]:
    def make(rng: Rng) -> Graph:
        return one_node(op, [_operand((1, _between(rng, 2, 200)))], [op.OUTPUT_QUANT])

    return make


def batch_matmul(rng: Rng) -> Graph:
    """Scores of queries and keys, or values weighted by them, of a few heads."""
    heads, rows, depth, columns = (_between(rng, 1, high) for high in (4, 40, 64, 40))
    op = BatchMatMul(adjoint1=bool(rng.random() < 0.5))
    second = (1, heads, columns, depth) if op.adjoint1 else (1, heads, depth, columns)
    operands = [_operand((1, heads, rows, depth), "first"), _operand(second, "second")]
    return one_node(op, operands, [Quant.per_tensor(1 / 8, -3)])


def pad(rng: Rng) -> Graph:
    image = _operand(_shape(rng))
    sides = tuple(map(int, rng.integers(0, 4, 4)))
    return one_node(Pad((0, sides[0], sides[1], 0), (0, sides[2], sides[3], 0)), [image], [image.affine])


def concatenation(rng: Rng) -> Graph:
    height, width = _image(rng)
    parts = [_operand((1, height, width, _channels(rng, 64)), f"input_{i}") for i in range(int(rng.integers(2, 5)))]
    return one_node(Concatenation(3), parts, [parts[0].affine])


_MAKERS: dict[str, Callable[[Rng], Graph]] = {
    "add": add,
    "batch_matmul": batch_matmul,
    "average_pool2d": _pool(AveragePool2D),
    "concatenation": concatenation,
    "conv2d": conv2d,
    "depthwise_conv2d": depthwise_conv2d,
    "fully_connected": fully_connected,
    "log_softmax": _softmax(LogSoftmax()),
    "max_pool2d": _pool(MaxPool2D),
    "mean": mean,
    "mul": mul,
    "pad": pad,
    "relu": relu,
    "softmax": _softmax(Softmax(1.0)),
}
