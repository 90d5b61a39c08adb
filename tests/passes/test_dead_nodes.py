from __future__ import annotations

from tests.passes.graphs import activation, assert_same_bytes, graph, kinds, layer
from tinyml.ops import Relu, Reshape, Split, Tanh
from tinyml.passes import dead_nodes


def test_a_chain_that_no_output_needs_is_dropped() -> None:
    x = activation(1, 4)
    kept = layer(Relu(), x)
    dead = layer(Tanh(), kept.output)
    deader = layer(Reshape((4,)), dead.output)
    before = graph([x], [kept, dead, deader], [kept.output])
    after = dead_nodes(before)
    assert kinds(after) == ["relu"]
    assert_same_bytes(before, after)


def test_a_node_with_one_living_output_stays() -> None:
    x = activation(1, 4)
    split = layer(Split(1, 2), x)
    before = graph([x], [split], split.outputs[:1])
    assert dead_nodes(before) is before


def test_an_input_that_nothing_reads_stays() -> None:
    x, unused = activation(1, 4), activation(1, 2, name="unused")
    dead = layer(Tanh(), unused)
    alive = layer(Relu(), x)
    after = dead_nodes(graph([x, unused], [dead, alive], [alive.output]))
    assert after.inputs == (x, unused)
    assert kinds(after) == ["relu"]
