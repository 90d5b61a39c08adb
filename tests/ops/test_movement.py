"""What ops that move bytes say about themselves holds: views, resolved slices, refused resizes."""

from __future__ import annotations

import numpy as np
import pytest

from tests.cases_movement import CASES
from tests.samples import int8_samples
from tinyml.interpreter import run_all
from tinyml.ir import DType, Quant, ShapeError, Tensor
from tinyml.ops import ResizeBilinear, ResizeNearest, StridedSlice


@pytest.mark.parametrize("kind", CASES)
def test_views_lie_where_they_say(kind: str) -> None:
    rng = np.random.default_rng(5)
    for number in range(150):
        graph = CASES[kind](rng)
        node = graph.nodes[0]
        values = run_all(graph, int8_samples(graph, 4, number)[3])
        for view in node.op.views(node):
            inner, host = values[view.tensor].tobytes(), values[view.host].tobytes()
            assert host[view.offset_bytes : view.offset_bytes + len(inner)] == inner, f"{view} of {node}"


def test_slices_without_a_view_are_not_one_run_of_bytes() -> None:
    rng = np.random.default_rng(6)
    for _ in range(300):
        node = CASES["strided_slice"](rng).nodes[0]
        source = node.inputs[0]
        (taken,) = node.op.run_int8(node, [np.arange(source.size).reshape(source.shape)])
        contiguous = bool(np.all(np.diff(taken.ravel()) == 1))
        assert bool(node.op.views(node)) == contiguous, str(node)


def test_resolved_slices_are_those_of_numpy() -> None:
    rng = np.random.default_rng(7)
    for _ in range(500):
        shape = tuple(map(int, rng.integers(1, 6, int(rng.integers(1, 5)))))
        begin, end = rng.integers(-7, 8, (2, len(shape))).tolist()
        stride = rng.choice([1, 2, 3, -1, -2], len(shape)).tolist()
        masks = [int(mask) for mask in rng.integers(0, 1 << len(shape), 2)]
        starts = [None if masks[0] >> axis & 1 else first for axis, first in enumerate(begin)]
        stops = [None if masks[1] >> axis & 1 else last for axis, last in enumerate(end)]
        source = Tensor("input", shape, DType.INT8, Quant.per_tensor(0.1))
        values = np.arange(source.size).reshape(shape)
        wanted = values[tuple(slice(*item) for item in zip(starts, stops, stride, strict=True))]
        if not wanted.size:
            with pytest.raises(ShapeError):
                StridedSlice.resolve(shape, begin, end, stride, *masks)
            continue
        op = StridedSlice.resolve(shape, begin, end, stride, *masks)
        assert op.infer([source]) == (wanted.shape,)
        indices = np.ix_(*(b + s * np.arange(n) for b, n, s in zip(op.begin, op.size, op.stride, strict=True)))
        np.testing.assert_array_equal(values[indices], wanted)


def test_a_dropped_axis_takes_one_element_whatever_its_end() -> None:
    op = StridedSlice.resolve((4, 5), (-1, 0), (0, 5), (1, 1), shrink_axis_mask=1)
    assert (op.begin, op.size, op.shrink) == ((3, 0), (1, 5), (0,))
    with pytest.raises(ShapeError, match="dropped"):
        StridedSlice.resolve((4, 5), (0, 0), (1, 5), (-1, 1), shrink_axis_mask=1)


def test_bilinear_sizes_that_leave_the_image_are_refused() -> None:
    image = Tensor("input", (1, 1, 1, 1), DType.INT8, Quant.per_tensor(0.1))
    # 1024 / 70 rounds up to 15, and 69 * 15 is past the only pixel
    with pytest.raises(ShapeError, match="leaves the image"):
        ResizeBilinear(70, 1).infer([image])
    assert ResizeBilinear(69, 1).infer([image]) == ((1, 69, 1, 1),)


@pytest.mark.parametrize("flags", [(False, False), (True, False), (False, True), (True, True)])
def test_nearest_sources_are_in_order_and_inside(flags: tuple[bool, bool]) -> None:
    op = ResizeNearest(1, 1, *flags)
    for size_in, size_out in np.random.default_rng(8).integers(1, 200, (300, 2)):
        sources = op.sources(int(size_in), int(size_out))
        assert sources.min() >= 0
        assert sources.max() < size_in
        assert np.all(np.diff(sources) >= 0)
