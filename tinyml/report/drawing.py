"""Drawings as values: shapes in pixels, from the top left corner, and a frame with axes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

FONT_SIZE = 12
CHARACTER = 0.58  # mean width of a character, as a part of the font size
INK, FAINT, GRID = "#222222", "#666666", "#e4e4e4"
# Okabe and Ito (2008): eight colours that colour-blind readers tell apart, without black
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#f0e442")

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Box:
    """title: shown while the pointer rests on it, in SVG."""

    x: float
    y: float
    width: float
    height: float
    fill: str
    opacity: float = 1.0
    stroke: str = ""
    title: str = ""


@dataclass(frozen=True)
class Line:
    points: tuple[tuple[float, float], ...]
    stroke: str = INK
    width: float = 1.0
    dashed: bool = False


@dataclass(frozen=True)
class Dot:
    x: float
    y: float
    fill: str
    radius: float = 4.0
    title: str = ""


@dataclass(frozen=True)
class Text:
    """anchor: which end of the text lies at (x, y), on its base line: start, middle or end. upwards: turned left."""

    x: float
    y: float
    text: str
    anchor: str = "start"
    size: float = FONT_SIZE
    fill: str = INK
    bold: bool = False
    upwards: bool = False


Shape: TypeAlias = Box | Line | Dot | Text


@dataclass(frozen=True)
class Drawing:
    """Shapes in the order in which they cover each other."""

    title: str
    width: int
    height: int
    shapes: tuple[Shape, ...]


@dataclass(frozen=True)
class Axis:
    """Values from low to high. ticks: (value, text)."""

    label: str
    low: float
    high: float
    ticks: Sequence[tuple[float, str]]


@dataclass(frozen=True)
class Frame:
    """The rectangle in which values are drawn."""

    left: float
    top: float
    width: float
    height: float
    x: Axis
    y: Axis

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Pixels of a point in the units of the axes."""
        right = (x - self.x.low) / (self.x.high - self.x.low)
        up = (y - self.y.low) / (self.y.high - self.y.low)
        return self.left + right * self.width, self.top + (1 - up) * self.height

    @property
    def bottom(self) -> float:
        return self.top + self.height

    def shapes(self) -> Iterator[Shape]:
        """Grid, axes, ticks and labels."""
        right, middle = self.left + self.width, self.left + self.width / 2
        for value, text in self.y.ticks:
            _, y = self.at(self.x.low, value)
            yield Line(((self.left, y), (right, y)), GRID)
            yield Text(self.left - 6, y + 4, text, "end", fill=FAINT)
        for value, text in self.x.ticks:
            x, _ = self.at(value, self.y.low)
            yield Line(((x, self.bottom), (x, self.bottom + 4)), FAINT)
            yield Text(x, self.bottom + 18, text, "middle", fill=FAINT)
        yield Line(((self.left, self.top), (self.left, self.bottom), (right, self.bottom)), INK)
        yield Text(middle, self.bottom + 38, self.x.label, "middle")
        yield Text(self.left - 58, self.top + self.height / 2, self.y.label, "middle", upwards=True)


def round_step(span: float, count: int) -> float:
    """The least of 1, 2, 5, 10, ... (and their tenths) that divides a span into no more than `count` parts."""
    power = 10.0**-6
    while True:
        for digit in (1, 2, 5):
            if span <= digit * power * count:
                return digit * power
        power *= 10


def ticks(low: float, high: float, count: int = 8) -> list[float]:
    """Round values within [low, high]."""
    step = round_step(max(high - low, 1e-6), count)
    first = -int(-low / step // 1) if low > 0 else 0
    return [number * step for number in range(first, int(high / step + 1e-9) + 1) if number * step >= low - 1e-9]


def bytes_axis(label: str, high_bytes: int) -> Axis:
    """From 0, in KiB where that gives round numbers, else in bytes."""
    unit, name = (1024, "KiB") if high_bytes >= 4096 else (1, "bytes")
    found = [(value * unit, f"{value:,.10g}") for value in ticks(0, max(high_bytes, 1) / unit)]
    return Axis(f"{label} ({name})", 0, max(high_bytes, 1), found)


def printable(text: str) -> str:
    """A text that every format can hold: without the characters that XML 1.0 lacks (section 2.2)."""
    return _NOT_XML.sub("\ufffd", text)


def cut_to(text: str, width: float, size: float = FONT_SIZE) -> str:
    """As much of a text as fits so many pixels; nothing where that says nothing."""
    room = int(width / (CHARACTER * size))
    if len(text) <= room:
        return text
    return f"{text[: room - 1]}…" if room >= 4 else ""
