"""Layouts against numpy: what a layout says is stored is what a transpose of real elements stores."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tinyml.importers.layout import Layout
from tinyml.importers.nchw import Builder, Value
from tinyml.importers.nchw_source import Source, Step, import_source
from tinyml.interpreter import run
from tinyml.ir import Array, Shape


def stored(stated: Array, layout: Layout) -> Array:
    """The elements in stored order, by the definition of a layout."""
    return stated.reshape(layout.sides).transpose(layout.order).reshape(-1)


def test_channels_last() -> None:
    layout = Layout.of((1, 8, 4, 6), (0, 2, 3, 1))
    assert layout == Layout((8, 24), (1, 0)) and not layout.is_plain
    assert Layout.of((1, 1, 4, 6), (0, 2, 3, 1)).is_plain
    assert Layout.of((2, 3), (0, 1)) == Layout((6,), (0,))
    assert Layout.of((), ()) == Layout((), ())


def test_a_flatten_keeps_the_layout_and_a_shuffle_does_not() -> None:
    layout = Layout.of((1, 8, 4, 6), (0, 2, 3, 1))
    assert layout.cut((1, 192)) is not None and layout.cut((8, 24)) is not None
    assert layout.cut((12, 16)) is None  # 12 ends inside the channels
    parted = layout.transposed((1, 2, 4, 24), (0, 2, 1, 3))
    assert parted == Layout((4, 2, 24), (2, 1, 0))
    assert parted.cut((1, 8, 4, 6)) is not None


def random_shape(rng: np.random.Generator, total: int) -> Shape:
    """Sides whose product is `total`."""
    sides = []
    while total > 1 and len(sides) < 6 and rng.random() < 0.8:
        choices = [side for side in range(1, total + 1) if total % side == 0]
        sides.append(int(rng.choice(choices)))
        total //= sides[-1]
    return (*sides, total)


@pytest.mark.parametrize("seed", range(60))
def test_any_chain_of_transposes_and_reshapes(seed: int) -> None:
    """The same chain on numpy and on a value: its elements are where its layout says, and it comes out as stated."""
    rng = np.random.default_rng(seed)
    shape = tuple(int(side) for side in rng.choice([1, 2, 3, 4, 6], 4))
    data = np.arange(math.prod(shape), dtype=np.float32).reshape(shape)
    steps = []
    stated = data
    for _ in range(int(rng.integers(1, 7))):
        if rng.random() < 0.5:
            order = tuple(int(axis) for axis in rng.permutation(stated.ndim))
            stated = stated.transpose(order)
            steps.append(("transpose", order))
        else:
            target = random_shape(rng, stated.size)
            stated = stated.reshape(target)
            steps.append(("reshape", target))

    def lower(builder: Builder, operands: dict[str, Value]) -> list[Value]:
        value = operands["x"]
        for kind, argument in steps:
            value = builder.transpose(value, argument) if kind == "transpose" else builder.reshape(value, argument)
        return [value]

    source = Source({"x": shape}, {}, [Step("chain", ("x",), ("y",), lower)], ["y"])  # type: ignore[arg-type]
    imported = import_source(source, "chain")
    (found,) = run(imported.graph, [imported.inputs[0].to_graph(data)])
    np.testing.assert_array_equal(found, imported.outputs[0].to_graph(stated))


@pytest.mark.parametrize("seed", range(40))
def test_transposed_and_cut(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(int(side) for side in rng.choice([1, 2, 3, 4], 4))
    axes = tuple(int(axis) for axis in rng.permutation(4))
    order = tuple(int(axis) for axis in rng.permutation(4))
    stated = np.arange(math.prod(shape)).reshape(shape)
    layout = Layout.of(shape, axes)
    np.testing.assert_array_equal(stored(stated, layout), stated.transpose(axes).reshape(-1))
    moved = layout.transposed(shape, order)
    np.testing.assert_array_equal(stored(stated.transpose(order), moved), stored(stated, layout))
    cut = layout.cut(shape)
    assert cut is not None and all(math.prod(cut.sizes(g)) == side for g, side in zip(cut.groups, shape, strict=True))
