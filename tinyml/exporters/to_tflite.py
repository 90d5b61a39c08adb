"""A Graph as a .tflite file that LiteRT, TensorFlow Lite Micro and Netron load."""

from __future__ import annotations

from tinyml.errors import UnsupportedError
from tinyml.exporters.tflite_ops import ROWS
from tinyml.exporters.tflite_writer import ModelWriter
from tinyml.ir import Graph, shown


def to_tflite(graph: Graph) -> bytes:
    """The flatbuffer of a graph: int8, float, or int8 between float borders.

    Same graph, same bytes. Raises UnsupportedError with every op that TFLite cannot state.
    """
    model = ModelWriter()
    write_operators(graph, model)
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
