"""A firmware: template + Sources + Board, compiled and linked, with the memory it takes.

SRAM is arena + static data + stack. The stack is the worst case of the linked code (stack_analysis.py); on the board it
is given all the SRAM that data and arena leave, at the bottom, so that the painted measurement can prove the prediction
wrong and an overflow faults. The host board counts arena and static data only: a process's stack is the operating
system's, so its stack is 0 in the prediction and port_stack_peak() returns 0.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinyml._version import __version__
from tinyml.board import Board
from tinyml.elf import Sections, boot_image, flash_contents, object_sizes, section_sizes, to_bin, to_hex, to_uf2
from tinyml.errors import FitError
from tinyml.firmware_project import Project, boot_source, write_boot_image, write_link_script, write_project
from tinyml.output import MARKER, digests, written_whole
from tinyml.stack_analysis import worst_case
from tinyml.toolchain import Toolchain, find_toolchain

if TYPE_CHECKING:
    from codegen.sources import Port, Sources

_IMAGES = {"bin": to_bin, "hex": to_hex, "uf2": to_uf2}


@dataclass(frozen=True)
class Firmware:
    """A linked firmware and its project directory.

    sections: bytes by use.   stack_path: the chain of calls that takes the predicted stack; empty on the host.
    images: "bin", "hex", "uf2" -> file, as the board's flasher wants.   tflite: the graph, where TFLite can state it.
    """

    name: str
    board: Board
    elf: Path
    output_dir: Path
    sections: Sections
    stack_path: tuple[str, ...]
    compiler: str
    flags: str
    model_sha256: str
    profile: bool
    keeps_input: bool
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    steps: tuple[str, ...]
    images: Mapping[str, Path]
    tflite: Path | None = None

    @property
    def sram(self) -> dict[str, int]:
        """Bytes by use, with the total and the board's limit, under the keys of the build report."""
        s = self.sections
        return {
            "arena_bytes": s.arena_bytes,
            "static_bytes": s.static_bytes,
            "stack_bytes": s.stack_bytes,
            "total_bytes": s.sram_bytes,
            "limit_bytes": self.board.sram_bytes,
        }

    @property
    def flash(self) -> dict[str, int]:
        """Bytes by use, with the total and the board's limit, under the keys of the build report."""
        s = self.sections
        return {
            "code_bytes": s.code_bytes,
            "weights_bytes": s.weights_bytes,
            "total_bytes": s.flash_bytes,
            "limit_bytes": self.board.flash_bytes,
        }

    @property
    def input_shapes(self) -> tuple[tuple[int, ...], ...]:
        return tuple(port.tensor.shape for port in self.inputs)

    @property
    def output_shapes(self) -> tuple[tuple[int, ...], ...]:
        return tuple(port.tensor.shape for port in self.outputs)

    @property
    def input_types(self) -> tuple[str, ...]:
        return tuple(port.tensor.dtype.value for port in self.inputs)

    @property
    def output_types(self) -> tuple[str, ...]:
        return tuple(port.tensor.dtype.value for port in self.outputs)


def build_firmware(
    sources: Sources,
    board: Board,
    output_dir: Path,
    *,
    toolchain: Toolchain | None = None,
    profile: bool = False,
    optimize: str = "-O2",
    tflite: bytes | None = None,
    force: bool = False,
) -> Firmware:
    """Compiles and links `sources` for `board` and writes the whole project to `output_dir`.

    Raises FitError when a region overflows, ToolchainError when a compiler is missing or fails or the stack cannot be
    bounded, UsageError when the directory holds foreign or edited files or cannot be written. `output_dir` is then as
    it was. tflite: a file of the graph, to lie beside the ELF. force: edited files are replaced.
    """
    project = Project(sources, board, toolchain or find_toolchain(board), optimize, profile)
    with written_whole(output_dir, force=force) as directory:
        compiled = write_project(project, directory)
        if tflite is not None:
            (directory / f"{sources.name}.tflite").write_bytes(tflite)
        if "boot" in board.drivers:
            _assemble_boot(project, directory)
        objects = _compile(project, compiled, directory)
        link = _link_host if board.template == "host" else _link_bare_metal
        sections, stack_path = link(project, objects, directory)
        images = _write_images(project, directory)
        shutil.rmtree(directory / "build")
        firmware = Firmware(
            name=sources.name,
            board=board,
            elf=output_dir / project.elf,
            output_dir=output_dir,
            sections=sections,
            stack_path=stack_path,
            compiler=str(project.toolchain),
            flags=project.identity_flags,
            model_sha256=sources.model_sha256,
            profile=profile,
            keeps_input=sources.keeps_input,
            inputs=sources.inputs,
            outputs=sources.outputs,
            steps=sources.steps,
            images={kind: output_dir / name for kind, name in images.items()},
            tflite=output_dir / f"{sources.name}.tflite" if tflite is not None else None,
        )
        _write_marker(firmware, directory)
    return firmware


def _object(source: str) -> str:
    return f"build/{source.rsplit('.', 1)[0]}.o"


def _compile(project: Project, compiled: tuple[str, ...], directory: Path) -> tuple[str, ...]:
    for folder in ("build/firmware", "build/model"):
        (directory / folder).mkdir(parents=True, exist_ok=True)

    def compile_one(source: str) -> None:
        project.toolchain.run([*project.compile_flags, "-c", source, "-o", _object(source)], directory)

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        list(pool.map(compile_one, compiled))
    return tuple(_object(source) for source in compiled)


def _assemble_boot(project: Project, directory: Path) -> None:
    source = boot_source(project.board)
    (directory / "build/firmware").mkdir(parents=True)
    project.toolchain.run([*project.compile_flags, "-c", source, "-o", "build/boot.o"], directory)
    write_boot_image(directory, boot_image(directory / "build/boot.o"))


def _link(project: Project, objects: tuple[str, ...], directory: Path) -> None:
    libraries = project.toolchain.link_libraries(project.board)
    project.toolchain.run([*project.link_flags, *objects, *libraries, "-o", project.elf], directory)


def _link_host(project: Project, objects: tuple[str, ...], directory: Path) -> tuple[Sections, tuple[str, ...]]:
    _link(project, objects, directory)
    sections = object_sizes([directory / path for path in objects], f"{project.sources.name}_arena")
    _check_fit(project, sections)
    return sections, ()


def _link_bare_metal(project: Project, objects: tuple[str, ...], directory: Path) -> tuple[Sections, tuple[str, ...]]:
    """Links twice: without limits to learn the sizes, then within the board's memory, the stack taking what is left."""
    write_link_script(project, directory, 16, limits=False)
    _link(project, objects, directory)
    stack = worst_case(directory / project.elf)
    arena = f"{project.sources.name}_arena"
    sections = section_sizes(directory / project.elf, project.board, arena, (stack.bytes + 7) // 8 * 8)
    _check_fit(project, sections)
    left = project.board.sram_bytes - sections.arena_bytes - sections.static_bytes
    write_link_script(project, directory, left // 16 * 16, limits=True)
    _link(project, objects, directory)
    return sections, stack.path


def _check_fit(project: Project, sections: Sections) -> None:
    """Raises FitError that says for each memory that overflows what takes it and by how much."""
    s, board = sections, project.board
    sram_parts = f"arena {s.arena_bytes} + static data {s.static_bytes} + stack {s.stack_bytes}"
    flash_parts = f"code {s.code_bytes} + weights {s.weights_bytes}"
    regions = (
        ("SRAM", s.sram_bytes, board.sram_bytes, sram_parts),
        ("flash", s.flash_bytes, board.flash_bytes, flash_parts),
    )
    faults = [
        f"{total} bytes of {region} ({parts}); it has {limit}: {total - limit} over"
        for region, total, limit, parts in regions
        if total > limit
    ]
    if faults:
        message = f"{project.sources.name} on {board.name} needs " + "\n  and ".join(faults)
        raise FitError(message, hint="a smaller model or a larger board")


def _write_images(project: Project, directory: Path) -> dict[str, str]:
    images = {kind: f"{project.sources.name}.{kind}" for kind in project.board.images}
    for kind, name in images.items():
        (directory / name).write_bytes(_IMAGES[kind](flash_contents(directory / project.elf)))
    return images


def _write_marker(firmware: Firmware, directory: Path) -> None:
    files = sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file())
    made_by_make = {path.name for path in (firmware.elf, *firmware.images.values())}
    facts: dict[str, Any] = {
        "name": firmware.name,
        "board": firmware.board.name,
        "elf": firmware.elf.name,
        "sdk_version": __version__,
        "compiler": firmware.compiler,
        "flags": firmware.flags,
        "model_sha256": firmware.model_sha256,
        "profile": firmware.profile,
        "sram": firmware.sram,
        "flash": firmware.flash,
        "stack_path": list(firmware.stack_path),
        "files": [*files, MARKER],
        "sha256": digests(directory, [name for name in files if name not in made_by_make]),
    }
    (directory / MARKER).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
