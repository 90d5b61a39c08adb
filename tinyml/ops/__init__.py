"""One file per op. A new op is a file here and a line in OPS; tests fail by name until it has a kernel."""

from tinyml.ir import Op
from tinyml.ops.average_pool2d import AveragePool2D
from tinyml.ops.concatenation import Concatenation
from tinyml.ops.conv2d import Conv2D
from tinyml.ops.depthwise_conv2d import DepthwiseConv2D
from tinyml.ops.fully_connected import FullyConnected
from tinyml.ops.max_pool2d import MaxPool2D
from tinyml.ops.mean import Mean
from tinyml.ops.pad import Pad
from tinyml.ops.reshape import Reshape
from tinyml.ops.resize_bilinear import ResizeBilinear
from tinyml.ops.resize_nearest import ResizeNearest
from tinyml.ops.split import Split
from tinyml.ops.strided_slice import StridedSlice
from tinyml.ops.transpose import Transpose
from tinyml.ops.transpose_conv import TransposeConv

OPS: tuple[type[Op], ...] = (
    AveragePool2D,
    Concatenation,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    MaxPool2D,
    Mean,
    Pad,
    Reshape,
    ResizeBilinear,
    ResizeNearest,
    Split,
    StridedSlice,
    Transpose,
    TransposeConv,
)

__all__ = [
    "OPS",
    "AveragePool2D",
    "Concatenation",
    "Conv2D",
    "DepthwiseConv2D",
    "FullyConnected",
    "MaxPool2D",
    "Mean",
    "Pad",
    "Reshape",
    "ResizeBilinear",
    "ResizeNearest",
    "Split",
    "StridedSlice",
    "Transpose",
    "TransposeConv",
]
