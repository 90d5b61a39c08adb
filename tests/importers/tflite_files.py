"""Small .tflite files for the importer's tests: made by the exporter, then edited through the schema's object API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flatbuffers  # type: ignore[import-untyped]
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tests.op_cases import CASES
from tinyml.exporters.tflite_writer import ModelWriter
from tinyml.exporters.to_tflite import to_tflite
from tinyml.ir import DType, Graph, Node, Padding, Quant, Tensor
from tinyml.ops import AveragePool2D, Conv2D, FullyConnected, Reshape

Edit = Callable[[Any], None]  # changes a ModelT in place


def edited(data: bytes, edit: Edit) -> bytes:
    """The file with something changed that the exporter would never write."""
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    edit(model)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def case(kind: str, seed: int = 0) -> Graph:
    return CASES[kind](np.random.default_rng([seed]))


def case_file(kind: str, seed: int = 0) -> bytes:
    return to_tflite(case(kind, seed))


def int8(name: str, *shape: int) -> Tensor:
    return Tensor(name, shape, DType.INT8, Quant.per_tensor(0.05, 3))


def tiny_network() -> Graph:
    """Two convolutions that share their weights, a pool, a reshape and a fully connected layer."""
    rng = np.random.default_rng(1)
    image, first, second = int8("image", 1, 7, 5, 3), int8("first", 1, 7, 5, 3), int8("second", 1, 4, 3, 3)
    pooled, flat, result = int8("pooled", 1, 2, 1, 3), int8("flat", 1, 6), int8("result", 1, 4)
    weights = Tensor.constant(
        "weights", rng.integers(-127, 128, (3, 3, 3, 3)).astype(np.int8), Quant((0.01, 0.02, 0.03), (0, 0, 0), 0)
    )
    bias = Tensor.constant("bias", rng.integers(-99, 99, 3).astype(np.int32), Quant.per_tensor(0.001))
    dense = Tensor.constant("dense", rng.integers(-127, 128, (4, 6)).astype(np.int8), Quant.per_tensor(0.02))
    around = Padding(1, 1, 1, 1)
    nodes = (
        Node("first", Conv2D(padding=around), (image, weights, bias), (first,)),
        Node("second", Conv2D(2, 2, padding=around), (first, weights, bias), (second,)),
        Node("pooled", AveragePool2D(2, 2, 2, 2), (second,), (pooled,)),
        Node("flat", Reshape((1, 6)), (pooled,), (flat,)),
        Node("result", FullyConnected(), (flat, dense), (result,)),
    )
    return Graph("tiny", nodes, (image,), (result,))


def operators_file(*names: str) -> bytes:
    """A chain of operators without options, by their names in the schema."""
    model = ModelWriter()
    tensors = [int8(f"t{index}", 1, 4) for index in range(len(names) + 1)]
    for name, source, output in zip(names, tensors, tensors[1:], strict=False):
        model.operator(name, 1, [source], [output])
    return model.finish(Graph("chain", (), (tensors[0],), (tensors[-1],)))
