"""Every ONNX operator in the table, in the forms that exporters write, against onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

from tests.importers.onnx_files import expected, model, node, weights
from tinyml.errors import ModelError, UnsupportedError
from tinyml.importers.from_onnx import import_onnx
from tinyml.importers.onnx_ops import ROWS
from tinyml.interpreter import run
from tinyml.ir import Array

IMAGE, SIGNAL, ROWS_OF_NUMBERS = (1, 4, 6, 5), (1, 4, 11), (1, 7, 6)
Case = tuple[Any, Sequence[int], Mapping[str, Array]]  # node, shape of x, constants


def ints(*numbers: int) -> Array:
    return np.array(numbers, np.int64)


def floats(*numbers: float) -> Array:
    return np.array(numbers, np.float32)


def number(value: float) -> Array:
    return np.array(value, np.float32)


def conv(shape: Sequence[int], kernel: Array, bias: bool = True, **attributes: Any) -> Case:
    constants = {"w": kernel, **({"b": weights(len(kernel))} if bias else {})}
    return node("Conv", ["x", *constants], **attributes), shape, constants


def unary(kind: str, shape: Sequence[int] = IMAGE, **attributes: Any) -> Case:
    return node(kind, ["x"], **attributes), shape, {}


def with_constants(kind: str, shape: Sequence[int] = IMAGE, attributes: Any = None, **constants: Array) -> Case:
    return node(kind, ["x", *constants], **(attributes or {})), shape, constants


def resize(mode: str, rule: str, rounding: str = "floor", scales: Sequence[float] = (1, 1, 2, 2)) -> Case:
    attributes = {"mode": mode, "coordinate_transformation_mode": rule, "nearest_mode": rounding}
    return node("Resize", ["x", "", "scales"], **attributes), IMAGE, {"scales": floats(*scales)}


def normalization(shape: Sequence[int]) -> Case:
    constants = {n: weights(shape[1], seed=s) for s, n in enumerate(("scale", "bias", "mean"))}
    constants["variance"] = weights(shape[1], seed=3) ** 2 + np.float32(0.1)
    return node("BatchNormalization", ["x", *constants], epsilon=1e-3), shape, constants


CASES: dict[str, Case] = {
    "conv": conv(IMAGE, weights(6, 4, 3, 3), strides=[2, 1], pads=[1, 0, 2, 1]),
    "conv dilated": conv(IMAGE, weights(3, 4, 2, 2), bias=False, dilations=[2, 3]),
    "conv grouped": conv(IMAGE, weights(6, 2, 3, 3), group=2, kernel_shape=[3, 3]),
    "conv depthwise": conv(IMAGE, weights(8, 1, 3, 3), group=4, pads=[1, 1, 1, 1]),
    "conv same upper": conv(IMAGE, weights(3, 4, 3, 3), auto_pad="SAME_UPPER", strides=[2, 2]),
    "conv same lower": conv(IMAGE, weights(3, 4, 2, 3), auto_pad="SAME_LOWER", strides=[1, 2]),
    "conv valid": conv(IMAGE, weights(3, 4, 2, 3), auto_pad="VALID"),
    "conv of a signal": conv(SIGNAL, weights(5, 4, 3), pads=[2, 0], dilations=[2], strides=[2]),
    "conv of a signal depthwise": conv(SIGNAL, weights(4, 1, 5), group=4),
    "conv of one channel": conv((1, 1, 7, 6), weights(4, 1, 3, 3)),
    "transposed": with_constants("ConvTranspose", w=weights(4, 3, 3, 3), b=weights(3), attributes={"strides": [2, 2]}),
    "transposed padded": with_constants(
        "ConvTranspose", w=weights(4, 3, 3, 2), attributes={"strides": [2, 3], "pads": [1, 0, 0, 1]}
    ),
    "transposed extended": with_constants(
        "ConvTranspose", w=weights(4, 3, 3, 3), attributes={"strides": [2, 2], "output_padding": [1, 1]}
    ),
    "transposed signal": with_constants("ConvTranspose", SIGNAL, w=weights(4, 3, 4), attributes={"strides": [2]}),
    "max pool": unary("MaxPool", kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 1]),
    "max pool ceil": unary("MaxPool", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1),
    "max pool same": unary("MaxPool", kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER"),
    "max pool of a signal": unary("MaxPool", SIGNAL, kernel_shape=[3], strides=[3]),
    "average pool": unary("AveragePool", kernel_shape=[2, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
    "average pool counting": unary("AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1),
    "average pool ceil": unary("AveragePool", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1),
    "average pool of a signal": unary("AveragePool", SIGNAL, kernel_shape=[4], pads=[1, 1], count_include_pad=1),
    "average pool of all": unary("AveragePool", kernel_shape=[6, 5]),
    "global average": unary("GlobalAveragePool"),
    "global average of a signal": unary("GlobalAveragePool", SIGNAL),
    "global max": unary("GlobalMaxPool"),
    "relu": unary("Relu"),
    "leaky": unary("LeakyRelu", alpha=0.3),
    "sigmoid": unary("Sigmoid"),
    "tanh": unary("Tanh"),
    "hard sigmoid": unary("HardSigmoid"),
    "hard sigmoid of mobilenet": unary("HardSigmoid", alpha=1 / 6, beta=0.5),
    "hard swish": unary("HardSwish"),
    "identity": unary("Identity"),
    "negative": unary("Neg"),
    "dropout": unary("Dropout"),
    "prelu": with_constants("PRelu", slopes=weights(4, 1, 1)),
    "prelu of one slope": with_constants("PRelu", slopes=floats(0.3)),
    "clip 0 to 6": with_constants("Clip", low=number(0), high=number(6)),
    "clip -1 to 1": with_constants("Clip", low=number(-1), high=number(1)),
    "clip below": with_constants("Clip", low=number(0.25)),
    "clip above": (node("Clip", ["x", "", "high"]), IMAGE, {"high": number(0.5)}),
    "clip both": with_constants("Clip", low=number(-0.3), high=number(0.7)),
    "clip to nothing": with_constants("Clip", low=number(-3.4028235e38), high=number(3.4028235e38)),
    "max": with_constants("Max", bound=number(0.2)),
    "max of tensors": (node("Max", ["x", "c", "d"]), IMAGE, {"c": weights(4, 1, 1), "d": number(-0.1)}),
    "min of tensors": with_constants("Min", c=weights(*IMAGE)),
    "magnitude": unary("Abs"),
    "elu": unary("Elu"),
    "unit length": unary("LpNormalization", axis=1),
    "exp": unary("Exp"),
    "waves": unary("Sin"),
    "other waves": unary("Cos"),
    "softplus": unary("Softplus"),
    "instance normalization": with_constants("InstanceNormalization", s=weights(4), b=weights(4, seed=1)),
    "layer normalization": with_constants("LayerNormalization", ROWS_OF_NUMBERS, s=weights(6), b=weights(6, seed=1)),
    "layer normalization of an image": with_constants("LayerNormalization", attributes={"axis": 2}, s=weights(6, 5)),
    "log softmax": unary("LogSoftmax", axis=1),
    "cube": with_constants("Pow", three=number(3)),
    "pad that mirrors": with_constants("Pad", pads=ints(0, 0, 1, 2, 0, 0, 0, 3), attributes={"mode": "reflect"}),
    "gather of any": with_constants("Gather", places=ints(0, 1, 3), attributes={"axis": 1}),
    "matmul of two": (node("MatMul", ["x", "c"]), IMAGE, {"c": weights(1, 4, 5, 3)}),
    "min": (node("Min", ["bound", "x"]), IMAGE, {"bound": number(0.2)}),
    "softmax": unary("Softmax", axis=1),
    "softmax of the last axis": unary("Softmax", ROWS_OF_NUMBERS),
    "softmax of rows": unary("Softmax", axis=2),
    "add per channel": with_constants("Add", c=weights(4, 1, 1)),
    "add per column": with_constants("Add", c=weights(5)),
    "add per row": with_constants("Add", c=weights(6, 1)),
    "add in full": with_constants("Add", c=weights(*IMAGE)),
    "sub from a constant": (node("Sub", ["c", "x"]), IMAGE, {"c": weights(4, 6, 1)}),
    "mul by a number": with_constants("Mul", c=number(0.7)),
    "div": with_constants("Div", c=weights(1, 4, 1, 1) + np.float32(3)),
    "square": with_constants("Pow", two=number(2)),
    "sum": with_constants("Sum", c=weights(4, 1, 1), d=number(2)),
    "stretched": with_constants("Mul", (1, 4, 1, 1), c=weights(1, 1, 3, 5)),
    "normalization": normalization(IMAGE),
    "normalization of a signal": normalization(SIGNAL),
    "normalization of features": normalization((1, 6)),
    "mean of rows and columns": unary("ReduceMean", axes=[2, 3], keepdims=0),
    "mean of channels": unary("ReduceMean", axes=[1]),
    "mean of all": unary("ReduceMean"),
    "mean of the last axis": unary("ReduceMean", ROWS_OF_NUMBERS, axes=[-1], keepdims=0),
    "sum of rows": with_constants("ReduceSum", axes=ints(2)),
    "gemm": with_constants("Gemm", (1, 6), w=weights(6, 3), b=weights(3), attributes={"alpha": 0.5, "beta": 2.0}),
    "gemm transposed": with_constants("Gemm", (1, 6), w=weights(3, 6), b=weights(1, 3), attributes={"transB": 1}),
    "gemm of rows": with_constants("Gemm", (5, 6), w=weights(6, 3), attributes={"transA": 0}),
    "gemm of columns": with_constants("Gemm", (6, 5), w=weights(6, 3), b=weights(5, 3), attributes={"transA": 1}),
    "matmul": with_constants("MatMul", ROWS_OF_NUMBERS, w=weights(6, 4)),
    "matmul of an image": with_constants("MatMul", w=weights(5, 3)),
    "matmul from the left": (node("MatMul", ["w", "x"]), ROWS_OF_NUMBERS, {"w": weights(3, 7)}),
    "concat": (node("Concat", ["x", "c", "x"], axis=1), IMAGE, {"c": weights(1, 2, 6, 5)}),
    "concat of rows": (node("Concat", ["x", "c"], axis=-2), IMAGE, {"c": weights(1, 4, 2, 5)}),
    "split": (node("Split", ["x"], ["y", "z"], axis=1), IMAGE, {}),
    "split unevenly": (node("Split", ["x", "parts"], ["z", "y"], axis=1), IMAGE, {"parts": ints(1, 3)}),
    "slice": with_constants("Slice", starts=ints(1, -4), ends=ints(4, 2**31), axes=ints(1, 2), steps=ints(2, 1)),
    "slice backwards": with_constants("Slice", starts=ints(-1), ends=ints(-(2**31)), axes=ints(3), steps=ints(-2)),
    "gather": with_constants("Gather", places=ints(1, 3), attributes={"axis": 1}),
    "gather of one": with_constants("Gather", place=np.array(-1, np.int64), attributes={"axis": 2}),
    "pad": with_constants("Pad", pads=ints(0, 0, 1, 2, 0, 0, 0, 1)),
    "pad with a value": with_constants("Pad", pads=ints(0, 1, 0, 0, 0, 0, 0, 1), value=number(1.5)),
    "pad below 0": with_constants("Pad", pads=ints(0, 0, -1, 0, 0, 0, 2, -2)),
    "nearest": resize("nearest", "asymmetric"),
    "nearest by default": resize("nearest", "half_pixel", "round_prefer_floor"),
    "nearest ceil": resize("nearest", "half_pixel", "round_prefer_ceil", (1, 1, 3, 2)),
    "nearest down": resize("nearest", "asymmetric", "floor", (1, 1, 0.5, 0.6)),
    "linear": resize("linear", "half_pixel"),
    "linear as in pytorch": resize("linear", "pytorch_half_pixel", scales=(1, 1, 1.5, 2)),
    "linear aligned": resize("linear", "align_corners", scales=(1, 1, 2, 3)),
    "linear asymmetric": resize("linear", "asymmetric"),
    "resize to sizes": (node("Resize", ["x", "", "", "sizes"], mode="linear"), IMAGE, {"sizes": ints(1, 4, 12, 7)}),
    "reshape": with_constants("Reshape", target=ints(0, 2, -1)),
    "reshape to rows": with_constants("Reshape", target=ints(0, -1, 5)),
    "flatten": unary("Flatten"),
    "flatten of two": unary("Flatten", axis=2),
    "squeeze": with_constants("Squeeze", (1, 4, 1, 5), axes=ints(2)),
    "squeeze of all": unary("Squeeze", (1, 4, 1, 5)),
    "unsqueeze": with_constants("Unsqueeze", ROWS_OF_NUMBERS, axes=ints(1, -1)),
    "transpose": unary("Transpose", perm=[0, 2, 3, 1]),
    "transpose reversed": unary("Transpose"),
    "expand to itself": with_constants("Expand", target=ints(1, 4, 6, 5)),
    "cast": unary("Cast", to=1),
    "depth to space": unary("DepthToSpace", (1, 8, 3, 2), blocksize=2),
    "depth to space by columns": unary("DepthToSpace", (1, 8, 3, 2), blocksize=2, mode="CRD"),
}


@pytest.mark.parametrize("name", CASES)
def test_against_onnxruntime(name: str) -> None:
    """Behind a convolution, so that images are stored channels last, and by itself."""
    case, shape, constants = CASES[name]
    data = model([case], {"x": shape}, constants, case.output).SerializeToString()
    sample = {"x": weights(*shape, seed=9)}
    compare(data, sample)
    if len(shape) == 4 and shape[1] % 4 == 0:
        before = node("Conv", ["image", "before"], ["x"])
        more = {**constants, "before": weights(shape[1], 3, 1, 1)}
        data = model([before, case], {"image": (1, 3, *shape[2:])}, more, case.output).SerializeToString()
        compare(data, {"image": weights(1, 3, *shape[2:], seed=8)})


def compare(data: bytes, samples: Mapping[str, Array]) -> None:
    imported = import_onnx(data, "case")
    found = run(imported.graph, [port.to_graph(samples[port.name]) for port in imported.inputs])
    for port, ours, theirs in zip(imported.outputs, found, expected(data, samples), strict=True):
        assert port.shape == theirs.shape
        np.testing.assert_allclose(ours, port.to_graph(theirs), rtol=1e-5, atol=1e-5 * np.ptp(theirs))


CHAINS: dict[str, Sequence[Any]] = {
    "root": [node("Abs", ["x"], ["a"]), node("Add", ["a", "c"], ["b"]), node("Sqrt", ["b"])],
    "division by a root": [
        node("Abs", ["x"], ["a"]),
        node("Add", ["a", "c"], ["b"]),
        node("Sqrt", ["b"], ["r"]),
        node("Div", ["x", "r"]),
    ],
    "reciprocal of a root": [
        node("Abs", ["x"], ["a"]),
        node("Add", ["a", "c"], ["b"]),
        node("Pow", ["b", "half"], ["r"]),
        node("Reciprocal", ["r"]),
    ],
    "gelu": [
        node("Div", ["x", "root"], ["a"]),
        node("Erf", ["a"], ["b"]),
        node("Add", ["b", "one"], ["d"]),
        node("Mul", ["x", "d"], ["e"]),
        node("Mul", ["e", "half"]),
    ],
    "logarithm": [node("Abs", ["x"], ["a"]), node("Add", ["a", "c"], ["b"]), node("Log", ["b"])],
    "squared difference": [node("Sub", ["x", "c"], ["a"]), node("Mul", ["a", "a"])],
}
NUMBERS = {"c": number(0.3), "half": number(0.5), "root": number(2**0.5), "one": number(1)}


@pytest.mark.parametrize("name", CHAINS)
def test_operators_that_only_mean_something_together(name: str) -> None:
    data = model(CHAINS[name], {"x": IMAGE}, NUMBERS, CHAINS[name][-1].output).SerializeToString()
    compare(data, {"x": weights(*IMAGE, seed=9)})


@pytest.mark.parametrize(("name", "kind"), [("gelu", "gelu"), ("squared difference", "squared_difference")])
def test_what_exporters_spell_out_is_one_op(name: str, kind: str) -> None:
    data = model(CHAINS[name], {"x": IMAGE}, NUMBERS, CHAINS[name][-1].output).SerializeToString()
    assert [n.op.kind for n in import_onnx(data, "chain").graph.nodes] == [kind]


def test_every_row_has_a_case() -> None:
    chained = {step.op_type for chain in CHAINS.values() for step in chain}
    assert set(ROWS) - {case.op_type for case, _, _ in CASES.values()} - chained == {
        "Gelu",  # of opset 20
        "Upsample",
        "QuantizeLinear",
        "DequantizeLinear",
    }


@pytest.mark.parametrize("kind", ["Conv", "Add"])
def test_two_tensors_stored_in_different_orders(kind: str) -> None:
    """One image channels last, the other as a matrix product leaves it: one of them has to be moved."""
    nodes = [
        node("Conv", ["x", "w"], ["a"]),
        node("MatMul", ["z", "m"], ["b"]),
        node("Reshape", ["b", "shape"], ["c"]),
        node("Add", ["a", "c"]),
    ]
    constants = {"w": weights(4, 3, 1, 1), "m": weights(6, 30), "shape": ints(1, 4, 6, 5)}
    data = model(nodes, {"x": (1, 3, 6, 5), "z": (1, 4, 6)}, constants).SerializeToString()
    compare(data, {"x": weights(1, 3, 6, 5), "z": weights(1, 4, 6)})
    moves = import_onnx(data, "orders").moves
    assert len(moves) == 1 and "Add 'the Add' reads" in moves[0].text


def test_an_input_that_is_channels_last_already() -> None:
    """As converters from TensorFlow write it: the file's own transposes vanish, and the input stays as it is stated."""
    nodes = [
        node("Transpose", ["x"], ["a"], perm=[0, 3, 1, 2]),
        node("Conv", ["a", "w"], ["b"]),
        node("Transpose", ["b"], perm=[0, 2, 3, 1]),
    ]
    data = model(nodes, {"x": (1, 6, 5, 3)}, {"w": weights(4, 3, 3, 3)}).SerializeToString()
    imported = import_onnx(data, "channels_last")
    assert imported.inputs[0].axes == imported.outputs[0].axes == (0, 1, 2, 3)
    assert [n.op.kind for n in imported.graph.nodes] == ["conv2d"]
    compare(data, {"x": weights(1, 6, 5, 3)})


def test_shapes_worked_out_at_run_time_are_constants() -> None:
    """Shape, Gather, Concat and arithmetic on sizes, as exporters write a flatten or a resize to another's size."""
    nodes = [
        node("Conv", ["x", "w"], ["a"], strides=[2, 2]),
        node("Shape", ["x"], ["s"]),
        node("Slice", ["s", "two", "four", "zero"], ["hw"]),
        node("Shape", ["a"], ["t"]),
        node("Slice", ["t", "zero", "two", "zero"], ["nc"]),
        node("Concat", ["nc", "hw"], ["sizes"], axis=0),
        node("Resize", ["a", "", "", "sizes"], ["b"], mode="nearest", coordinate_transformation_mode="asymmetric"),
        node("Gather", ["s", "batch"], ["n"]),
        node("Unsqueeze", ["n", "zero"], ["n1"]),
        node("Concat", ["n1", "rest"], ["shape"], axis=0),
        node("Reshape", ["b", "shape"]),
    ]
    constants = {"w": weights(4, 3, 2, 2), "zero": ints(0), "two": ints(2), "four": ints(4), "rest": ints(-1)}
    constants["batch"] = np.array(0, np.int64)
    data = model(nodes, {"x": (1, 3, 8, 6)}, constants).SerializeToString()
    compare(data, {"x": weights(1, 3, 8, 6)})
    assert {n.op.kind for n in import_onnx(data, "m").graph.nodes} <= {
        "conv2d",
        "resize_nearest",
        "reshape",
        "transpose",
    }


def test_a_clamp_of_a_transposed_clamp() -> None:
    nodes = [
        node("Relu", ["x"], ["a"]),
        node("Transpose", ["a"], ["b"], perm=[0, 2, 1, 3]),
        node("Min", ["b", "six"], ["y"]),
    ]
    data = model(nodes, {"x": IMAGE}, {"six": number(6)}).SerializeToString()
    compare(data, {"x": weights(*IMAGE) * np.float32(5)})
    assert [n.op.activation.value for n in import_onnx(data, "m").graph.nodes if n.op.kind == "relu"] == ["relu6"]


def test_opset_9_resizes_and_slices() -> None:
    nodes = [
        node("Upsample", ["x", "scales"], ["a"], mode="nearest"),
        node("Slice", ["a"], ["b"], starts=[1], ends=[5], axes=[2]),
        node("Clip", ["b"], ["c"], min=0.0, max=6.0),
        node("Softmax", ["c"], axis=3),
    ]
    data = model(nodes, {"x": IMAGE}, {"scales": floats(1, 1, 2, 2)}, opset=9).SerializeToString()
    compare(data, {"x": weights(*IMAGE)})


def test_half_precision_weights_are_widened() -> None:
    data = model(
        [node("Cast", ["h"], ["w"], to=1), node("Conv", ["x", "w"])],
        {"x": IMAGE},
        {"h": weights(3, 4, 3, 3).astype(np.float16)},
    ).SerializeToString()
    compare(data, {"x": weights(*IMAGE)})


@pytest.mark.parametrize(
    ("case", "message"),
    [
        (unary("MaxPool", kernel_shape=[2, 2], dilations=[2, 2]), "a pool with dilation"),
        (with_constants("ConvTranspose", w=weights(4, 1, 2, 2), attributes={"group": 4}), "4 groups"),
        (with_constants("Pad", pads=ints(0, 0, 1, 1, 0, 0, 1, 1), attributes={"mode": "edge"}), "mode 'edge'"),
        (resize("cubic", "half_pixel"), "mode cubic"),
        (resize("nearest", "half_pixel", "ceil"), "those of no TFLite mode"),
        (with_constants("Pow", five=number(5)), "an exponent of 5"),
        (with_constants("Expand", target=ints(2, 4, 6, 5)), "an Expand of"),
        (unary("Cast", to=7), "a cast of an activation"),
        (node("Div", ["c", "x"]), "computed at run time"),
        (with_constants("MatMul", (4,), w=weights(2, 4, 3)), "a product of a vector"),
        (unary("Conv", (2, 4, 6, 5)), "one sample at a time"),
        (unary("Erf"), "Erf is known as a part of GELU only"),
        (unary("Elu", alpha=0.5), "an alpha of 0.5"),
        (unary("Atan"), "Atan 'the Atan': unknown to this SDK"),
    ],
)
def test_what_is_refused(case: Any, message: str) -> None:
    operator, shape, constants = case if isinstance(case, tuple) else (case, IMAGE, {"c": weights(1)})
    if operator.op_type == "Conv":
        operator, constants = node("Conv", ["x", "w"]), {"w": weights(3, 4, 1, 1)}
    with pytest.raises((UnsupportedError, ModelError), match=message):
        import_onnx(model([operator], {"x": shape}, constants).SerializeToString(), "case")
