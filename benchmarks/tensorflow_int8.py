"""python -m benchmarks.tensorflow_int8 MODEL SAMPLES.npz OUT.tflite: a float model in int8 by TensorFlow's converter.

The converter takes TensorFlow graphs, so the model is read by this SDK and written down again with tf.nn; its nodes
are those of the float .tflite. A process of its own: TensorFlow is large and chatty.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tinyml import pipeline
from tinyml.errors import UnsupportedError
from tinyml.exporters.tflite_window import stated_padding
from tinyml.ir import Activation, Node, Padding
from tinyml.ops import Add, AveragePool2D, Conv2D, DepthwiseConv2D, FullyConnected, Reshape, Softmax


def main(model: str, samples: str, output: str) -> None:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    import tensorflow as tf

    graph = pipeline.read(model)
    with np.load(samples) as arrays:
        inputs = arrays["x"]
    (source,) = graph.inputs

    @tf.function(input_signature=[tf.TensorSpec(source.shape, tf.float32)])  # type: ignore[untyped-decorator, unused-ignore]
    def function(x: Any) -> Any:
        values = {source: x}
        for node in graph.nodes:
            values[node.output] = _computed(tf, node, values[node.inputs[0]], values)
        return values[graph.outputs[0]]

    def representative() -> Iterator[list[Any]]:
        for row in inputs:
            yield [row.reshape(source.shape)]

    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], function)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    Path(output).write_bytes(converter.convert())


def _computed(tf: Any, node: Node, x: Any, values: dict[Any, Any]) -> Any:
    """The node's output in TensorFlow."""
    op = node.op
    if isinstance(op, Conv2D | DepthwiseConv2D):
        return _convolved(tf, node, x)
    if isinstance(op, FullyConnected):
        result = tf.matmul(x, node.inputs[1].values.T.copy()) + node.inputs[2].values
        return _clamped(tf, op.activation, result)
    if isinstance(op, AveragePool2D) and op.padding == Padding():
        kernel, stride = (op.kernel_h, op.kernel_w), (op.stride_h, op.stride_w)
        return tf.nn.avg_pool2d(x, kernel, stride, "VALID")
    if isinstance(op, Add):
        return _clamped(tf, op.activation, x + values[node.inputs[1]])
    if isinstance(op, Reshape):
        return tf.reshape(x, op.shape)
    if isinstance(op, Softmax):
        return tf.nn.softmax(x)
    raise UnsupportedError(f"{op.kind} is not rebuilt in TensorFlow", "add it to benchmarks/tensorflow_int8.py")


def _convolved(tf: Any, node: Node, x: Any) -> Any:
    op = node.op
    assert isinstance(op, Conv2D | DepthwiseConv2D)
    weights = node.inputs[1].values
    window = op.window(*weights.shape[1:3])
    name = {0: "SAME", 1: "VALID"}.get(stated_padding(window, *node.inputs[0].shape[1:3]) or 0, "SAME")
    stride = [1, op.stride_h, op.stride_w, 1]
    if isinstance(op, DepthwiseConv2D):
        result = tf.nn.depthwise_conv2d(x, weights.transpose(1, 2, 3, 0).copy(), stride, name)
    else:
        result = tf.nn.conv2d(x, weights.transpose(1, 2, 3, 0).copy(), stride, name)
    return _clamped(tf, op.activation, tf.nn.bias_add(result, node.inputs[2].values))


def _clamped(tf: Any, activation: Activation, x: Any) -> Any:
    return {Activation.NONE: lambda v: v, Activation.RELU: tf.nn.relu, Activation.RELU6: tf.nn.relu6}[activation](x)


if __name__ == "__main__":
    main(*sys.argv[1:4])
