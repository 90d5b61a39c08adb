"""TFLite operators that move, cut and join: some become several nodes of the Graph."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tinyml.errors import ModelError, UnsupportedError
from tinyml.importers.nchw_shape import MAX_PARTS, evenly_spaced
from tinyml.importers.tflite_call import MAX_RANK, Call, Lowered, finite
from tinyml.ir import Node, Op, Shape, Tensor, shown
from tinyml.ops import Concatenation, MaxPool2D, Pad, Reshape, Split, StridedSlice, Transpose


def pad(call: Call, options: Any) -> Lowered:
    source = call.input(0)
    call.require_activations(source, call.output)
    paddings = call.integers(1, "paddings")
    before, after, value = tuple(paddings[::2]), tuple(paddings[1::2]), call.optional(2)
    return Pad(before, after, None if value is None else _fill(call, value)), [source]


def _fill(call: Call, value: Tensor) -> float | None:
    """PADV2's constant in the output's numbers; None when it is the real number 0."""
    call.require_activations(value, call.output)
    if not value.is_constant or value.size != 1:
        raise UnsupportedError("it fills with something else than one constant")
    call.require_same_quant(value)
    number = value.values.ravel()[0].item()
    zero = 0 if call.output.dtype.is_float else call.output.affine.zero_point
    return None if number == zero else finite(number, "value")


def reshape(call: Call, options: Any) -> Lowered:
    source, stated = call.input(0), call.optional(1)
    call.require_activations(source, call.output)
    shape = call.output.shape
    if stated is not None and stated.is_constant:
        shape = _with_free_side(tuple(int(side) for side in stated.values.ravel()), source.size) or shape
    if source.size != math.prod(shape):
        # with a free batch a converter may state sides of 1 for all that depends on it
        raise UnsupportedError(
            f"from {list(source.shape)} to {list(shape)}, which holds another number of elements; "
            "a model with a free batch is better converted with a batch of 1"
        )
    return Reshape(shape), [source]


def expand_dims(call: Call, options: Any) -> Lowered:
    source, place = call.input(0), call.optional(1)
    call.require_activations(source, call.output)
    if place is None or not place.is_constant or place.size != 1:
        return Reshape(call.output.shape), [source]
    rank = len(source.shape) + 1
    axis = int(place.values.ravel()[0])
    if not -rank <= axis < rank <= MAX_RANK:
        raise ModelError(f"axis {axis} of {rank}")
    axis %= rank
    return Reshape((*source.shape[:axis], 1, *source.shape[axis:])), [source]


def _with_free_side(shape: Shape, size: int) -> Shape | None:
    """The shape with its side of -1 worked out; None where that is not possible."""
    known = math.prod(side for side in shape if side != -1)
    if shape.count(-1) > 1 or known < 1 or size % known or len(shape) > MAX_RANK or min(shape, default=1) < -1:
        return None
    return tuple(size // known if side == -1 else side for side in shape)


def transpose(call: Call, options: Any) -> Lowered:
    call.require_activations(call.input(0), call.output)
    rank = len(call.input(0).shape)
    return Transpose(tuple(a + rank if a < 0 else a for a in call.integers(1, "permutation"))), [call.input(0)]


def concatenation(call: Call, options: Any) -> Lowered:
    operands = [call.input(index) for index in range(len(call.inputs))]
    call.require_activations(*operands, call.output)
    call.require_same_quant(*operands)
    if options.FusedActivationFunction() != 0:
        raise UnsupportedError("a fused activation")
    return Concatenation(_axis(options.Axis(), call.output)), operands


def split(call: Call, options: Any) -> Lowered:
    source = call.input(1)
    call.require_activations(source, *call.outputs)
    if options.NumSplits() != len(call.outputs):
        raise ModelError(f"{options.NumSplits()} parts and {len(call.outputs)} outputs")
    axes = call.integers(0, "axis")
    if len(axes) != 1:
        raise ModelError(f"{len(axes)} axes to split along")
    return Split(_axis(axes[0], source), len(call.outputs)), [source]


def split_by_sizes(call: Call, options: Any) -> Lowered | list[Node]:
    source = call.input(0)
    call.require_activations(source, *call.outputs)
    sizes, axes = call.integers(1, "sizes"), call.integers(2, "axis")
    if len(sizes) != len(call.outputs) or len(axes) != 1:
        raise ModelError(f"{len(sizes)} sizes, {len(call.outputs)} outputs and {len(axes)} axes")
    axis = _axis(axes[0], source)
    if len(set(sizes)) == 1:
        return Split(axis, len(call.outputs)), [source]
    starts = [sum(tensor.shape[axis] for tensor in call.outputs[:at]) for at in range(len(call.outputs))]
    return [
        _cut(output, source, {axis: range(start, start + output.shape[axis])})
        for start, output in zip(starts, call.outputs, strict=True)
    ]


def strided_slice(call: Call, options: Any) -> Lowered:
    source = call.input(0)
    call.require_activations(source, call.output)
    if options.EllipsisMask() or options.NewAxisMask() or options.Offset():
        raise UnsupportedError("ellipsis, new axes or offsets in the slice")
    begin, end, stride = (call.integers(i + 1, role) for i, role in enumerate(("begin", "end", "strides")))
    # axes behind the stated ones are taken whole
    missing = len(source.shape) - len(begin)
    whole = ((1 << missing) - 1) << len(begin) if missing > 0 else 0
    begin, end, stride = ([*values, *[fill] * missing] for values, fill in ((begin, 0), (end, 0), (stride, 1)))
    masks = (options.BeginMask() | whole, options.EndMask() | whole, options.ShrinkAxisMask())
    return StridedSlice.resolve(source.shape, begin, end, stride, *map(int, masks)), [source]


def _axis(axis: int, tensor: Tensor) -> int:
    return int(axis) + len(tensor.shape) if axis < 0 else int(axis)


def slice_of(call: Call, options: Any) -> Lowered:
    """SLICE: begin and size of a box; a size of -1 is all that is left."""
    source = call.input(0)
    call.require_activations(source, call.output)
    begin, sizes = call.integers(1, "begin"), call.integers(2, "size")
    if not len(begin) == len(sizes) == len(source.shape):
        raise ModelError(f"begin and size of {len(begin)} and {len(sizes)} axes for {list(source.shape)}")
    whole = (side - first for side, first in zip(source.shape, begin, strict=True))
    size = tuple(rest if stated == -1 else stated for stated, rest in zip(sizes, whole, strict=True))
    return StridedSlice(tuple(begin), size, (1,) * len(size)), [source]


def reverse(call: Call, options: Any) -> Lowered:
    source = call.input(0)
    call.require_activations(source, call.output)
    axes = {_axis(axis, source) for axis in call.integers(1, "axes")}
    begin = tuple(side - 1 if axis in axes else 0 for axis, side in enumerate(source.shape))
    return StridedSlice(begin, source.shape, tuple(-1 if a in axes else 1 for a in range(len(begin)))), [source]


def pack(call: Call, options: Any) -> list[Node]:
    """Operands side by side along a new axis."""
    operands = [call.input(index) for index in range(len(call.inputs))]
    call.require_activations(*operands, call.output)
    call.require_same_quant(*operands)
    axis = _axis(options.Axis(), call.output)
    if len({operand.shape for operand in operands}) != 1 or not 0 <= axis < len(call.output.shape):
        raise ModelError(f"shapes {[list(operand.shape) for operand in operands]} along axis {axis}")
    shape = (*operands[0].shape[:axis], 1, *operands[0].shape[axis:])
    nodes = [_reshaped(call, operand, shape, f"part{at}") for at, operand in enumerate(operands)]
    parts = tuple(node.output for node in nodes)
    return [*nodes, _last(call, Concatenation(axis), parts)]


def unpack(call: Call, options: Any) -> list[Node]:
    """The parts along an axis, without it."""
    source = call.input(0)
    call.require_activations(source, *call.outputs)
    axis = _axis(options.Axis(), source)
    if not 0 <= axis < len(source.shape) or source.shape[axis] != len(call.outputs):
        raise ModelError(f"{len(call.outputs)} parts along axis {axis} of {list(source.shape)}")
    return [_cut(output, source, {axis: range(at, at + 1)}, (axis,)) for at, output in enumerate(call.outputs)]


def gather(call: Call, options: Any) -> list[Node]:
    """Positions that are constants: as many slices as there are runs of evenly spaced ones."""
    source, places = call.input(0), call.input(1)
    call.require_activations(source, call.output)
    call.require_same_quant(source)
    if options.BatchDims():
        raise UnsupportedError("batch dimensions")
    if not places.is_constant or places.dtype.is_float or places.size < 1:
        raise UnsupportedError(f"its positions ({shown(places.name)}) are computed at run time; constants are needed")
    axis = _axis(options.Axis(), source)
    wanted = [int(place) for place in places.values.ravel()]
    if not 0 <= axis < len(source.shape) or not all(0 <= place < source.shape[axis] for place in wanted):
        raise ModelError(f"positions beyond axis {axis} of {list(source.shape)}")
    return _picked(call, source, axis, evenly_spaced(wanted))


def mirror_pad(call: Call, options: Any) -> list[Node]:
    """A border that mirrors the image, axis by axis, with its outermost row (SYMMETRIC) or without (REFLECT)."""
    source, paddings = call.input(0), call.integers(1, "paddings")
    call.require_activations(source, call.output)
    call.require_same_quant(source)
    with_edge, rank = int(options.Mode() == 1), len(source.shape)
    if len(paddings) != 2 * rank:
        raise ModelError(f"{len(paddings)} paddings of {rank} axes")
    axes = [axis for axis in range(rank) if paddings[2 * axis] or paddings[2 * axis + 1]]
    nodes: list[Node] = []
    for axis in axes:
        (before, after), side = paddings[2 * axis : 2 * axis + 2], source.shape[axis]
        if min(before, after) < 0 or max(before, after) > side - 1 + with_edge:
            raise ModelError(f"borders of {before} and {after} along a side of {side}")
        low, high = range(before - with_edge, -with_edge, -1), range(side - 2 + with_edge, -1, -1)[:after]
        parts = [span for span in (low, range(side), high) if len(span)]
        nodes += _picked(call, source, axis, parts, None if axis == axes[-1] else f"axis{axis}")
        source = nodes[-1].output
    return nodes or [_last(call, Reshape(source.shape), (source,))]


def tile(call: Call, options: Any) -> list[Node]:
    source, counts = call.input(0), call.integers(1, "multiples")
    call.require_activations(source, call.output)
    call.require_same_quant(source)
    if len(counts) != len(source.shape):
        raise ModelError(f"{len(counts)} multiples of {len(source.shape)} axes")
    return _repeated(call, source, counts)


def broadcast_to(call: Call, options: Any) -> list[Node]:
    source, shape = call.input(0), call.integers(1, "shape")
    call.require_activations(source, call.output)
    call.require_same_quant(source)
    grown = (1,) * (len(shape) - len(source.shape)) + source.shape
    if len(grown) != len(shape) or any(have not in (1, wanted) for have, wanted in zip(grown, shape, strict=True)):
        raise ModelError(f"{list(source.shape)} to {shape}")
    counts = [wanted // have for have, wanted in zip(grown, shape, strict=True)]
    first = _reshaped(call, source, grown, "grown")
    return [first, *_repeated(call, first.output, counts)]


def _repeated(call: Call, source: Tensor, counts: Sequence[int]) -> list[Node]:
    axes = [axis for axis, count in enumerate(counts) if count != 1]
    nodes: list[Node] = []
    for axis in axes:
        if not 1 <= counts[axis] <= MAX_PARTS:
            raise UnsupportedError(f"{counts[axis]} copies; 1 to {MAX_PARTS} are supported")
        parts = (source,) * counts[axis]
        nodes += _joined(call, parts, axis, None if axis == axes[-1] else f"axis{axis}")
        source = nodes[-1].output
    return nodes or [_last(call, Reshape(source.shape), (source,))]


def depth_to_space(call: Call, options: Any) -> list[Node]:
    """Channels become blocks of pixels."""
    source, block = call.input(0), int(options.BlockSize())
    call.require_activations(source, call.output)
    height, width, depth = _image_sides(source)
    if block < 1 or depth % (block * block):
        raise ModelError(f"blocks of {block} in {list(source.shape)}")
    split = (height, width, block, block, depth // (block * block))
    return _interchanged(call, source, split)


def space_to_depth(call: Call, options: Any) -> list[Node]:
    """Blocks of pixels become channels."""
    source, block = call.input(0), int(options.BlockSize())
    call.require_activations(source, call.output)
    height, width, depth = _image_sides(source)
    if block < 1 or height % block or width % block:
        raise ModelError(f"blocks of {block} in {list(source.shape)}")
    return _interchanged(call, source, (height // block, block, width // block, block, depth))


def _image_sides(source: Tensor) -> tuple[int, int, int]:
    if len(source.shape) != 4 or source.shape[0] != 1:
        raise UnsupportedError(f"an input of {list(source.shape)}; an image [1, H, W, C] is supported")
    return source.shape[1], source.shape[2], source.shape[3]


def _interchanged(call: Call, source: Tensor, split: Shape) -> list[Node]:
    """Five sides of which the second and the third change places."""
    if math.prod(call.output.shape) != math.prod(source.shape):
        raise ModelError(f"from {list(source.shape)} to {list(call.output.shape)}")
    call.require_same_quant(source)
    first = _reshaped(call, source, split, "split")
    moved = replace(first.output, name=f"{call.output.name}/moved", shape=tuple(split[a] for a in (0, 2, 1, 3, 4)))
    second = Node(moved.name, Transpose((0, 2, 1, 3, 4)), (first.output,), (moved,))
    return [first, second, _last(call, Reshape(call.output.shape), (moved,))]


def reduce_max(call: Call, options: Any) -> list[Node]:
    """Over neighbouring axes: a pool over all of them."""
    source = call.input(0)
    call.require_activations(source, call.output)
    call.require_same_quant(source)
    axes = sorted({_axis(axis, source) for axis in call.integers(1, "axes")})
    if not axes or axes != list(range(axes[0], axes[-1] + 1)) or not 0 <= axes[0] <= axes[-1] < len(source.shape):
        raise UnsupportedError(f"axes {axes} of {list(source.shape)}; neighbouring ones are supported")
    before, after = (math.prod(part) for part in (source.shape[: axes[0]], source.shape[axes[-1] + 1 :]))
    reduced = [source.shape[axis] for axis in axes]
    # an image keeps its rows, so that it can come a few at a time
    kernel = (reduced[0], math.prod(reduced[1:])) if before == 1 else (1, math.prod(reduced))
    first = _reshaped(call, source, (1, kernel[0] if before == 1 else before, kernel[1], after), "image")
    rows = 1 if before == 1 else before
    pooled = replace(call.output, name=f"{call.output.name}/pooled", shape=(1, rows, 1, after))
    pool = Node(pooled.name, MaxPool2D(*kernel), (first.output,), (pooled,))
    return [first, pool, _last(call, Reshape(call.output.shape), (pooled,))]


def _picked(call: Call, source: Tensor, axis: int, parts: Sequence[range], name: str | None = None) -> list[Node]:
    """Slices side by side, as the operator's output or, with a name, as what lies between."""
    if len(parts) > MAX_PARTS:
        raise UnsupportedError(f"{len(parts)} slices of one tensor; up to {MAX_PARTS} are supported")
    nodes = []
    for at, span in enumerate(parts):
        shape = (*source.shape[:axis], len(span), *source.shape[axis + 1 :])
        part = replace(source, name=f"{call.output.name}/{name or 'part'}{at}", shape=shape)
        nodes.append(_cut(part, source, {axis: span}))
    return [*nodes, *_joined(call, [node.output for node in nodes], axis, name)]


def _joined(call: Call, parts: Sequence[Tensor], axis: int, name: str | None) -> list[Node]:
    """Tensors side by side, as the operator's output or, with a name, as what lies between."""
    op = Concatenation(axis)
    (shape,) = op.infer(parts)
    if name is None and shape == call.output.shape:
        return [_last(call, op, parts)]
    between = replace(call.output, name=f"{call.output.name}/{name or 'joined'}", shape=shape)
    joined = Node(between.name, op, tuple(parts), (between,))
    return [joined] if name else [joined, _last(call, Reshape(call.output.shape), (between,))]


def _cut(output: Tensor, source: Tensor, taken: Mapping[int, range], shrink: tuple[int, ...] = ()) -> Node:
    """The positions of each axis that `taken` lists; the other axes whole."""
    spans = [taken.get(axis, range(side)) for axis, side in enumerate(source.shape)]
    op = StridedSlice(tuple(s[0] for s in spans), tuple(map(len, spans)), tuple(s.step for s in spans), shrink)
    return Node(output.name, op, (source,), (output,))


def _reshaped(call: Call, source: Tensor, shape: Shape, part: str) -> Node:
    if len(shape) > MAX_RANK:
        raise UnsupportedError(f"a tensor of {len(shape)} sides, at most {MAX_RANK} are supported")
    output = Tensor(f"{call.output.name}/{part}", shape, source.dtype, source.quant)
    return Node(output.name, Reshape(shape), (source,), (output,))


def _last(call: Call, op: Op, inputs: Sequence[Tensor]) -> Node:
    return Node(call.output.name, op, tuple(inputs), (call.output,))
