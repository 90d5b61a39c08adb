"""Terms of the kernels with Helium: blocks of 4 filters on two pixels or of 8 on one, in vectors of 16 taps; blocks of
16 channels; rows of one channel in eights."""

from __future__ import annotations

from typing import NamedTuple

from tinyml.costs.shapes import Size, Terms, Window
from tinyml.ir.requantize import activation_range
from tinyml.ops import Conv2D, DepthwiseConv2D, FullyConnected

# twins of TML_CONV2D_LINES_BYTES and of what `vectors` of tml_depthwise_conv2d_line may be
_LINE_BYTES, _LINE_VECTORS = 384, (1, 2, 4)


class _Block(NamedTuple):
    """Instructions in tml_mve.h: for a vector of 16 taps of a block of filters, and around them."""

    vector: int
    rescaling: int


# 4 filters on two pixels, 8 filters on one; at the end of a round of vectors; where halves are rounded away from zero
_FOUR, _EIGHT, _ROUND, _AWAY = _Block(14, 23), _Block(17, 31), 2, 4


def convolution(size: Size) -> Terms:
    """Of the kernels with a tml_conv2d_blocks."""
    for shape, terms in (("_rows_", _rows), ("_lines_", _lines)):
        if shape in size.kernel.name:
            return terms(size)
    return _pointwise(size)


def _pointwise(size: Size) -> Terms:
    """Rows that lie in one piece are taken together. The last pixels are copied where they end with the memory: of a
    ring, whose rows are not known here, every second row is taken to do so."""
    op = size.node.op
    assert isinstance(op, Conv2D)
    vectors = -(-size.depth // 16)
    unread = size.in_width - 1 - (size.width - 1) * op.stride_w
    behind = max(0, -(-(16 * vectors - (1 + unread) * size.depth) // (op.stride_w * size.depth)))
    last = (size.height - 1) * op.stride_h + 1 == size.in_height
    found: Terms = {}
    for rows, times in size.by_call.items():
        pieces, count = (times, rows * size.width) if op.stride_h == 1 else (times * rows, size.width)
        ending = times * last if rows == size.height else times * rows / 2
        for some, copied in ((ending, min(count, behind)), (pieces - ending, 0)):
            pairs = (count - copied) // 2
            _add(found, {"piece": some, "copied": some * copied, "copied_vector": some * copied * vectors})
            _add(found, _pairs(size, some, pairs, vectors))
            _add(found, _single(size, some * (count - 2 * pairs), vectors))
    return found


def _rows(size: Size) -> Terms:
    """Windows inside the image's columns in pairs, read row by row; the others in pairs, too, tap by tap."""
    kernel_h, kernel_w = size.node.inputs[1].shape[1:3]
    window = Window(size)
    inside = window.whole_columns // 2
    border = -(-(size.width - 2 * inside) // 2)
    taps = kernel_h * kernel_w
    found: Terms = {
        "window_row": size.rows * kernel_h,
        "inside": size.rows * (inside > 0),
        "border": size.rows * border,
        "border_tap": size.rows * border * taps,
    }
    _add(found, _pairs(size, size.rows * (inside > 0), inside, kernel_h * (kernel_w * size.depth // 16), kernel_h))
    _add(found, _pairs(size, size.rows * border, 1, taps * (size.depth // 16), taps))
    return found


def _lines(size: Size) -> Terms:
    """Windows in lines of a few output columns, in which an image row is spread."""
    kernel_h, kernel_w = size.node.inputs[1].shape[1:3]
    op, window = size.node.op, Window(size)
    assert isinstance(op, Conv2D)
    vectors = -(-kernel_h * kernel_w * size.depth // 16)
    most = (_LINE_BYTES // (kernel_h * size.depth) - kernel_w) // op.stride_w + 1
    most = most if most < 2 else most // 2 * 2
    found: Terms = {}
    for count, times in ((most, size.width // most), (size.width % most, 1)):
        parts = size.rows * times * (count > 0)
        columns = (count - 1) * op.stride_w + kernel_w
        moves = -(-columns // (16 // size.depth)) if size.depth <= 16 else columns * -(-size.depth // 16)
        filled = 1 - window.whole_rows / max(size.rows, 1)
        own = {
            "part": parts,
            "part_row": parts * kernel_h,
            "spread" if size.depth <= 16 else "moved": parts * kernel_h * moves,
            "moved_column": parts * kernel_h * columns * (size.depth > 16),
            "filled": parts * filled * -(-columns * kernel_h * size.depth // 16),
        }
        _add(found, own)
        _add(found, _pairs(size, parts, count // 2, vectors))
        _add(found, _single(size, parts * (count % 2), vectors))
    return found


def fully_connected(size: Size) -> Terms:
    """Each row of the operand is a pixel."""
    features = size.node.inputs[1].shape[-1]
    vectors, odd = -(-features // 16), features % 16 > 0
    return {
        "copied": size.pixels * odd,
        "copied_vector": size.pixels * odd * vectors,
        **_single(size, size.pixels, vectors),
    }


def _pairs(size: Size, times: float, pairs: int, vectors: int, runs: int = 0) -> Terms:
    """Filters in fours on pairs of pixels, so many times. runs: pieces of memory that a window's vectors lie in."""
    if not pairs:
        return {}
    blocks, rest = size.channels // 4, size.channels % 4 > 0
    rounds = 0 if vectors == 1 and not runs else vectors // 2 if vectors % 2 == 0 and not runs else vectors
    both = times * pairs * (blocks + rest)
    return {
        "pairs": times,
        "pair": times * pairs,
        "rest": times * pairs * rest,
        "rest_blocks": times * pairs * (rest and blocks > 0),
        "run": both * runs,
        "product": both * (_FOUR.vector * vectors + _ROUND * rounds + _FOUR.rescaling + _AWAY * _away(size)),
    }


def _single(size: Size, pixels: float, vectors: int) -> Terms:
    """Filters in eights on one pixel, then in fours on a pair that is this pixel twice."""
    eights, fours = size.channels // 8, -(-(size.channels % 8) // 4)
    rounds = vectors // 4 if vectors % 4 == 0 else vectors
    more = _ROUND * rounds + _AWAY * _away(size)
    return {
        "single": pixels,
        "eights": pixels * (eights > 0),
        "last": pixels * fours,
        "product": pixels * eights * (_EIGHT.vector * vectors + _EIGHT.rescaling + more)
        + pixels * fours * (_FOUR.vector * vectors + _FOUR.rescaling + more),
    }


def lanes(size: Size) -> Terms:
    """Of the kernels with a tml_depthwise_conv2d_lanes: blocks of 16 channels of a pixel; the last overlaps."""
    kernel_h, kernel_w = size.node.inputs[1].shape[1:3]
    blocks, tail = size.channels // 16, size.channels % 16 > 0
    window = Window(size)
    found = {
        "pixel_call": size.pixels * (1 + tail),
        "block": size.pixels * (blocks + tail),
        "block_away": size.pixels * (blocks + tail) * _away(size),
    }
    if "_lanes_" in size.kernel.name:
        alone = size.width - window.whole_columns + (window.whole_columns > 0)
        return {**found, "columns": size.rows * alone, "columns_tail": size.rows * alone * tail}
    whole = window.whole_rows * window.whole_columns
    taps = kernel_h * kernel_w
    return {
        **found,
        "tap_row": window.rows * size.width,
        "tap": window.rows * window.columns,
        "outside": size.pixels - whole,
        "outside_tap": (size.pixels - whole) * taps,
        "block_two": size.pixels * (blocks + tail) * -(-taps // 2),
    }


def line(size: Size) -> Terms:
    """Of a tml_depthwise_conv2d_line: one channel after the other, whose image rows are put in a line."""
    kernel_h, kernel_w = size.node.inputs[1].shape[1:3]
    op = size.node.op
    assert isinstance(op, DepthwiseConv2D)
    vectors = next(count for count in _LINE_VECTORS if kernel_h * kernel_w <= 16 * count)
    loads = sum(times * _loads(op, rows, kernel_h) for rows, times in size.by_call.items())
    under = min(size.in_width, (size.width - 1) * op.stride_w + kernel_w - op.padding.left)
    eights = size.rows * size.channels * -(-size.width // 8)
    return {
        "channel": size.calls * size.channels,
        "fill": size.calls * kernel_h * ((size.width - 1) * op.stride_w + kernel_w) / 16,
        "load": loads * size.channels,
        "load_eight": loads * size.channels * -(-under // 8),
        "line": size.rows * size.channels,
        "line_vector": size.rows * size.channels * vectors,
        "eight": eights,
        "eight_away": eights * _away(size),
        "eight_vector": eights * vectors,
    }


def _loads(op: DepthwiseConv2D, rows: int, kernel_h: int) -> int:
    """Image rows under so many output rows, each once."""
    return kernel_h + (rows - 1) * min(op.stride_h, kernel_h) if rows else 0


def _away(size: Size) -> bool:
    """Whether halves below the zero point are rounded away from it: see `halves_away` in codegen/kernels/mve.py."""
    op = size.node.op
    assert isinstance(op, (Conv2D, DepthwiseConv2D, FullyConnected))
    low, _ = activation_range(op.activation, size.node.output)
    return low < size.node.output.affine.zero_point


def _add(found: Terms, more: Terms) -> None:
    for name, value in more.items():
        found[name] = found.get(name, 0.0) + value
