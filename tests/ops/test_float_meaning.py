"""The float meaning of an op is what its int8 meaning approximates: within one output step on dequantized numbers."""

from __future__ import annotations

import numpy as np
import pytest

from tests.cases_conv import CASES
from tests.samples import int8_samples
from tinyml.ir import Array, Tensor


@pytest.mark.parametrize("kind", CASES)
def test_float_and_int8_agree(kind: str) -> None:
    for seed in range(40):
        graph = CASES[kind](np.random.default_rng(seed))
        node = graph.nodes[0]
        for sample in int8_samples(graph, 5, seed):
            values = [sample[0], *(tensor.values for tensor in node.inputs[1:])]
            (quantized,) = node.op.run_int8(node, values)
            (real,) = node.op.run_float(node, [dequantized(t, v) for t, v in zip(node.inputs, values, strict=True)])
            assert real.dtype == np.float32
            assert real.shape == quantized.shape == node.output.shape
            steps = np.clip(real / node.output.affine.scale + node.output.affine.zero_point, -128, 127)
            np.testing.assert_allclose(quantized, steps, rtol=0, atol=1.01)


def dequantized(tensor: Tensor, values: Array) -> Array:
    quant = tensor.affine
    shape = [1] * values.ndim
    if quant.axis is not None:
        shape[quant.axis] = -1
    scales, zero_points = np.array(quant.scales), np.array(quant.zero_points)
    real: Array = (values - zero_points.reshape(shape)) * scales.reshape(shape)
    return real.astype(np.float32)
