"""How each op's output quantization follows from its input's: one row per op, and the groups that result.

Source: the TensorFlow Lite 8-bit quantization specification
(https://ai.google.dev/edge/litert/models/quantization_spec) and what TensorFlow Lite Micro's kernels check.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

from tinyml.errors import UnsupportedError
from tinyml.ir import Activation, Graph, Node, Op, Quant, Tensor, shown
from tinyml.ops import (
    Abs,
    Add,
    AveragePool2D,
    BatchMatMul,
    Concatenation,
    Conv2D,
    DepthwiseConv2D,
    Elementary,
    Elu,
    FullyConnected,
    Gelu,
    HardSwish,
    L2Normalization,
    LeakyRelu,
    Logistic,
    LogSoftmax,
    Maximum,
    MaxPool2D,
    Mean,
    Minimum,
    Mul,
    Pad,
    Prelu,
    Quantize,
    Relu,
    Reshape,
    ResizeBilinear,
    ResizeNearest,
    Rsqrt,
    Softmax,
    Split,
    SquaredDifference,
    StridedSlice,
    Sub,
    Tanh,
    Transpose,
    TransposeConv,
)


class Rule(Enum):
    """FREE: the output has a range of its own. SAME: bytes are moved or compared, so inputs and outputs share one
    quantization. FIXED: the kernel knows one output quantization only, the op's OUTPUT_QUANT."""

    FREE = "free"
    SAME = "same"
    FIXED = "fixed"


RULES: dict[type[Op], Rule] = {
    Abs: Rule.FREE,
    Add: Rule.FREE,
    AveragePool2D: Rule.SAME,
    BatchMatMul: Rule.FREE,
    Concatenation: Rule.SAME,
    Conv2D: Rule.FREE,
    DepthwiseConv2D: Rule.FREE,
    Elementary: Rule.FREE,
    Elu: Rule.FREE,
    FullyConnected: Rule.FREE,
    Gelu: Rule.FREE,
    HardSwish: Rule.FREE,
    L2Normalization: Rule.FIXED,
    LeakyRelu: Rule.FREE,
    LogSoftmax: Rule.FIXED,
    Logistic: Rule.FIXED,
    MaxPool2D: Rule.SAME,
    Maximum: Rule.SAME,
    Mean: Rule.FREE,
    Minimum: Rule.SAME,
    Mul: Rule.FREE,
    Pad: Rule.SAME,
    Prelu: Rule.FREE,
    Relu: Rule.FREE,
    Reshape: Rule.SAME,
    ResizeBilinear: Rule.SAME,
    ResizeNearest: Rule.SAME,
    Rsqrt: Rule.FREE,
    Softmax: Rule.FIXED,
    Split: Rule.SAME,
    SquaredDifference: Rule.FREE,
    StridedSlice: Rule.SAME,
    Sub: Rule.FREE,
    Tanh: Rule.FIXED,
    Transpose: Rule.SAME,
    TransposeConv: Rule.FREE,
}
# which side of the weights runs over output channels; the bias is the third input
WEIGHTS_AXIS: dict[type[Op], int] = {Conv2D: 0, DepthwiseConv2D: 3, FullyConnected: 0, TransposeConv: 0}


def rule(node: Node) -> Rule:
    """The node's row. A RELU6 by itself is SAME: TFLM's kernel clamps and copies, it does not rescale."""
    if isinstance(node.op, Relu) and node.op.activation is Activation.RELU6:
        return Rule.SAME
    if isinstance(node.op, Quantize):
        return Rule.FREE  # one that `separate_fixed` put there
    return RULES[type(node.op)]


def check_rules(graph: Graph) -> None:
    """UnsupportedError unless the graph is float32 throughout and every op has a rule."""
    if graph.nodes and not any(tensor.dtype.is_float for node in graph.nodes for tensor in node.outputs):
        raise UnsupportedError(f"{graph.name} is int8 already; only float models are quantized", "build it as it is")
    faults = [f"{shown(node.name)}: {node.op.kind} {why}" for node in graph.nodes if (why := _obstacle(node))]
    faults += [f"output {shown(tensor.name)} is a constant" for tensor in graph.outputs if tensor.is_constant]
    faults += [f"state {shown(state.name)} is kept from one inference to the next" for state in graph.states]
    if faults:
        more = [f"and {len(faults) - 20} more"] if len(faults) > 20 else []
        raise UnsupportedError(f"{graph.name} cannot be quantized\n  " + "\n  ".join([*faults[:20], *more]))


def _obstacle(node: Node) -> str:
    if type(node.op) not in RULES:
        return "has no quantization rule; only float models are quantized"
    kinds = {tensor.dtype.value for tensor in (*node.inputs, *node.outputs) if not tensor.dtype.is_float}
    if kinds:
        return f"computes with {', '.join(sorted(kinds))}; only float models are quantized"
    if type(node.op) in WEIGHTS_AXIS and not all(tensor.is_constant for tensor in node.inputs[1:]):
        return "has weights that are computed at run time"
    return ""


@dataclass(frozen=True, eq=False)
class Group:
    """Tensors that share one quantization. fixed: the one a kernel demands, if any."""

    tensors: tuple[Tensor, ...]
    fixed: Quant | None = None


def separate_fixed(graph: Graph) -> Graph:
    """The graph with a QUANTIZE before every operand of a CONCATENATION whose own quantization is fixed elsewhere.

    concat(softmax(x), y): the operands need one quantization, and softmax has its own.
    """
    for node in graph.nodes:
        if not isinstance(node.op, Concatenation):
            continue
        fixed = {t: _fixed_above(graph, t) for t in node.inputs}
        if len(set(fixed.values())) == 1:
            continue
        taken = {t: Tensor(f"{t.name}/requantized", t.shape, t.dtype) for t, quant in fixed.items() if quant}
        joined = replace(node, inputs=tuple(taken.get(t, t) for t in node.inputs))
        before = [Node(new.name, Quantize(), (old,), (new,)) for old, new in taken.items()]
        nodes = [new for other in graph.nodes for new in ([*before, joined] if other is node else [other])]
        return separate_fixed(graph.with_nodes(nodes))
    return graph


def _fixed_above(graph: Graph, tensor: Tensor) -> Quant | None:
    """The quantization that a kernel above demands of a tensor."""
    node = graph.producer.get(tensor)
    while node is not None:
        if rule(node) is Rule.FIXED:
            fixed: Quant = getattr(node.op, "OUTPUT_QUANT")  # noqa: B009 - only ops of this rule have it
            return fixed
        if rule(node) is Rule.FREE:
            return None
        above = {_fixed_above(graph, operand) for operand in node.inputs}
        return above.pop() if len(above) == 1 else None
    return None


def groups(graph: Graph) -> tuple[Group, ...]:
    """Every activation of the graph in exactly one group, in the order of the graph. Constants belong to no group."""
    leader: dict[Tensor, Tensor] = {}

    def find(tensor: Tensor) -> Tensor:
        while leader.setdefault(tensor, tensor) is not tensor:
            tensor = leader[tensor]
        return tensor

    for tensor in graph.inputs:
        find(tensor)
    for node in graph.nodes:
        for tensor in node.outputs:
            find(tensor)
        if shares(node):
            for tensor in node.inputs:
                if not tensor.is_constant:
                    leader[find(tensor)] = find(node.outputs[0])
            for tensor in node.outputs:
                leader[find(tensor)] = find(node.outputs[0])
    members: dict[Tensor, list[Tensor]] = {}
    for tensor in leader:
        members.setdefault(find(tensor), []).append(tensor)
    return tuple(Group(tuple(tensors), _fixed_of(graph, tensors)) for tensors in members.values())


def shares(node: Node) -> bool:
    """Whether the node's inputs and outputs have one quantization."""
    return rule(node) is Rule.SAME


def _fixed_of(graph: Graph, tensors: list[Tensor]) -> Quant | None:
    return next((quant for tensor in tensors if (quant := _fixed_above(graph, tensor))), None)


def group_of(found: tuple[Group, ...]) -> Mapping[Tensor, Group]:
    return {tensor: group for group in found for tensor in group.tensors}
