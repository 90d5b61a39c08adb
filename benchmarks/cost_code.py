"""Bytes of the kernels' C functions, compiled for size, and which of them each kernel reaches.

All kernels in one object: what several of them call is a function of its own then, of arguments that no caller fixes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from elftools.elf.elffile import ELFFile

from codegen.emit import kernel_files
from codegen.kernels import KERNELS
from tinyml.board import Board
from tinyml.costs import kernel_sources
from tinyml.scheduler.plan import OPTIMIZE
from tinyml.toolchain import Toolchain

_ALLOC = 2  # SHF_ALLOC


class _Object(NamedTuple):
    """sizes: of functions and tables by section. calls: from section to section. home: the section of a symbol."""

    sizes: Mapping[str, int]
    calls: Mapping[str, set[str]]
    home: Mapping[str, str]

    def reached(self, function: str) -> set[str]:
        """Sections that a function needs, its own too."""
        found: set[str] = set()
        waiting = [self.home[function]]
        while waiting:
            section = waiting.pop()
            if section not in found:
                found.add(section)
                waiting += self.calls.get(section, ())
        return found


def code_sizes(board: Board, toolchain: Toolchain) -> dict[str, Any]:
    """As the files in tinyml/costs hold them: of all kernels that the board's core runs."""
    kernels = {kernel.name: kernel for kernel in KERNELS if kernel.requires <= board.cpu.features}
    structs = sorted({"tml_view", *(kernel.struct for kernel in kernels.values())})
    flags = toolchain.compile_flags(board, OPTIMIZE["size"])
    whole = _compiled(toolchain, flags, list(kernels), structs)
    with ThreadPoolExecutor() as pool:
        own = list(pool.map(lambda name: _compiled(toolchain, [*flags, "-fno-inline"], [name], []), kernels))
    reached = {
        # a caller alone fixes arguments, and so what is never called (`three` in tml_depthwise_conv2d_blocks.h)
        name: sorted(section for section in whole.reached(name) if _name(section) in set(map(_name, alone.sizes)))
        for name, alone in zip(kernels, own, strict=True)
    }
    used = sorted({section for sections in reached.values() for section in sections})
    return {
        "flags": " ".join(flags),
        "kernel_sources": kernel_sources(),
        "functions": {section.removeprefix(".text."): whole.sizes[section] for section in used},
        "kernels": {
            name: " ".join(section.removeprefix(".text.") for section in sections)
            for name, sections in sorted(reached.items())
        },
        "structs": {name: whole.sizes[whole.home[f"size_of_{name}"]] for name in structs},
    }


def _name(section: str) -> str:
    """Without what compilers add to it: `.text.tml_f.isra.0` -> .text.tml_f."""
    return ".".join(section.split(".")[:3])


def _compiled(toolchain: Toolchain, flags: Sequence[str], kernels: Sequence[str], structs: Sequence[str]) -> _Object:
    with TemporaryDirectory() as name:
        directory = Path(name)
        for file, text in kernel_files(kernels).items():
            (directory / file).write_text(text, encoding="utf-8")
        lines = [f'#include "{kernel}.h"' for kernel in kernels]
        lines += [f"const char size_of_{struct}[sizeof({struct})] = {{0}};" for struct in structs]
        lines += ["void (*const kernels[])(void) = {", *(f"    (void (*)(void)){kernel}," for kernel in kernels), "};"]
        (directory / "kernels.c").write_text("\n".join(lines) + "\n", encoding="utf-8")
        toolchain.run([*flags, "-c", "kernels.c", "-o", "kernels.o"], directory)
        with (directory / "kernels.o").open("rb") as file:
            return _read(ELFFile(file))


def _read(image: Any) -> _Object:
    sections = list(image.iter_sections())
    symbols = image.get_section_by_name(".symtab")
    kept = {number: s.name for number, s in enumerate(sections) if s["sh_flags"] & _ALLOC and s["sh_size"]}
    calls: dict[str, set[str]] = {}
    for section in sections:
        if section["sh_type"] in ("SHT_REL", "SHT_RELA") and section["sh_info"] in kept:
            targets = (symbols.get_symbol(entry["r_info_sym"])["st_shndx"] for entry in section.iter_relocations())
            calls.setdefault(kept[section["sh_info"]], set()).update(kept[n] for n in targets if n in kept)
    return _Object(
        {s.name: s["sh_size"] for s in sections if s.name in kept.values()}, calls, dict(_homes(symbols, kept))
    )


def _homes(symbols: Any, kept: Mapping[int, str]) -> Iterator[tuple[str, str]]:
    for symbol in symbols.iter_symbols():
        if symbol["st_info"]["type"] in ("STT_FUNC", "STT_OBJECT") and symbol["st_shndx"] in kept:
            yield symbol.name, kept[symbol["st_shndx"]]
