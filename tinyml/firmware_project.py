"""The project directory of a firmware: the files that are compiled and the files that are rendered.

model/      the generated C of the model
firmware/   firmware_templates/common, bare_metal, the board's template and drivers, and what is rendered for this build
link.ld     (not on the host)
Makefile
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2

from tinyml._version import __version__
from tinyml.board import Board
from tinyml.errors import BoardError
from tinyml.paths import FIRMWARE_TEMPLATES
from tinyml.toolchain import Toolchain

if TYPE_CHECKING:
    from codegen.sources import Port, Sources

SCRIPT = "link.ld"
_UNLIMITED_BYTES = 0x08000000  # of every region in the first link, whose result tells what overflows


@dataclass(frozen=True)
class Project:
    """What is built: the model's C, a board, a compiler and its flags."""

    sources: Sources
    board: Board
    toolchain: Toolchain
    optimize: str
    profile: bool

    @property
    def elf(self) -> str:
        return f"{self.sources.name}.elf"

    @property
    def compile_flags(self) -> tuple[str, ...]:
        profile = ("-DTML_PROFILE",) if self.profile else ()
        trace = ("-DTML_TRACE",) if self.sources.traced else ()
        return (*self.toolchain.compile_flags(self.board, self.optimize), *profile, *trace, "-Imodel", "-Ifirmware")

    @property
    def link_flags(self) -> tuple[str, ...]:
        return self.toolchain.link_flags(self.board, SCRIPT)

    @property
    def identity_flags(self) -> str:
        """The flags that decide what the code does, for reports: target and optimization."""
        core = self.board.core.zig if self.toolchain.name == "zig" else self.board.core.gcc
        return " ".join((*core, self.optimize))


def write_project(project: Project, directory: Path) -> tuple[str, ...]:
    """Writes everything but the linker script and the boot image; returns the C files to compile, sorted."""
    files = {f"model/{_plain(name)}": text for name, text in project.sources.files.items()}
    files |= {f"firmware/{path.name}": path.read_text(encoding="utf-8") for path in _template_files(project.board)}
    files["firmware/tml_app.h"] = render("common/tml_app.h.j2", **_app(project))
    if project.board.template != "host":
        files["firmware/board.h"] = board_header(project.board)
    model = f"model/{project.sources.name}.c"
    compiled = sorted(name for name in files if name.endswith(".c") and (name.startswith("firmware/") or name == model))
    if "boot" in project.board.drivers:
        compiled.append("firmware/boot_image.c")
    files["Makefile"] = _makefile(project, compiled)
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    return tuple(compiled)


def write_link_script(project: Project, directory: Path, stack_bytes: int, *, limits: bool) -> None:
    """The linker script, holding each region to its size, or (limits=False) to none."""
    board = project.board
    kinds = {memory.kind: memory.name.upper() for memory in reversed(board.memories)}
    text = render(
        "bare_metal/link.ld.j2",
        board=board,
        limits=limits,
        unlimited_bytes=_UNLIMITED_BYTES,
        stack_bytes=stack_bytes,
        flash=kinds["flash"],
        sram=kinds["sram"],
        vectors=kinds.get("vectors", kinds["flash"]),
    )
    (directory / SCRIPT).write_text(text, encoding="utf-8", newline="\n")


def write_boot_image(directory: Path, image: bytes) -> None:
    """The second-stage boot, assembled and checksummed, as an array that any compiler links unchanged."""
    words = [f"0x{word:08X}u" for (word,) in struct.iter_unpack("<I", image)]
    rows = [f"    {', '.join(words[at : at + 8])}," for at in range(0, len(words), 8)]
    text = "\n".join(
        (
            "/* Assembled from the board's boot_*.S, the last word its CRC-32. Made by tinyml. */",
            "#include <stdint.h>",
            "",
            f"extern const uint32_t tml_boot_image[{len(words)}];",
            f'const uint32_t tml_boot_image[{len(words)}] __attribute__((section(".boot"), used)) = {{',
            *rows,
            "};",
            "",
        )
    )
    (directory / "firmware" / "boot_image.c").write_text(text, encoding="utf-8", newline="\n")


def boot_source(board: Board) -> str:
    return f"firmware/boot_{board.drivers['boot'].name}.S"


def board_header(board: Board) -> str:
    """board.h: the CPU's features and every number of the board's drivers as macros."""
    lines = [f"#define BOARD_HAS_{feature.upper()} 1" for feature in sorted(board.cpu.features)]
    for kind, driver in sorted(board.drivers.items()):
        lines += [f"#define {kind.upper()}_{key.upper()} 0x{value:X}u" for key, value in driver.fields.items()]
    head = (
        f"/* The facts of boards/{board.name}.toml. Made by tinyml. */",
        "#ifndef TML_BOARD_H",
        "#define TML_BOARD_H",
    )
    return "\n".join((*head, "", *lines, "", "#endif", ""))


def render(template: str, **values: Any) -> str:
    """A file of firmware_templates/ with its blanks filled in; an unknown name in it is an error."""
    loader = jinja2.FileSystemLoader(FIRMWARE_TEMPLATES)
    environment = jinja2.Environment(loader=loader, undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    environment.filters["c_string"] = c_string
    environment.filters["quantization"] = _quantization
    return environment.get_template(template).render(**values)


def c_string(text: str) -> str:
    """A C string literal of `text` that the serial protocol can carry: '[', ']', ';' and what is not printable ASCII
    become '_'; quotes, backslashes and question marks (trigraphs) are escaped."""
    plain = "".join(c if " " <= c <= "~" and c not in "[];" else "_" for c in text)
    return '"' + "".join(f"\\{c}" if c in '"\\?' else c for c in plain) + '"'


def _template_files(board: Board) -> list[Path]:
    common = _files(FIRMWARE_TEMPLATES / "common", "*.[ch]")
    template = FIRMWARE_TEMPLATES / board.template
    if board.template == "host":
        return common + _files(template, "*.[ch]")
    shared = FIRMWARE_TEMPLATES / "bare_metal"
    drivers = [_driver_file((template, shared), kind, driver.name) for kind, driver in sorted(board.drivers.items())]
    headers = [*_files(shared, "*.h"), *_files(template, "*.h")]
    return [
        *common,
        *headers,
        shared / "start.c",
        template / "startup.c",
        template / f"port_{template.name}.c",
        *drivers,
    ]


def _files(directory: Path, pattern: str) -> list[Path]:
    return sorted(directory.glob(pattern))


def _driver_file(folders: tuple[Path, ...], kind: str, name: str) -> Path:
    file = f"{kind}_{name}.{'S' if kind == 'boot' else 'c'}"
    found = next((folder / file for folder in folders if (folder / file).exists()), None)
    if found is None:
        known = sorted(other.stem.removeprefix(f"{kind}_") for folder in folders for other in folder.glob(f"{kind}_*"))
        raise BoardError(f"no {kind} driver is called {name!r}", hint=" or ".join(known))
    return found


def _plain(name: str) -> str:
    if Path(name).name != name or name in ("", ".", ".."):
        raise ValueError(f"{name!r} is not a plain file name")
    return name


def _app(project: Project) -> Mapping[str, Any]:
    return {
        "sources": project.sources,
        "board": project.board,
        "sdk_version": __version__,
        "compiler": str(project.toolchain),
        "flags": project.identity_flags,
    }


def _quantization(port: Port) -> str:
    """An output's scale as mantissa / 2^shift, exact for a float32 scale of 2^-38 or more, its zero point, the bytes of
    a value."""
    quant = port.tensor.quant
    fraction, exponent = math.frexp(quant.scale if quant else 1.0)
    mantissa, shift = int(fraction * 2**24), 24 - exponent
    while shift > 62:
        mantissa, shift = mantissa >> 1, shift - 1
    return f"{{{mantissa}u, {shift}, {port.tensor.dtype.size_bytes}, {quant.zero_point if quant else 0}}}"


def _makefile(project: Project, compiled: list[str]) -> str:
    return render(
        "common/Makefile.j2",
        elf=project.elf,
        compiler=project.toolchain.portable,
        compile_flags=" ".join(project.compile_flags),
        link_flags=" ".join(project.link_flags),
        link_libraries=" ".join(project.toolchain.link_libraries(project.board)),
        sources=compiled,
        script=SCRIPT if project.board.template != "host" else "",
    )
