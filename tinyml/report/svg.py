"""Drawings as SVG 1.1: one file without scripts, styles or fonts of its own."""

from __future__ import annotations

from html import escape

from tinyml.report.drawing import Box, Dot, Drawing, Line, Shape, Text, printable


def to_svg(drawing: Drawing) -> str:
    """The text of a file."""
    size = f'width="{drawing.width}" height="{drawing.height}" viewBox="0 0 {drawing.width} {drawing.height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="Helvetica, Arial, sans-serif">'
    background = f'<rect width="{drawing.width}" height="{drawing.height}" fill="#ffffff"/>'
    lines = [head, f"<title>{_escaped(drawing.title)}</title>", background, *map(_element, drawing.shapes), "</svg>"]
    return "\n".join(lines) + "\n"


def _element(shape: Shape) -> str:
    if isinstance(shape, Box):
        place = f'x="{_n(shape.x)}" y="{_n(shape.y)}" width="{_n(shape.width)}" height="{_n(shape.height)}"'
        look = f'fill="{shape.fill}"' + (f' fill-opacity="{_n(shape.opacity)}"' if shape.opacity < 1 else "")
        look += f' stroke="{shape.stroke}"' if shape.stroke else ""
        return _titled("rect", f"{place} {look}", shape.title)
    if isinstance(shape, Dot):
        place = f'cx="{_n(shape.x)}" cy="{_n(shape.y)}" r="{_n(shape.radius)}"'
        return _titled("circle", f'{place} fill="{shape.fill}"', shape.title)
    if isinstance(shape, Line):
        points = " ".join(f"{_n(x)},{_n(y)}" for x, y in shape.points)
        dashes = ' stroke-dasharray="4 3"' if shape.dashed else ""
        look = f'fill="none" stroke="{shape.stroke}" stroke-width="{_n(shape.width)}"{dashes}'
        return f'<polyline points="{points}" {look}/>'
    return _text(shape)


def _text(text: Text) -> str:
    look = f'font-size="{_n(text.size)}" fill="{text.fill}"' + (' font-weight="bold"' if text.bold else "")
    look += f' text-anchor="{text.anchor}"' if text.anchor != "start" else ""
    look += f' transform="rotate(-90 {_n(text.x)} {_n(text.y)})"' if text.upwards else ""
    # the pointer reaches the box behind, which has the title
    return f'<text x="{_n(text.x)}" y="{_n(text.y)}" {look} pointer-events="none">{_escaped(text.text)}</text>'


def _titled(tag: str, attributes: str, title: str) -> str:
    return f"<{tag} {attributes}><title>{_escaped(title)}</title></{tag}>" if title else f"<{tag} {attributes}/>"


def _escaped(text: str) -> str:
    return escape(printable(text))


def _n(value: float) -> str:
    return f"{round(value, 1):g}"
