"""Graphs at the edge of what a graph may be: outputs that are inputs, constants or repeated, nothing to run at all.

Each runs as C on the host in every form of plan, and as firmware of the host board and of an emulated one.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from codegen import select_kernels
from tests.host_c import c_outputs
from tests.op_graphs import weights
from tests.random_c import check_on_board
from tests.random_models import RandomModel
from tests.samples import int8_samples
from tinyml.errors import TinymlError, UnsupportedError
from tinyml.interpreter import run
from tinyml.ir import DType, Graph, Node, Op, Padding, Quant, Tensor, verify
from tinyml.ops import Add, Concatenation, Conv2D, Dequantize, Mul, Prelu, Quantize, Relu, Reshape, Split, TransposeConv
from tinyml.passes import optimize
from tinyml.scheduler import Plan, make_plan

QUANT = Quant.per_tensor(0.05, 3)
RNG = np.random.default_rng(0)


def image(name: str = "image", *shape: int) -> Tensor:
    return Tensor(name, shape or (1, 5, 4, 3), DType.INT8, QUANT)


def constant(name: str = "constant", *shape: int) -> Tensor:
    return Tensor.constant(name, RNG.integers(-128, 128, shape or (1, 5, 4, 3)).astype(np.int8), QUANT)


def layer(name: str, op: Op, *inputs: Tensor) -> Node:
    shapes = op.infer(inputs)
    names = [name] if len(shapes) == 1 else [f"{name}_{i}" for i in range(len(shapes))]
    outputs = tuple(Tensor(n, shape, DType.INT8, QUANT) for n, shape in zip(names, shapes, strict=True))
    return Node(name, op, inputs, outputs)


def conv(name: str, source: Tensor, channels: int = 3) -> Node:
    filters = weights(RNG, (channels, 3, 3, source.shape[3]), 0)
    return layer(name, Conv2D(padding=Padding(1, 1, 1, 1)), source, filters)


def graph(inputs: Sequence[Tensor], nodes: Sequence[Node], outputs: Sequence[Tensor]) -> Graph:
    return verify(Graph("edge", tuple(nodes), tuple(inputs), tuple(outputs)), "int8")


def input_is_the_output() -> Graph:
    x = image()
    return graph([x], [], [x])


def input_is_one_output_of_two() -> Graph:
    x = image("input")
    node = layer("relu", Relu(), x)
    return graph([x], [node], [x, node.output])


def input_is_an_output_behind_two_layers() -> Graph:
    x = image()
    first = conv("first", x)
    second = conv("second", first.output)
    return graph([x], [first, second], [second.output, x])


def inputs_change_places() -> Graph:
    x, y = image("x"), image("y", 1, 7)
    return graph([x, y], [], [y, x])


def output_twice() -> Graph:
    x = image()
    node = conv("conv", x)
    return graph([x], [node], [node.output, node.output])


def output_twice_and_read() -> Graph:
    x = image()
    first = layer("first", Relu(), x)
    second = layer("second", Relu(), first.output)
    return graph([x], [first, second], [first.output, second.output, first.output])


def output_and_its_view() -> Graph:
    x = image()
    node = conv("conv", x)
    flat = layer("flat", Reshape((1, 60)), node.output)
    return graph([x], [node, flat], [flat.output, node.output])


def outputs_are_parts_of_the_input() -> Graph:
    x = image("x", 1, 4, 3, 2)
    node = layer("split", Split(1, 2), x)
    return graph([x], [node], node.outputs)


def output_is_a_view_of_an_input_that_is_overwritten() -> Graph:
    x = image()
    flat = layer("flat", Reshape((1, 60)), x)
    node = layer("relu", Relu(), x)
    return graph([x], [flat, node], [flat.output, node.output])


def output_joins_an_input_with_itself() -> Graph:
    x = image()
    node = layer("join", Concatenation(1), x, x)
    return graph([x], [node], [node.output, x])


def constant_output() -> Graph:
    x, c = image(), constant()
    node = layer("add", Add(), x, c)
    return graph([x], [node], [c, node.output])


def only_constant_outputs() -> Graph:
    return graph([image()], [], [constant(), constant("other", 1, 3)])


def constant_output_of_a_graph_without_layers() -> Graph:
    x = image()
    return graph([x], [], [constant(), x])


def input_that_nothing_reads() -> Graph:
    x, idle = image("x"), image("idle", 1, 9)
    node = conv("conv", x)
    return graph([idle, x], [node], [node.output])


def only_a_view() -> Graph:
    x = image()
    node = layer("flat", Reshape((1, 60)), x)
    return graph([x], [node], [node.output])


def constant_times_constant() -> Graph:
    x = image()
    product = layer("product", Mul(), constant("a"), constant("b"))
    node = layer("add", Add(), x, product.output)
    return graph([x], [product, node], [product.output, node.output])


def views_of_a_constant() -> Graph:
    x, c = image("x", 1, 60), constant()
    flat = layer("flat", Reshape((1, 60)), c)
    node = layer("add", Add(), flat.output, x)
    return graph([x], [flat, node], [node.output, flat.output])


def last_rows_that_nothing_reads() -> Graph:
    x = image("x", 1, 12, 5, 3)
    strided = layer("strided", Conv2D(2, 1), x, weights(RNG, (4, 1, 1, 3), 0))
    spread = layer("spread", TransposeConv(), strided.output, weights(RNG, (2, 2, 1, 4), 0))
    return graph([x], [strided, spread], [spread.output])


def last_rows_that_only_an_output_shows() -> Graph:
    x = image("x", 1, 13, 4, 8)
    strided = layer("strided", Conv2D(4, 1), x, weights(RNG, (4, 2, 1, 8), 0))
    flat = layer("flat", Reshape((1, 416)), x)
    return graph([x], [strided, flat], [flat.output, strided.output])


def sums_beyond_int32() -> Graph:
    """A scale so small that every value saturates before its zero point is added."""
    x, y, tiny = image(), image("other"), Quant.per_tensor(1e-30, -128)
    slopes = Tensor.constant("slopes", np.array([-128, 7, 127], np.int8), QUANT)
    nodes = [layer("leaky", Prelu(), x, slopes), layer("product", Mul(), x, y)]
    nodes = [replace(node, outputs=(replace(node.output, quant=tiny),)) for node in nodes]
    return graph([x, y], nodes, [node.output for node in nodes])


GRAPHS: tuple[Callable[[], Graph], ...] = (
    input_is_the_output,
    input_is_one_output_of_two,
    input_is_an_output_behind_two_layers,
    inputs_change_places,
    output_twice,
    output_twice_and_read,
    output_and_its_view,
    outputs_are_parts_of_the_input,
    output_is_a_view_of_an_input_that_is_overwritten,
    output_joins_an_input_with_itself,
    constant_output,
    only_constant_outputs,
    constant_output_of_a_graph_without_layers,
    input_that_nothing_reads,
    only_a_view,
    constant_times_constant,
    views_of_a_constant,
    last_rows_that_nothing_reads,
    last_rows_that_only_an_output_shows,
    sums_beyond_int32,
)


def forms(g: Graph) -> list[Plan]:
    """Every form of plan that the graph can have."""
    kernels = select_kernels(g)
    found = [make_plan(g, kernels, keep, fuse=fuse) for keep in (False, True) for fuse in (False, True)]
    try:
        return [*found, make_plan(g, kernels, feed_rows=True)]
    except UnsupportedError:
        return found


def bordered(*nodes: Node) -> Graph:
    """A float graph around layers in a row: QUANTIZE first, DEQUANTIZE last."""
    x = nodes[0].inputs[0] if nodes else image()
    last = nodes[-1].output if nodes else x
    real, result = Tensor("real", x.shape, DType.FLOAT32), Tensor("result", last.shape, DType.FLOAT32)
    whole = [Node("in", Quantize(), (real,), (x,)), *nodes, Node("out", Dequantize(), (last,), (result,))]
    return verify(Graph("bordered", tuple(whole), (real,), (result,)), "imported")


def test_nothing_runs_between_float_borders() -> None:
    g = optimize(bordered(layer("flat", Reshape((1, 60)), image())))
    plan = make_plan(verify(g, "int8"), select_kernels(g))
    assert not plan.steps and plan.arena_bytes == 60
    assert [fault for _, fault in check_on_board([RandomModel(g, b"")], "host")] == [""]


def test_nothing_at_all_between_float_borders() -> None:
    with pytest.raises(TinymlError, match="'result' is float32"):
        verify(optimize(bordered()), "int8")


@pytest.mark.parametrize("make", GRAPHS, ids=lambda make: make.__name__)
def test_generated_c(make: Callable[[], Graph], tmp_path: Path) -> None:
    for number, g in enumerate((make(), optimize(make()))):
        samples = int8_samples(g, 5)
        for form, plan in enumerate(forms(g)):
            directory = tmp_path / f"{number}_{form}"
            directory.mkdir()
            for sample, got in zip(samples, c_outputs(plan, samples, directory), strict=True):
                for want, have in zip(run(g, sample), got, strict=True):
                    np.testing.assert_array_equal(have, want)


@pytest.mark.parametrize("make", GRAPHS, ids=lambda make: make.__name__)
def test_on_the_host_board(make: Callable[[], Graph]) -> None:
    assert [fault for _, fault in check_on_board([RandomModel(make(), b"")], "host")] == [""]


@pytest.mark.board
@pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None or shutil.which("arm-none-eabi-gcc") is None,
    reason="needs qemu-system-arm and arm-none-eabi-gcc: make test installs both",
)
@pytest.mark.parametrize("make", GRAPHS, ids=lambda make: make.__name__)
def test_on_an_emulated_board(make: Callable[[], Graph]) -> None:
    assert [fault for _, fault in check_on_board([RandomModel(make(), b"")], "qemu_mps2_an386")] == [""]
