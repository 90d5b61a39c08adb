"""The inventory of C kernels. A listed kernel is a tested kernel: tests and builds read these lists."""

from codegen.kernels import (
    add,
    average_pool2d,
    concatenation,
    conv2d,
    depthwise_conv2d,
    fully_connected,
    max_pool2d,
    mean,
    mul,
    pad,
    partial_conv2d,
    prelu,
    rescale,
    reshape,
    resize_bilinear,
    resize_nearest,
    softmax,
    split,
    strided_slice,
    transpose,
    transpose_conv,
    unary,
)
from tinyml.kernel import Kernel

KERNELS: tuple[Kernel, ...] = (
    *add.KERNELS,
    *average_pool2d.KERNELS,
    *concatenation.KERNELS,
    *conv2d.KERNELS,
    *depthwise_conv2d.KERNELS,
    *fully_connected.KERNELS,
    *max_pool2d.KERNELS,
    *mean.KERNELS,
    *mul.KERNELS,
    *pad.KERNELS,
    *partial_conv2d.KERNELS,
    *prelu.KERNELS,
    *rescale.KERNELS,
    *reshape.KERNELS,
    *resize_bilinear.KERNELS,
    *resize_nearest.KERNELS,
    *softmax.KERNELS,
    *split.KERNELS,
    *strided_slice.KERNELS,
    *transpose.KERNELS,
    *transpose_conv.KERNELS,
    *unary.KERNELS,
)

__all__ = ["KERNELS"]
