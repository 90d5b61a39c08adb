"""Blocks in slices of channels: the same bytes, safe, and what fits where nothing else does."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from codegen import generate, select_kernels
from tests.graph_growth import GraphGrowth, Misfit
from tests.host_c import c_outputs, compile_together, run_host
from tests.networks import large_image_net, narrow_net
from tests.op_graphs import Rng
from tests.random_graphs import conv2d, depthwise_conv2d, sum_or_product
from tests.samples import int8_samples
from tests.scheduler.shadow import check_memory
from tests.tflm import run_tflm_many
from tinyml import pipeline
from tinyml.errors import UnsupportedError
from tinyml.exporters.to_tflite import to_tflite
from tinyml.interpreter import run
from tinyml.ir import Graph, ShapeError, verify
from tinyml.ops import Conv2D
from tinyml.scheduler import Plan, make_plan
from tinyml.scheduler.choice import FIRMWARE_BYTES
from tinyml.scheduler.slices import COUNTS, blocks, sliced
from tinyml.scheduler.slicing import in_slices

NARROW = narrow_net(4, 32, 2)
BUDGET = 2_000  # bytes of arena: too few without slices


def all_sliced(graph: Graph, count: int) -> Graph:
    for block in blocks(graph):
        graph = sliced(graph, block, count)
    return verify(graph, "imported")


def random_block(rng: Rng, name: str) -> Graph | None:
    """A convolution, a depthwise layer and a projection, of any kind that slices take, and what reads the result."""
    g = GraphGrowth(rng)
    x = g.inputs[0]
    try:
        (wide,) = conv2d(g, x, (1, 1) if rng.random() < 0.6 else ())
        (through,) = depthwise_conv2d(g, wide)
        channels, depth = int(rng.integers(1, 9)), through.shape[3]
        filters = g.weights(through, (channels, 1, 1, depth), 0, depth)
        (narrow,) = g.apply(Conv2D(activation=g.fused()), through, filters, *g.bias(through, filters, channels, depth))
        if rng.random() < 0.5:
            sum_or_product(g, narrow)
    except (Misfit, ShapeError, UnsupportedError):
        return None
    graph = verify(Graph(name, tuple(g.nodes), tuple(g.inputs), tuple(g.unread)), "int8")
    return graph if list(blocks(graph)) else None


def random_blocks(count: int) -> Iterator[Graph]:
    drawn = (random_block(np.random.default_rng([9, index]), f"block_{index}") for index in itertools.count())
    return itertools.islice((graph for graph in drawn if graph is not None), count)


def plans(graph: Graph) -> Iterator[Plan]:
    """Of one graph in every way: layer by layer, fused, by rows, with rows computed again."""
    kernels = select_kernels(graph)
    yield make_plan(graph, kernels, fuse=False)
    for factor in (1.0, 3.0):
        yield make_plan(graph, kernels, max_recompute=factor)
        try:
            yield make_plan(graph, kernels, feed_rows=True, max_recompute=factor)
        except UnsupportedError:
            continue


def test_slices_keep_every_byte_and_all_work() -> None:
    for number, graph in enumerate(random_blocks(40)):
        for count in COUNTS:
            cut = all_sliced(graph, count)
            assert not list(blocks(cut)) and cut.macs == graph.macs
            for sample in int8_samples(graph, 5, seed=number):
                for want, have in zip(run(graph, sample), run(cut, sample), strict=True):
                    np.testing.assert_array_equal(have, want, err_msg=graph.name)


def test_plans_in_slices_are_memory_safe_and_exact_in_c(tmp_path: Path) -> None:
    graphs = [(graph, COUNTS[number % 3]) for number, graph in enumerate(random_blocks(8))]
    made = [(graph, plan) for graph, count in graphs for plan in plans(all_sliced(graph, count))]
    named = [replace(plan, graph=replace(plan.graph, name=f"plan_{number}")) for number, (_, plan) in enumerate(made)]
    program = compile_together([generate(plan) for plan in named], tmp_path)
    for number, (graph, plan) in enumerate(made):
        check_memory(plan)
        samples = int8_samples(graph, 4, seed=number)
        for sample, got in zip(samples, run_host(program, plan.graph, samples, number), strict=True):
            for want, have in zip(run(graph, sample), got, strict=True):
                np.testing.assert_array_equal(have, want, err_msg=f"{graph.name}, plan {number}")


def test_names_say_what_is_a_slice_of_what() -> None:
    (block, *_) = blocks(NARROW)
    names = [node.name for node in sliced(NARROW, block, 2).nodes][:7]
    own = [node.name for node in block.nodes]
    assert names == [f"{name}/slice{number}" for number in (0, 1) for name in own] + [block.project.name]


def test_what_others_read_stays_whole() -> None:
    (block, *_) = blocks(NARROW)
    watched = Graph("watched", NARROW.nodes, NARROW.inputs, (*NARROW.outputs, block.depthwise.output))
    assert block.depthwise not in [found.depthwise for found in blocks(watched)]


@pytest.mark.parametrize("fed", [False, True], ids=["resident", "rows"])
def test_slices_take_less_memory_in_narrow_blocks(fed: bool) -> None:
    kernels = select_kernels(NARROW)
    plain = make_plan(NARROW, kernels, feed_rows=fed, max_recompute=2.0)
    less = in_slices(plain, kernels, 2.0)
    check_memory(less)
    assert less.arena_bytes < 0.7 * plain.arena_bytes
    assert less.model is NARROW and less.macs_executed <= 2 * NARROW.macs


def test_no_slices_where_they_do_not_help() -> None:
    graph = large_image_net()
    kernels = select_kernels(graph)
    plan = make_plan(graph, kernels)
    assert in_slices(plan, kernels, 1.0) is plan


def test_a_budget_that_only_slices_meet(tmp_path: Path) -> None:
    wishes = {"sram_bytes": BUDGET + FIRMWARE_BYTES, "feed": "resident"}
    kernels = select_kernels(NARROW)
    assert make_plan(NARROW, kernels, max_recompute=2.0).arena_bytes > BUDGET
    plan = pipeline.plan(NARROW, **wishes)
    check_memory(plan)
    assert plan.arena_bytes <= BUDGET and plan.unsliced is NARROW
    samples = int8_samples(NARROW, 6)
    expected = run_tflm_many(to_tflite(NARROW), samples)
    for sample, got, (want,) in zip(samples, c_outputs(plan, samples, tmp_path), expected, strict=True):
        np.testing.assert_array_equal(got[0], want)
        np.testing.assert_array_equal(run(NARROW, sample)[0], want)
    assert pipeline.bisect(NARROW, "host", **wishes).bit_exact


def test_as_few_slices_as_will_do() -> None:
    kernels = select_kernels(NARROW)
    plan = make_plan(NARROW, kernels, max_recompute=2.0)
    for count in COUNTS:
        cut = all_sliced(NARROW, count)
        enough = make_plan(cut, kernels, max_recompute=2.0).arena_bytes
        found = in_slices(plan, kernels, 2.0, enough)
        assert found.arena_bytes <= enough and len(found.graph.nodes) == len(cut.nodes)
