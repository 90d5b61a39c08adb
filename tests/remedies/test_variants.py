"""Graphs at other resolutions and widths: what the same builder would have made, or a ShapeError."""

from __future__ import annotations

import numpy as np
import pytest

from codegen import select_kernels
from tests.networks import Net, large_image_net, mobilenet_v2
from tests.random_graphs import random_graphs
from tinyml.interpreter import run
from tinyml.ir import Graph, Quant, ShapeError, verify
from tinyml.ops import AveragePool2D, FullyConnected, Reshape, ResizeNearest
from tinyml.remedies.variants import with_resolution, with_width
from tinyml.scheduler import make_plan


def shapes(graph: Graph) -> list[tuple[int, ...]]:
    return [tensor.shape for node in graph.nodes for tensor in node.outputs]


def pooled_net(channels: int, side: int) -> Graph:
    """A global average pool with a window of its image, a reshape to a vector, a dense layer."""
    net = Net("pooled", side)
    image = net.conv(net.input, channels, 3, 2)
    half = image.shape[1]
    pool = net.add(AveragePool2D(half, half), [image], image.affine)
    flat = net.add(Reshape((1, channels)), [pool], image.affine)
    weights = net.weights((5, channels), channels, 0, flat)
    logits = net.add(FullyConnected(), [flat, *weights], Quant.per_tensor(0.1))
    return Graph("pooled", tuple(net.nodes), (net.input,), (logits,))


@pytest.mark.parametrize("height", [32, 64, 96])
def test_a_smaller_image(height: int) -> None:
    graph = with_resolution(mobilenet_v2(0.35, 128), height)
    assert shapes(graph) == shapes(mobilenet_v2(0.35, height))
    assert make_plan(verify(graph, "int8"), select_kernels(graph)).arena_bytes > 0
    assert graph.macs == mobilenet_v2(0.35, height).macs
    image = np.zeros((1, height, height, 3), np.int8)
    assert run(graph, [image])[0].shape == (1, 1000)


def test_fewer_channels() -> None:
    graph = mobilenet_v2(1.0, 32)
    half = with_width(graph, 0.5)
    verify(half, "int8")
    assert half.outputs[0].shape == graph.outputs[0].shape and half.inputs == graph.inputs
    assert [t.shape[-1] for n in half.nodes[:5] for t in n.outputs] == [16, 16, 8, 48, 48]
    assert 0.2 < half.macs / graph.macs < 0.35
    assert run(half, [np.zeros((1, 32, 32, 3), np.int8)])[0].shape == (1, 1000)
    assert shapes(with_width(graph, 1.0)) == shapes(graph)


def test_windows_and_vectors_follow() -> None:
    graph = pooled_net(16, 32)
    smaller, narrower = with_resolution(graph, 16), with_width(graph, 0.5)
    assert shapes(smaller) == shapes(pooled_net(16, 16))
    assert shapes(narrower) == shapes(pooled_net(8, 32))
    for variant in (smaller, narrower):
        verify(variant, "int8")


def test_what_does_not_scale() -> None:
    net = Net("resized", 16)
    image = net.conv(net.input, 8, 3, 2)
    graph = net.finish(net.add(ResizeNearest(16, 16), [image], image.affine), 3)
    with pytest.raises(ShapeError, match="states the size"):
        with_resolution(graph, 8)
    net = Net("image to image", 16)
    image = net.conv(net.input, 8, 3, 2)
    with pytest.raises(ShapeError, match="the outputs change"):
        with_resolution(Graph("g", tuple(net.nodes), (net.input,), (image,)), 8)


def test_random_graphs_scale_or_say_why() -> None:
    scaled = 0
    for graph in random_graphs(31, 120):
        for variant, value in ((with_resolution, graph.inputs[0].shape[1] // 2), (with_width, 0.5)):
            try:
                verify(variant(graph, value), "int8")  # type: ignore[operator]
                scaled += 1
            except ShapeError:
                continue
    assert scaled > 5


def test_large_image_net_keeps_its_classes() -> None:
    assert with_width(large_image_net(), 0.5).outputs[0].shape == (1, 4)
