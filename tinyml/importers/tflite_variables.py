"""Resource variables of a .tflite file (VAR_HANDLE, READ_VARIABLE, ASSIGN_VARIABLE, CALL_ONCE) as states of a Graph.

Operators run in order. The first read of a variable is what the inference before left, every other read what was
assigned last; what is assigned last is left for the next inference. A subgraph that runs once gives the value before
the first inference.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tinyml.errors import ModelError, UnsupportedError
from tinyml.importers.tflite_call import make_tensor, require_per_tensor
from tinyml.importers.tflite_schema import OperatorEntry, TfliteFile, reading
from tinyml.ir import DType, Graph, State, Tensor, shown

VARIABLE_OPERATORS = ("CALL_ONCE", "VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE")

Key = tuple[str, str]  # container and name


class Variables:
    """The variables of one subgraph, operator by operator.

    tensor: of the subgraph by number. tensors: those made so far; what a variable is read into is added.
    """

    def __init__(self, file: TfliteFile, tensor: Callable[[int], Tensor], tensors: dict[int, Tensor]) -> None:
        self._file, self._tensor, self._tensors = file, tensor, tensors
        self._keys: dict[int, Key] = {}  # by number of the handle
        self._initial: dict[Key, Tensor] = {}
        self._read: dict[Key, Tensor] = {}
        self.assigned: dict[Key, Tensor] = {}
        self._kept: dict[int, State] = {}  # by number of a variable tensor

    def run(self, entry: OperatorEntry) -> None:
        """One of VARIABLE_OPERATORS. Raises ModelError, UnsupportedError."""
        if entry.name == "CALL_ONCE":
            self._call_once(entry)
        elif entry.name == "VAR_HANDLE":
            (handle,) = _counted(entry.outputs, 1)
            with reading("its options"):
                options = entry.options("VarHandleOptions")
                self._keys[handle] = (self._file.text(options.Container()), self._file.text(options.SharedName()))
        elif entry.name == "READ_VARIABLE":
            (handle,), (output,) = _counted(entry.inputs, 1), _counted(entry.outputs, 1)
            self._read_into(self._key(handle), output)
        else:
            handle, value = _counted(entry.inputs, 2)
            self.assigned[self._key(handle)] = self._tensor(value)

    def carried(self, graph: Graph) -> Graph:
        """The graph with a state for each variable that is read before it is assigned."""
        constant = {read: self._initial[key] for key, read in self._read.items() if key not in self.assigned}
        states = tuple(
            State(read, self.assigned[key], np.array(self._initial[key].values))
            for key, read in self._read.items()
            if key in self.assigned
        )
        whole = replace(graph, states=(*states, *self._kept.values()))
        return whole.substitute(constant)

    def keep(self, number: int) -> None:
        """Makes the state of a variable tensor, which one operator reads and writes. It begins as the real number 0."""
        if number == -1:
            raise ModelError("its state is missing")
        entry = self._file.tensor(number)
        if number in self._tensors or not entry.is_variable or entry.data is not None:
            raise UnsupportedError(f"its state {shown(entry.name)} is not a variable of its own")
        read = make_tensor(replace(entry, is_variable=False))
        if read.dtype not in (DType.INT8, DType.INT16):
            raise UnsupportedError(f"its state {shown(entry.name)} is {read.dtype.value}; int8 and int16 are supported")
        self._tensors[number] = read
        written = replace(read, name=f"{read.name}_next")
        zero = read.quant.zero_points[0] if read.quant else 0
        if not read.dtype.bounds[0] <= zero <= read.dtype.bounds[1]:
            raise ModelError(f"its state {shown(entry.name)} has zero point {zero}")
        self._kept[number] = State(read, written, np.full(read.shape, zero, read.dtype.numpy))

    def next_of(self, number: int) -> Tensor:
        """What an operator has written to a variable tensor that is kept: all that follows reads it."""
        self._tensors[number] = self._kept[number].written
        return self._tensors[number]

    def _key(self, handle: int) -> Key:
        if handle not in self._keys:
            raise ModelError(f"tensor {handle} is not the handle of a variable")
        return self._keys[handle]

    def _call_once(self, entry: OperatorEntry) -> None:
        if self._initial or self._read or self.assigned:
            raise UnsupportedError("a second initialization, or one behind other uses of variables")
        with reading("its options"):
            number = int(entry.options("CallOnceOptions").InitSubgraphIndex())
        if number == 0:
            raise ModelError("the file is damaged: the main subgraph initializes itself")
        file = self._file.subgraph(number)
        tensors: dict[int, Tensor] = {}
        inner = Variables(file, lambda index: _constant(file, index), tensors)
        for index, operator in enumerate(file.operators):
            if operator.name not in ("VAR_HANDLE", "ASSIGN_VARIABLE"):
                raise UnsupportedError(f"the initialization of variables computes: layer {index}, {operator.name}")
            inner.run(operator)
        self._initial = inner.assigned

    def _read_into(self, key: Key, output: int) -> None:
        stated = make_tensor(self._file.tensor(output))
        name = shown(key[1])
        if stated.is_constant or output in self._tensors:
            raise ModelError(f"variable {name} is read into a tensor that has a value")
        value = self.assigned.get(key) or self._read.get(key) or self._first_read(key, stated)
        if not _alike(stated, value):
            raise UnsupportedError(f"variable {name} is assigned as {value} and read as {stated}")
        self._tensors[output] = value

    def _first_read(self, key: Key, stated: Tensor) -> Tensor:
        name = shown(key[1])
        if stated.dtype is not DType.INT8:
            raise UnsupportedError(f"variable {name} is {stated.dtype.value}; int8 is supported")
        require_per_tensor(stated)
        initial = self._initial.get(key)
        if initial is None:
            raise UnsupportedError(f"variable {name} is read before it has a value")
        if not _alike(stated, initial):
            raise UnsupportedError(f"variable {name} begins as {initial} and is read as {stated}")
        self._read[key] = Tensor(key[1] or stated.name, stated.shape, stated.dtype, stated.quant)
        return self._read[key]


def _constant(file: TfliteFile, index: int) -> Tensor:
    if index == -1:
        raise ModelError("a variable is initialized with a missing tensor")
    tensor = make_tensor(file.tensor(index))
    if not tensor.is_constant:
        raise UnsupportedError(f"variable begins as {shown(tensor.name)}, which is not a constant")
    return tensor


def _alike(a: Tensor, b: Tensor) -> bool:
    return (a.shape, a.dtype, a.quant) == (b.shape, b.dtype, b.quant)


def _counted(numbers: tuple[int, ...], count: int) -> tuple[int, ...]:
    if len(numbers) != count or -1 in numbers:
        raise ModelError(f"{len(numbers)} operands or outputs, {count} expected")
    return numbers
