"""Layers with constant weights as one matrix per tap, whatever the op: what the passes over channels calculate with."""

from __future__ import annotations

import numpy as np

from tinyml.ir import Array, DType, Node, Tensor
from tinyml.ops import Conv2D, DepthwiseConv2D, FullyConnected, TransposeConv

LAYERS = (Conv2D, DepthwiseConv2D, FullyConnected, TransposeConv)


def is_quantized(tensor: Tensor) -> bool:
    """Whether the tensor is int8 with one scale, as every activation of a finished int8 graph."""
    return tensor.dtype is DType.INT8 and tensor.quant is not None and len(tensor.quant.scales) == 1


def is_layer(node: Node) -> bool:
    """Whether the node is an int8 layer with constant weights, quantized along its outputs or as a whole, and bias."""
    if not isinstance(node.op, LAYERS) or not all(tensor.is_constant for tensor in node.inputs[1:]):
        return False
    weights = node.inputs[1]
    along = 3 if isinstance(node.op, DepthwiseConv2D) else 0
    return (
        is_quantized(node.inputs[0])
        and is_quantized(node.output)
        and weights.dtype is DType.INT8
        and weights.quant is not None
        and (len(weights.quant.scales) == 1 or weights.quant.axis == along)
    )


def is_dense(node: Node) -> bool:
    """Whether each output channel of the layer reads every input channel, and channels are the image's last side."""
    if not is_layer(node) or isinstance(node.op, DepthwiseConv2D):
        return False
    features, channels = node.inputs[1].shape[-1], node.inputs[0].shape[-1:]
    if isinstance(node.op, FullyConnected):
        return bool(channels) and features % channels[0] == 0
    return channels == (features,)


def zero_point_of_weights(node: Node) -> int:
    """What every weight is centred on: 0 but for FULLY_CONNECTED with weights per tensor."""
    return node.op.weights_zero_point(node) if isinstance(node.op, FullyConnected) else 0


def grouped_filters(node: Node) -> Array:
    """Centred weights of a layer, float64 [groups, outputs per group, taps, inputs per group].

    A FULLY_CONNECTED over a flattened image has one tap per pixel; one that regroups its input's last side has one tap.
    """
    weights = node.inputs[1].values.astype(np.float64) - zero_point_of_weights(node)
    if isinstance(node.op, DepthwiseConv2D):
        channels = node.inputs[0].shape[3]
        taps = weights.reshape(-1, channels, weights.shape[3] // channels)
        return np.ascontiguousarray(taps.transpose(1, 2, 0))[..., None]
    outputs, depth = weights.shape[0], weights.shape[-1]
    if isinstance(node.op, FullyConnected):
        depth = node.inputs[0].shape[-1] if is_dense(node) else depth
        return weights.reshape(1, outputs, -1, depth)
    groups = node.inputs[0].shape[3] // depth
    return weights.reshape(groups, outputs // groups, -1, depth)


def bias_of(node: Node) -> Array:
    """int64, one per output channel; zeros where the layer has none."""
    channels = node.output.shape[-1]
    return node.inputs[2].values.astype(np.int64) if len(node.inputs) > 2 else np.zeros(channels, np.int64)


def tap_classes(node: Node) -> Array:
    """bool [classes, taps]: which taps lie inside the image, one row for each set of them that some output pixel has.

    Exact for windows. A TRANSPOSE_CONV states no tap and each tap alone: sums that are equal in all those classes are
    zero, whichever taps a pixel adds.
    """
    shape = node.inputs[1].shape
    if isinstance(node.op, Conv2D | DepthwiseConv2D):
        image, output, padding = node.inputs[0].shape, node.output.shape, node.op.padding
        rows = _inside(image[1], output[1], shape[1], node.op.stride_h, node.op.dilation_h, padding.top)
        columns = _inside(image[2], output[2], shape[2], node.op.stride_w, node.op.dilation_w, padding.left)
        return (rows[:, None, :, None] & columns[None, :, None, :]).reshape(len(rows) * len(columns), -1)
    if isinstance(node.op, TransposeConv):
        taps = shape[1] * shape[2]
        return np.concatenate([np.zeros((1, taps), bool), np.eye(taps, dtype=bool)])
    return np.ones((1, grouped_filters(node).shape[2]), bool)


def _inside(side: int, outputs: int, taps: int, stride: int, dilation: int, before: int) -> Array:
    """The distinct rows of bool [outputs, taps]: whether a tap of an output is inside the image."""
    place = np.arange(outputs)[:, None] * stride - before + np.arange(taps)[None, :] * dilation
    return np.asarray(np.unique((place >= 0) & (place < side), axis=0))
