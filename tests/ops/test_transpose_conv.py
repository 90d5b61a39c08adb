"""TransposeConv: sizes, cropping, and rows that no tap reaches."""

from __future__ import annotations

import numpy as np
import pytest

from tinyml.ir import DType, Graph, Node, Padding, ShapeError, Tensor
from tinyml.ops import TransposeConv


def graph(op: TransposeConv, height: int, kernel: list[float], bias: float = 0.0) -> Graph:
    """A column of `height` float pixels and a kernel of one column."""
    weights = Tensor.constant("weights", np.array(kernel, np.float32).reshape(1, -1, 1, 1))
    inputs = (
        Tensor("input", (1, height, 1, 1), DType.FLOAT32),
        weights,
        Tensor.constant("bias", np.array([bias], np.float32)),
    )
    output = Tensor("output", op.infer(inputs)[0], DType.FLOAT32)
    return Graph("graph", (Node("node", op, inputs, (output,)),), inputs[:1], (output,))


def column(model: Graph, pixels: list[float]) -> list[float]:
    node = model.nodes[0]
    values = [np.array(pixels, np.float32).reshape(1, -1, 1, 1), *(t.values for t in node.inputs[1:])]
    return [float(value) for value in node.op.run_float(node, values)[0].ravel()]


def test_overlapping_taps_add_up() -> None:
    assert column(graph(TransposeConv(stride_h=2), 2, [1, 2, 3]), [1, 10]) == [1, 2, 13, 20, 30]


def test_padding_crops() -> None:
    assert column(graph(TransposeConv(2, 1, Padding(1, 1)), 2, [1, 2, 3]), [1, 10]) == [2, 13, 20]


def test_negative_bottom_appends_rows_of_bias() -> None:
    assert column(graph(TransposeConv(3, 1, Padding(0, -1)), 2, [1, 2], 0.5), [1, 10]) == [
        1.5,
        2.5,
        0.5,
        10.5,
        20.5,
        0.5,
    ]


def test_rows_between_the_taps_read_nothing() -> None:
    node = graph(TransposeConv(3, 1, Padding(0, -1)), 2, [1, 2]).nodes[0]
    rows = [node.op.input_rows(node, 0, row, row + 1) for row in range(6)]
    assert rows == [(0, 1), (0, 1), (1, 1), (1, 2), (1, 2), (2, 2)]


def test_padding_that_leaves_nothing() -> None:
    weights = Tensor.constant("weights", np.zeros((1, 2, 1, 1), np.float32))
    with pytest.raises(ShapeError, match="leaves"):
        TransposeConv(padding=Padding(2, 1)).infer([Tensor("input", (1, 2, 1, 1), DType.FLOAT32), weights])
