"""An .onnx file as a float Graph. Every file is untrusted: it ends in a Graph, ModelError or UnsupportedError."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tinyml.errors import ModelError, UnsupportedError, UsageError
from tinyml.importers.external_data import ExternalData
from tinyml.importers.nchw import Builder, Operand, Value
from tinyml.importers.nchw_source import Imported, Operands, Source, Step, import_source
from tinyml.importers.onnx_call import OnnxCall, OnnxNode
from tinyml.importers.onnx_constants import FOLDS, SHAPE_FOLDS
from tinyml.importers.onnx_ops import ROWS
from tinyml.install_hints import INSTALL_HINTS
from tinyml.ir import Array, Graph, Shape, shown

OLDEST_OPSET = 7  # broadcasting as in numpy; 13 and later are what tests cover
_FLOATS = (1, 10, 11, 16)  # FLOAT, FLOAT16, DOUBLE, BFLOAT16
_DATA_TYPES = (*_FLOATS, 2, 3, 5, 6, 7, 9)  # and the integers and booleans that shapes and masks are made of
_DOMAINS = ("", "ai.onnx")
Shapes = Mapping[str, Sequence[int]]


def from_onnx(data: bytes, name: str, folder: Path | None = None, shapes: Shapes | None = None) -> Graph:
    """As `import_onnx`; the report goes to the log."""
    return import_onnx(data, name, folder, shapes).logged()


def import_onnx(data: bytes, name: str, folder: Path | None = None, shapes: Shapes | None = None) -> Imported:
    """The graph of an .onnx file, NHWC, float32, batch 1.

    name: of the graph. folder: where weights outside the file may lie; None refuses such a file. shapes: of inputs, by
    name, in the file's own order of axes; needed where the file leaves other sides free than the batch.
    Raises ModelError when the file is damaged or contradicts itself, UnsupportedError with every node that the SDK
    lacks, UsageError for a shape of an input that is not there.
    """
    external = ExternalData(folder)
    imported = import_source(_source(_parsed(data), external, shapes or {}), name)
    return replace(imported, graph=replace(imported.graph, sha256=external.digest(data)))


def _parsed(data: bytes) -> Any:
    try:
        import onnx
    except ImportError as error:
        raise UsageError("reading .onnx files needs the package onnx", INSTALL_HINTS["onnx"]) from error
    from google.protobuf.message import DecodeError

    try:
        model = onnx.ModelProto.FromString(data)
    except DecodeError as error:
        raise ModelError(f"not an .onnx file, or damaged ({str(error).strip() or 'it does not parse'})") from error
    if not model.HasField("graph") or not model.graph.node:
        raise ModelError("not an .onnx file, or damaged: it holds no graph")
    return model


def _source(model: Any, external: ExternalData, shapes: Shapes) -> Source:
    opset = max((entry.version for entry in model.opset_import if entry.domain in _DOMAINS), default=1)
    if opset < OLDEST_OPSET:
        raise UnsupportedError(
            f"opset {opset}; {OLDEST_OPSET} and later are read", "onnx.version_converter.convert_version(model, 13)"
        )
    graph = model.graph
    constants, steps = _initializers(graph, external)
    nodes = [_node(entry, external) for entry in graph.node]
    steps += [_step(node, opset) for node in nodes]
    inputs = _inputs([entry for entry in graph.input if entry.name not in constants], shapes)
    _check_names(nodes, {*inputs, *constants, *(output for step in steps for output in step.outputs)})
    outputs = [entry.name for entry in graph.output]
    if not outputs:
        raise ModelError("the graph has no output")
    stated = {e.name: s for e in (*graph.value_info, *graph.output) if (s := _static_shape(e)) is not None}
    return Source(inputs, constants, steps, outputs, stated)


def _check_names(nodes: Sequence[OnnxNode], known: set[str]) -> None:
    produced: set[str] = set()
    for node in nodes:
        for name in node.inputs:
            if name and name not in known:
                raise ModelError(f"{node.kind} {shown(node.name)} reads {shown(name)}, which nothing computes")
        for name in node.outputs:
            if name in produced:
                raise ModelError(f"{shown(name)} is computed twice")
            produced.update([name] if name else [])


# inputs


def _inputs(entries: Sequence[Any], shapes: Shapes) -> dict[str, Shape]:
    unknown = [name for name in shapes if name not in {entry.name for entry in entries}]
    if unknown:
        named = ", ".join(shown(entry.name) for entry in entries)
        raise UsageError(f"no input is called {', '.join(map(shown, unknown))}", f"the model's inputs are {named}")
    if not entries:
        raise ModelError("the graph has no input")
    free: dict[str, list[int | str]] = {}
    found: dict[str, Shape] = {}
    for entry in entries:
        if not entry.type.HasField("tensor_type"):
            raise UnsupportedError(f"input {shown(entry.name)} is no tensor")
        if entry.type.tensor_type.elem_type not in _FLOATS:
            raise UnsupportedError(
                f"input {shown(entry.name)} has element type {entry.type.tensor_type.elem_type}; float32 is supported"
            )
        sides = _sides(entry)
        given = tuple(int(side) for side in shapes.get(entry.name, ()))
        if given and (min(given) < 1 or not _fits(given, sides)):
            raise UsageError(f"shape {list(given)} for input {shown(entry.name)}, which the file states as {sides}")
        batched = [1 if at == 0 and isinstance(side, str) else side for at, side in enumerate(sides)]
        sides = list(given) or batched
        if any(isinstance(side, str) for side in sides):
            free[entry.name] = sides
        found[entry.name] = tuple(side for side in sides if isinstance(side, int))
    if free:
        name, sides = next(iter(free.items()))
        example = tuple(side if isinstance(side, int) else 96 for side in sides)
        stated = ",".join(map(str, example))
        raise UnsupportedError(
            f"inputs with free sides: {', '.join(f'{shown(key)} {known}' for key, known in free.items())}",
            f"--input-shape {shown(name)}={stated}, in Python shapes={{{name!r}: {example}}}; or fix them in the file: "
            f"python -m onnxruntime.tools.make_dynamic_shape_fixed --input_name {name!r} --input_shape {stated} "
            "IN.onnx OUT.onnx",
        )
    return found


def _sides(entry: Any) -> list[int | str]:
    """The stated sides; a free one is its name, or "?"."""
    sides: list[int | str] = []
    for dimension in entry.type.tensor_type.shape.dim:
        fixed = dimension.HasField("dim_value") and dimension.dim_value > 0
        sides.append(int(dimension.dim_value) if fixed else dimension.dim_param or "?")
    return sides


def _fits(given: Shape, sides: Sequence[int | str]) -> bool:
    pairs = zip(given, sides, strict=False)
    return len(given) == len(sides) and all(isinstance(side, str) or side == mine for mine, side in pairs)


def _static_shape(entry: Any) -> Shape | None:
    sides = _sides(entry)
    if not entry.type.HasField("tensor_type") or any(isinstance(side, str) for side in sides[1:]):
        return None
    return tuple(side if isinstance(side, int) else 1 for side in sides) or None


# constants


def _initializers(graph: Any, external: ExternalData) -> tuple[dict[str, Array], list[Step]]:
    """Constants by name; one that cannot be held is a step that says so, should anything read it."""
    constants: dict[str, Array] = {}
    refused: list[Step] = []
    if graph.sparse_initializer:
        raise UnsupportedError("sparse weights")
    for entry in graph.initializer:
        try:
            constants[entry.name] = _array(entry, external)
        except UnsupportedError as error:
            refused.append(Step(f"constant {shown(entry.name)}", (), (entry.name,), partial(_refuse, error)))
    return constants, refused


def _refuse(error: UnsupportedError, builder: Builder, operands: Operands) -> Sequence[Operand]:
    raise error


def _array(entry: Any, external: ExternalData) -> Array:
    from onnx import TensorProto, numpy_helper

    if entry.data_type not in _DATA_TYPES:
        raise UnsupportedError(f"element type {entry.data_type}")
    if entry.data_location == TensorProto.EXTERNAL:
        stated = {item.key: item.value for item in entry.external_data}
        entry = _internal(entry, external.read(stated))
    try:
        with np.errstate(all="ignore"):
            data = numpy_helper.to_array(entry)
            return np.array(data, np.float32) if entry.data_type in _FLOATS else np.array(data)
    except (ValueError, TypeError, AttributeError, IndexError, OverflowError, MemoryError) as error:
        raise ModelError(f"constant {shown(entry.name)} is damaged ({str(error)[:120]})") from error


def _internal(entry: Any, data: bytes) -> Any:
    from onnx import TensorProto

    return TensorProto(name=entry.name, data_type=entry.data_type, dims=entry.dims, raw_data=data)


# nodes


def _node(entry: Any, external: ExternalData) -> OnnxNode:
    attributes = {item.name: _attribute(item, external) for item in entry.attribute}
    outputs = list(entry.output)
    while outputs and not outputs[-1]:
        outputs.pop()
    if not outputs:
        raise ModelError(f"{entry.op_type} {shown(entry.name)} has no output")
    return OnnxNode(
        entry.op_type, entry.domain, entry.name or outputs[0], tuple(entry.input), tuple(outputs), attributes
    )


def _attribute(item: Any, external: ExternalData) -> Any:
    """A number, text, list or array; None for what no supported operator has (a graph, a reference)."""
    from onnx import AttributeProto as Kind

    if item.type == Kind.TENSOR:
        try:
            return _array(item.t, external)
        except UnsupportedError:
            return None
    if item.type == Kind.STRING:
        return item.s.decode("utf-8", "replace")
    if item.type in (Kind.INTS, Kind.FLOATS):
        return list(item.ints if item.type == Kind.INTS else item.floats)
    return item.i if item.type == Kind.INT else item.f if item.type == Kind.FLOAT else None


def _step(node: OnnxNode, opset: int) -> Step:
    at = (
        f"{node.kind} {shown(node.name)}"
        if node.domain in _DOMAINS
        else f"{node.domain}.{node.kind} {shown(node.name)}"
    )
    return Step(at, tuple(name for name in node.inputs if name), node.outputs, partial(_lower, node, opset))


def _lower(node: OnnxNode, opset: int, builder: Builder, operands: Operands) -> Sequence[Operand]:
    known = node.domain in _DOMAINS and (node.kind in ROWS or node.kind in FOLDS or node.kind in SHAPE_FOLDS)
    if not known:
        raise UnsupportedError("unknown to this SDK")
    call = OnnxCall(node, [operands[name] if name else None for name in node.inputs], opset)
    with np.errstate(all="ignore"):
        if node.kind in SHAPE_FOLDS:
            return SHAPE_FOLDS[node.kind](call)
        values = [operand for operand in call.inputs if isinstance(operand, Value)]
        if node.kind != "DequantizeLinear" and any(not value.tensor.dtype.is_float for value in values):
            raise UnsupportedError("of a quantized tensor, without a DequantizeLinear before it")
        if not values:
            if node.kind not in FOLDS:
                raise UnsupportedError("all its operands are constants")
            return FOLDS[node.kind](call)
        if node.kind not in ROWS:
            raise UnsupportedError("supported on constants only; an operand is computed at run time")
        return ROWS[node.kind](builder, call)
