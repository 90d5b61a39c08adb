"""The in-place depthwise kernel: where it is offered, and what it costs."""

from __future__ import annotations

import numpy as np
import pytest

from codegen.kernels.depthwise_conv2d import KERNELS
from tests.op_graphs import Rng, activation, one_node, quant, weights
from tinyml.ir import Graph, Padding
from tinyml.kernel import Types
from tinyml.ops import DepthwiseConv2D
from tinyml.scheduler import make_plan

REFERENCE, IN_PLACE = (k for k in KERNELS if not k.requires and k.types == Types())


def graph(op: DepthwiseConv2D, multiplier: int = 1, kernel: int = 3) -> Graph:
    rng: Rng = np.random.default_rng(0)
    image = activation(rng, "input", (1, 8, 10, 6))
    return one_node(op, [image, weights(rng, (1, kernel, kernel, 6 * multiplier), 3)], [quant(rng)])


@pytest.mark.parametrize(
    ("model", "accepted"),
    [
        (graph(DepthwiseConv2D(padding=Padding(1, 1, 1, 1))), True),
        (graph(DepthwiseConv2D(padding=Padding(0, 2, 2, 0))), True),
        (graph(DepthwiseConv2D(1, 1, 2, 2, Padding(2, 2, 2, 2))), True),
        (graph(DepthwiseConv2D(), kernel=1), True),
        (graph(DepthwiseConv2D()), False),
        (graph(DepthwiseConv2D(2, 2, padding=Padding(1, 1, 1, 1))), False),
        (graph(DepthwiseConv2D(padding=Padding(1, 1, 1, 1)), multiplier=2), False),
    ],
)
def test_accepts_stride_one_and_equal_shape(model: Graph, accepted: bool) -> None:
    assert IN_PLACE.accepts(model.nodes[0]) is accepted


def test_scratch_is_a_line_buffer_of_one_channel() -> None:
    op = DepthwiseConv2D(padding=Padding(1, 1, 1, 1))
    model = graph(op)
    node = model.nodes[0]
    assert IN_PLACE.scratch_bytes(node) == 2 * 10
    shared, separate = (make_plan(model, {node: (kernel,)}, fuse=False) for kernel in (IN_PLACE, REFERENCE))
    assert shared.arena_bytes < separate.arena_bytes
    assert shared.buffers[node.inputs[0]].offset == shared.buffers[node.output].offset


def test_reference_runs_in_place_only_with_a_single_tap() -> None:
    assert REFERENCE.in_place(graph(DepthwiseConv2D(), kernel=1).nodes[0]) == (0,)
    assert REFERENCE.in_place(graph(DepthwiseConv2D(padding=Padding(1, 1, 1, 1))).nodes[0]) == ()
