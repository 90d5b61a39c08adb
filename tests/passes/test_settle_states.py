"""Where a state is written in its place, where a copy is needed, and that the bytes stay."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.samples import int8_samples
from tests.stateful_graphs import like, stateful_graphs
from tinyml.errors import ModelError
from tinyml.interpreter import Inferences
from tinyml.ir import DType, Graph, Node, Quant, State, Tensor, verify
from tinyml.ops import Add, Relu
from tinyml.passes import optimize, settle_states

X = Tensor("x", (1, 4), DType.INT8, Quant.per_tensor(0.1, 3))
ZERO = np.zeros((1, 4), np.int8)


def state(read: Tensor, written: Tensor) -> State:
    return State(read, written, ZERO)


def relu(source: Tensor, name: str) -> Node:
    return Node(name, Relu(), (source,), (like(source, name),))


def assert_settled(graph: Graph, copies: int) -> None:
    settled = settle_states(graph)
    verify(settled, "int8")
    assert len(settled.nodes) - len(graph.nodes) == copies
    assert settle_states(settled).nodes == settled.nodes
    ours, theirs = Inferences(graph), Inferences(settled)
    for sample in int8_samples(graph, 8):
        for a, b in zip(ours.run(sample), theirs.run(sample), strict=True):
            np.testing.assert_array_equal(a, b)


def test_the_last_to_touch_a_state_writes_it() -> None:
    old = like(X, "old")
    first = Node("sum", Add(), (X, old), (like(X, "sum"),))
    last = relu(first.output, "last")
    graph = Graph("g", (first, last, relu(first.output, "y")), (X,), ())
    graph = replace(graph, outputs=graph.nodes[2].outputs, states=(state(old, last.output),))
    assert_settled(graph, copies=0)


def test_who_reads_and_writes_a_state_gets_a_copy() -> None:
    old = like(X, "old")
    node = Node("sum", Add(), (X, old), (like(X, "sum"),))
    graph = Graph("g", (node, relu(node.output, "y")), (X,), (), states=(state(old, node.output),))
    assert_settled(replace(graph, outputs=graph.nodes[1].outputs), copies=1)


def test_a_reader_behind_the_writer_needs_a_copy() -> None:
    old, new = like(X, "old"), relu(X, "new")
    last = Node("y", Add(), (new.output, old), (like(X, "y"),))
    assert_settled(Graph("g", (new, last), (X,), last.outputs, states=(state(old, new.output),)), copies=1)


def test_an_output_is_not_a_state() -> None:
    old = like(X, "old")
    node, other = relu(old, "y"), relu(X, "new")
    graph = Graph("g", (node, other), (X,), (*node.outputs, *other.outputs), states=(state(old, other.output),))
    assert_settled(graph, copies=1)


def test_a_state_given_out_as_it_was() -> None:
    old = like(X, "old")
    assert_settled(Graph("g", (), (X,), (old,), states=(state(old, X),)), copies=2)


def test_states_that_change_places() -> None:
    a, b = like(X, "a"), like(X, "b")
    node = Node("y", Add(), (a, b), (like(X, "y"),))
    other = Node("z", Add(), (X, a), (like(X, "z"),))
    states = (State(a, b, ZERO + 5), State(b, a, ZERO - 7))
    graph = Graph("g", (node, other), (X,), (*node.outputs, *other.outputs), states=states)
    assert_settled(graph, copies=4)


def test_one_tensor_for_two_states() -> None:
    a, b, new = like(X, "a"), like(X, "b"), relu(X, "new")
    node = Node("y", Add(), (a, b), (like(X, "y"),))
    states = (state(a, new.output), State(b, new.output, ZERO + 1))
    assert_settled(Graph("g", (node, new), (X,), node.outputs, states=states), copies=1)


def test_what_nobody_reads_goes() -> None:
    unread, read = like(X, "unread"), like(X, "read")
    wasted, kept = relu(X, "wasted"), relu(X, "kept")
    node = relu(read, "y")
    states = (state(unread, wasted.output), state(read, kept.output))
    settled = settle_states(Graph("g", (wasted, node, kept), (X,), node.outputs, states=states))
    assert [s.name for s in settled.states] == ["read"]
    assert [n.name for n in settled.nodes] == ["y", "kept"]


def test_random_graphs_keep_their_bytes() -> None:
    for graph in stateful_graphs(11, 12):
        optimized = verify(optimize(graph), "int8")
        again = verify(optimize(optimized), "int8")
        runs = [Inferences(each) for each in (graph, optimized, again)]
        for sample in int8_samples(graph, 8):
            outputs = [run.run(sample) for run in runs]
            for other in outputs[1:]:
                assert all((a == b).all() for a, b in zip(outputs[0], other, strict=True)), graph.name


def test_verify_wants_states_settled_and_sound() -> None:
    old, new = like(X, "old"), relu(X, "new")
    last = Node("y", Add(), (new.output, old), (like(X, "y"),))
    graph = Graph("g", (new, last), (X,), last.outputs, states=(state(old, new.output),))
    verify(graph, "imported")
    with pytest.raises(ModelError, match="'old' is not written by a node of its own behind all that read it"):
        verify(graph, "int8")
    other = Tensor("other", (1, 4), DType.INT8, Quant.per_tensor(0.2, 3))
    wrong = {
        "is read as .* and written as": replace(graph, states=(state(old, relu(other, "z").output),)),
        "begins as int16": replace(graph, states=(State(old, X, ZERO.astype(np.int16)),)),
        "begins as int8.*2": replace(graph, states=(State(old, X, ZERO[:, :2]),)),
        "state 'nowhere' is never produced": replace(graph, states=(state(old, like(X, "nowhere")),)),
        "is produced 2 times": replace(graph, states=(state(old, X), state(old, X))),
        "before it is produced": replace(graph, states=()),
    }
    for message, broken in wrong.items():
        with pytest.raises(ModelError, match=message):
            verify(broken, "imported")
    flagged = replace(X, is_state=True)
    graph = Graph("g", (relu(flagged, "y"),), (flagged,), ())
    with pytest.raises(ModelError, match="'x' belongs to no state"):
        verify(replace(graph, outputs=graph.nodes[0].outputs), "int8")
