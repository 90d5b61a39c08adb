"""The estimate of TFLM's arena against TFLM."""

from __future__ import annotations

import pytest

from tests.networks import mobilenet_v2
from tinyml.exporters.patches import patched, stages
from tinyml.exporters.tflm_arena import Buffer, estimated_arena_bytes, greedy_bytes
from tinyml.exporters.to_tflite import to_tflite
from tinyml.profiler.reference import tflm_arena_bytes, tflm_available


def test_the_planner_leaves_a_gap() -> None:
    """The first layers of MobileNetV1 at 96x96: at most 55,296 bytes live at a time, and TFLM takes 73,728."""
    sizes = (27648, 18432, 18432, 36864, 9216)
    assert greedy_bytes([Buffer(size, max(at - 1, 0), at) for at, size in enumerate(sizes)]) == 73728


def test_buffers_that_never_live_together_share_a_place() -> None:
    assert greedy_bytes([Buffer(64, 0, 1), Buffer(32, 1, 2), Buffer(64, 2, 3)]) == 96
    assert greedy_bytes([]) == 0


@pytest.mark.skipif(not tflm_available(), reason="tflite-micro is not installed")
def test_near_enough_to_rank() -> None:
    """The structures are counted roughly, the activations exactly: estimates are within 3 % of what TFLM takes."""
    graph = mobilenet_v2(0.35, 64, 10)
    for candidate in (graph, patched(graph, stages(graph)[5], 2, 3)):
        arena = tflm_arena_bytes(graph.name, to_tflite(candidate))
        assert abs(estimated_arena_bytes(candidate) - arena) < 0.03 * arena
