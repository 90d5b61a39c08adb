"""Contradictions in ONNX models that still parse: random edits of fields, by a seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import onnx

Rng = np.random.Generator

_NUMBERS = (0, -1, 1, 2, 3, 7, -5, 100, 2**15, 2**31 - 1, 2**40, -(2**63), 2**63 - 1)


def _one(rng: Rng, choices: Any) -> Any:
    return choices[int(rng.integers(len(choices)))]


def _edit_attribute(model: Any, rng: Rng) -> None:
    node = _one(rng, model.graph.node)
    if not node.attribute:
        return
    attribute = _one(rng, node.attribute)
    kind = int(rng.integers(4))
    if kind == 0 and attribute.ints:
        attribute.ints[int(rng.integers(len(attribute.ints)))] = _one(rng, _NUMBERS)
    elif kind == 1 and attribute.ints:
        attribute.ints.append(_one(rng, _NUMBERS))
    elif kind == 2:
        attribute.i, attribute.f = _one(rng, _NUMBERS), _one(rng, (0.0, -1.0, 1e30, float("nan"), float("inf")))
    else:
        attribute.name, attribute.s = _one(rng, ("axis", "group", "pads", "strides", "perm")), b"\xff"


def _edit_operands(model: Any, rng: Rng) -> None:
    node, names = _one(rng, model.graph.node), [n for entry in model.graph.node for n in (*entry.input, *entry.output)]
    kind = int(rng.integers(4))
    if kind == 0 and node.input:
        node.input[int(rng.integers(len(node.input)))] = _one(rng, names)
    elif kind == 1 and node.input:
        del node.input[int(rng.integers(len(node.input)))]
    elif kind == 2:
        node.input.append(_one(rng, [*names, ""]))
    elif node.output:
        node.output[0] = _one(rng, names)


def _edit_kind(model: Any, rng: Rng) -> None:
    from tinyml.importers.onnx_constants import FOLDS
    from tinyml.importers.onnx_ops import ROWS

    _one(rng, model.graph.node).op_type = _one(rng, sorted({*ROWS, *FOLDS, "Shape", "Einsum"}))


def _edit_constant(model: Any, rng: Rng) -> None:
    entry = _one(rng, model.graph.initializer)
    kind = int(rng.integers(4))
    if kind == 0:
        entry.data_type = int(rng.integers(0, 24))
    elif kind == 1 and entry.dims:
        entry.dims[int(rng.integers(len(entry.dims)))] = _one(rng, _NUMBERS)
    elif kind == 2:
        entry.raw_data = rng.bytes(len(entry.raw_data))
    elif entry.dims:
        data = np.frombuffer(entry.raw_data, np.uint8)
        entry.raw_data = np.roll(data, int(rng.integers(16))).tobytes()


def _edit_integers(model: Any, rng: Rng) -> None:
    """Numbers of shapes, axes and sizes."""
    kind = onnx.TensorProto.INT64
    entries = [e for e in model.graph.initializer if e.data_type == kind and e.raw_data and not len(e.raw_data) % 8]
    if entries:
        entry = _one(rng, entries)
        data = np.frombuffer(entry.raw_data, np.int64).copy()
        data[int(rng.integers(len(data)))] = _one(rng, _NUMBERS)
        entry.raw_data = data.tobytes()


def _edit_inputs(model: Any, rng: Rng) -> None:
    side = _one(rng, model.graph.input)
    dimensions = side.type.tensor_type.shape.dim
    kind = int(rng.integers(3))
    if kind == 0:
        _one(rng, dimensions).dim_value = _one(rng, _NUMBERS)
    elif kind == 1:
        side.type.tensor_type.elem_type = int(rng.integers(0, 20))
    else:
        dimensions.add().dim_value = 1


_EDITS: tuple[Callable[[Any, Rng], None], ...] = (
    _edit_attribute,
    _edit_attribute,
    _edit_operands,
    _edit_kind,
    _edit_constant,
    _edit_integers,
    _edit_inputs,
)


def contradicted(data: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Copies of a model with one to three edits each."""
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        model = onnx.ModelProto.FromString(data)
        for _ in range(int(rng.integers(1, 4))):
            _one(rng, _EDITS)(model, rng)
        yield model.SerializeToString()
