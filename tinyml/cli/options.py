"""Options that several commands share."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from tinyml import pipeline
from tinyml.cli.output import Output, set_up_logging
from tinyml.cli.setting import FilePath, Number
from tinyml.errors import UsageError
from tinyml.importers import Shapes
from tinyml.ir import Graph
from tinyml.passes import Saving
from tinyml.quantizer.pixels import PIXELS
from tinyml.samples import Samples, load_samples, made_up_samples
from tinyml.scheduler.choice import Wishes
from tinyml.scheduler.plan import OPTIMIZE

F = TypeVar("F", bound=Callable[..., Any])
_SIDES = re.compile(r"[1-9][0-9]{0,8}(,[1-9][0-9]{0,8})*")

model_argument = click.argument("model", type=FilePath())
board_option = click.option(
    "--board", "-b", required=True, envvar="TINYML_BOARD", help="Board name; see `tinyml boards`."
)
port_option = click.option("--port", "-p", envvar="TINYML_PORT", help="Serial port or pyserial URL of the board.")
data_option = click.option(
    "--data",
    type=FilePath(),
    envvar="TINYML_DATA",
    help="Samples: .npz with x and, if known, labels y.",
)
samples_option = click.option(
    "--samples", type=click.IntRange(1), envvar="TINYML_SAMPLES", help="How many samples: all of --data, 20 without."
)
reference_option = click.option(
    "--reference",
    type=click.Choice(["auto", "tflm", "interpreter"]),
    default="auto",
    show_default=True,
    envvar="TINYML_REFERENCE",
    help="What outputs must equal. auto: TensorFlow Lite Micro where it is installed.",
)
toolchain_option = click.option(
    "--toolchain",
    type=click.Choice(["arm-none-eabi-gcc", "clang", "gcc", "zig"]),
    envvar="TINYML_TOOLCHAIN",
    help="Compiler; default: the one found.",
)
_keep_input = click.option(
    "--keep-input/--no-keep-input", envvar="TINYML_KEEP_INPUT", help="Input buffers survive an inference; costs memory."
)
_input = click.option(
    "--input",
    "feed",
    type=click.Choice(["auto", "resident", "rows"]),
    default="auto",
    show_default=True,
    envvar="TINYML_INPUT",
    help="rows: the application pushes the input row by row, and it is never held. auto: resident where that fits.",
)
_max_recompute = click.option(
    "--max-recompute",
    type=Number(1.0),
    metavar="FACTOR",
    envvar="TINYML_MAX_RECOMPUTE",
    help="The smallest arena for at most FACTOR times the model's MACs. Default: the fastest plan that fits.",
)
_sram = click.option(
    "--sram",
    "sram_bytes",
    type=click.IntRange(1),
    metavar="BYTES",
    envvar="TINYML_SRAM",
    help="SRAM for arena, stack and static data, instead of all that the board has.",
)
_optimize = click.option(
    "--optimize",
    type=click.Choice(list(OPTIMIZE)),
    default="balanced",
    show_default=True,
    envvar="TINYML_OPTIMIZE",
    help="speed: all the memory there is may go into it. size: the least flash, whatever the time.",
)


def planning_options(command: F) -> F:
    """Adds --input, --keep-input, --max-recompute, --sram and --optimize; the command gets `planning`."""

    @_optimize
    @_input
    @_keep_input
    @_max_recompute
    @_sram
    @wraps(command)
    def wrapper(*args: Any, keep_input: bool, **kwargs: Any) -> Any:
        names = ("feed", "max_recompute", "sram_bytes", "optimize")
        planning = Wishes(keep_inputs=keep_input, **{name: kwargs.pop(name) for name in names})
        return command(*args, planning=planning, **kwargs)

    return wrapper  # type: ignore[return-value]


@dataclass(frozen=True)
class Calibrating:
    """How a model is read, and quantized if it is float, by the names that `pipeline.load` gives it."""

    shapes: Shapes
    calibration: str | None
    pixels: str | None
    precision: Mapping[str, Any]


def _shapes(context: click.Context, option: click.Parameter, stated: Sequence[str]) -> Shapes:
    """NAME=1,3,48,192, any number of them, as `importers.load` takes them."""
    shapes: dict[str, tuple[int, ...]] = {}
    for text in stated:
        name, _, sides = text.rpartition("=")
        if not name or not _SIDES.fullmatch(sides):
            raise click.BadParameter(f"{text!r} is not NAME=SIDES, as in x=1,3,48,192")
        if name in shapes:
            raise click.BadParameter(f"{name!r} is stated twice")
        shapes[name] = tuple(map(int, sides.split(",")))
    return shapes


input_shape_option = click.option(
    "--input-shape",
    "shapes",
    multiple=True,
    callback=_shapes,
    metavar="NAME=SIDES",
    envvar="TINYML_INPUT_SHAPE",
    help="An input's shape where the model leaves sides free, in its own order: x=1,3,48,192. May be repeated.",
)
pixels_option = click.option(
    "--pixels",
    type=click.Choice(list(PIXELS)),
    envvar="TINYML_PIXELS",
    help="What 0..255 of images becomes before the model, as in its training.",
)


def precision_options(command: F) -> F:
    """Adds --int16, --int4, --flash-budget and --min-sqnr; the command gets `precision`, as `quantize` takes it."""

    @click.option(
        "--int16",
        multiple=True,
        metavar="LAYER",
        envvar="TINYML_INT16",
        help="A layer whose output is int16; * and ? stand for any text. May be repeated.",
    )
    @click.option(
        "--int4",
        multiple=True,
        metavar="LAYER",
        envvar="TINYML_INT4",
        help="A layer whose weights are int4; the same.",
    )
    @click.option(
        "--flash-budget",
        type=click.IntRange(1),
        metavar="BYTES",
        envvar="TINYML_FLASH_BUDGET",
        help="Weights go to int4, where it hurts least first, until weights and biases fit.",
    )
    @click.option(
        "--min-sqnr",
        "min_sqnr_db",
        type=Number(),
        metavar="DB",
        envvar="TINYML_MIN_SQNR",
        help="Activations go to int16, where it helps most first, until the outputs are this good.",
    )
    @wraps(command)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        precision = {name: kwargs.pop(name) for name in ("int16", "int4", "flash_budget", "min_sqnr_db")}
        return command(*args, precision=precision, **kwargs)

    return wrapper  # type: ignore[return-value]


def calibrating_options(command: F) -> F:
    """Adds --input-shape, --calibrate, --pixels and those of `precision_options`; the command gets `calibrating`."""

    @input_shape_option
    @click.option(
        "--calibrate",
        "calibration",
        metavar="SAMPLES",
        envvar="TINYML_CALIBRATE",
        help="Quantize a float model on the way with these: .npz, .npy, a folder of images, or random.",
    )
    @pixels_option
    @precision_options
    @wraps(command)
    def wrapper(*args: Any, shapes: Shapes, calibration: str | None, pixels: str | None, **kwargs: Any) -> Any:
        how = Calibrating(shapes, calibration, pixels, kwargs.pop("precision"))
        return command(*args, calibrating=how, **kwargs)

    return wrapper  # type: ignore[return-value]


def load_int8(model: Path, calibrating: Calibrating, out: Output, report: list[Saving] | None = None) -> Graph:
    """`pipeline.load` behind a progress bar."""
    if calibrating.calibration is None:
        if any(calibrating.precision.values()):
            raise UsageError("--int16, --int4, --flash-budget and --min-sqnr say how to quantize", "add --calibrate")
        return pipeline.load(model, shapes=calibrating.shapes, report=report)
    with out.progress(f"quantizing {model.name}") as progress:
        return pipeline.load(
            model,
            shapes=calibrating.shapes,
            calibration=calibrating.calibration,
            pixels=calibrating.pixels,
            progress=progress,
            report=report,
            **calibrating.precision,
        )


force_option = click.option(
    "--force", is_flag=True, help="Replace files in the output directory that were edited since they were written."
)


def refuse_model(file: Path, model: Path) -> None:
    """Raises UsageError where a command would write its result over the model it reads."""
    if file.resolve() == model.resolve():
        raise UsageError(f"{file} is the model itself", hint="name another file")


def chosen_samples(graph: Graph, data: Path | None, count: int | None, made_up: int) -> Samples:
    """Those of --data, as many as --samples says; made-up ones without."""
    return load_samples(data, graph, count) if data else made_up_samples(graph, count or made_up)


def speaks(command: F) -> F:
    """Adds --json, -v, -q and --debug; the command gets `out`, an Output."""

    @click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout, exact numbers.")
    @click.option("-v", "--verbose", count=True, help="More on stderr.")
    @click.option("-q", "--quiet", is_flag=True, help="Errors only.")
    @click.option("--debug", is_flag=True, help="Tracebacks.")
    @wraps(command)
    def wrapper(*args: Any, as_json: bool, verbose: int, quiet: bool, debug: bool, **kwargs: Any) -> Any:
        verbosity = -1 if quiet else 2 if debug else verbose
        set_up_logging(verbosity)
        name = click.get_current_context().info_name or ""
        return command(*args, out=Output(name, as_json, verbosity), **kwargs)

    return wrapper  # type: ignore[return-value]
