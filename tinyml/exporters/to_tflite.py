"""A Graph as a .tflite file that LiteRT, TensorFlow Lite Micro and Netron load."""

from __future__ import annotations

from ai_edge_litert import schema_py_generated as schema

from tinyml.errors import UnsupportedError
from tinyml.exporters.tflite_ops import ROWS
from tinyml.exporters.tflite_variables import operators_states, read_variables, write_initial_values
from tinyml.exporters.tflite_writer import ModelWriter
from tinyml.ir import Graph, shown


def to_tflite(graph: Graph) -> bytes:
    """The flatbuffer of a graph: int8, float, or int8 between float borders. States become variables.

    Same graph, same bytes. Raises UnsupportedError with every op that TFLite cannot state.
    """
    model = ModelWriter()
    model.variables, states = operators_states(graph)
    handles = read_variables(states, model)
    write_operators(graph, model)
    for state, handle in zip(states, handles, strict=True):
        model.operator("ASSIGN_VARIABLE", 1, [handle, state.written], [], schema.AssignVariableOptionsT())
    model.end_subgraph(graph.name, graph.inputs, graph.outputs)
    if states:
        write_initial_values(states, model)
    return model.finish(graph)


def write_operators(graph: Graph, model: ModelWriter) -> None:
    """Appends the operators of a graph to a model. Raises UnsupportedError as `to_tflite`."""
    faults: list[str] = []
    for index, node in enumerate(graph.nodes):
        row = ROWS.get(type(node.op))
        if row is None:
            faults.append(f"layer {index}: {node.op.kind} ({shown(node.outputs[0].name)}) has no TFLite operator")
            continue
        try:
            row(node.op, node, model)
        except UnsupportedError as error:
            faults.append(f"layer {index}: {node.op.kind} ({shown(node.outputs[0].name)}): {error.message}")
    if faults:
        raise UnsupportedError(f"{graph.name} cannot be written as .tflite\n  " + "\n  ".join(faults))
