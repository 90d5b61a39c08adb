"""What the SDK reads out of a linked firmware: sizes, symbols, and images for flashing (bin, Intel hex, UF2)."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elftools.elf.elffile import ELFFile

from tinyml.board import Board
from tinyml.errors import ToolchainError

_ALLOC = 2
_UF2_FAMILY_RP2040 = 0xE48BFF56


@dataclass(frozen=True)
class Sections:
    """Where a firmware's bytes go.

    code_bytes: vectors, code and the initial values of variables.   weights_bytes: read-only data.
    static_bytes: variables without the arena.   stack_bytes: the predicted worst case.
    """

    code_bytes: int
    weights_bytes: int
    arena_bytes: int
    static_bytes: int
    stack_bytes: int

    @property
    def flash_bytes(self) -> int:
        return self.code_bytes + self.weights_bytes

    @property
    def sram_bytes(self) -> int:
        return self.arena_bytes + self.static_bytes + self.stack_bytes


def section_sizes(elf: Path, board: Board, arena_symbol: str, stack_bytes: int) -> Sections:
    """Sizes of a Cortex-M firmware linked by our script. SRAM is counted in whole multiples of 16 bytes."""
    with elf.open("rb") as file:
        image = ELFFile(file)
        symbols = image.get_section_by_name(".symtab")
        arena = _symbol(symbols, arena_symbol)["st_size"]
        variables = _symbol(symbols, "tml_data_end")["st_value"] - _symbol(symbols, "tml_stack_top")["st_value"]
        rodata = image.get_section_by_name(".rodata")
        weights = rodata["sh_size"] if rodata else 0
        flash = sum(len(content) for _, content in _flash_contents(image))
    sram = (variables + 15) // 16 * 16
    return Sections(flash - weights, weights, arena, sram - arena, stack_bytes)


def object_sizes(objects: Iterable[Path], arena_symbol: str) -> Sections:
    """Sizes of a host firmware, from its objects: the C library's share of a process is none of ours.

    All zero where objects are not ELF (macOS, Windows).
    """
    totals = {"code": 0, "weights": 0, "static": 0}
    arena = 0
    for path in objects:
        with path.open("rb") as file:
            if file.read(4) != b"\x7fELF":
                return Sections(0, 0, 0, 0, 0)
            image = ELFFile(file)
            for section in image.iter_sections():
                kind = _object_kind(section)
                if kind:
                    totals[kind] += section["sh_size"]
            found = image.get_section_by_name(".symtab").get_symbol_by_name(arena_symbol) or []
            arena += sum(symbol["st_size"] for symbol in found if symbol["st_shndx"] != "SHN_UNDEF")
    return Sections(totals["code"], totals["weights"], arena, totals["static"] - arena, 0)


def _object_kind(section: Any) -> str | None:
    if not section["sh_flags"] & _ALLOC:
        return None
    if section["sh_flags"] & 4:
        return "code"
    if section["sh_flags"] & 1:
        return "static"
    return "weights" if section.name.startswith(".rodata") else None


def _symbol(table: Any, name: str) -> Any:
    found = table.get_symbol_by_name(name)
    if not found:
        raise ToolchainError(f"the linked firmware has no symbol {name}")
    return found[0]


def _flash_contents(image: ELFFile) -> list[tuple[int, bytes]]:
    """(load address, content) of every section that lies in flash, by address, gaps of alignment filled with 0xFF."""
    segments = [segment for segment in image.iter_segments() if segment["p_type"] == "PT_LOAD" and segment["p_filesz"]]
    contents = []
    for section in image.iter_sections():
        if section["sh_type"] == "SHT_NOBITS" or not section["sh_flags"] & _ALLOC or not section["sh_size"]:
            continue
        offset = section["sh_offset"]
        for segment in segments:
            if segment["p_offset"] <= offset < segment["p_offset"] + segment["p_filesz"]:
                contents.append((segment["p_paddr"] + offset - segment["p_offset"], bytes(section.data())))
                break
    return _closed(sorted(contents))


def _closed(contents: Sequence[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    closed: list[tuple[int, bytes]] = []
    for address, content in contents:
        gap = address - closed[-1][0] - len(closed[-1][1]) if closed else 256
        if 0 <= gap < 256:
            closed[-1] = (closed[-1][0], closed[-1][1] + b"\xff" * gap + content)
        else:
            closed.append((address, content))
    return closed


def flash_contents(elf: Path) -> list[tuple[int, bytes]]:
    """(address, bytes) of every run of flash the firmware fills, by address."""
    with elf.open("rb") as file:
        return _flash_contents(ELFFile(file))


def to_bin(contents: Sequence[tuple[int, bytes]]) -> bytes:
    """One run of bytes from the lowest address."""
    start = contents[0][0]
    image = bytearray()
    for address, content in contents:
        image += b"\xff" * (address - start - len(image)) + content
    return bytes(image)


def to_hex(contents: Sequence[tuple[int, bytes]]) -> bytes:
    """Intel hex with 16-byte data records and extended linear addresses."""
    lines = []
    upper = None
    for address, content in contents:
        for at, data in _blocks(address, content, 16):
            if at >> 16 != upper:
                upper = at >> 16
                lines.append(_hex_record(4, 0, struct.pack(">H", upper)))
            lines.append(_hex_record(0, at & 0xFFFF, data))
    return ("\n".join([*lines, _hex_record(1, 0, b"")]) + "\n").encode()


def _blocks(address: int, content: bytes, size: int) -> Iterator[tuple[int, bytes]]:
    """Pieces that begin and end at multiples of `size` in the address space, the first and last perhaps shorter."""
    end = address + len(content)
    at = address
    while at < end:
        stop = min((at // size + 1) * size, end)
        yield at, content[at - address : stop - address]
        at = stop


def _hex_record(kind: int, address: int, data: bytes) -> str:
    record = struct.pack(">BHB", len(data), address, kind) + data
    return f":{record.hex().upper()}{-sum(record) & 0xFF:02X}"


def to_uf2(contents: Sequence[tuple[int, bytes]]) -> bytes:
    """UF2 for the RP2040: 512-byte blocks of 256 bytes each, whole flash pages (github.com/microsoft/uf2)."""
    image, start = to_bin(contents), contents[0][0]
    pages = [image[at : at + 256].ljust(256, b"\xff") for at in range(0, len(image), 256)]
    blocks = []
    for index, page in enumerate(pages):
        words = (0x0A324655, 0x9E5D5157, 0x2000, start + 256 * index, 256, index, len(pages), _UF2_FAMILY_RP2040)
        blocks.append(struct.pack("<8I", *words) + page.ljust(476, b"\0") + struct.pack("<I", 0x0AB16F30))
    return b"".join(blocks)


def boot_image(object_file: Path) -> bytes:
    """The RP2040's second-stage boot from its object: 252 bytes of code and the CRC that the boot ROM checks.

    CRC-32 with polynomial 0x04C11DB7, start 0xFFFFFFFF, neither reflected nor inverted (RP2040 datasheet 2.8.1.3.1).
    """
    with object_file.open("rb") as file:
        code = bytes(ELFFile(file).get_section_by_name(".boot").data())
    if len(code) > 252:
        raise ToolchainError(f"the second-stage boot is {len(code)} bytes, {len(code) - 252} over")
    code = code.ljust(252, b"\0")
    return code + struct.pack("<I", crc32_mpeg2(code))


def crc32_mpeg2(data: bytes) -> int:
    """CRC-32/MPEG-2."""
    state = 0xFFFFFFFF
    for byte in data:
        state ^= byte << 24
        for _ in range(8):
            state = (state << 1) ^ (0x04C11DB7 if state & 0x80000000 else 0)
            state &= 0xFFFFFFFF
    return state
