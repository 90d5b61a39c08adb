"""A .tflite flatbuffer under construction: tensors, buffers and operators, then its bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flatbuffers  # type: ignore[import-untyped, unused-ignore]
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tinyml._version import __version__
from tinyml.ir import Array, DType, Graph, Quant, Tensor
from tinyml.ir.dtype import pack_int4

TENSOR_TYPES: dict[DType, int] = {
    DType.INT4: schema.TensorType.INT4,
    DType.INT8: schema.TensorType.INT8,
    DType.INT16: schema.TensorType.INT16,
    DType.INT32: schema.TensorType.INT32,
    DType.INT64: schema.TensorType.INT64,
    DType.UINT8: schema.TensorType.UINT8,
    DType.BOOL: schema.TensorType.BOOL,
    DType.FLOAT16: schema.TensorType.FLOAT16,
    DType.FLOAT32: schema.TensorType.FLOAT32,
}
_LAST_OLD_CODE = 126  # greater builtin codes do not fit the schema's first code field; 127 there says so
_ABSENT = -1  # index of an operand that is left out


class ModelWriter:
    """Collects subgraphs one after another. Tensors are numbered when first mentioned in a subgraph.

    resources: tensors that are handles of variables. variables: tensors that an operator reads and writes.
    """

    def __init__(self) -> None:
        self._indices: dict[Tensor, int] = {}
        self._tensors: list[Any] = []
        self._buffers: list[Any] = [_Buffer(None)]  # by TFLite's convention buffer 0 is the empty one
        self._codes: dict[tuple[int, int], int] = {}
        self._operators: list[Any] = []
        self._subgraphs: list[Any] = []
        self.resources: set[Tensor] = set()
        self.variables: set[Tensor] = set()

    def operator(
        self,
        name: str,
        version: int,
        inputs: Sequence[Tensor | None],
        outputs: Sequence[Tensor],
        options: Any | None = None,
        intermediates: Sequence[Tensor] = (),
    ) -> None:
        """Append one operator. name: as in the schema, "CONV_2D"; options: an object of the schema, "AddOptionsT".

        intermediates: tensors without values, whose quantization the operator wants to know.
        """
        operator = schema.OperatorT()
        code = getattr(schema.BuiltinOperator, name), version
        operator.opcodeIndex = self._codes.setdefault(code, len(self._codes))
        operator.inputs = self._numbers(inputs)
        operator.outputs = self._numbers(outputs)
        if intermediates:
            operator.intermediates = self._numbers(intermediates)
        if options is not None:
            kind = type(options).__name__.removesuffix("T")
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
            operator.builtinOptions = options
        self._operators.append(operator)

    def end_subgraph(self, name: str, inputs: Sequence[Tensor] = (), outputs: Sequence[Tensor] = ()) -> None:
        """What follows belongs to the next subgraph; the first is the main one."""
        subgraph = schema.SubGraphT()
        subgraph.inputs = self._numbers(inputs)
        subgraph.outputs = self._numbers(outputs)
        subgraph.tensors, subgraph.operators = self._tensors, self._operators
        subgraph.name = _text(name)
        self._subgraphs.append(subgraph)
        self._indices, self._tensors, self._operators = {}, [], []

    def finish(self, graph: Graph) -> bytes:
        """The whole file. The main subgraph, where it is not ended yet, gets the graph's inputs and outputs."""
        if not self._subgraphs:
            self.end_subgraph(graph.name, graph.inputs, graph.outputs)
        model = schema.ModelT()
        model.version = 3
        model.description = f"tinyml-sdk {__version__}"
        model.operatorCodes = [_operator_code(code, version) for code, version in self._codes]
        model.subgraphs = self._subgraphs
        model.buffers = self._buffers
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())

    def _numbers(self, tensors: Sequence[Tensor | None]) -> Array:
        return np.array([_ABSENT if t is None else self._number(t) for t in tensors], np.int32)

    def _number(self, tensor: Tensor) -> int:
        if tensor not in self._indices:
            self._indices[tensor] = len(self._tensors)
            self._tensors.append(self._tensor(tensor))
        return self._indices[tensor]

    def _tensor(self, tensor: Tensor) -> Any:
        entry = schema.TensorT()
        entry.name = _text(tensor.name)
        entry.shape = np.array(tensor.shape, np.int32)
        entry.type = schema.TensorType.RESOURCE if tensor in self.resources else TENSOR_TYPES[tensor.dtype]
        entry.hasRank = True
        entry.isVariable = tensor in self.variables
        entry.quantization = _quantization(tensor.quant)
        if tensor.data is not None:
            entry.buffer = len(self._buffers)
            self._buffers.append(_Buffer(pack_int4(tensor.data) if tensor.dtype is DType.INT4 else tensor.data))
        return entry


class _Buffer:
    """A buffer as the schema wants it packed, with its bytes at a multiple of 16; the generated class aligns to 1."""

    def __init__(self, data: Array | None) -> None:
        self._payload = b"" if data is None else data.astype(data.dtype.newbyteorder("<")).tobytes()

    def Pack(self, builder: Any) -> int:  # noqa: N802 - named by flatbuffers
        vector = self._vector(builder) if self._payload else None
        schema.BufferStart(builder)
        if vector is not None:
            schema.BufferAddData(builder, vector)
        return int(schema.BufferEnd(builder))

    def _vector(self, builder: Any) -> int:
        builder.StartVector(1, len(self._payload), 16)
        builder.head -= len(self._payload)
        builder.Bytes[builder.head : builder.head + len(self._payload)] = self._payload
        return int(builder.EndVector())


def _operator_code(code: int, version: int) -> Any:
    entry = schema.OperatorCodeT()
    entry.builtinCode = code
    entry.deprecatedBuiltinCode = min(code, _LAST_OLD_CODE + 1)
    entry.version = version
    return entry


def _quantization(quant: Quant | None) -> Any:
    entry = schema.QuantizationParametersT()
    if quant is not None:
        entry.scale = np.array(quant.scales, np.float32)
        entry.zeroPoint = np.array(quant.zero_points, np.int64)
        entry.quantizedDimension = quant.axis or 0
    return entry


def _text(name: str) -> str:
    """A name that UTF-8 can hold: lone surrogates are replaced."""
    return name.encode("utf-8", "replace").decode("utf-8")
