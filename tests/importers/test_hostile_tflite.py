"""Damaged and hostile .tflite files: each ends in a Graph or in one clear TinymlError, and soon."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.conftest import shared_model
from tests.importers.mutations import mutations
from tests.importers.tflite_files import case_file, edited, operators_file, tiny_network
from tests.op_cases import CASES
from tinyml.errors import ModelError, UnsupportedError
from tinyml.exporters.to_tflite import to_tflite
from tinyml.importers.from_tflite import from_tflite
from tinyml.ir import Graph


def survives(data: bytes) -> bool:
    """Whether the file still is a model; any exception but the two expected ones passes through and fails the test."""
    try:
        return isinstance(from_tflite(data, "hostile"), Graph)
    except (ModelError, UnsupportedError) as error:
        assert error.message
        return False


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("name", "count"), [("kws_int8", 420), ("resnet8_float", 180), ("mcunet_vww_80", 90)])
def test_mutations_of_shared_models(name: str, count: int) -> None:
    data = shared_model(name).read_bytes()
    survivors = sum(survives(damaged) for damaged in mutations(data, count, seed=1))
    assert 0 < survivors < count


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", CASES)
def test_mutations_of_one_op(kind: str) -> None:
    for damaged in mutations(case_file(kind), 60, seed=2):
        survives(damaged)


@pytest.mark.timeout(60)
def test_mutations_of_a_network() -> None:
    for damaged in mutations(to_tflite(tiny_network()), 600, seed=3):
        survives(damaged)


@pytest.mark.timeout(60)
def test_every_truncation_is_an_error() -> None:
    data = case_file("add")
    for length in range(len(data) - 16):
        if survives(data[:length]):
            # only what comes after the last table may be missing: nothing that the graph needs
            assert length > len(data) // 2


@pytest.mark.timeout(120)
@pytest.mark.parametrize("word", [0xEE6B2800, 0xFFFFFFFF, 0x7FFFFFFF, 0])
def test_every_word_replaced(word: int) -> None:
    """Among them every vector length claiming 4e9 entries."""
    data = case_file("softmax")
    for at in range(0, len(data) - 3, 4):
        survives(data[:at] + struct.pack("<I", word) + data[at + 4 :])


@pytest.mark.parametrize("data", [b"", b"TFL3", bytes(8), b"PK\x03\x04" * 9, b"\xff" * 4096, bytes(4) + b"TFL3"])
def test_not_a_model(data: bytes) -> None:
    with pytest.raises(ModelError) as error:
        from_tflite(data, "x")
    assert error.value.exit_code == 2
    assert "\n" not in error.value.message


def _tensor(index: int, **fields: Any) -> Callable[[Any], None]:
    def edit(model: Any) -> None:
        for name, value in fields.items():
            setattr(model.subgraphs[0].tensors[index], name, value)

    return edit


def _scale(index: int, *scales: float) -> Callable[[Any], None]:
    def edit(model: Any) -> None:
        model.subgraphs[0].tensors[index].quantization.scale = np.array(scales, np.float32)

    return edit


def _operator(index: int, **fields: Any) -> Callable[[Any], None]:
    def edit(model: Any) -> None:
        for name, value in fields.items():
            setattr(model.subgraphs[0].operators[index], name, value)

    return edit


def _io(**fields: list[int]) -> Callable[[Any], None]:
    def edit(model: Any) -> None:
        for name, value in fields.items():
            setattr(model.subgraphs[0], name, value)

    return edit


def _buffer(index: int, size: int) -> Callable[[Any], None]:
    def edit(model: Any) -> None:
        model.buffers[index].data = np.zeros(size, np.uint8)

    return edit


def _options(index: int, **fields: Any) -> Callable[[Any], None]:
    def edit(model: Any) -> None:
        for name, value in fields.items():
            setattr(model.subgraphs[0].operators[index].builtinOptions, name, value)

    return edit


# tensors of the network: 0 image, 1 weights, 2 bias, 3 first, 4 second, 5 pooled, 6 shape, 7 flat, 8 dense, 9 result
CONTRADICTIONS: dict[str, tuple[Callable[[Any], None], str]] = {
    "scale NaN": (_scale(0, float("nan")), "positive and finite"),
    "scale infinite": (_scale(3, float("inf")), "positive and finite"),
    "scale negative": (_scale(9, -1.0), "positive and finite"),
    "scale zero": (_scale(1, 0.1, 0.0, 0.1), "positive and finite"),
    "too many scales": (_scale(1, 0.1, 0.1), "2 scales"),
    "scales of an activation": (_scale(0, 0.1, 0.1, 0.1), "zero points along axis 0|one expected"),
    "no scale": (_scale(0), "has no scale"),
    "side negative": (_tensor(3, shape=[1, -7, 5, 3]), "every side must be at least 1"),
    "side zero": (_tensor(3, shape=[1, 0, 5, 3]), "every side must be at least 1"),
    "side wrong": (_tensor(3, shape=[1, 7, 5, 4]), "the graph states"),
    "weights of another size": (_tensor(1, shape=[3, 3, 3, 4]), "needs 108 bytes, has 81"),
    "buffer too long": (_buffer(1, 82), "needs 81 bytes, has 82"),
    "buffer unknown": (_tensor(1, buffer=99), "buffer 99"),
    "operand unknown": (_operator(0, inputs=[0, 1, 77]), "tensor 77"),
    "operand below -1": (_operator(0, inputs=[0, 1, -2]), "tensor -2"),
    "operand missing": (_operator(0, inputs=[-1, 1, 2]), "operand 0 is missing"),
    "weights missing": (_operator(0, inputs=[0, -1, 2]), "operand 1 is missing"),
    "no operands": (_operator(0, inputs=[]), "0 operands"),
    "too many operands": (_operator(0, inputs=[0, 1, 2, 2]), "4 operands"),
    "no output": (_operator(0, outputs=[]), "0 outputs"),
    "two outputs": (_operator(0, outputs=[3, 4]), "2 outputs"),
    "output is a constant": (_operator(0, outputs=[1]), "is a constant"),
    "cycle": (_operator(0, inputs=[4, 1, 2]), "before it is produced"),
    "reads itself": (_operator(0, inputs=[3, 1, 2]), "before it is produced"),
    "produced twice": (_operator(1, outputs=[3]), "produced 2 times|the graph states"),
    "code unknown": (_operator(0, opcodeIndex=50), "code 50"),
    "output missing": (_io(outputs=[-1]), "missing tensor"),
    "no output of the graph": (_io(outputs=[]), "no output"),
    "no input of the graph": (_io(inputs=[]), "no input|before it is produced"),
    "input is a constant": (_io(inputs=[1]), "is a constant"),
    "input twice": (_io(inputs=[0, 0]), "produced 2 times"),
    "stride zero": (_options(0, strideH=0), "strides 0x1"),
    "stride negative": (_options(0, strideW=-1), "strides 1x-1"),
    "dilation huge": (_options(0, dilationHFactor=2**31 - 1), "dilations 2147483647x1"),
    "padding unknown": (_options(0, padding=7), "neither SAME nor VALID"),
    "window huge": (_options(2, filterHeight=2**31 - 1), "a window of 2147483647x2"),
    "window zero": (_options(2, filterWidth=0), "a window of 2x0"),
}


@pytest.mark.parametrize("name", sorted(CONTRADICTIONS))
def test_contradictions(name: str) -> None:
    edit, message = CONTRADICTIONS[name]
    with pytest.raises(ModelError, match=message):
        from_tflite(edited(to_tflite(tiny_network()), edit), "tiny")


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (_tensor(3, shape=[1, 65536, 65536, 3]), "takes 12884901888 bytes"),
        (_tensor(3, shape=[2**31 - 1] * 8), "bytes"),
        (_tensor(3, shape=[1] * 9), "9 sides"),
        (_tensor(3, isVariable=True), "a variable"),
        (_scale(3, 1e-38), "has scale"),
        (_scale(3, 1e35), "has scale"),
        (_options(0, fusedActivationFunction=4), "fused activation 4"),
        (_options(4, weightsFormat=1), "shuffled"),
        (_tensor(3, shape=[2, 7, 5, 3]), "an image 1xHxWxC"),
    ],
)
def test_beyond_the_sdk(edit: Callable[[Any], None], message: str) -> None:
    with pytest.raises(UnsupportedError, match=message):
        from_tflite(edited(to_tflite(tiny_network()), edit), "tiny")


@pytest.mark.timeout(20)
@pytest.mark.parametrize(("size", "align"), [(2**31 - 1, False), (2**31 - 1, True), (2**24, True)])
def test_resize_to_a_huge_image(size: int, align: bool) -> None:
    def edit(model: Any) -> None:
        operator = model.subgraphs[0].operators[0]
        operator.builtinOptions.alignCorners = align
        tensor = model.subgraphs[0].tensors[operator.inputs[1]]
        model.buffers[tensor.buffer].data = np.frombuffer(struct.pack("<ii", size, 1), np.uint8)

    with pytest.raises((ModelError, UnsupportedError)):
        from_tflite(edited(case_file("resize_bilinear"), edit), "resize")


@pytest.mark.timeout(20)
def test_vectors_that_overlap_do_not_multiply() -> None:
    """Thousands of operators that all point at one huge vector of operands: linear in the file, not quadratic."""

    def edit(model: Any) -> None:
        operator = model.subgraphs[0].operators[0]
        operator.inputs = np.zeros(200_000, np.int32)
        model.subgraphs[0].operators = [operator]

    data = bytearray(edited(operators_file("RELU"), edit))
    graph = schema.Model.GetRootAs(data, 0).Subgraphs(0)
    vector = graph._tab.Vector(graph._tab.Offset(10))
    position = vector + struct.unpack_from("<I", data, vector)[0]
    # a vector of operators at the end of the file, each entry the one operator; offsets are unsigned, so they wrap
    count, start = 9000, len(data)
    data += struct.pack("<I", count) + b"".join(
        struct.pack("<I", (position - (start + 4 + 4 * index)) & 0xFFFFFFFF) for index in range(count)
    )
    field = graph._tab.Pos + graph._tab.Offset(10)
    struct.pack_into("<I", data, field, start - field)
    with pytest.raises((ModelError, UnsupportedError)):
        from_tflite(bytes(data), "overlap")


@pytest.mark.timeout(20)
def test_too_many_operators() -> None:
    def edit(model: Any) -> None:
        model.subgraphs[0].operators = model.subgraphs[0].operators * 10_001

    with pytest.raises(UnsupportedError, match="10001 Operators"):
        from_tflite(edited(operators_file("RELU"), edit), "many")
