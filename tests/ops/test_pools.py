"""AveragePool2D and MaxPool2D: rounding, and what the padding counts for."""

from __future__ import annotations

import numpy as np
import pytest

from tests.op_graphs import one_node
from tinyml.interpreter import run
from tinyml.ir import Activation, Array, DType, Op, Padding, Quant, ShapeError, Tensor
from tinyml.ops import AveragePool2D, MaxPool2D

QUANT = Quant.per_tensor(0.5, 10)


def pooled(op: Op, rows: list[list[int]]) -> list[list[int]]:
    """The op over an image of one channel."""
    image: Array = np.array(rows, np.int8)[None, :, :, None]
    (result,) = run(one_node(op, [Tensor("input", image.shape, DType.INT8, QUANT)], [QUANT]), [image])
    return [[int(value) for value in row] for row in result[0, :, :, 0]]


def test_average_rounds_ties_away_from_zero_whatever_the_zero_point() -> None:
    assert pooled(AveragePool2D(1, 2, 1, 2), [[1, 2, -1, -2, 1, -2, 0, 1]]) == [[2, -2, -1, 1]]


def test_average_counts_no_padding() -> None:
    assert pooled(AveragePool2D(3, 3, padding=Padding(1, 1, 1, 1)), [[6, 12]]) == [[9, 9]]
    assert pooled(AveragePool2D(1, 2, padding=Padding(0, 0, 1, 0)), [[6, 12]]) == [[6, 9]]


def test_average_needs_a_pixel_in_every_window() -> None:
    image = Tensor("input", (1, 2, 2, 1), DType.INT8, QUANT)
    for padding in (Padding(top=2), Padding(bottom=2), Padding(left=3), Padding(right=2)):
        with pytest.raises(ShapeError, match="without a pixel"):
            AveragePool2D(2, 2, padding=padding).infer([image])


def test_max_of_a_window_in_the_padding_is_the_least_value() -> None:
    assert pooled(MaxPool2D(1, 2, 1, 2, Padding(left=2)), [[-128, -7]]) == [[-128, -7]]
    assert pooled(MaxPool2D(1, 2, 1, 2, Padding(left=2), Activation.RELU), [[-128, -7]]) == [[10, 10]]


def test_activation_clamps_in_output_steps() -> None:
    assert pooled(MaxPool2D(1, 1, activation=Activation.RELU6), [[-3, 12, 100]]) == [[10, 12, 22]]
