from __future__ import annotations

import numpy as np
import pytest

from tests.passes.graphs import QUANT, activation, graph, kinds, layer, real
from tinyml.errors import UnsupportedError
from tinyml.interpreter import run
from tinyml.ir import DType, Graph, Quant, Tensor, verify
from tinyml.ops import Dequantize, Quantize, Relu, Tanh
from tinyml.ops.quantize import quantized
from tinyml.passes import float_border

OUTPUT = Quant.per_tensor(0.07, -20)


def bordered() -> Graph:
    x = real(1, 6, name="image")
    quantize = layer(Quantize(), x, dtype=DType.INT8, quant=QUANT)
    relu = layer(Relu(), quantize.output, quant=OUTPUT)
    dequantize = layer(Dequantize(), relu.output, dtype=DType.FLOAT32, name="scores")
    return graph([x], [quantize, relu, dequantize])


def to_int8(values: np.ndarray, tensor: Tensor) -> np.ndarray:
    return np.clip(quantized(values, tensor), -128, 127).astype(np.int8)


def test_the_body_computes_what_the_borders_did() -> None:
    before = bordered()
    after = float_border(before)
    assert kinds(after) == ["relu"]
    verify(after, "int8")
    (taken,), (given,) = after.inputs, after.outputs
    assert (taken.name, taken.quant, given.name, given.quant) == ("image", QUANT, "scores", OUTPUT)
    for seed in range(10):
        x = np.random.default_rng(seed).normal(0, 3, (1, 6)).astype(np.float32)
        (codes,) = run(after, to_int8(x, taken))
        restored = (OUTPUT.scale * (codes.astype(np.float64) - OUTPUT.zero_point)).astype(np.float32)
        np.testing.assert_array_equal(restored, run(before, x)[0])


def test_equal_quantizations_of_one_input_become_one_int8_input() -> None:
    x = real(1, 6)
    one = layer(Quantize(), x, dtype=DType.INT8, quant=QUANT, name="one")
    two = layer(Quantize(), x, dtype=DType.INT8, quant=QUANT, name="two")
    ends = [layer(Relu(), one.output), layer(Tanh(), two.output, quant=Quant.per_tensor(1 / 128, 0))]
    after = float_border(graph([x], [one, two, *ends], [node.output for node in ends]))
    assert kinds(after) == ["relu", "tanh"]
    assert after.nodes[0].inputs == after.nodes[1].inputs == after.inputs


def test_different_quantizations_of_one_input_are_named() -> None:
    x = real(1, 6)
    one = layer(Quantize(), x, dtype=DType.INT8, quant=QUANT, name="one")
    two = layer(Quantize(), x, dtype=DType.INT8, quant=OUTPUT, name="two")
    with pytest.raises(UnsupportedError, match=r"(?s)'input'.*'one' as .*'two' as "):
        float_border(graph([x], [one, two], [one.output, two.output]))


def test_an_input_that_float_ops_read_stays() -> None:
    x = real(1, 6)
    quantize = layer(Quantize(), x, dtype=DType.INT8, quant=QUANT)
    before = graph([x], [quantize, layer(Relu(), x)], [quantize.output])
    assert float_border(before) is before


def test_a_dequantize_with_other_readers_stays_for_them() -> None:
    x = activation(1, 6)
    relu = layer(Relu(), x)
    restored = layer(Dequantize(), relu.output, dtype=DType.FLOAT32)
    beyond = layer(Tanh(), restored.output)
    after = float_border(graph([x], [relu, restored, beyond], [restored.output, beyond.output]))
    assert kinds(after) == ["relu", "dequantize", "tanh"]
    assert after.outputs == (relu.output, beyond.output)


def test_a_dequantized_input_stays() -> None:
    x = activation(1, 6)
    before = graph([x], [layer(Dequantize(), x, dtype=DType.FLOAT32)])
    assert float_border(before) is before


def test_int8_borders_stay() -> None:
    x = activation(1, 6)
    before = graph([x], [layer(Quantize(), x, quant=OUTPUT)])
    assert float_border(before) is before


def test_an_int8_output_keeps_its_name_beside_its_float_twin() -> None:
    x = activation(1, 6)
    relu = layer(Relu(), x, name="codes")
    restored = layer(Dequantize(), relu.output, dtype=DType.FLOAT32, name="real")
    after = float_border(graph([x], [relu, restored], [relu.output, restored.output]))
    assert [tensor.name for tensor in after.outputs] == ["codes", "codes"]
