"""States as resource variables of a .tflite file: read first, assigned last, initialized by a subgraph of their own."""

from __future__ import annotations

from collections.abc import Sequence

from ai_edge_litert import schema_py_generated as schema

from tinyml.exporters.tflite_writer import ModelWriter
from tinyml.ir import DType, State, Tensor

INITIAL_SUBGRAPH = 1  # the number of the subgraph that CALL_ONCE runs


def read_variables(states: Sequence[State], model: ModelWriter) -> list[Tensor]:
    """Appends what fills the tensors that states are read from; returns the handles of their variables."""
    if states:
        once = schema.CallOnceOptionsT()
        once.initSubgraphIndex = INITIAL_SUBGRAPH
        model.operator("CALL_ONCE", 1, [], [], once)
    handles = _handles(states, model)
    for state, handle in zip(states, handles, strict=True):
        model.operator("READ_VARIABLE", 1, [handle], [state.read], schema.ReadVariableOptionsT())
    return handles


def write_initial_values(states: Sequence[State], model: ModelWriter) -> None:
    """The subgraph that CALL_ONCE runs."""
    for state, handle in zip(states, _handles(states, model), strict=True):
        value = Tensor.constant(f"{state.name}/initial", state.initial, state.read.quant)
        model.operator("ASSIGN_VARIABLE", 1, [handle, value], [], schema.AssignVariableOptionsT())
    model.end_subgraph("initial")


def _handles(states: Sequence[State], model: ModelWriter) -> list[Tensor]:
    """A VAR_HANDLE for each state. Variables are found by name, so states of one name get other ones."""
    handles: list[Tensor] = []
    taken: set[str] = set()
    for state in states:
        name = state.name
        while name in taken:
            name += "'"
        taken.add(name)
        options = schema.VarHandleOptionsT()
        options.container, options.sharedName = "", name
        handles.append(Tensor(f"{name}/handle", (), DType.INT32))
        model.resources.add(handles[-1])
        model.operator("VAR_HANDLE", 1, [], handles[-1:], options)
    return handles
