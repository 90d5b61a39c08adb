"""SPACE_TO_BATCH_ND, a convolution, BATCH_TO_SPACE_ND: how converters spell a convolution with dilation.

Each image of the batch between the two holds every n-th pixel, so that neighbours there are n pixels apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from tinyml.errors import ModelError, UnsupportedError
from tinyml.importers.tflite_schema import OperatorEntry
from tinyml.ir import Node, Op, Padding, Tensor
from tinyml.ops import Conv2D, DepthwiseConv2D, Reshape

_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
_SHAPED = ("EXPAND_DIMS", "RESHAPE", "SQUEEZE")


class Dilated(NamedTuple):
    """Places of the operators in the file. between: of those that only add and drop a side of 1."""

    spread: int
    convolution: int
    gathered: int
    between: tuple[int, ...]

    @property
    def others(self) -> Iterable[int]:
        """All but the last one."""
        return (self.spread, self.convolution, *self.between)


def dilated_convolutions(operators: Sequence[OperatorEntry], outputs: Sequence[int]) -> Mapping[int, Dilated]:
    """Those of a file, by the place of their last operator."""
    producer = {number: at for at, entry in enumerate(operators) for number in entry.outputs}
    readers: dict[int, int] = {}
    for entry in operators:
        for number in entry.inputs:
            readers[number] = readers.get(number, 0) + 1

    def before(at: int) -> int:
        """The operator that the first operand comes from, where nobody else reads it; -1 for none."""
        source = operators[at].inputs[0] if operators[at].inputs else -1
        alone = readers.get(source) == 1 and source not in outputs
        return producer.get(source, -1) if alone else -1

    found: dict[int, Dilated] = {}
    for at, entry in enumerate(operators):
        if entry.name != "BATCH_TO_SPACE_ND" or not _is_whole(entry):
            continue
        path = [at]
        while len(path) < 5 and (place := before(path[-1])) >= 0 and operators[place].name != "SPACE_TO_BATCH_ND":
            path.append(place)
        convolutions = [place for place in path if operators[place].name in _CONVOLUTIONS]
        between = tuple(place for place in path[1:] if operators[place].name in _SHAPED)
        first = before(path[-1])
        whole = len(convolutions) == 1 and len(between) == len(path) - 2 and first >= 0
        if whole and operators[first].name == "SPACE_TO_BATCH_ND" and _is_whole(operators[first]):
            found[at] = Dilated(first, convolutions[0], at, between)
    return found


def _is_whole(entry: OperatorEntry) -> bool:
    return len(entry.inputs) == 3 and len(entry.outputs) == 1 and -1 not in (*entry.inputs, *entry.outputs)


class Sides(NamedTuple):
    """block: pixels between neighbours. pads, crops: (before, after). Of rows and columns each."""

    block: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]
    crops: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, block: Sequence[int], pads: Sequence[int], again: Sequence[int], crops: Sequence[int]) -> Sides:
        """From the operators' operands: block and pads of the one, block and crops of the other."""
        count = len(block)
        if list(block) != list(again) or count not in (1, 2) or not len(pads) == len(crops) == 2 * count:
            raise UnsupportedError(f"blocks of {list(block)} and {list(again)}, borders {list(pads)} and {list(crops)}")
        if min(block) < 1 or min(*pads, *crops) < 0:
            raise ModelError(f"blocks of {list(block)}, borders {list(pads)} and {list(crops)}")
        pairs = [tuple(zip(ends[::2], ends[1::2], strict=True)) for ends in (pads, crops)]
        return cls(tuple(block), *pairs)

    def along(self, columns: bool) -> Sides:
        """Of a signal, as those of an image with one row, or one column."""
        none, still = ((0, 0),), (1,)
        if columns:
            return Sides((*still, *self.block), (*none, *self.pads), (*none, *self.crops))
        return Sides((*self.block, *still), (*self.pads, *none), (*self.crops, *none))


def dilated_nodes(op: Op, inputs: Sequence[Tensor], sides: Sides, source: Tensor, output: Tensor) -> list[Node]:
    """The convolution by itself. op, inputs: as the file states it, on images of the batch; source, output: around all.

    A signal [1, T, C] is one row of an image. Raises UnsupportedError where no padding says the same.
    """
    assert isinstance(op, Conv2D | DepthwiseConv2D)
    if (op.stride_h, op.stride_w, op.dilation_h, op.dilation_w) != (1, 1, 1, 1) or any(op.padding):
        raise UnsupportedError("strides, dilation or padding between SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND")
    nodes: list[Node] = []
    image = source
    if len(sides.block) == 1:
        columns = inputs[0].shape[1] == 1
        sides, (_, length, depth) = sides.along(columns), source.shape
        image = replace(
            source, name=f"{output.name}/image", shape=(1, 1, length, depth) if columns else (1, length, 1, depth)
        )
        nodes.append(Node(image.name, Reshape(image.shape), (source,), (image,)))
    padding = [
        pad - crop for ends in zip(sides.pads, sides.crops, strict=True) for pad, crop in zip(*ends, strict=True)
    ]
    if min(padding) < 0:
        raise UnsupportedError("BATCH_TO_SPACE_ND cuts off more than SPACE_TO_BATCH_ND adds")
    grown = replace(op, padding=Padding(*padding), dilation_h=sides.block[0], dilation_w=sides.block[1])
    (computed,) = grown.infer([image, *inputs[1:]])
    if image is source:
        return [Node(output.name, grown, (image, *inputs[1:]), (output,))]
    result = replace(output, name=f"{output.name}/convolved", shape=computed)
    nodes.append(Node(result.name, grown, (image, *inputs[1:]), (result,)))
    return [*nodes, Node(output.name, Reshape(output.shape), (result,), (output,))]
