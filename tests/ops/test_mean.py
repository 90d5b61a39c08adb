"""Mean: its one rescaling, and which axes it takes."""

from __future__ import annotations

import numpy as np
import pytest

from tests.op_graphs import one_node
from tests.tflm import run_tflm_cases
from tinyml.exporters.to_tflite import to_tflite
from tinyml.interpreter import run
from tinyml.ir import DType, Graph, Quant, ShapeError, Tensor
from tinyml.ir.requantize import quantize_multiplier
from tinyml.ops import Mean


def graph(op: Mean, shape: tuple[int, ...], ratio: float = 1.0, zero_point: int = 0) -> Graph:
    """A mean whose input scale is `ratio` times its output scale."""
    source = Tensor("input", shape, DType.INT8, Quant.per_tensor(ratio, zero_point))
    return one_node(op, [source], [Quant.per_tensor(1.0, zero_point)])


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 2), (3, 5), (7, 7), (100, 100)])
def test_count_is_divided_out_of_the_multiplier(height: int, width: int) -> None:
    node = graph(Mean((1, 2)), (1, height, width, 3)).nodes[0]
    assert isinstance(node.op, Mean)
    multiplier, shift = node.op.rescaling(node)
    count = height * width
    bits = count.bit_length() - 1
    assert (multiplier, shift) == ((1 << 30 + bits) // count, 1 - bits)


def test_shift_stays_representable() -> None:
    ratio = 2.0**-28
    node = graph(Mean((1, 2)), (1, 64, 64, 1), ratio).nodes[0]
    assert isinstance(node.op, Mean)
    multiplier, shift = quantize_multiplier(ratio)
    # 12 bits would take the shift below -31: TFLM takes fewer and loses precision instead
    assert node.op.rescaling(node) == ((multiplier << 31 + shift) // 4096, -31)


def test_ties_are_rounded_up() -> None:
    model = graph(Mean((1,), keep_dims=True), (1, 2, 1, 4), zero_point=-5)
    sample = [np.array([[[[-4, -6, 0, 7]], [[-5, -5, 1, -8]]]], np.int8)]
    (result,) = run(model, sample)
    np.testing.assert_array_equal(result, run_tflm_cases([(to_tflite(model), [sample])])[0][0][0])
    assert result.tolist() == [[[[-4, -5, 1, 0]]]]


def test_axes_from_the_end_and_repeated() -> None:
    source = Tensor("input", (2, 3, 4, 5), DType.INT8)
    assert Mean((-1, 1, 3)).infer([source]) == ((2, 4),)
    assert Mean((-1, 1, 3), keep_dims=True).infer([source]) == ((2, 1, 4, 1),)
    assert Mean(()).infer([source]) == ((2, 3, 4, 5),)
    assert Mean((0, 1, 2, 3)).infer([source]) == ((),)
    with pytest.raises(ShapeError, match="axes"):
        Mean((4,)).infer([source])


def test_rows_are_known_only_where_the_output_keeps_them() -> None:
    shape = (1, 4, 5, 6)
    by_axes = {(3,): (2, 3), (2,): (2, 3), (1, 2): None}
    for axes, rows in by_axes.items():
        node = graph(Mean(axes, keep_dims=True), shape).nodes[0]
        assert node.op.input_rows(node, 0, 2, 3) == rows
