"""int16 activations and int4 weights in .tflite files: what is read, what is refused, what a graph must not hold."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.cases_wide import INT4, INT16
from tests.importers.tflite_files import case_file, edited
from tests.wide_networks import all_int16, mixed
from tinyml.errors import ModelError, UnsupportedError
from tinyml.exporters.to_tflite import to_tflite
from tinyml.importers.from_tflite import from_tflite
from tinyml.ir import DType, Graph, Quant, Tensor, verify
from tinyml.ir.dtype import pack_int4, unpack_int4
from tinyml.ir.requantize import multiply_wide_by_quantized_multiplier
from tinyml.ops import HardSwish


def wide_file(cases: Any, kind: str, seed: int = 0) -> bytes:
    return to_tflite(cases[kind](np.random.default_rng([seed])))


def retype(role: int, kind: str) -> Any:
    """An edit: another type for operand `role` of the first operator."""

    def edit(model: Any) -> None:
        graph = model.subgraphs[0]
        graph.tensors[graph.operators[0].inputs[role]].type = getattr(schema.TensorType, kind)

    return edit


def test_int4_is_two_to_a_byte_low_bits_first() -> None:
    assert pack_int4(np.array([1, -2, 7, -8, -1], np.int8)).tolist() == [0xE1, 0x87, 0x0F]
    for count in range(1, 9):
        values = np.arange(count).astype(np.int8) - 8 + count
        np.testing.assert_array_equal(unpack_int4(pack_int4(values), count), values)
    weights = Tensor("w", (3, 5), DType.INT4, Quant.per_tensor(1.0), np.zeros((3, 5), np.int8))
    assert weights.size_bytes == 8 and weights.dtype.bounds == (-8, 7)


@pytest.mark.parametrize("seed", range(4))
def test_damaged_int4(seed: int) -> None:
    def shorten(model: Any) -> None:
        graph = model.subgraphs[0]
        buffer = model.buffers[graph.tensors[graph.operators[0].inputs[1]].buffer]
        buffer.data = buffer.data[:-1]

    with pytest.raises(ModelError, match=r"needs \d+ bytes, has \d+"):
        from_tflite(edited(wide_file(INT4, "conv2d", seed), shorten), "g")


def test_int4_weights_where_there_are_none() -> None:
    with pytest.raises(ModelError, match=r"needs \d+ bytes"):
        from_tflite(edited(case_file("transpose_conv"), retype(1, "INT4")), "g")
    with pytest.raises(UnsupportedError, match="int4 weights for a int16 input"):
        from_tflite(edited(wide_file(INT4, "fully_connected"), retype(0, "INT16")), "g")


def test_int16_is_symmetric() -> None:
    def shift(model: Any) -> None:
        model.subgraphs[0].tensors[0].quantization.zeroPoint = np.array([5], np.int64)

    with pytest.raises(UnsupportedError, match="zero point 5, not 0"):
        from_tflite(edited(wide_file(INT16, "add"), shift), "g")


def test_ops_without_int16_are_refused_by_name() -> None:
    def retyped(model: Any) -> None:
        for tensor in model.subgraphs[0].tensors:
            tensor.type = schema.TensorType.INT16
            tensor.quantization.zeroPoint = np.array([0], np.int64)

    with pytest.raises(UnsupportedError, match=r"HARD_SWISH.*int16 activations; int8 is supported"):
        from_tflite(edited(case_file("hard_swish"), retyped), "g")


def test_an_int32_bias_for_int16_is_refused() -> None:
    seed = next(s for s in range(20) if len(INT16["conv2d"](np.random.default_rng([s])).nodes[0].inputs) == 3)

    def retyped(model: Any) -> None:
        graph = model.subgraphs[0]
        bias = graph.tensors[graph.operators[0].inputs[2]]
        bias.type = schema.TensorType.INT32
        data = model.buffers[bias.buffer].data
        model.buffers[bias.buffer].data = data[: len(data) // 2]

    with pytest.raises(UnsupportedError, match=r"int32 bias .* int64 is supported"):
        from_tflite(edited(wide_file(INT16, "conv2d", seed), retyped), "g")


def faults(graph: Graph) -> str:
    with pytest.raises(ModelError) as error:
        verify(graph, "int8")
    return error.value.message


def changed(graph: Graph, number: int, **fields: Any) -> Graph:
    nodes = list(graph.nodes)
    nodes[number] = replace(nodes[number], **fields)
    return graph.with_nodes(nodes)


def test_what_a_graph_must_not_hold() -> None:
    wide, both = all_int16(), mixed()
    conv = wide.nodes[0]
    bias = Tensor.constant("bias", conv.inputs[2].values.astype(np.int32), conv.inputs[2].quant)
    assert "is int32; int64 expected" in faults(changed(wide, 0, inputs=(*conv.inputs[:2], bias)))
    huge = Tensor.constant("bias", conv.inputs[2].values + 2**46, conv.inputs[2].quant)
    assert "leaves +-2**46" in faults(changed(wide, 0, inputs=(*conv.inputs[:2], huge)))
    first = both.nodes[0]
    beyond = replace(first.inputs[1], data=np.full(first.inputs[1].shape, 8, np.int8))
    assert "outside [-8, 7]" in faults(changed(both, 0, inputs=(first.inputs[0], beyond, first.inputs[2])))
    narrow = Tensor("x", (1, 4), DType.INT16, Quant.per_tensor(0.1))
    output = Tensor("y", (1, 4), DType.INT16, Quant.per_tensor(0.1))
    swish = type(first)("swish", HardSwish(), (narrow,), (output,))
    assert "hard_swish of int16" in faults(Graph("g", (swish,), (narrow,), (output,)))
    total = next(i for i, node in enumerate(both.nodes) if node.op.kind == "add")
    mixed_up = changed(both, total, inputs=(both.nodes[total].inputs[0], both.nodes[1].output))
    assert "add of both int8 and int16" in faults(mixed_up)


def test_rescaling_of_wide_sums() -> None:
    """Against Python's integers, at the ends of what TFLM takes."""
    rng = np.random.default_rng(0)
    for _ in range(2000):
        value = int(rng.integers(-(2**47), 2**47)) >> int(rng.integers(0, 40))
        multiplier = int(rng.integers(2**30, 2**31)) if rng.random() < 0.9 else 2**31 - int(rng.integers(1, 2**17))
        shift = int(rng.integers(-31, 8))
        reduced = (multiplier + 2**15) >> 16 if multiplier < 0x7FFF0000 else 0x7FFF
        exact = (value * reduced + 2 ** (14 - shift)) >> (15 - shift)
        wrapped = (exact + 2**31) % 2**32 - 2**31
        assert int(multiply_wide_by_quantized_multiplier(np.array(value), multiplier, shift)) == wrapped
