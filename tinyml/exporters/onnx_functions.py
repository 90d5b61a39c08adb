"""Ops that ONNX spells out, or along an axis that it states: one function each, for the table in onnx_ops.py."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tinyml.exporters.onnx_writer import OnnxWriter, stated_axis
from tinyml.ir import Node
from tinyml.ops import BatchMatMul, Elementary, Gelu, L2Normalization, LogSoftmax, Rsqrt, SquaredDifference
from tinyml.ops.elementary import SOFTPLUS


def batch_matmul(op: BatchMatMul, node: Node, model: OnnxWriter) -> Sequence[str]:
    operands = []
    for tensor, adjoint in zip(node.inputs, (op.adjoint0, op.adjoint1), strict=True):
        rank = len(tensor.shape)
        order = [*range(rank - 2), rank - 1, rank - 2]
        plain = model.plain(tensor)
        operands.append(model.transposed(plain, order, tensor.name) if adjoint else plain)
    return [model.stated(model.node("MatMul", operands, f"{node.name}/matmul"), node.output.shape)]


def squared_difference(op: SquaredDifference, node: Node, model: OnnxWriter) -> Sequence[str]:
    operands = [model.operand(tensor, len(node.output.shape)) for tensor in node.inputs]
    difference = model.node("Sub", operands, f"{node.name}/difference")
    return [model.node("Mul", [difference, difference], f"{node.name}/square")]


def rsqrt(op: Rsqrt, node: Node, model: OnnxWriter) -> Sequence[str]:
    root = model.node("Sqrt", [model.real[node.inputs[0]]], f"{node.name}/root")
    return [model.node("Reciprocal", [root], f"{node.name}/reciprocal")]


def elementary(op: Elementary, node: Node, model: OnnxWriter) -> Sequence[str]:
    x = model.real[node.inputs[0]]
    if op.function == "SQUARE":
        return [model.node("Mul", [x, x], f"{node.name}/square")]
    kind = "Softplus" if op.function == SOFTPLUS else op.function.capitalize()
    return [model.node(kind, [x], f"{node.name}/{kind.lower()}")]


def gelu(op: Gelu, node: Node, model: OnnxWriter) -> Sequence[str]:
    """In parts: opset 17 has none."""
    x = model.real[node.inputs[0]]

    def times(first: str, second: str | float, part: str) -> str:
        other = second if isinstance(second, str) else model.constant(f"{node.name}/{part}_by", np.float32(second))
        return model.node("Mul", [first, other], f"{node.name}/{part}")

    def plus(first: str, second: str | float, part: str) -> str:
        other = second if isinstance(second, str) else model.constant(f"{node.name}/{part}_and", np.float32(second))
        return model.node("Add", [first, other], f"{node.name}/{part}")

    if op.approximate:
        cube = times(times(times(x, x, "square"), x, "cube"), 0.044715, "small")
        share = model.node("Tanh", [times(plus(x, cube, "inner"), math.sqrt(2 / math.pi), "scaled")], f"{node.name}/t")
    else:
        share = model.node("Erf", [times(x, math.sqrt(0.5), "scaled")], f"{node.name}/erf")
    return [times(times(x, plus(share, 1.0, "raised"), "product"), 0.5, "half")]


def l2_normalization(op: L2Normalization, node: Node, model: OnnxWriter) -> Sequence[str]:
    axis = stated_axis(len(node.output.shape) - 1, len(node.output.shape))
    return [model.node("LpNormalization", [model.real[node.inputs[0]]], f"{node.name}/unit", axis=axis, p=2)]


def log_softmax(op: LogSoftmax, node: Node, model: OnnxWriter) -> Sequence[str]:
    axis = stated_axis(len(node.output.shape) - 1, len(node.output.shape))
    return [model.node("LogSoftmax", [model.real[node.inputs[0]]], f"{node.name}/log_softmax", axis=axis)]
