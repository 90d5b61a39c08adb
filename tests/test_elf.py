from __future__ import annotations

import struct

from tinyml.elf import crc32_mpeg2, to_bin, to_hex, to_uf2

CONTENTS = [(0x0800FFF8, bytes(range(20))), (0x08010010, b"\x01\x02\x03")]


def test_bin_fills_gaps_as_erased_flash() -> None:
    assert to_bin(CONTENTS) == bytes(range(20)) + b"\xff" * 4 + b"\x01\x02\x03"


def test_hex_reads_back() -> None:
    memory: dict[int, int] = {}
    upper = 0
    lines = to_hex(CONTENTS).decode().split()
    for line in lines:
        record = bytes.fromhex(line[1:])
        assert line[0] == ":" and sum(record) & 255 == 0 and len(record) == record[0] + 5
        kind, address, data = record[3], struct.unpack(">H", record[1:3])[0], record[4:-1]
        if kind == 4:
            upper = struct.unpack(">H", data)[0] << 16
        for offset, byte in enumerate(data if kind == 0 else b""):
            memory[upper + address + offset] = byte
    assert lines[-1] == ":00000001FF"
    assert memory == {at + i: byte for at, content in CONTENTS for i, byte in enumerate(content)}


def test_uf2_blocks() -> None:
    image = to_uf2([(0x10000000, bytes(300))])
    assert len(image) == 2 * 512
    for index in range(2):
        block = image[512 * index : 512 * index + 512]
        words = struct.unpack("<8I", block[:32])
        assert words == (0x0A324655, 0x9E5D5157, 0x2000, 0x10000000 + 256 * index, 256, index, 2, 0xE48BFF56)
        assert block[-4:] == struct.pack("<I", 0x0AB16F30)
    assert image[512 + 32 + 44 : 512 + 32 + 256] == b"\xff" * 212


def test_the_boot_checksum_is_crc32_mpeg2() -> None:
    assert crc32_mpeg2(b"123456789") == 0x0376E6E7  # the check value in catalogues of CRCs
