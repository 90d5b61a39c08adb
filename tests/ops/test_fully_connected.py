"""FullyConnected: how TFLM multiplies the scales, and how inputs of other ranks are read."""

from __future__ import annotations

import numpy as np
import pytest

from tests.op_graphs import one_node
from tests.tflm import run_tflm_cases
from tinyml.exporters.to_tflite import to_tflite
from tinyml.interpreter import run
from tinyml.ir import DType, Graph, Quant, ShapeError, Tensor
from tinyml.ops import FullyConnected

# Their float64 product lies above their float32 product, and the output scale is twice the latter: a sum of -3 is just
# beyond the tie -1.5 in float64, and would be the tie itself, which goes up to -1, in float32.
INPUT_SCALE = float(np.float32(0.1))
WEIGHT_SCALE = next(
    float(w)
    for w in np.linspace(0.01, 0.02, 64, dtype=np.float32)
    if INPUT_SCALE * float(w) > float(np.float32(INPUT_SCALE) * w) * (1 + 2.0**-26)
)
OUTPUT_SCALE = 2 * float(np.float32(INPUT_SCALE) * np.float32(WEIGHT_SCALE))


def graph(quant: Quant, features: int) -> Graph:
    source = Tensor("input", (1, 1), DType.INT8, Quant.per_tensor(INPUT_SCALE))
    weights = Tensor.constant("weights", np.ones((features, 1), np.int8), quant)
    return one_node(FullyConnected(), [source, weights], [Quant.per_tensor(OUTPUT_SCALE)])


@pytest.mark.parametrize(
    ("quant", "features"),
    [
        (Quant.per_tensor(WEIGHT_SCALE), 2),
        (Quant((WEIGHT_SCALE,), (0,), 0), 1),
        (Quant((WEIGHT_SCALE, WEIGHT_SCALE), (0, 0), 0), 2),
    ],
)
def test_product_of_scales_is_formed_in_float64(quant: Quant, features: int) -> None:
    model = graph(quant, features)
    sample = [np.array([[-3]], np.int8)]
    want = np.full((1, features), -2, np.int8)
    np.testing.assert_array_equal(run(model, sample)[0], want)
    np.testing.assert_array_equal(run_tflm_cases([(to_tflite(model), [sample])])[0][0][0], want)


@pytest.mark.parametrize(
    ("shape", "features", "keep", "expected"),
    [
        ((1, 4, 5, 6), 6, True, (1, 4, 5, 7)),
        ((1, 4, 5, 6), 6, False, (20, 7)),
        ((1, 4, 5, 6), 120, False, (1, 7)),
        ((6,), 6, True, (7,)),
        ((6,), 6, False, (1, 7)),
    ],
)
def test_output_shape(shape: tuple[int, ...], features: int, keep: bool, expected: tuple[int, ...]) -> None:
    weights = Tensor.constant("weights", np.zeros((7, features), np.int8))
    assert FullyConnected(keep_num_dims=keep).infer([Tensor("input", shape, DType.INT8), weights]) == (expected,)


@pytest.mark.parametrize(("keep", "features"), [(True, 30), (False, 7)])
def test_features_that_do_not_divide_the_input(keep: bool, features: int) -> None:
    weights = Tensor.constant("weights", np.zeros((2, features), np.int8))
    with pytest.raises(ShapeError, match=f"{features} features"):
        FullyConnected(keep_num_dims=keep).infer([Tensor("input", (1, 5, 6), DType.INT8), weights])
