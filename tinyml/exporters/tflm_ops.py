"""The operators of a graph's .tflite file, by the methods with which TensorFlow Lite Micro's resolver takes them."""

from __future__ import annotations

from collections.abc import Mapping

from tinyml.errors import UnsupportedError
from tinyml.exporters.tflm_arena import OperatorLog
from tinyml.ir import Graph

# the schema's name -> MicroMutableOpResolver's method (tensorflow/lite/micro/micro_mutable_op_resolver.h)
METHODS: Mapping[str, str] = {
    "ABS": "AddAbs",
    "ADD": "AddAdd",
    "ASSIGN_VARIABLE": "AddAssignVariable",
    "AVERAGE_POOL_2D": "AddAveragePool2D",
    "BATCH_MATMUL": "AddBatchMatMul",
    "CALL_ONCE": "AddCallOnce",
    "CONCATENATION": "AddConcatenation",
    "CONV_2D": "AddConv2D",
    "COS": "AddCos",
    "DEPTHWISE_CONV_2D": "AddDepthwiseConv2D",
    "DEQUANTIZE": "AddDequantize",
    "ELU": "AddElu",
    "EXP": "AddExp",
    "FULLY_CONNECTED": "AddFullyConnected",
    "HARD_SWISH": "AddHardSwish",
    "L2_NORMALIZATION": "AddL2Normalization",
    "LEAKY_RELU": "AddLeakyRelu",
    "LOG": "AddLog",
    "LOGISTIC": "AddLogistic",
    "LOG_SOFTMAX": "AddLogSoftmax",
    "MAXIMUM": "AddMaximum",
    "MAX_POOL_2D": "AddMaxPool2D",
    "MEAN": "AddMean",
    "MINIMUM": "AddMinimum",
    "MUL": "AddMul",
    "NEG": "AddNeg",
    "PAD": "AddPad",
    "PADV2": "AddPadV2",
    "PRELU": "AddPrelu",
    "QUANTIZE": "AddQuantize",
    "READ_VARIABLE": "AddReadVariable",
    "RELU": "AddRelu",
    "RELU6": "AddRelu6",
    "RESHAPE": "AddReshape",
    "RESIZE_BILINEAR": "AddResizeBilinear",
    "RESIZE_NEAREST_NEIGHBOR": "AddResizeNearestNeighbor",
    "RSQRT": "AddRsqrt",
    "SIN": "AddSin",
    "SOFTMAX": "AddSoftmax",
    "SPLIT": "AddSplit",
    "SQUARE": "AddSquare",
    "SQUARED_DIFFERENCE": "AddSquaredDifference",
    "STRIDED_SLICE": "AddStridedSlice",
    "SUB": "AddSub",
    "SVDF": "AddSvdf",
    "TANH": "AddTanh",
    "TRANSPOSE": "AddTranspose",
    "TRANSPOSE_CONV": "AddTransposeConv",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "AddUnidirectionalSequenceLSTM",
    "VAR_HANDLE": "AddVarHandle",
}


def operator_names(graph: Graph) -> tuple[str, ...]:
    """The schema's names of the operators that `to_tflite` writes, each once, sorted. Raises as `to_tflite`."""
    return tuple(sorted({name for name, _, _ in OperatorLog.of(graph).operators}))


def lacking_operators(graph: Graph) -> list[str]:
    """Those that TFLM has no kernel for. Raises as `to_tflite`."""
    return [name for name in operator_names(graph) if name not in METHODS]


def resolver_methods(graph: Graph) -> tuple[str, ...]:
    """What a resolver has to add for the graph. Raises UnsupportedError with every operator that TFLM lacks."""
    names, lacking = operator_names(graph), lacking_operators(graph)
    if lacking:
        raise UnsupportedError(f"TensorFlow Lite Micro has no kernel for {', '.join(lacking)}", "tinyml build")
    return tuple(METHODS[name] for name in names)
