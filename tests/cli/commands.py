"""Models and samples for tests of the command line, made on the spot; and what a command answered."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flatbuffers  # type: ignore[import-untyped, unused-ignore]
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tests.op_cases import CASES
from tests.op_graphs import activation, one_node, quant
from tinyml.exporters.to_tflite import to_tflite
from tinyml.ir import Graph
from tinyml.ops import HardSwish


@dataclass(frozen=True)
class Answer:
    """Exit code and output of one command."""

    code: int
    out: str
    err: str

    @property
    def facts(self) -> dict[str, Any]:
        """The one JSON object on stdout."""
        facts = json.loads(self.out)
        assert isinstance(facts, dict)
        return facts


def small_graph() -> Graph:
    """One convolution."""
    return CASES["conv2d"](np.random.default_rng(5))


def large_graph() -> Graph:
    """An arena of 40 000 bytes: more than qemu_microbit has, and in one tensor, so that no plan is smaller."""
    rng = np.random.default_rng(0)
    image = activation(rng, "image", (1, 100, 100, 4))
    return one_node(HardSwish(), [image], [quant(rng)])


def write_model(path: Path, graph: Graph) -> Path:
    path.write_bytes(to_tflite(graph))
    return path


def write_unsupported(path: Path) -> Path:
    """A model whose one operator is COS."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(bytearray(to_tflite(large_graph())), 0))
    code = model.operatorCodes[0]
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.COS
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


def write_samples(path: Path, graph: Graph, count: int = 6) -> Path:
    """Random inputs with random labels."""
    rng = np.random.default_rng(1)
    inputs = rng.integers(-128, 128, (count, *graph.inputs[0].shape[1:])).astype(np.int8)
    np.savez(path, x=inputs, y=rng.integers(0, graph.outputs[0].size, count).astype(np.uint8))
    return path
