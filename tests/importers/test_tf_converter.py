"""Files that TensorFlow's converter makes of Keras models: free batch, SAME and VALID, several inputs and outputs.

Keras converts in seconds, so they are few; many small converted models are tests/random_tf_models.py's part.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

from tests.tflm import run_litert_reference_many, run_tflm_many
from tinyml import interpreter
from tinyml.exporters.tflm_ops import lacking_operators
from tinyml.exporters.to_tflite import to_tflite
from tinyml.importers.from_tflite import from_tflite
from tinyml.ir import Array, DType, Graph
from tinyml.ops import AveragePool2D, Conv2D, DepthwiseConv2D, MaxPool2D, TransposeConv
from tinyml.passes import optimize

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")


@pytest.fixture(scope="module")
def tf() -> Any:
    return pytest.importorskip("tensorflow")


def converted(tf: Any, model: Any, io: str = "int8") -> bytes:
    """The model in int8 with a free batch. io: type of inputs and outputs; "float16": float, fp16 weights."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if io == "float16":
        converter.target_spec.supported_types = [tf.float16]
        return bytes(converter.convert())
    rng = np.random.default_rng(0)
    shapes = {tensor.name: (1, *tensor.shape[1:]) for tensor in model.inputs}
    converter.representative_dataset = lambda: (
        {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()} for _ in range(4)
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    if io == "int8":
        converter.inference_input_type = converter.inference_output_type = tf.int8
    return bytes(converter.convert())


def two_inputs_two_outputs(tf: Any) -> Any:
    layers = tf.keras.layers
    first, second = tf.keras.Input((13, 11, 3), name="first"), tf.keras.Input((7, 6, 5), name="second")
    strided = layers.Conv2D(5, 3, strides=2, padding="same", activation="relu6")(first)
    deep = layers.Conv2D(5, 1)(layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2)(second))
    total = layers.Add()([strided, deep])
    mean = layers.GlobalAveragePooling2D()(layers.Conv2D(4, (2, 3), padding="valid")(total))
    return tf.keras.Model([first, second], [mean, layers.Dense(6)(layers.Flatten()(total))])


def chain(tf: Any) -> Any:
    layers = tf.keras.layers
    image = tf.keras.Input((12, 12, 4))
    x = layers.LeakyReLU()(layers.Conv2D(8, 3, padding="same")(image))
    x = layers.Reshape((12, 12, 8))(layers.Reshape((72, 16))(x))
    x = layers.Conv2DTranspose(3, 3, strides=2, padding="same")(x)
    x = layers.MaxPooling2D(3, 2, padding="same")(x)
    x = layers.Conv2D(4, 3, strides=(2, 1))(layers.ZeroPadding2D(((1, 2), (0, 3)))(x))
    x = layers.AveragePooling2D(3, 2, padding="same")(x)
    return tf.keras.Model(image, layers.Dense(5, activation="softmax")(layers.Flatten()(x)))


def transformer(tf: Any) -> Any:
    layers = tf.keras.layers
    source = tf.keras.Input((8, 12))
    x = layers.LayerNormalization()(source)
    x = layers.Add()([source, layers.MultiHeadAttention(2, 6)(x, x)])
    hidden = layers.Dense(16, activation="gelu")(layers.LayerNormalization()(x))
    x = layers.Add()([x, layers.Dense(12)(hidden)])
    return tf.keras.Model(source, layers.Dense(3)(layers.GlobalMaxPooling1D()(x)))


def sequence(tf: Any) -> Any:
    """A causal convolution with dilation, another that is not, a GRU step by step."""
    layers = tf.keras.layers
    source = tf.keras.Input((12, 4))
    x = layers.Conv1D(6, 3, dilation_rate=2, padding="causal", activation="relu")(source)
    x = layers.MaxPooling1D(2)(layers.Conv1D(6, 3, dilation_rate=3, padding="same")(x))
    return tf.keras.Model(source, layers.Dense(3)(layers.GRU(5, unroll=True)(x)))


def samples(graph: Graph) -> list[list[Array]]:
    rng = np.random.default_rng(1)
    return [
        [
            rng.normal(size=t.shape).astype(np.float32)
            if t.dtype is DType.FLOAT32
            else rng.integers(-128, 128, t.shape).astype(np.int8)
            for t in graph.inputs
        ]
        for _ in range(5)
    ]


def assert_equals_tflm(data: bytes) -> Graph:
    graph = from_tflite(data, "keras")
    rows = samples(graph)
    for row, expected in zip(rows, run_tflm_many(data, rows), strict=True):
        for ours, theirs in zip(interpreter.run(graph, row), expected, strict=True):
            np.testing.assert_array_equal(ours, theirs)
    return graph


@pytest.mark.parametrize("io", ["int8", "float32"])
def test_several_inputs_and_outputs(tf: Any, io: str) -> None:
    graph = assert_equals_tflm(converted(tf, two_inputs_two_outputs(tf), io))
    assert {tensor.shape for tensor in graph.inputs} == {(1, 13, 11, 3), (1, 7, 6, 5)}
    assert {tensor.shape for tensor in graph.outputs} == {(1, 4), (1, 6)}
    assert {tensor.dtype.value for tensor in (*graph.inputs, *graph.outputs)} == {io}
    paddings = {type(n.op): n.op.padding for n in graph.nodes if isinstance(n.op, (Conv2D, DepthwiseConv2D))}
    assert paddings[DepthwiseConv2D] == (1, 1, 1, 1)


def test_same_and_valid_with_a_free_batch(tf: Any) -> None:
    graph = assert_equals_tflm(converted(tf, chain(tf)))
    assert {TransposeConv, MaxPool2D, AveragePool2D} <= {type(node.op) for node in graph.nodes}
    assert graph.inputs[0].shape == (1, 12, 12, 4)


@pytest.mark.parametrize("make", [transformer, sequence])
def test_shapes_that_are_worked_out_at_run_time(tf: Any, make: Any) -> None:
    """TFLM takes the sides that the free batch leaves open for 1; LiteRT knows, but rounds some scales to float32."""
    tf.keras.utils.set_random_seed(0)
    data = converted(tf, make(tf))
    graph = from_tflite(data, "keras")
    rows = samples(graph)
    ours = [interpreter.run(graph, row) for row in rows]
    for row, expected, found in zip(rows, run_litert_reference_many(data, rows), ours, strict=True):
        for wanted, theirs, mine in zip(interpreter.run(optimize(graph), row), expected, found, strict=True):
            np.testing.assert_array_equal(mine, wanted)
            assert np.abs(mine.astype(np.int64) - theirs).max() <= 3
    if not lacking_operators(graph):
        for expected, found in zip(run_tflm_many(to_tflite(optimize(graph)), rows), ours, strict=True):
            np.testing.assert_array_equal(found[0], expected[0])


def test_float16_weights_stay_behind_dequantize(tf: Any) -> None:
    data = converted(tf, two_inputs_two_outputs(tf), "float16")
    graph = from_tflite(data, "half")
    assert {node.inputs[0].dtype for node in graph.nodes if node.op.kind == "dequantize"} == {DType.FLOAT16}
    rows = samples(graph)
    for row, expected in zip(rows, run_litert_reference_many(data, rows), strict=True):
        for ours, theirs in zip(interpreter.run(graph, row), expected, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)
