"""Random one-node graphs of the ops that a convolution in slices is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.op_graphs import Rng, activation, bias, channel_quant, fused, quant, side, weights
from tinyml.ir import DType, Graph, Node, Op, Quant, Tensor
from tinyml.ops import PartialConv2D, Rescale


def partial_conv2d(rng: Rng) -> Graph:
    height, width = side(rng, 7), side(rng, 7)
    depth, filters = int(rng.choice([side(rng, 20), 48, 49, 50, 52, 97, 130])), int(rng.choice([side(rng, 9), 17, 34]))
    image = activation(rng, "image", (1, height, width, depth))
    values = weights(rng, (filters, 1, 1, depth), 0)
    start = {
        0: [],
        1: [bias(rng, filters, image, values)],
        2: [_sums(rng, "sums", (1, height, width, filters))],
    }[int(rng.choice([0, 1, 2, 2]))]
    output = _sums(rng, "output", (1, height, width, filters))
    return _one_node(PartialConv2D(), [image, values, *start], output)


def rescale(rng: Rng) -> Graph:
    sums = _sums(rng, "sums", (1, side(rng, 7), side(rng, 7), side(rng, 20)))
    return _one_node(Rescale(fused(rng)), [sums], Tensor("output", sums.shape, DType.INT8, quant(rng)))


def _sums(rng: Rng, name: str, shape: tuple[int, ...]) -> Tensor:
    found = channel_quant(rng, shape[3], 3)
    small = Quant(tuple(scale * 0.01 for scale in found.scales), found.zero_points, found.axis)
    return Tensor(name, shape, DType.INT32, small)


def _one_node(op: Op, inputs: Sequence[Tensor], output: Tensor) -> Graph:
    assert op.infer(inputs) == (output.shape,)
    return Graph(
        op.kind,
        (Node(op.kind, op, tuple(inputs), (output,)),),
        tuple(t for t in inputs if not t.is_constant),
        (output,),
    )


CASES: dict[str, Callable[[Rng], Graph]] = {"partial_conv2d": partial_conv2d, "rescale": rescale}
