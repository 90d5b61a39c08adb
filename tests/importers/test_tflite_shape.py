"""TFLite operators that become several nodes: the bytes of TFLM, on files that no exporter of ours writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.importers.mutations import mutations
from tests.importers.test_hostile_tflite import survives
from tests.importers.tflite_files import edited
from tests.samples import int8_samples
from tests.tflm import run_litert_reference_many, run_tflm_cases
from tinyml import interpreter
from tinyml.errors import ModelError, UnsupportedError
from tinyml.exporters.tflite_writer import ModelWriter
from tinyml.importers.from_tflite import from_tflite, is_restated
from tinyml.ir import DType, Graph, Quant, Tensor
from tinyml.passes import optimize

Rng = np.random.Generator
QUANT = Quant.per_tensor(0.05, 3)


def int8(name: str, *shape: int) -> Tensor:
    return Tensor(name, shape, DType.INT8, QUANT)


def indices(name: str, values: Any) -> Tensor:
    return Tensor.constant(name, np.array(values, np.int32))


def file_of(
    name: str,
    operands: Sequence[Tensor],
    outputs: Sequence[Tensor],
    options: Any = None,
    attributes: dict[str, Any] | None = None,
) -> bytes:
    model, stated = ModelWriter(), options() if options else None
    for field, value in (attributes or {}).items():
        setattr(stated, field, value)
    model.operator(name, 1 if name in ("TILE", "REVERSE_V2") else 2, operands, outputs, stated)
    inputs = tuple(t for t in dict.fromkeys(operands) if not t.is_constant)
    return model.finish(Graph("one", (), inputs, tuple(outputs)))


def sides(rng: Rng, rank: int, least: int = 1) -> tuple[int, ...]:
    return tuple(int(rng.integers(least, 6)) for _ in range(rank))


def slice_of(rng: Rng) -> bytes:
    shape = sides(rng, int(rng.integers(1, 5)))
    begin = [int(rng.integers(0, side)) for side in shape]
    size = [int(rng.integers(1, side - first + 1)) for side, first in zip(shape, begin, strict=True)]
    stated = [-1 if rng.random() < 0.3 else s for s in size]
    size = [d - b if s == -1 else s for d, b, s in zip(shape, begin, stated, strict=True)]
    operands = [int8("x", *shape), indices("begin", begin), indices("size", stated)]
    return file_of("SLICE", operands, [int8("y", *size)], schema.SliceOptionsT)


def reverse(rng: Rng) -> bytes:
    shape = sides(rng, int(rng.integers(1, 5)))
    axis = int(rng.integers(0, len(shape)))
    return file_of("REVERSE_V2", [int8("x", *shape), indices("axes", [axis])], [int8("y", *shape)])


def pack(rng: Rng) -> bytes:
    shape, count = sides(rng, int(rng.integers(1, 4))), int(rng.integers(1, 5))
    axis = int(rng.integers(0, len(shape) + 1))
    operands = [int8(f"x{at}", *shape) for at in range(count)]
    attributes = {"axis": axis - len(shape) - 1 if rng.random() < 0.3 else axis, "valuesCount": count}
    return file_of("PACK", operands, [int8("y", *shape[:axis], count, *shape[axis:])], schema.PackOptionsT, attributes)


def unpack(rng: Rng) -> bytes:
    shape = sides(rng, int(rng.integers(2, 5)))
    axis = int(rng.integers(0, len(shape)))
    outputs = [int8(f"y{at}", *shape[:axis], *shape[axis + 1 :]) for at in range(shape[axis])]
    attributes = {"axis": axis, "num": shape[axis]}
    return file_of("UNPACK", [int8("x", *shape)], outputs, schema.UnpackOptionsT, attributes)


def split_by_sizes(rng: Rng) -> bytes:
    shape = sides(rng, int(rng.integers(1, 5)), 3)
    axis = int(rng.integers(0, len(shape)))
    parts = [1, shape[axis] - 1]
    outputs = [int8(f"y{at}", *shape[:axis], part, *shape[axis + 1 :]) for at, part in enumerate(parts)]
    operands = [int8("x", *shape), indices("sizes", parts), indices("axis", axis)]
    return file_of("SPLIT_V", operands, outputs, schema.SplitVOptionsT, {"numSplits": 2})


def gather(rng: Rng) -> bytes:
    shape = sides(rng, int(rng.integers(1, 5)))
    axis, form = int(rng.integers(0, len(shape))), [(), (3,), (7,), (2, 2)][int(rng.integers(0, 4))]
    places = rng.integers(0, shape[axis], form)
    output = int8("y", *shape[:axis], *form, *shape[axis + 1 :]) if len(shape) + len(form) > 1 else int8("y", 1)
    operands = [int8("x", *shape), indices("places", places)]
    return file_of("GATHER", operands, [output], schema.GatherOptionsT, {"axis": axis})


def mirror_pad(rng: Rng) -> bytes:
    shape, mode = sides(rng, int(rng.integers(1, 5)), 2), int(rng.integers(0, 2))
    pads = [[int(rng.integers(0, side + mode)) for _ in range(2)] for side in shape]
    output = int8("y", *(side + sum(pair) for side, pair in zip(shape, pads, strict=True)))
    operands = [int8("x", *shape), indices("pads", pads)]
    return file_of("MIRROR_PAD", operands, [output], schema.MirrorPadOptionsT, {"mode": mode})


def broadcast_to(rng: Rng) -> bytes:
    shape = sides(rng, int(rng.integers(1, 5)))
    source = tuple(1 if rng.random() < 0.5 else side for side in shape)[int(rng.integers(0, len(shape))) :]
    operands = [int8("x", *source), indices("shape", shape)]
    return file_of("BROADCAST_TO", operands, [int8("y", *shape)], schema.BroadcastToOptionsT)


def depth_to_space(rng: Rng) -> bytes:
    height, width, depth = sides(rng, 3)
    block = int(rng.integers(1, 4))
    operands, output = (
        [int8("x", 1, height, width, depth * block**2)],
        int8("y", 1, height * block, width * block, depth),
    )
    return file_of("DEPTH_TO_SPACE", operands, [output], schema.DepthToSpaceOptionsT, {"blockSize": block})


def space_to_depth(rng: Rng) -> bytes:
    height, width, depth = sides(rng, 3)
    block = int(rng.integers(1, 4))
    operands, output = (
        [int8("x", 1, height * block, width * block, depth)],
        int8("y", 1, height, width, depth * block**2),
    )
    return file_of("SPACE_TO_DEPTH", operands, [output], schema.SpaceToDepthOptionsT, {"blockSize": block})


def reduce_max(rng: Rng) -> bytes:
    shape = (1, *sides(rng, int(rng.integers(1, 4))))
    first = int(rng.integers(1, len(shape)))
    axes = list(range(first, int(rng.integers(first, len(shape))) + 1))
    keeps = bool(rng.random() < 0.5)
    kept = [1 if axis in axes else side for axis, side in enumerate(shape)]
    output = kept if keeps else [side for axis, side in enumerate(shape) if axis not in axes]
    operands = [int8("x", *shape), indices("axes", axes)]
    return file_of("REDUCE_MAX", operands, [int8("y", *output)], schema.ReducerOptionsT, {"keepDims": keeps})


def dilated(rng: Rng) -> bytes:
    """A convolution or a depthwise one on images of every n-th pixel, with borders that make them whole."""
    depthwise, filters, depth = bool(rng.random() < 0.5), int(rng.integers(1, 5)), int(rng.integers(1, 5))
    block, kernel = rng.integers(1, 4, 2), rng.integers(1, 4, 2)
    inner = kernel + rng.integers(0, 4, 2)  # sides of an image of the batch
    before = np.minimum(rng.integers(0, 3, 2), inner * block - 1)
    crops = np.minimum(rng.integers(0, 2, 2), (inner - kernel + 1) * block - 1)
    after = np.minimum(rng.integers(0, 3, 2) + crops, inner * block - before - 1)
    crops = np.minimum(crops, after)
    height, width = inner * block - before - after
    count, channels = int(block.prod()), depth if depthwise else filters
    rows, columns = inner - kernel + 1
    spread, found = int8("spread", count, *inner, depth), int8("found", count, rows, columns, channels)
    shape = (1, *kernel, depth) if depthwise else (filters, *kernel, depth)
    values = rng.integers(-99, 100, shape).astype(np.int8)
    weights = Tensor.constant("w", values, Quant((0.01,) * channels, (0,) * channels, 3 if depthwise else 0))
    bias = Tensor.constant("b", rng.integers(-99, 99, channels).astype(np.int32), Quant.per_tensor(0.0005))
    options = schema.DepthwiseConv2DOptionsT() if depthwise else schema.Conv2DOptionsT()
    options.padding, options.strideH, options.strideW, options.depthMultiplier = 1, 1, 1, 1
    output = int8("y", 1, *((inner - kernel + 1) * block - crops), channels)
    borders = [indices("pads", np.stack([before, after], 1)), indices("crops", np.stack([crops * 0, crops], 1))]
    sides, model = indices("block", block), ModelWriter()
    image = int8("x", 1, height, width, depth)
    model.operator("SPACE_TO_BATCH_ND", 2, [image, sides, borders[0]], [spread], schema.SpaceToBatchNDOptionsT())
    name = "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D"
    model.operator(name, 3, [spread, weights, bias], [found], options)
    model.operator("BATCH_TO_SPACE_ND", 2, [found, sides, borders[1]], [output], schema.BatchToSpaceNDOptionsT())
    return model.finish(Graph("dilated", (), (image,), (output,)))


def tile(rng: Rng) -> bytes:
    shape = sides(rng, int(rng.integers(1, 5)))
    counts = [int(rng.integers(1, 4)) for _ in shape]
    output = int8("y", *(side * count for side, count in zip(shape, counts, strict=True)))
    return file_of("TILE", [int8("x", *shape), indices("counts", counts)], [output], schema.TileOptionsT)


MAKERS: dict[str, Callable[[Rng], bytes]] = {
    make.__name__: make
    for make in (
        slice_of, reverse, pack, unpack, split_by_sizes, gather, mirror_pad, broadcast_to, depth_to_space,
        space_to_depth, reduce_max,
    )
}  # fmt: skip
COUNT = 12


@pytest.mark.parametrize("kind", MAKERS)
def test_the_bytes_of_tflm(kind: str) -> None:
    files = [MAKERS[kind](np.random.default_rng([seed])) for seed in range(COUNT)]
    graphs = [from_tflite(file, kind) for file in files]
    rows = [int8_samples(graph, 2, seed) for seed, graph in enumerate(graphs)]
    answers = run_tflm_cases(list(zip(files, rows, strict=True)))
    for graph, samples, expected in zip(graphs, rows, answers, strict=True):
        for found in (graph, optimize(graph)):
            for sample, outputs in zip(samples, expected, strict=True):
                for ours, theirs in zip(interpreter.run(found, sample), outputs, strict=True):
                    np.testing.assert_array_equal(ours, theirs.reshape(ours.shape))


@pytest.mark.parametrize("make", [tile, dilated], ids=["tile", "dilated"])
def test_the_bytes_of_litert(make: Callable[[Rng], bytes]) -> None:
    """TFLM has no TILE, and its SPACE_TO_BATCH_ND fills with byte 0."""
    for seed in range(COUNT):
        file = make(np.random.default_rng([seed]))
        graph = from_tflite(file, "model")
        samples = int8_samples(graph, 2, seed)
        for sample, outputs in zip(samples, run_litert_reference_many(file, samples), strict=True):
            np.testing.assert_array_equal(interpreter.run(graph, sample)[0], outputs[0])


def test_only_a_whole_chain_is_a_dilated_convolution() -> None:
    file = dilated(np.random.default_rng(0))

    def strided(model: Any) -> None:
        model.subgraphs[0].operators[1].builtinOptions.strideH = 2

    assert is_restated(file)
    with pytest.raises((UnsupportedError, ModelError), match=r"between SPACE_TO_BATCH_ND|stated"):
        from_tflite(edited(file, strided), "strided")


def test_shapes_that_a_free_batch_leaves_open() -> None:
    """A dense layer on every step: RESHAPE to [-1, 4], of which the file knows no more."""
    model = ModelWriter()
    steps, rows, out, back = int8("steps", 1, 6, 4), int8("rows", 1, 1), int8("out", 1, 3), int8("back", 1, 6, 3)
    shape, counts = Tensor("shape", (3,), DType.INT32), Tensor("counts", (2,), DType.INT32)
    weights = Tensor.constant("w", np.arange(12, dtype=np.int8).reshape(3, 4), Quant.per_tensor(0.01))
    model.operator("SHAPE", 1, [steps], [shape], schema.ShapeOptionsT())
    product, last = Tensor("product", (), DType.INT32), Tensor("last", (), DType.INT32)
    firsts, lasts = Tensor("firsts", (2,), DType.INT32), Tensor("lasts", (1,), DType.INT32)
    model.operator("GATHER", 1, [shape, indices("at", [0, 1])], [firsts], schema.GatherOptionsT())
    model.operator("GATHER", 1, [shape, indices("end", [2])], [lasts], schema.GatherOptionsT())
    model.operator("REDUCE_PROD", 1, [firsts, indices("axis", [0])], [product], schema.ReducerOptionsT())
    model.operator("REDUCE_PROD", 1, [lasts, indices("axis", [0])], [last], schema.ReducerOptionsT())
    pair = schema.PackOptionsT()
    pair.valuesCount = 2
    model.operator("PACK", 1, [product, last], [counts], pair)
    model.operator("RESHAPE", 1, [steps, counts], [rows])
    model.operator("FULLY_CONNECTED", 4, [rows, weights], [out], schema.FullyConnectedOptionsT())
    whole = schema.ConcatenationOptionsT()
    grown = Tensor("grown", (3,), DType.INT32)
    model.operator("CONCATENATION", 1, [firsts, indices("units", [3])], [grown], whole)
    model.operator("RESHAPE", 1, [out, grown], [back])
    file = model.finish(Graph("dense", (), (steps,), (back,)))

    def freed(parsed: Any) -> None:
        for tensor in parsed.subgraphs[0].tensors:
            if tensor.name in (b"rows", b"out"):
                tensor.shapeSignature = [-1, -1]

    graph = from_tflite(edited(file, freed), "dense")
    assert [n.op.kind for n in graph.nodes] == ["reshape", "fully_connected", "reshape"]
    assert [n.output.shape for n in graph.nodes] == [(6, 4), (6, 3), (1, 6, 3)]
    assert is_restated(edited(file, freed))


def test_what_is_worked_out_at_run_time_is_refused() -> None:
    operands = [int8("x", 1, 4), Tensor("places", (2,), DType.INT32)]
    with pytest.raises(UnsupportedError, match=r"positions .* are computed at run time"):
        from_tflite(file_of("GATHER", operands, [int8("y", 1, 2)], schema.GatherOptionsT, {"axis": 1}), "gather")


def test_positions_beyond_an_axis_are_damage() -> None:
    operands = [int8("x", 1, 4), indices("places", [1, 9])]
    with pytest.raises(ModelError, match="positions beyond axis 1"):
        from_tflite(file_of("GATHER", operands, [int8("y", 1, 2)], schema.GatherOptionsT, {"axis": 1}), "gather")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", [*MAKERS, "dilated"])
def test_mutations_end_in_a_graph_or_one_error(kind: str) -> None:
    make = MAKERS.get(kind, dilated)
    for seed in range(3):
        for damaged in mutations(make(np.random.default_rng([seed])), 60, seed=seed):
            survives(damaged)
