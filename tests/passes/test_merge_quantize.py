from __future__ import annotations

from tests.passes.graphs import QUANT, activation, assert_same_bytes, graph, kinds, layer, real
from tinyml.ir import DType, Graph, Quant
from tinyml.ops import Dequantize, Quantize, Relu
from tinyml.passes import dead_nodes, merge_quantize


def twice(middle: Quant, last: Quant) -> Graph:
    x = activation(1, 64)
    one = layer(Quantize(), x, quant=middle, name="one")
    two = layer(Quantize(), one.output, quant=last, name="two")
    return graph([x], [one, two, layer(Relu(), two.output)])


def test_merges_where_all_256_bytes_agree() -> None:
    # shifting zero points loses nothing while no byte is clamped
    before = twice(Quant.per_tensor(QUANT.scale * 4, 0), Quant.per_tensor(QUANT.scale * 4, 10))
    after = dead_nodes(merge_quantize(before))
    assert kinds(after) == ["quantize", "relu"]
    assert_same_bytes(before, after, 40)


def test_stays_where_rounding_twice_shows() -> None:
    before = twice(Quant.per_tensor(QUANT.scale * 3, 0), Quant.per_tensor(QUANT.scale * 7, 0))
    assert merge_quantize(before) is before


def test_stays_where_the_first_clamps() -> None:
    before = twice(Quant.per_tensor(QUANT.scale / 2, 0), QUANT)
    assert merge_quantize(before) is before


def test_dequantize_and_quantize_become_a_rescaling() -> None:
    x = activation(1, 64)
    restored = layer(Dequantize(), x, dtype=DType.FLOAT32)
    again = layer(Quantize(), restored.output, dtype=DType.INT8, quant=QUANT)
    before = graph([x], [restored, again, layer(Relu(), again.output)])
    after = dead_nodes(merge_quantize(before))
    assert kinds(after) == ["quantize", "relu"]
    assert_same_bytes(before, after, 40)


def test_a_float_source_stays() -> None:
    x = real(1, 4)
    one = layer(Quantize(), x, dtype=DType.INT8, quant=QUANT, name="one")
    before = graph([x], [one, layer(Quantize(), one.output, name="two")])
    assert merge_quantize(before) is before
