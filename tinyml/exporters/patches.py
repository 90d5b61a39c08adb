"""The first layers of a network patch by patch, as an ordinary graph (MCUNetV2, arXiv 2110.15352).

A stage is everything that one tensor depends on, where nothing else leaves it. That tensor is cut into a grid of
patches. For each patch the stage's nodes run on just the pixels that the patch depends on, halo included: neighbours
compute some pixels twice, and the large first images are never held. The patches are joined by columns, then by rows.
Every value is computed by the same op from the same values, so the bytes stay.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tinyml.errors import UnsupportedError
from tinyml.ir import Graph, Node, Op, Padding, Tensor
from tinyml.ops import AveragePool2D, Concatenation, Conv2D, DepthwiseConv2D, MaxPool2D, Pad, Prelu, StridedSlice
from tinyml.ops.broadcast import Broadcast
from tinyml.ops.pointwise import Pointwise
from tinyml.ops.window import Window

MAX_SIDE = 10  # patches along one side: as many operands as TFLM's CONCATENATION takes
ROWS, COLUMNS = 1, 2  # axes of an image

Span = tuple[int, int]  # rows or columns [first, last)
Box = tuple[Span, Span]  # rows, columns


@dataclass(frozen=True)
class Stage:
    """What can run patch by patch: `nodes`, in order, make `output`, and nothing else of theirs is read elsewhere."""

    nodes: tuple[Node, ...]
    output: Tensor


def stages(graph: Graph) -> list[Stage]:
    """The stages of a graph, the shortest first; [] where its first layers cannot run patch by patch."""
    found = (_stage(graph, node.outputs[0]) for node in graph.nodes)
    return sorted((stage for stage in found if stage), key=lambda stage: len(stage.nodes))


def patched(graph: Graph, stage: Stage, rows: int, columns: int) -> Graph:
    """The graph with a stage computed in rows x columns patches, depth first, then the rest as it was.

    rows, columns: 1 to MAX_SIDE, and no more than the stage's output has. Raises UnsupportedError beyond that, and
    where a patch depends on padding alone.
    """
    _, height, width, _ = stage.output.shape
    if not (1 <= rows <= min(height, MAX_SIDE) and 1 <= columns <= min(width, MAX_SIDE)):
        raise UnsupportedError(f"{rows}x{columns} patches of {height}x{width} pixels, at most {MAX_SIDE} a side")
    if rows == columns == 1:
        return graph
    bands = [_spans(stage, ROWS, span) for span in _parts(height, rows)]
    strips = [_spans(stage, COLUMNS, span) for span in _parts(width, columns)]
    nodes: list[Node] = []
    joined = []
    for row, band in enumerate(bands):
        patches = [_Patch(nodes, f"patch_{row}_{at}", band, strip).run(stage) for at, strip in enumerate(strips)]
        joined.append(_joined(nodes, patches, COLUMNS, f"patches_{row}"))
    _joined(nodes, joined, ROWS, "patches")
    nodes[-1] = replace(nodes[-1], outputs=(stage.output,))
    inside = set(stage.nodes)
    return graph.with_nodes([*nodes, *(node for node in graph.nodes if node not in inside)])


def patched_macs(stage: Stage, rows: int, columns: int) -> int:
    """Multiply-accumulates of the stage in patches, without building them. Raises UnsupportedError as `patched`."""
    _, height, width, _ = stage.output.shape
    totals = []
    for axis, side, count in ((ROWS, height, rows), (COLUMNS, width, columns)):
        spans = [_spans(stage, axis, span) for span in _parts(side, count)]
        totals.append(
            {node: sum(last - first for first, last in (s[node.output] for s in spans)) for node in stage.nodes}
        )
    by_row, by_column = totals
    pixels = {node: node.output.shape[ROWS] * node.output.shape[COLUMNS] for node in stage.nodes}
    return sum(node.macs // pixels[node] * by_row[node] * by_column[node] for node in stage.nodes)


def _stage(graph: Graph, output: Tensor) -> Stage | None:
    """All that `output` depends on, if only `output` leaves it and each of its nodes can run on a part of an image."""
    needed, inside = {output}, []
    for node in reversed(graph.nodes):
        if needed.intersection(node.outputs):
            needed.update(node.inputs)
            inside.append(node)
    members = set(inside)
    inner = {*graph.inputs, *(tensor for node in inside for tensor in node.outputs)} - {output}
    leaks = any(t in graph.outputs or not members.issuperset(graph.consumers.get(t, ())) for t in inner)
    return None if leaks or not all(map(_runs_on_parts, inside)) else Stage(tuple(inside[::-1]), output)


def _runs_on_parts(node: Node) -> bool:
    """Whether each pixel of the output depends on a window of pixels of each operand, and on constants."""
    if len(node.outputs) != 1 or not _images(node) or not all(map(_is_image, (node.output, *_images(node)))):
        return False
    if isinstance(node.op, Conv2D | DepthwiseConv2D):
        return len(_images(node)) == 1
    if isinstance(node.op, AveragePool2D):  # taps in its padding do not count, which no PAD can say
        sides = node.inputs[0].shape
        return all(_read(node, axis, (0, node.output.shape[axis])) == (0, sides[axis]) for axis in (ROWS, COLUMNS))
    if isinstance(node.op, Pad):
        return len(node.op.before) == 4 and not node.op.before[0] and not node.op.after[0]
    if isinstance(node.op, Concatenation):
        return node.op.axis == 3 and len(_images(node)) == len(node.inputs)
    if isinstance(node.op, Broadcast | Prelu):
        same = all(image.shape[1:3] == node.output.shape[1:3] for image in _images(node))
        return same and all(t.shape[-3:-1] in ((1, 1), (1,), ()) for t in node.inputs if t.is_constant)
    return isinstance(node.op, MaxPool2D | Pointwise)


def _is_image(tensor: Tensor) -> bool:
    return len(tensor.shape) == 4 and tensor.shape[0] == 1


def _images(node: Node) -> list[Tensor]:
    return [tensor for tensor in node.inputs if not tensor.is_constant]


def _window(node: Node) -> Window | None:
    if isinstance(node.op, Conv2D | DepthwiseConv2D):
        return node.op.window(*node.inputs[1].shape[1:3])
    return node.op.window if isinstance(node.op, AveragePool2D | MaxPool2D) else None


def _read(node: Node, axis: int, span: Span) -> Span:
    """Rows or columns of the operands that those of the output depend on; those outside the image are padding."""
    window = _window(node)
    if window is not None:
        stride, reach, before = (
            (window.stride_h, window.span_h, window.padding.top)
            if axis == ROWS
            else (window.stride_w, window.span_w, window.padding.left)
        )
        return span[0] * stride - before, (span[1] - 1) * stride - before + reach
    before = node.op.before[axis] if isinstance(node.op, Pad) else 0
    return span[0] - before, span[1] - before


def _clipped(node: Node, axis: int, span: Span) -> Span:
    """The part of a span of the node's operands that lies in the image."""
    first, last = max(span[0], 0), min(span[1], _images(node)[0].shape[axis])
    if first >= last:
        raise UnsupportedError(f"a patch of {node.name} depends on padding alone")
    return first, last


def _spans(stage: Stage, axis: int, wanted: Span) -> dict[Tensor, Span]:
    """The rows or columns of every tensor of a stage on which those of its output depend."""
    spans = {stage.output: wanted}
    for node in reversed(stage.nodes):
        first, last = _clipped(node, axis, _read(node, axis, spans[node.output]))
        for image in _images(node):
            known = spans.get(image, (first, last))
            spans[image] = min(first, known[0]), max(last, known[1])
    return spans


def _parts(side: int, count: int) -> list[Span]:
    """A side in `count` parts that differ by one at most."""
    return [(side * index // count, side * (index + 1) // count) for index in range(count)]


class _Patch:
    """The nodes of one patch, appended to `nodes`."""

    def __init__(self, nodes: list[Node], name: str, band: dict[Tensor, Span], strip: dict[Tensor, Span]) -> None:
        self._nodes, self._name = nodes, name
        self._boxes: dict[Tensor, Box] = {tensor: (band[tensor], strip[tensor]) for tensor in band}
        self._held: dict[Tensor, Tensor] = {}

    def run(self, stage: Stage) -> Tensor:
        for node in stage.nodes:
            box = self._boxes[node.output]
            read = _read(node, ROWS, box[0]), _read(node, COLUMNS, box[1])
            inside = _clipped(node, ROWS, read[0]), _clipped(node, COLUMNS, read[1])
            inputs = tuple(t if t.is_constant else self._cut(t, inside) for t in node.inputs)
            self._held[node.output] = self._append(_with_padding(node, read, inside), inputs, node.output)
        return self._held[stage.output]

    def _cut(self, tensor: Tensor, box: Box) -> Tensor:
        """A tensor that holds just this part of a stage's tensor; the graph's inputs are held whole."""
        held = self._held.get(tensor)
        outer = ((0, tensor.shape[1]), (0, tensor.shape[2])) if held is None else self._boxes[tensor]
        source = held or tensor
        if box == outer:
            return source
        begin = (0, box[0][0] - outer[0][0], box[1][0] - outer[1][0], 0)
        size = (1, box[0][1] - box[0][0], box[1][1] - box[1][0], tensor.shape[3])
        return self._append(StridedSlice(begin, size, (1, 1, 1, 1)), (source,), tensor)

    def _append(self, op: Op, inputs: tuple[Tensor, ...], like: Tensor) -> Tensor:
        return _appended(self._nodes, f"{self._name}/{len(self._nodes)}", op, inputs, like)


def _with_padding(node: Node, read: Box, inside: Box) -> Op:
    """The node's op with the padding that is left around the part of the image which it reads."""
    top, bottom, left, right = (
        abs(a - b) for r, i in zip(read, inside, strict=True) for a, b in zip(r, i, strict=True)
    )
    if isinstance(node.op, Pad):
        (_, _, _, first), (_, _, _, last) = node.op.before, node.op.after
        return replace(node.op, before=(0, top, left, first), after=(0, bottom, right, last))
    if isinstance(node.op, Conv2D | DepthwiseConv2D | AveragePool2D | MaxPool2D):
        return replace(node.op, padding=Padding(top, bottom, left, right))
    return node.op


def _joined(nodes: list[Node], parts: list[Tensor], axis: int, name: str) -> Tensor:
    if len(parts) == 1:
        return parts[0]
    return _appended(nodes, name, Concatenation(axis), tuple(parts), parts[0])


def _appended(nodes: list[Node], name: str, op: Op, inputs: tuple[Tensor, ...], like: Tensor) -> Tensor:
    """The output of a new node, in the dtype and quantization of another tensor."""
    output = Tensor(name, op.infer(inputs)[0], like.dtype, like.quant)
    nodes.append(Node(name, op, inputs, (output,)))
    return output
