"""Patches: every byte of the graph without them, in the interpreter, read back from the file, and in TFLM."""

from __future__ import annotations

import numpy as np
import pytest

from tests.networks import Net, mobilenet_v2
from tests.random_graphs import random_graphs
from tests.samples import int8_samples
from tests.tflm import Array, Case, run_tflm_cases
from tinyml.errors import UnsupportedError
from tinyml.exporters.patches import MAX_SIDE, Stage, patched, patched_macs, stages
from tinyml.exporters.to_tflite import to_tflite
from tinyml.importers.from_tflite import from_tflite
from tinyml.interpreter import run
from tinyml.ir import Graph, Padding, Tensor, verify
from tinyml.ops import Add, AveragePool2D, Conv2D, MaxPool2D, Mean, Mul, Pad, StridedSlice
from tinyml.passes import optimize

SAMPLES = 4


def finish(net: Net, *outputs: Tensor) -> Graph:
    return verify(Graph(net.name, tuple(net.nodes), (net.input,), outputs), "int8")


def lengths(graph: Graph) -> list[int]:
    return [len(stage.nodes) for stage in stages(graph)]


def checked(graph: Graph, stage: Stage, rows: int, columns: int) -> Case:
    """What TFLM is to be run on, after the interpreter agreed on the patched graph and on its file read back."""
    cut = verify(patched(graph, stage, rows, columns), "int8")
    assert cut.macs == graph.macs - sum(node.macs for node in stage.nodes) + patched_macs(stage, rows, columns)
    data, samples = to_tflite(cut), int8_samples(graph, SAMPLES)
    again = optimize(from_tflite(data, graph.name))
    for sample in samples:
        expected = run(graph, sample)
        assert_equal(run(cut, sample), expected)
        assert_equal(run(again, sample), expected)
    return data, samples


def assert_equal(received: tuple[Array, ...], expected: tuple[Array, ...]) -> None:
    for got, wanted in zip(received, expected, strict=True):
        np.testing.assert_array_equal(got, wanted)


def assert_tflm_agrees(graphs: list[Graph], cases: list[Case]) -> None:
    for graph, (_, samples), outputs in zip(graphs, cases, run_tflm_cases(cases), strict=True):
        for sample, received in zip(samples, outputs, strict=True):
            expected = run(graph, sample)
            shaped = tuple(got.reshape(want.shape) for got, want in zip(received, expected, strict=True))
            assert_equal(shaped, expected)


@pytest.mark.parametrize("seed", range(2))
def test_random_graphs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graphs, cases = [], []
    for graph in random_graphs(seed, 120):
        for stage in stages(graph):
            rows, columns = (int(rng.integers(1, min(side, 4) + 1)) for side in stage.output.shape[1:3])
            if rows == columns == 1:
                continue
            try:
                cases.append(checked(graph, stage, rows, columns))
            except UnsupportedError as error:
                assert "padding alone" in error.message
                continue
            graphs.append(graph)
    assert len(cases) > 20
    assert_tflm_agrees(graphs, cases)


def test_residual_blocks_and_the_longest_sides() -> None:
    """Both branches of an ADD get their own part of what was computed; 10 parts is what TFLM's CONCATENATION takes."""
    graph = mobilenet_v2(0.35, 32, 4)
    stage = stages(graph)[12]
    assert any(isinstance(node.op, Add) for node in stage.nodes) and stage.output.shape[1:3] == (4, 4)
    cut = patched(graph, stage, 2, 3)
    slices = [node for node in cut.nodes if isinstance(node.op, StridedSlice)]
    assert any(node.inputs[0] not in graph.inputs for node in slices)
    early = stages(graph)[1]
    cases = [checked(graph, stage, 2, 3), checked(graph, early, MAX_SIDE, 1), checked(graph, early, 1, MAX_SIDE)]
    assert_tflm_agrees([graph] * 3, cases)


def test_padding_is_left_at_the_borders_of_the_image_alone() -> None:
    net = Net("border", 9)
    graph = finish(net, net.conv(net.input, 4, 3))
    cut = patched(graph, stages(graph)[0], 3, 3)
    paddings = [node.op.padding for node in cut.nodes if isinstance(node.op, Conv2D)]
    sides = ((1, 0), (0, 0), (0, 1))
    assert paddings == [Padding(*vertical, *horizontal) for vertical in sides for horizontal in sides]
    assert cut.outputs == graph.outputs and cut.macs == graph.macs


def test_one_patch_is_the_graph_itself() -> None:
    graph = mobilenet_v2(0.35, 32, 4)
    assert patched(graph, stages(graph)[3], 1, 1) is graph


@pytest.mark.parametrize("grid", [(0, 2), (2, -1), (17, 1), (MAX_SIDE + 1, 1)])
def test_grids_that_do_not_fit(grid: tuple[int, int]) -> None:
    graph = mobilenet_v2(0.35, 32, 4)
    with pytest.raises(UnsupportedError, match="at most 10 a side"):
        patched(graph, stages(graph)[0], *grid)


def test_a_patch_of_padding_alone() -> None:
    net = Net("padding", 4)
    padded = net.add(Pad((0, 3, 0, 0), (0, 0, 0, 0)), [net.input], net.input.affine)
    graph = finish(net, padded)
    with pytest.raises(UnsupportedError, match="depends on padding alone"):
        patched(graph, stages(graph)[0], 7, 1)


def test_stages_end_where_all_passes_through_one_tensor() -> None:
    net = Net("branches", 8)
    a = net.conv(net.input, 4, 3)
    left, right = net.conv(a, 3, 3), net.conv(a, 3, 1)
    joined = net.add(Add(), [left, right], left.affine)
    assert lengths(finish(net, joined)) == [1, 4]
    assert lengths(finish(net, joined, left)) == [1], "an output of the graph leaves the stage"
    assert lengths(finish(net, net.add(Mul(), [joined, net.input], joined.affine))) == [5], "so does a late reader"


def test_stages_end_before_what_needs_the_whole_image() -> None:
    net = Net("gate", 8)
    a = net.conv(net.input, 4, 3)
    gate = net.add(Mean((1, 2), True), [a], a.affine)
    assert lengths(finish(net, net.add(Mul(), [a, gate], a.affine))) == [1]


def test_means_run_in_patches_where_none_reaches_the_padding() -> None:
    """Taps in the padding do not count, and no PAD can say that; a greatest value has no such trouble."""
    for op, count in (
        (AveragePool2D(2, 2, 2, 2), 1),
        (AveragePool2D(3, 3, 1, 1, Padding(1, 1, 1, 1)), 0),
        (MaxPool2D(3, 3, 1, 1, Padding(1, 1, 1, 1)), 1),
    ):
        net = Net("pool", 8)
        assert len(stages(finish(net, net.add(op, [net.input], net.input.affine)))) == count
