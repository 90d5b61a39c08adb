"""Builds a Graph from operators that think in NCHW: values with their layouts, and moves only where nothing else helps.

Shared by the ONNX and PyTorch importers. An operand is a Value, which knows the shape that the source states and how
its elements are stored, or a constant as a numpy array in the stated order: constants are permuted offline.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyml.errors import ModelError, UnsupportedError
from tinyml.importers.layout import Cut, Layout
from tinyml.ir import Array, DType, Node, Op, Quant, Shape, ShapeError, Tensor, shown
from tinyml.ops import Dequantize, Quantize, Reshape, Transpose

MAX_RANK = 8
MAX_ELEMENTS = (1 << 31) // 4 - 1  # of an activation

Axes = Sequence[int | None]  # the stated axis that each stored axis is; None is a stored axis of side 1


@dataclass(frozen=True, eq=False)
class Value:
    """A tensor as the source states it. shape: stated. tensor: as stored; layout: how the two relate."""

    shape: Shape
    layout: Layout
    tensor: Tensor

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def cut(self) -> Cut:
        """The layout cut to the stated shape."""
        cut = self.layout.cut(self.shape)
        assert cut is not None  # every value is made with a layout that its shape cuts
        return cut


Operand = Value | Array


class Quantized(np.ndarray[Any, Any]):
    """A float constant that the source holds as integers: values of quant.scale times them. Views and copies keep it.

    quant: along an axis when it has several scales, the weights' output channels.
    """

    quant: Quant | None = None

    def __array_finalize__(self, source: Any) -> None:
        self.quant = getattr(source, "quant", None)


@dataclass(frozen=True)
class Move:
    """A transpose. tensor: what it computes. elements: how many numbers it moves. text: which operator needs it."""

    tensor: str
    elements: int
    text: str


class Builder:
    """Nodes in the making. `begin` names the source operator whose nodes follow."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.moves: list[Move] = []
        self.quants: dict[Tensor, Quant] = {}  # of constants that the source holds as integers
        self.exact: dict[Tensor, Array] = {}  # what those constants are in float64
        self.clamps: dict[Tensor, tuple[Value, float | None, float | None]] = {}  # clamped: what from, low, high
        self.roots: dict[Tensor, Value] = {}  # square roots: of what
        self.lengths: dict[Tensor, tuple[Value, int]] = {}  # of vectors along an axis
        self.dequantized: set[Tensor] = set()  # what `dequantize` made
        self._names: set[str] = set()
        self._moved: dict[tuple[Tensor, Cut, tuple[int, ...]], Tensor] = {}
        self._reshaped: dict[tuple[Tensor, Shape], Tensor] = {}
        self._unshaped: dict[Tensor, Tensor] = {}  # what a reshape was made from
        self._at = self._name = ""

    def begin(self, at: str, name: str) -> None:
        """at: the source operator for messages. name: for the tensor it computes."""
        self._at, self._name = at, name

    def unique(self, name: str) -> str:
        chosen, count = name, 1
        while chosen in self._names:
            count += 1
            chosen = f"{name}_{count}"
        self._names.add(chosen)
        return chosen

    def add(self, op: Op, inputs: Sequence[Tensor], part: str = "") -> Tensor:
        """The output of a new node. part: what it does within the source operator, "" for its result."""
        (output,) = self.add_many(op, inputs, part)
        return output

    def add_many(self, op: Op, inputs: Sequence[Tensor], part: str = "") -> tuple[Tensor, ...]:
        name = f"{self._name}/{part}" if part else self._name
        shapes = op.infer(inputs)
        for shape in shapes:
            _check_size(shape)
        # only moves touch quantized tensors
        dtype, quant = (inputs[0].dtype, inputs[0].quant) if isinstance(op, Transpose) else (DType.FLOAT32, None)
        outputs = tuple(Tensor(self.unique(name), shape, dtype, quant) for shape in shapes)
        self.nodes.append(Node(outputs[0].name, op, tuple(inputs), outputs))
        return outputs

    def constant(self, data: Array, part: str) -> Tensor:
        """A float constant, stored as it is."""
        tensor = Tensor.constant(self.unique(f"{self._name}/{part}"), np.ascontiguousarray(data, np.float32))
        if isinstance(data, Quantized) and data.quant is not None:
            self.quants[tensor] = data.quant
            self.exact[tensor] = np.asarray(data, np.float64)
        return tensor

    def quantize(self, value: Value, quant: Quant) -> Value:
        """An int8 value. Only `dequantize` takes it."""
        tensor = Tensor(self.unique(self._name), value.tensor.shape, DType.INT8, quant)
        self.nodes.append(Node(tensor.name, Quantize(), (value.tensor,), (tensor,)))
        return Value(value.shape, value.layout, tensor)

    def dequantize(self, value: Value) -> Value:
        tensor = self.add(Dequantize(), [value.tensor])
        self.dequantized.add(tensor)
        return Value(value.shape, value.layout, tensor)

    def input(self, name: str, shape: Shape, axes: Axes) -> Value:
        """An input of the graph that is handed over with its stated axes in this order."""
        _check_size(shape)
        tensor = Tensor(self.unique(name), stored_shape(shape, axes), DType.FLOAT32)
        return self.value(tensor, shape, axes)

    def value(self, tensor: Tensor, shape: Shape, axes: Axes) -> Value:
        """A value of the stated `shape` whose tensor holds its axes in this order."""
        return Value(shape, Layout.of(shape, [axis for axis in axes if axis is not None]), tensor)

    # the stated order

    def transpose(self, value: Value, permutation: Sequence[int]) -> Value:
        if sorted(permutation) != list(range(len(value.shape))):
            raise ModelError(f"{list(permutation)} is no permutation of the axes of {list(value.shape)}")
        shape = tuple(value.shape[axis] for axis in permutation)
        return Value(shape, value.layout.transposed(value.shape, permutation), value.tensor)

    def reshape(self, value: Value, shape: Shape) -> Value:
        if math.prod(shape) != value.size or min(shape, default=1) < 1:
            raise ModelError(f"{list(value.shape)} cannot become {list(shape)}")
        if len(shape) > MAX_RANK:
            raise UnsupportedError(f"a tensor of {len(shape)} sides, at most {MAX_RANK} are supported")
        if value.layout.cut(shape) is not None:
            return Value(shape, value.layout, value.tensor)
        plain = self.stored(value, range(len(value.shape)))
        return Value(shape, Layout.of((value.size,), (0,)), plain)

    # the stored order

    def stored(self, value: Value, axes: Axes) -> Tensor:
        """The value's tensor with its stated axes in this order; moved if it has to be."""
        order = [axis for axis in axes if axis is not None]
        return self.arranged(value, value.shape, order, stored_shape(value.shape, axes))

    def arranged(self, value: Value, fine: Shape, order: Sequence[int], target: Shape) -> Tensor:
        """As `stored`, for axes that `fine`, another shape of the value, states; the result has the shape `target`."""
        cut = value.layout.cut(fine)
        if cut is None:
            value = self.reshape(value, fine)
            cut = value.cut
        wanted = tuple(side for axis in order for side in cut.groups[axis])
        if wanted == cut.order:
            return self.shaped(value.tensor, target)
        return self.shaped(self._move(value, cut, wanted), target)

    def _move(self, value: Value, cut: Cut, wanted: tuple[int, ...]) -> Tensor:
        key = (value.tensor, cut, wanted)
        if key not in self._moved:
            places = [cut.order.index(side) for side in wanted]
            runs: list[list[int]] = []
            for place in places:
                if runs and runs[-1][-1] + 1 == place:
                    runs[-1].append(place)
                else:
                    runs.append([place])
            before = sorted(runs)
            sides = tuple(math.prod(cut.sides[cut.order[place]] for place in run) for run in before)
            permutation = tuple(before.index(run) for run in runs)
            source = self.shaped(value.tensor, sides)
            self._moved[key] = self.add(Transpose(permutation), [source], "transpose")
            text = self._moved_text(value, sides, permutation) + _reason(cut, wanted)
            self.moves.append(Move(self._moved[key].name, value.size, text))
        return self._moved[key]

    def _moved_text(self, value: Value, sides: Shape, permutation: tuple[int, ...]) -> str:
        before, after = ("x".join(map(str, s)) for s in (sides, [sides[axis] for axis in permutation]))
        return (
            f"{self._at} reads {shown(value.tensor.name)}, stated as {list(value.shape)}, in another order than it is "
            f"stored in: {before} becomes {after}"
        )

    def shaped(self, tensor: Tensor, shape: Shape) -> Tensor:
        """The same bytes under another shape."""
        if tensor.shape == shape:
            return tensor
        source = self._unshaped.get(tensor, tensor)
        if source.shape == shape:
            return source
        key = (source, shape)
        if key not in self._reshaped:
            name = self.unique(f"{source.name}/reshape")
            output = Tensor(name, shape, source.dtype, source.quant)
            self.nodes.append(Node(name, Reshape(shape), (source,), (output,)))
            self._reshaped[key], self._unshaped[output] = output, source
        return self._reshaped[key]

    def axes_of(self, values: Sequence[Value]) -> tuple[int | None, ...]:
        """An order of the stated axes, one for all values, in which the fewest elements have to be moved.

        Images keep four axes: channels last where that is as good as any other.
        """
        rank = len(values[0].shape)
        plain = tuple(range(rank))
        candidates: list[tuple[int | None, ...]] = [channels_last(rank), plain]
        if rank == 3:
            images = any(len(value.tensor.shape) == 4 for value in values)
            candidates = [(0, 2, None, 1), plain] if images else [plain, (0, 2, 1)]
        candidates += [own for value in values if (own := value.cut.axes()) is not None]
        return min(candidates, key=lambda axes: sum(moved_elements(value, axes) for value in values))


def _reason(cut: Cut, wanted: Sequence[int]) -> str:
    """Why the two orders differ: inside one stated axis, or between axes."""
    owner = {side: axis for axis, group in enumerate(cut.groups) for side in group}
    before, after = ([owner[side] for side in sides] for sides in (cut.order, wanted))
    if before == after:
        axes = sorted({a for a, one, other in zip(before, cut.order, wanted, strict=True) if one != other})
        return f" (inside axis {', '.join(map(str, axes))}, which a shuffle or a flatten before it made)"
    order, needed = (list(dict.fromkeys(axes)) for axes in (before, after))
    if order == needed:
        return f" (a reshape and a transpose before it interleave the axes {', '.join(map(str, order))})"
    return f" (the axes are stored in the order {order}, {needed} is needed)"


def _check_size(shape: Shape) -> None:
    if len(shape) > MAX_RANK or math.prod(shape) > MAX_ELEMENTS:
        raise UnsupportedError(f"a tensor of shape {list(shape)}")


def moved_elements(value: Value, axes: Axes) -> int:
    """How many elements `Builder.stored` would have to move."""
    cut = value.cut
    wanted = tuple(side for axis in axes if axis is not None for side in cut.groups[axis])
    return 0 if wanted == cut.order else value.size


def stored_shape(shape: Shape, axes: Axes) -> Shape:
    return tuple(1 if axis is None else shape[axis] for axis in axes)


def channels_last(rank: int) -> tuple[int, ...]:
    """NCHW to NHWC, for any number of axes."""
    return (0, *range(2, rank), 1) if rank > 2 else tuple(range(rank))


def stored_constant(data: Array, axes: Axes) -> Array:
    """A constant stated in the source's order, with its axes in the stored order."""
    order = [axis for axis in axes if axis is not None]
    return data.transpose(order).reshape(stored_shape(data.shape, axes))


def broadcast_shape(*shapes: Shape) -> Shape:
    try:
        return tuple(map(int, np.broadcast_shapes(*shapes)))
    except ValueError:
        raise ShapeError(f"{' and '.join(str(list(shape)) for shape in shapes)} do not broadcast") from None


def padded_shape(shape: Shape, rank: int) -> Shape:
    return (*(1,) * (rank - len(shape)), *shape)
