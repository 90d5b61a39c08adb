"""PAD into the window that follows, where the bytes stay equal.

    CONV(PAD(x))      =>  CONV(x) with wider padding,  when PAD fills with the zero point
    MAX_POOL(PAD(x))  =>  likewise,                    when PAD fills with the least value, -128

A convolution sums (q - zero point) * w and skips taps in its padding: a tap on the zero point adds 0, so does a skipped
one. A maximum skips them too: -128 is never above another tap, and a window of nothing but padding gives -128.
An average divides by the taps inside the image, which PAD makes more of: it never folds. Only rows and columns fold,
and x must be quantized as the padded tensor is, for the window then reads x.
"""

from __future__ import annotations

from dataclasses import replace

from tinyml.ir import Graph, Node, Padding
from tinyml.ops import AveragePool2D, Conv2D, DepthwiseConv2D, MaxPool2D, Pad
from tinyml.passes.rewriting import log, same_numbers, swap, sweep


def fold_pad(graph: Graph) -> Graph:
    return sweep(graph, _fold)


def _fold(graph: Graph, node: Node) -> Graph:
    pad = graph.producer.get(node.inputs[0]) if node.inputs else None
    if pad is None or not isinstance(pad.op, Pad):
        return graph
    reason = _obstacle(pad, pad.op, node)
    if reason or not isinstance(node.op, Conv2D | DepthwiseConv2D | MaxPool2D):
        log.debug("fold_pad: %r stays before %r: %s", pad.name, node.name, reason)
        return graph
    (_, top, left, _), (_, bottom, right, _) = pad.op.before, pad.op.after
    inner = node.op.padding
    padding = Padding(inner.top + top, inner.bottom + bottom, inner.left + left, inner.right + right)
    folded = replace(node, op=replace(node.op, padding=padding), inputs=(pad.inputs[0], *node.inputs[1:]))
    return swap(graph, node, folded)


def _obstacle(pad: Node, op: Pad, node: Node) -> str:
    """Why the PAD does not fold into the node, or nothing."""
    if isinstance(node.op, AveragePool2D):
        return "an average counts the padded values"
    if not isinstance(node.op, Conv2D | DepthwiseConv2D | MaxPool2D):
        return f"{node.op.kind} has no padding"
    if node.op.operands(node)[1:] or pad.output in node.inputs[1:]:
        return "the padded tensor is more than the image"
    if len(op.before) != 4 or any(op.before[axis] or op.after[axis] for axis in (0, 3)):
        return "it pads more than rows and columns"
    if not same_numbers(pad.inputs[0], pad.output):
        return "it changes the quantization"
    fill, wanted = op.fill(pad.output), _neutral(pad, node)
    return "" if fill == wanted else f"it fills with {fill}, not {wanted}"


def _neutral(pad: Node, node: Node) -> float:
    """The value of which taps in the padding of the node have no effect."""
    if isinstance(node.op, MaxPool2D):
        return float("-inf") if pad.output.dtype.is_float else pad.output.dtype.bounds[0]
    return 0 if pad.output.dtype.is_float else pad.output.affine.zero_point
