"""Random one-node graphs of the elementwise ops: sums and products that broadcast, functions of one value, softmax."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tests.op_graphs import Rng, activation, fused, one_node, quant, scale, side
from tinyml.ir import Activation, Graph, Op, Quant, Shape, Tensor
from tinyml.ops import (
    Abs,
    Add,
    Elementary,
    Elu,
    Gelu,
    HardSwish,
    L2Normalization,
    LeakyRelu,
    Logistic,
    LogSoftmax,
    Maximum,
    Minimum,
    Mul,
    Prelu,
    Quantize,
    Relu,
    Rsqrt,
    Softmax,
    SquaredDifference,
    Sub,
    Tanh,
)
from tinyml.ops.elementary import FUNCTIONS


def any_shape(rng: Rng) -> Shape:
    """An image in most cases; else 1 to 6 sides, often with N != 1."""
    if rng.random() < 0.6:
        return (1, side(rng), side(rng), side(rng))
    return tuple(side(rng, 5) for _ in range(int(rng.integers(1, 7))))


def stretched(rng: Rng, shape: Shape) -> Shape:
    """A shape that broadcasts to `shape`: some sides 1, some leading sides missing."""
    form = rng.choice(["same", "channel", "trailing", "scalar", "mixed", "mixed"])
    if form == "same":
        return shape
    if form == "channel":
        sides = (*(1 for _ in shape[:-1]), shape[-1])
    elif form == "trailing":
        sides = shape[int(rng.integers(0, len(shape) + 1)) :]
    elif form == "scalar":
        sides = (1,) * len(shape)
    else:
        sides = tuple(1 if rng.random() < 0.5 else s for s in shape)
    while sides and sides[0] == 1 and rng.random() < 0.4:
        sides = sides[1:]
    return sides


def wide_quant(rng: Rng) -> Quant:
    """Mostly a usual quantization, sometimes a scale far from all others."""
    usual = quant(rng)
    return usual if rng.random() < 0.8 else Quant.per_tensor(scale(rng, 1e-5, 20.0), usual.zero_point)


def two_operands(rng: Rng) -> list[Tensor]:
    """Operands that broadcast, at most one of them constant; sometimes one tensor twice."""
    shape = any_shape(rng)
    first = activation(rng, "first", shape, wide_quant(rng))
    if rng.random() < 0.1:
        return [first, first]
    if rng.random() < 0.2:
        first = activation(rng, "first", stretched(rng, shape) or (1,), wide_quant(rng))
    second = second_operand(rng, stretched(rng, shape), 0.3)
    return [first, second] if rng.random() < 0.6 else [second, first]


def second_operand(rng: Rng, shape: Shape, constant_share: float) -> Tensor:
    """A constant or an activation; only a constant is ever a scalar of no sides."""
    if rng.random() < constant_share:
        values = rng.integers(-128, 128, shape).astype(np.int8)
        return Tensor.constant("second", values, wide_quant(rng))
    return activation(rng, "second", shape or (1,), wide_quant(rng))


def sum_of(op: Add | Sub, rng: Rng) -> Graph:
    operands, output = two_operands(rng), wide_quant(rng)
    if max(tensor.affine.scale for tensor in operands) > 2**18 * output.scale:
        output = quant(rng)
    return one_node(op, operands, [output])


def add(rng: Rng) -> Graph:
    return sum_of(Add(fused(rng)), rng)


def sub(rng: Rng) -> Graph:
    return sum_of(Sub(fused(rng)), rng)


def mul(rng: Rng) -> Graph:
    return one_node(Mul(fused(rng)), two_operands(rng), [quant(rng)])


def prelu(rng: Rng) -> Graph:
    shape = any_shape(rng)
    slopes = second_operand(rng, stretched(rng, shape), 0.8)
    return one_node(Prelu(), [activation(rng, "input", shape), slopes], [quant(rng)])


def one_operand(rng: Rng, op: Op, output: Quant | None = None, like: Quant | None = None) -> Graph:
    """A function of one value; small shapes are as good as large ones, for its table has 256 answers."""
    source = activation(rng, "input", any_shape(rng), like or wide_quant(rng))
    return one_node(op, [source], [output or wide_quant(rng)])


def relu(rng: Rng) -> Graph:
    kind = Activation(rng.choice([a.value for a in Activation if a is not Activation.NONE]))
    source = wide_quant(rng)
    # RELU6 means the same to TFLM and everybody else only where input and output are quantized alike
    return one_operand(rng, Relu(kind), source if rng.random() < 0.5 else None, source)


def leaky_relu(rng: Rng) -> Graph:
    alpha = float(np.float32(rng.choice([0.0, 0.01, 0.2, 1.0, 1.7, -0.3, rng.normal()])))
    return one_operand(rng, LeakyRelu(alpha))


def hard_swish(rng: Rng) -> Graph:
    source = wide_quant(rng)
    output = wide_quant(rng)
    if source.scale >= 128 * output.scale:
        output = Quant.per_tensor(source.scale, output.zero_point)
    return one_operand(rng, HardSwish(), output, source)


def logistic(rng: Rng) -> Graph:
    return one_operand(rng, Logistic(), Logistic.OUTPUT_QUANT)


def tanh(rng: Rng) -> Graph:
    return one_operand(rng, Tanh(), Tanh.OUTPUT_QUANT)


def quantize(rng: Rng) -> Graph:
    return one_operand(rng, Quantize())


def softmax(rng: Rng) -> Graph:
    """Lines below 512 values: TFLM aborts on 512 equal ones."""
    shape = any_shape(rng)
    if rng.random() < 0.3:
        shape = (*shape[:-1], int(rng.integers(1, 512)))
    beta = float(np.float32(rng.choice([1.0, 1.0, 0.1, 0.5, 3.0, rng.uniform(0.01, 10)])))
    source = activation(rng, "input", shape, wide_quant(rng))
    return one_node(Softmax(beta), [source], [Softmax.OUTPUT_QUANT])


def compared(op: Maximum | Minimum, rng: Rng) -> Graph:
    """Operands and output of one quantization."""
    like = wide_quant(rng)
    operands = [replace(tensor, quant=like) for tensor in two_operands(rng)]
    return one_node(op, operands, [like])


def maximum(rng: Rng) -> Graph:
    return compared(Maximum(), rng)


def minimum(rng: Rng) -> Graph:
    return compared(Minimum(), rng)


def squared_difference(rng: Rng) -> Graph:
    operands, output = two_operands(rng), wide_quant(rng)
    if max(tensor.affine.scale for tensor in operands) ** 2 > 2**11 * output.scale:
        output = Quant.per_tensor(max(tensor.affine.scale for tensor in operands) ** 2, output.zero_point)
    return one_node(SquaredDifference(), operands, [output])


def absolute(rng: Rng) -> Graph:
    source = wide_quant(rng)
    return one_operand(rng, Abs(), source if rng.random() < 0.3 else None, source)


def elu(rng: Rng) -> Graph:
    return one_operand(rng, Elu())


def elementary(rng: Rng) -> Graph:
    """Without LOG, which 0 has none of; TFLM casts what an int32 does not hold as the machine happens to."""
    function = str(rng.choice(sorted(set(FUNCTIONS) - {"LOG"})))
    source = Quant.per_tensor(scale(rng, 1e-3, 0.05), int(rng.integers(-128, 128)))
    return one_operand(rng, Elementary(function), quant(rng), source)


def gelu(rng: Rng) -> Graph:
    return one_operand(rng, Gelu(approximate=rng.random() < 0.5))


def rsqrt(rng: Rng) -> Graph:
    """Of numbers that are not negative: TFLM refuses others."""
    return one_operand(rng, Rsqrt(), None, Quant.per_tensor(scale(rng, 1e-5, 20.0), -128))


def l2_normalization(rng: Rng) -> Graph:
    """TFLM has it of four sides at most."""
    source = activation(rng, "input", any_shape(rng)[-4:])
    return one_node(L2Normalization(), [source], [L2Normalization.OUTPUT_QUANT])


def log_softmax(rng: Rng) -> Graph:
    shape = any_shape(rng)
    if rng.random() < 0.3:
        shape = (*shape[:-1], int(rng.integers(1, 512)))
    return one_node(LogSoftmax(), [activation(rng, "input", shape, wide_quant(rng))], [LogSoftmax.OUTPUT_QUANT])


CASES: dict[str, Callable[[Rng], Graph]] = {
    "abs": absolute,
    "add": add,
    "elementary": elementary,
    "elu": elu,
    "gelu": gelu,
    "hard_swish": hard_swish,
    "l2_normalization": l2_normalization,
    "leaky_relu": leaky_relu,
    "log_softmax": log_softmax,
    "logistic": logistic,
    "maximum": maximum,
    "minimum": minimum,
    "mul": mul,
    "prelu": prelu,
    "quantize": quantize,
    "relu": relu,
    "rsqrt": rsqrt,
    "softmax": softmax,
    "squared_difference": squared_difference,
    "sub": sub,
    "tanh": tanh,
}
