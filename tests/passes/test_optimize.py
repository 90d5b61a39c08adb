"""The passes together: on graphs by hand, on random graphs, and on the shared models."""

from __future__ import annotations

import numpy as np
import pytest

from tests.conftest import shared_model
from tests.passes.graphs import QUANT, activation, assert_same_bytes, graph, kinds, layer, weights
from tinyml.importers.from_tflite import from_tflite
from tinyml.interpreter import run
from tinyml.ir import Activation, Padding, Quant, graph_text
from tinyml.ops import Conv2D, MaxPool2D, Mean, Pad, Relu, Reshape, Transpose
from tinyml.ops.quantize import quantized
from tinyml.passes import PASSES, optimize

RELU = Quant.per_tensor(0.04, -128)


def test_passes_meet_their_common_result() -> None:
    """A rectifier makes a pad of a maximum fold; the transpose sinks and dies; the reshapes merge."""
    x = activation(1, 8, 8, 3)
    border = layer(Pad((0, 1, 1, 0), (0, 1, 1, 0)), x, name="border")
    conv = layer(Conv2D(), border.output, weights((4, 3, 3, 3)), quant=RELU)
    relu = layer(Relu(), conv.output)
    inner = layer(Pad((0, 1, 1, 0), (0, 0, 0, 0)), relu.output, name="inner")
    pool = layer(MaxPool2D(2, 2, 2, 2), inner.output)
    moved = layer(Transpose((0, 3, 1, 2)), pool.output)
    mean = layer(Mean((2, 3)), moved.output)
    flat = layer(Reshape((4,)), mean.output, name="flat")
    last = layer(Reshape((1, 4)), flat.output, name="last")
    before = graph([x], [border, conv, relu, inner, pool, moved, mean, flat, last])
    after = optimize(before)
    assert kinds(after) == ["conv2d", "max_pool2d", "mean"]
    assert after.nodes[0].op == Conv2D(padding=Padding(1, 1, 1, 1), activation=Activation.RELU)
    assert_same_bytes(before, after, 20)


def test_a_graph_with_nothing_to_do_is_itself() -> None:
    x = activation(1, 8, 8, 3)
    before = graph([x], [layer(Conv2D(), x, weights((4, 3, 3, 3)), quant=QUANT)])
    assert optimize(before) is before


def test_optimizing_twice_changes_nothing() -> None:
    once = optimize(from_tflite(shared_model("mcunet_vww_80").read_bytes(), "mcunet"))
    assert optimize(once) is once


def test_mcunet_loses_its_pads_borders_and_transpose() -> None:
    before = from_tflite(shared_model("mcunet_vww_80").read_bytes(), "mcunet")
    after = optimize(before)
    assert {"pad", "transpose", "quantize", "dequantize"} <= set(kinds(before))
    assert {"pad", "transpose", "quantize", "dequantize"}.isdisjoint(kinds(after)), graph_text(after)
    # its two means round twice: one would give other bytes
    assert kinds(after).count("mean") == 2
    assert after.inputs[0].quant is not None


def test_mcunet_keeps_its_bytes_behind_the_stripped_borders() -> None:
    before = from_tflite(shared_model("mcunet_vww_80").read_bytes(), "mcunet")
    after = optimize(before)
    (taken,), (given,) = after.inputs, after.outputs
    for seed in range(3):
        x = np.random.default_rng(seed).uniform(-1, 1, taken.shape).astype(np.float32)
        codes = np.clip(quantized(x, taken), -128, 127).astype(np.int8)
        restored = given.affine.scale * (run(after, codes)[0].astype(np.float64) - given.affine.zero_point)
        np.testing.assert_array_equal(restored.astype(np.float32), run(before, x)[0])


@pytest.mark.parametrize("name", ["kws_int8", "resnet8_int8", "ad01_int8", "streaming_ww_int8"])
def test_models_keep_their_bytes(name: str) -> None:
    before = from_tflite(shared_model(name).read_bytes(), name)
    assert_same_bytes(before, optimize(before), 4)


def test_every_pass_is_listed_once() -> None:
    assert len(set(PASSES)) == len(PASSES) >= 9
