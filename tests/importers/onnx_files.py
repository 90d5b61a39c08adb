"""Small ONNX models built by hand, and what onnxruntime makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from tinyml.ir import Array

OPSET = 17


def node(kind: str, inputs: Sequence[str], outputs: Sequence[str] = ("y",), **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(kind, list(inputs), list(outputs), name=f"the {kind}", **attributes)


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, Sequence[int | str]],
    constants: Mapping[str, Array] | None = None,
    outputs: Sequence[str] = ("y",),
    opset: int = OPSET,
) -> onnx.ModelProto:
    nodes = [onnx.NodeProto.FromString(entry.SerializeToString()) for entry in nodes]
    for at, entry in enumerate(nodes):
        entry.name = entry.name if [n.name for n in nodes].count(entry.name) == 1 else f"{entry.name} {at}"
    graph = helper.make_graph(
        nodes,
        "hand-made",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(data, name) for name, data in (constants or {}).items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    made.ir_version = 9
    return made


def expected(data: bytes, samples: Mapping[str, Array]) -> list[Array]:
    """onnxruntime's outputs, without its graph optimizations."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(data, options)
    return list(session.run(None, dict(samples)))


def weights(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype(np.float32)


def small_network() -> onnx.ModelProto:
    """Convolution, normalization, pools, a residual sum, a resize, a flatten and a dense layer."""
    constants = {
        "w1": weights(4, 3, 3, 3),
        "b1": weights(4),
        "scale": weights(4, seed=1) ** 2 + np.float32(0.5),
        "mean": weights(4, seed=2),
        "var": weights(4, seed=3) ** 2 + np.float32(0.5),
        "w2": weights(4, 1, 3, 3),
        "shape": np.array([0, -1], np.int64),
        "scales": np.array([1, 1, 2, 2], np.float32),
        "w3": weights(5, 64),
        "low": np.array(0, np.float32),
        "high": np.array(6, np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["c1"], "conv", pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("BatchNormalization", ["c1", "scale", "b1", "mean", "var"], ["n1"], "norm"),
        helper.make_node("Clip", ["n1", "low", "high"], ["r1"], "clip"),
        helper.make_node("Conv", ["r1", "w2"], ["c2"], "depthwise", pads=[1, 1, 1, 1], group=4),
        helper.make_node("Add", ["c2", "r1"], ["sum"], "add"),
        helper.make_node("MaxPool", ["sum"], ["p"], "pool", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Resize", ["p", "", "scales"], ["big"], "resize", mode="nearest"),
        helper.make_node("Reshape", ["big", "shape"], ["flat"], "flatten"),
        helper.make_node("Gemm", ["flat", "w3"], ["y"], "dense", transB=1),
    ]
    return model(nodes, {"x": (1, 3, 8, 8)}, constants)
