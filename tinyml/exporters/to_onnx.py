"""An int8 Graph as a QDQ ONNX file: the same integers, scales and zero points, float operators between quantizers.

Inputs and outputs are float32, images as NCHW. A runtime computes the float operators, or fuses them with their
quantizers to int8 kernels of its own: it rounds otherwise than TFLite does, so outputs differ by a step or a few.
`tinyml.importers.from_onnx` gives the int8 graph back, to the byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinyml._version import __version__
from tinyml.errors import UnsupportedError, UsageError
from tinyml.exporters.onnx_ops import OPSET, ROWS, copied_quant
from tinyml.exporters.onnx_writer import OnnxWriter, plain_text, stated_sides
from tinyml.install_hints import INSTALL_HINTS
from tinyml.ir import DType, Graph, Tensor, shown, verify

IR_VERSION = 8  # of the ONNX releases that brought the opset


def to_onnx(graph: Graph) -> bytes:
    """The file of an int8 graph. Same graph, same bytes.

    Raises UnsupportedError with every op and state that ONNX has no words for, UsageError without the onnx package,
    ModelError for a graph that is not int8.
    """
    model = OnnxWriter()
    faults = [f"state {shown(state.name)}: ONNX keeps nothing between inferences" for state in graph.states]
    inputs = [model.unique(tensor.name) for tensor in verify(graph, "int8").inputs]
    for name, tensor in zip(inputs, graph.inputs, strict=True):
        model.quantized(tensor, name)
    for index, node in enumerate(graph.nodes):
        row = ROWS.get(type(node.op))
        try:
            if row is None:
                raise UnsupportedError("ONNX has no operator for it")
            if any(tensor.dtype in (DType.INT16, DType.INT4) for tensor in (*node.inputs, *node.outputs)):
                raise UnsupportedError(f"int16 or int4; the quantizers of opset {OPSET} know int8")
            computed = row(node.op, node, model)
        except UnsupportedError as error:
            faults.append(f"layer {index}: {node.op.kind} ({shown(node.outputs[0].name)}): {error.message}")
            computed = [""] * len(node.outputs)
        for tensor, name in zip(node.outputs, computed, strict=True):
            model.quantized(tensor, name, copied_quant(node))
    if faults:
        raise UnsupportedError(f"{graph.name} cannot be written as .onnx\n  " + "\n  ".join(faults))
    outputs: list[str] = []
    for name in (model.real[tensor] for tensor in graph.outputs):
        outputs.append(model.node("Identity", [name], name) if name in outputs else name)
    return _serialized(graph, model, inputs, outputs)


def _serialized(graph: Graph, model: OnnxWriter, inputs: Sequence[str], outputs: Sequence[str]) -> bytes:
    try:
        from onnx import helper, numpy_helper, shape_inference
    except ImportError as error:
        raise UsageError("writing .onnx files needs the package onnx", INSTALL_HINTS["onnx"]) from error
    nodes = [helper.make_node(n.kind, n.inputs, n.outputs, n.outputs[0], **n.attributes) for n in model.nodes]
    constants = [numpy_helper.from_array(data, name) for name, data in model.constants.items()]
    ports = (_ports(inputs, graph.inputs), _ports(outputs, graph.outputs))
    stated = helper.make_graph(nodes, plain_text(graph.name), *ports, constants)
    opsets = [helper.make_opsetid("", OPSET)]
    made = helper.make_model(stated, opset_imports=opsets, producer_name="tinyml-sdk", producer_version=__version__)
    made.ir_version = IR_VERSION
    inferred = shape_inference.infer_shapes(made, check_type=True, strict_mode=True, data_prop=True)
    return bytes(inferred.SerializeToString(deterministic=True))


def _ports(names: Sequence[str], tensors: Sequence[Tensor]) -> list[Any]:
    from onnx import TensorProto, helper

    return [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, stated_sides(tensor.shape, len(tensor.shape)))
        for name, tensor in zip(names, tensors, strict=True)
    ]
