"""A .tflite file as a Graph. Every file is untrusted: it ends in a Graph, ModelError or UnsupportedError."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

import numpy as np

from tinyml.errors import ModelError, UnsupportedError
from tinyml.importers.faults import raise_faults
from tinyml.importers.tflite_call import Call, make_tensor
from tinyml.importers.tflite_constants import FOLDS, folded
from tinyml.importers.tflite_dilation import Dilated, Sides, dilated_convolutions, dilated_nodes
from tinyml.importers.tflite_ops import ROWS, Row
from tinyml.importers.tflite_schema import OperatorEntry, TfliteFile, reading
from tinyml.importers.tflite_variables import VARIABLE_OPERATORS, Variables
from tinyml.ir import DType, Graph, Node, Shape, ShapeError, Tensor, shown, verify

_SHAPE_TYPES = ("INT32", "INT64")  # what operators compute that work out shapes at run time
Step = TypeVar("Step")


def from_tflite(data: bytes, name: str) -> Graph:
    """The main subgraph of a .tflite file, batch 1, padding explicit, shape operands turned into attributes.

    name: of the graph. Raises ModelError when the file is damaged or contradicts itself, UnsupportedError with every
    operator that the SDK lacks.
    """
    return verify(_Import(TfliteFile(data)).graph(name), "imported")


def is_restated(data: bytes) -> bool:
    """Whether TFLM makes something else of the file than the graph says: shapes that are free, images in a batch.

    TFLM takes free sides for 1, and its SPACE_TO_BATCH_ND fills with byte 0 instead of the zero point; LiteRT does as
    the graph says. Raises as `from_tflite`.
    """
    found = _Import(TfliteFile(data))
    found.graph("model")
    return found.restated


class _Import:
    """Tensors and nodes of one file; each tensor is made once."""

    def __init__(self, file: TfliteFile) -> None:
        self._file = file
        self._tensors: dict[int, Tensor] = {}
        self._faults: list[str] = []
        self._variables = Variables(file, self._tensor, self._tensors)
        self._dilated = dilated_convolutions(file.operators, file.outputs)
        self.restated = bool(self._dilated)

    def graph(self, name: str) -> Graph:
        nodes: list[Node] = []
        for number in self._file.inputs:
            self._try(f"input {number}", partial(self._check_input, number))
        skipped = {place for found in self._dilated.values() for place in found.others}
        live = self._live() - skipped
        for index, entry in enumerate(self._file.operators):
            if self._folds(entry) or index not in live:
                continue
            if entry.name in VARIABLE_OPERATORS:
                self._try(self._where(index, entry), partial(self._variables.run, entry))
                continue
            dilated = self._dilated.get(index)
            step = partial(self._dilated_nodes, dilated) if dilated else partial(self._nodes_of, entry)
            for found in self._try(self._where(index, entry), step):
                nodes += found
        self._faults += _computed_weights(nodes)
        raise_faults(self._faults)
        inputs, outputs = (tuple(map(self._tensor, side)) for side in (self._file.inputs, self._file.outputs))
        return self._variables.carried(Graph(name, tuple(nodes), inputs, outputs))

    def _try(self, where: str, step: Callable[[], Step]) -> list[Step]:
        """The step's result, or nothing and a fault noted when it is unsupported."""
        try:
            return [step()]
        except UnsupportedError as error:
            self._faults.append(f"{where}: {error.message}")
            return []
        except (ModelError, ShapeError) as error:
            raise ModelError(f"{where}: {error}") from error

    def _nodes_of(self, entry: OperatorEntry) -> list[Node]:
        row = ROWS.get(entry.name)
        if row is None:
            raise UnsupportedError("unknown to this SDK")
        call = self._call(entry, row)
        with reading("its options"):
            lowered = row.lower(call, entry.options(row.options) if row.options else None)
        if isinstance(lowered, list):
            nodes, states = lowered, set[Tensor]()
        else:
            op, inputs = lowered
            written = [self._variables.next_of(entry.inputs[at]) for at in row.states]
            outputs = call.outputs
            if any(-1 in self._file.tensor(number).signature for number in entry.outputs):
                outputs = tuple(map(self._as_computed, entry.outputs, op.infer(inputs)))
            nodes = [Node(call.output.name, op, tuple(inputs), (*outputs, *written))]
            states = {*written, *(call.input(at) for at in row.states)}
        for node in nodes:
            activations = {*node.operands, *node.outputs} - states
            if not node.op.takes_int16 and any(tensor.dtype is DType.INT16 for tensor in activations):
                raise UnsupportedError("int16 activations; int8 is supported")
        return nodes

    def _call(self, entry: OperatorEntry, row: Row) -> Call:
        least, most = row.inputs
        if not least <= len(entry.inputs) <= most or not entry.outputs or -1 in entry.outputs:
            raise ModelError(f"{len(entry.inputs)} operands and {len(entry.outputs)} outputs")
        for at in row.states:
            self._variables.keep(entry.inputs[at])
        operands = [
            -1 if at in row.ignored and not self._is_constant(number) else number
            for at, number in enumerate(entry.inputs)
        ]
        inputs = tuple(None if number == -1 else self._tensor(number) for number in operands)
        outputs = tuple(map(self._tensor, entry.outputs))
        for tensor in outputs:
            if tensor.is_constant:
                raise ModelError(f"its output {shown(tensor.name)} is a constant")
        if entry.name not in ("SPLIT", "SPLIT_V", "UNPACK") and len(outputs) != 1:
            raise ModelError(f"{len(outputs)} outputs, one expected")
        return Call(inputs, outputs)

    def _tensor(self, number: int) -> Tensor:
        if number == -1:
            raise ModelError("the file is damaged: the graph lists a missing tensor")
        if number not in self._tensors:
            self._tensors[number] = make_tensor(self._file.tensor(number))
        return self._tensors[number]

    def _check_input(self, number: int) -> None:
        tensor = self._tensor(number)
        if tensor.is_constant:
            raise ModelError(f"{shown(tensor.name)} is a constant")
        free = [axis for axis, side in enumerate(self._file.tensor(number).signature) if side == -1 and axis]
        if free:
            raise UnsupportedError(
                f"{shown(tensor.name)} has free sides (axes {free}); convert the model with a fixed input shape"
            )

    def _dilated_nodes(self, found: Dilated) -> list[Node]:
        """A convolution between SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND."""
        spread, convolution, gathered = (self._file.operators[at] for at in found[:3])
        row = ROWS[convolution.name]
        call = self._call(convolution, row).for_one_image()
        with reading("its options"):
            lowered = row.lower(call, convolution.options(row.options))
        source, output = self._tensor(spread.inputs[0]), self._tensor(gathered.outputs[0])
        around = [Call(tuple(map(self._tensor, e.inputs)), (call.output,)) for e in (spread, gathered)]
        if source.quant != call.input(0).quant or output.quant != call.output.quant:
            raise UnsupportedError(f"{spread.name} or {gathered.name} changes the quantization")
        sides = Sides.of(*(side.integers(at, "blocks and borders") for side in around for at in (1, 2)))
        assert not isinstance(lowered, list)
        nodes = dilated_nodes(lowered[0], lowered[1], sides, source, output)
        self._as_computed(gathered.outputs[0], nodes[-1].output.shape)
        return nodes

    def _folds(self, entry: OperatorEntry) -> bool:
        """Whether the operator's output is a constant for one image; it is kept then.

        With a free batch, converters work out at run time, from SHAPE on, what RESHAPE and FILL take.
        """
        if len(entry.outputs) != 1 or entry.outputs[0] == -1 or -1 in entry.inputs or not entry.inputs:
            return False
        (number,) = entry.outputs
        if entry.name == "SHAPE":
            found = np.array(self._tensor(entry.inputs[0]).shape)
        elif entry.name in FOLDS and (entry.name == "FILL" or self._is_shape(number)):
            if not all(map(self._is_constant, entry.inputs)):
                return False
            operands = [self._tensor(operand).values for operand in entry.inputs]
            options = FOLDS[entry.name][1]
            with reading("its options"):
                found = folded(entry.name, operands, entry.options(options) if options else None)
        else:
            return False
        stated = make_tensor(self._file.tensor(number))
        if found.shape != stated.shape and -1 not in self._file.tensor(number).signature:
            return False
        self.restated |= entry.name == "FILL"
        self._tensors[number] = replace(stated, shape=found.shape, data=found.astype(stated.dtype.numpy))
        return True

    def _is_constant(self, number: int) -> bool:
        return number != -1 and self._tensor(number).is_constant

    def _as_computed(self, number: int, shape: Shape) -> Tensor:
        """An output, of the inferred shape where the file leaves sides free."""
        tensor = self._tensor(number)
        if tensor.shape != shape and -1 in self._file.tensor(number).signature:
            tensor = self._tensors[number] = replace(tensor, shape=shape)
            self.restated = True
        return tensor

    def _live(self) -> set[int]:
        """Places of the operators without those that only work out shapes which the file states anyway."""
        read = set(self._file.outputs)
        kept = set[int]()
        for index, entry in reversed(list(enumerate(self._file.operators))):
            if read.isdisjoint(entry.outputs) and entry.outputs and all(map(self._is_shape, entry.outputs)):
                continue
            row = ROWS.get(entry.name)
            ignored = row.ignored if row else ()
            read.update(number for at, number in enumerate(entry.inputs) if at not in ignored)
            kept.add(index)
        return kept

    def _is_shape(self, number: int) -> bool:
        return number != -1 and self._file.tensor(number).type_name in _SHAPE_TYPES

    def _where(self, index: int, entry: OperatorEntry) -> str:
        names = [shown(self._file.tensor(number).name) for number in entry.outputs[:1] if number != -1]
        return f"layer {index}, {entry.name}, output {names[0] if names else 'missing'}"


def _computed_weights(nodes: list[Node]) -> list[str]:
    """Float weights that are neither constants nor float16 constants behind a DEQUANTIZE."""
    known = {node.output for node in nodes if node.op.kind == "dequantize" and node.inputs[0].is_constant}
    return [
        f"{node.op.kind}, output {shown(node.output.name)}: {shown(tensor.name)} is computed at run time"
        for node in nodes
        for tensor in _parameters(node)
        if not tensor.is_constant and tensor not in known
    ]


def _parameters(node: Node) -> tuple[Tensor, ...]:
    """Weights and bias of a node."""
    return tuple(tensor for tensor in node.inputs if tensor not in node.op.operands(node))
