"""States as resource variables of a .tflite file: read first, assigned last, initialized by a subgraph of their own."""

from __future__ import annotations

from collections.abc import Sequence

from ai_edge_litert import schema_py_generated as schema

from tinyml.errors import UnsupportedError
from tinyml.exporters.tflite_writer import ModelWriter
from tinyml.ir import DType, Graph, State, Tensor, shown

INITIAL_SUBGRAPH = 1  # the number of the subgraph that CALL_ONCE runs


def operators_states(graph: Graph) -> tuple[set[Tensor], tuple[State, ...]]:
    """(tensors that operators keep by themselves, the other states).

    An operator of TFLite with a state reads and writes one variable tensor, which begins as the real number 0 and which
    nobody else sees. Raises UnsupportedError where such a state is not alone with its operator.
    """
    kept: set[Tensor] = set()
    for node in graph.nodes:
        for read, written in node.op.replaces(node):
            zero = read.affine.zero_point
            own = [s for s in graph.states if s.read is read and s.written is written and (s.initial == zero).all()]
            seen = written in graph.consumers or {read, written} & {*graph.outputs} or graph.consumers[read] != (node,)
            if not own or seen:
                raise UnsupportedError(
                    f"{graph.name} cannot be written as .tflite\n  {node.op.kind} ({shown(node.outputs[0].name)}): "
                    "its state begins with other values than 0, or is seen by others"
                )
            kept.add(read)
    return kept, tuple(state for state in graph.states if state.read not in kept)


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
