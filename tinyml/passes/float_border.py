"""QUANTIZE first and DEQUANTIZE last are stripped: the graph takes and gives int8.

    x float -> QUANTIZE -> q -> ...          =>  q int8 -> ...
    ... -> q -> DEQUANTIZE -> y float        =>  ... -> q int8
    x uint8 -> QUANTIZE -> q -> ...          =>  x - 128 int8 -> QUANTIZE -> q -> ...
    ... -> q -> QUANTIZE -> y uint8          =>  ... -> q -> QUANTIZE -> y - 128 int8

Who calls the graph then quantizes itself: before(x) = dequantize(after(quantize(x))), with the scale and zero point
that the int8 inputs and outputs carry. They keep the names of the float tensors they stand for. A uint8 input or
output and its zero point move by 128 together, so that it stands for the same real numbers.

An input that several QUANTIZE nodes read is stripped when all quantize alike; otherwise no one int8 tensor can stand
for it and UnsupportedError names the nodes. A float input that anything else reads stays.
"""

from __future__ import annotations

from dataclasses import replace

from tinyml.errors import UnsupportedError
from tinyml.ir import DType, Graph, Quant, Tensor, shown
from tinyml.ops import Dequantize, Quantize
from tinyml.passes.rewriting import log, rename


def float_border(graph: Graph) -> Graph:
    for tensor in graph.inputs:
        graph = _strip_input(graph, tensor)
    for tensor in dict.fromkeys(graph.outputs):
        graph = _strip_output(graph, tensor)
    return graph


def _strip_input(graph: Graph, real: Tensor) -> Graph:
    readers = graph.consumers.get(real, ())
    if real.dtype is DType.UINT8 and all(isinstance(node.op, Quantize) for node in readers):
        taken = _moved(real)
        graph = graph.substitute({real: taken})
        return replace(graph, inputs=tuple(taken if tensor is real else tensor for tensor in graph.inputs))
    if not real.dtype.is_float or not readers:
        return graph
    others = [node for node in readers if not isinstance(node.op, Quantize)]
    if others or real in graph.outputs:
        seen_by = [repr(node.name) for node in others] or ["the caller, as an output"]
        log.debug("float_border: input %r stays float: read by %s", real.name, ", ".join(seen_by))
        return graph
    quantized = readers[0].output
    unlike = [node for node in readers if (node.output.dtype, node.output.quant) != (quantized.dtype, quantized.quant)]
    if unlike:
        listed = "\n".join(f"  {shown(node.name)} as {node.output.quant}" for node in (readers[0], *unlike))
        raise UnsupportedError(
            f"float input {shown(real.name)} is quantized in different ways:\n{listed}",
            "quantize it once, or give the graph one input per quantization",
        )
    taken = Tensor(real.name, quantized.shape, quantized.dtype, quantized.quant)
    rest = graph.with_nodes([node for node in graph.nodes if node not in readers])
    rest = rest.substitute({node.output: taken for node in readers})
    return replace(rest, inputs=tuple(taken if tensor is real else tensor for tensor in rest.inputs))


def _moved(tensor: Tensor) -> Tensor:
    """The int8 tensor whose numbers are those of a uint8 one, less 128."""
    quant = Quant.per_tensor(tensor.affine.scale, tensor.affine.zero_point - 128)
    return Tensor(tensor.name, tensor.shape, DType.INT8, quant)


def _strip_output(graph: Graph, real: Tensor) -> Graph:
    node = graph.producer.get(real)
    if node is not None and isinstance(node.op, Quantize) and real.dtype is DType.UINT8:
        return rename(graph, real, _moved(real))
    if node is None or not isinstance(node.op, Dequantize):
        return graph
    quantized = node.inputs[0]
    if quantized not in graph.producer:
        log.debug("float_border: output %r stays float: it is an input or a constant, dequantized", real.name)
        return graph
    named_already = quantized in graph.outputs
    graph = replace(graph, outputs=tuple(quantized if tensor is real else tensor for tensor in graph.outputs))
    if graph.consumers.get(real):
        log.debug("float_border: %r stays for its other readers", node.name)
        return graph
    graph = graph.with_nodes([other for other in graph.nodes if other is not node])
    if named_already:
        return graph
    return rename(graph, quantized, Tensor(real.name, quantized.shape, quantized.dtype, quantized.quant))
