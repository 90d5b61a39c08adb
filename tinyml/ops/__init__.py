"""One file per op. A new op is a file here and a line in OPS; tests fail by name until it has a kernel."""

from tinyml.ir import Op
from tinyml.ops.abs import Abs
from tinyml.ops.add import Add
from tinyml.ops.average_pool2d import AveragePool2D
from tinyml.ops.batch_matmul import BatchMatMul
from tinyml.ops.concatenation import Concatenation
from tinyml.ops.conv2d import Conv2D
from tinyml.ops.depthwise_conv2d import DepthwiseConv2D
from tinyml.ops.dequantize import Dequantize
from tinyml.ops.elementary import Elementary
from tinyml.ops.elu import Elu
from tinyml.ops.fully_connected import FullyConnected
from tinyml.ops.gelu import Gelu
from tinyml.ops.hard_swish import HardSwish
from tinyml.ops.l2_normalization import L2Normalization
from tinyml.ops.leaky_relu import LeakyRelu
from tinyml.ops.log_softmax import LogSoftmax
from tinyml.ops.logistic import Logistic
from tinyml.ops.lstm import Lstm
from tinyml.ops.max_pool2d import MaxPool2D
from tinyml.ops.maximum import Maximum
from tinyml.ops.mean import Mean
from tinyml.ops.minimum import Minimum
from tinyml.ops.mul import Mul
from tinyml.ops.pad import Pad
from tinyml.ops.partial_conv2d import PartialConv2D
from tinyml.ops.prelu import Prelu
from tinyml.ops.quantize import Quantize
from tinyml.ops.relu import Relu
from tinyml.ops.rescale import Rescale
from tinyml.ops.reshape import Reshape
from tinyml.ops.resize_bilinear import ResizeBilinear
from tinyml.ops.resize_nearest import ResizeNearest
from tinyml.ops.rsqrt import Rsqrt
from tinyml.ops.softmax import Softmax
from tinyml.ops.split import Split
from tinyml.ops.squared_difference import SquaredDifference
from tinyml.ops.strided_slice import StridedSlice
from tinyml.ops.sub import Sub
from tinyml.ops.svdf import Svdf
from tinyml.ops.tanh import Tanh
from tinyml.ops.transpose import Transpose
from tinyml.ops.transpose_conv import TransposeConv

OPS: tuple[type[Op], ...] = (
    Abs,
    Add,
    AveragePool2D,
    BatchMatMul,
    Concatenation,
    Conv2D,
    DepthwiseConv2D,
    Dequantize,
    Elementary,
    Elu,
    FullyConnected,
    Gelu,
    HardSwish,
    L2Normalization,
    LeakyRelu,
    LogSoftmax,
    Logistic,
    Lstm,
    MaxPool2D,
    Maximum,
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
    Svdf,
    Tanh,
    Transpose,
    TransposeConv,
)
# of the halves that the scheduler cuts a convolution into; no model file states them
SCHEDULED: tuple[type[Op], ...] = (PartialConv2D, Rescale)

__all__ = [
    "OPS",
    "SCHEDULED",
    "Abs",
    "Add",
    "AveragePool2D",
    "BatchMatMul",
    "Concatenation",
    "Conv2D",
    "DepthwiseConv2D",
    "Dequantize",
    "Elementary",
    "Elu",
    "FullyConnected",
    "Gelu",
    "HardSwish",
    "L2Normalization",
    "LeakyRelu",
    "LogSoftmax",
    "Logistic",
    "Lstm",
    "MaxPool2D",
    "Maximum",
    "Mean",
    "Minimum",
    "Mul",
    "Pad",
    "PartialConv2D",
    "Prelu",
    "Quantize",
    "Relu",
    "Rescale",
    "Reshape",
    "ResizeBilinear",
    "ResizeNearest",
    "Rsqrt",
    "Softmax",
    "Split",
    "SquaredDifference",
    "StridedSlice",
    "Sub",
    "Svdf",
    "Tanh",
    "Transpose",
    "TransposeConv",
]
