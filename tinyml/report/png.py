"""Drawings as PNG, through matplotlib."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from tinyml.errors import UsageError
from tinyml.install_hints import INSTALL_HINTS
from tinyml.report.drawing import Box, Dot, Drawing, Line, Shape, printable

_DPI = 144
_POINTS = 0.72  # of a pixel, where a drawing's inch has 100


def require_matplotlib() -> None:
    """Raises UsageError where it is not installed."""
    if importlib.util.find_spec("matplotlib") is None:
        hint = f"{INSTALL_HINTS['matplotlib']}, or a file that ends in .svg"
        raise UsageError("a plot as .png takes matplotlib, which is not installed", hint=hint)


def write_png(drawing: Drawing, path: Path) -> None:
    require_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(drawing.width / 100, drawing.height / 100), facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, drawing.width)
    axes.set_ylim(drawing.height, 0)
    for order, shape in enumerate(drawing.shapes):
        _draw(axes, shape, order)
    figure.savefig(path, dpi=_DPI, format="png")


def _draw(axes: Any, shape: Shape, order: int) -> None:
    from matplotlib.patches import Circle, Rectangle

    if isinstance(shape, Box):
        look: dict[str, Any] = {
            "facecolor": shape.fill,
            "edgecolor": shape.stroke or "none",
            "alpha": shape.opacity,
            "linewidth": 0.7,
        }
        axes.add_patch(Rectangle((shape.x, shape.y), shape.width, shape.height, zorder=order, **look))
    elif isinstance(shape, Dot):
        axes.add_patch(Circle((shape.x, shape.y), shape.radius, color=shape.fill, zorder=order))
    elif isinstance(shape, Line):
        xs, ys = zip(*shape.points, strict=True)
        style = "--" if shape.dashed else "-"
        axes.plot(xs, ys, style, color=shape.stroke, linewidth=shape.width * _POINTS, zorder=order)
    else:
        look = {"color": shape.fill, "fontsize": shape.size * _POINTS, "fontweight": "bold" if shape.bold else "normal"}
        place = {"start": "left", "middle": "center", "end": "right"}[shape.anchor]
        turn = {"rotation": 90, "rotation_mode": "anchor"} if shape.upwards else {}
        text = printable(shape.text).replace("$", r"\$")  # no formula
        axes.text(shape.x, shape.y, text, ha=place, va="baseline", zorder=order, **look, **turn)
