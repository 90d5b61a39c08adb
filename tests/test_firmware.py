from __future__ import annotations

import dataclasses
import json
import os
import subprocess
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from tests.toy_model import toy_sources
from tinyml import output
from tinyml.board import Board, board_names, load_board
from tinyml.elf import crc32_mpeg2
from tinyml.errors import FitError, ToolchainError, UsageError
from tinyml.firmware import Firmware, build_firmware
from tinyml.firmware_project import board_header, c_string, render
from tinyml.toolchain import Toolchain, installed_toolchains

BOARDS = [load_board(name) for name in board_names()]
BUILDS = [(board, compiler) for board in BOARDS for compiler in installed_toolchains(board)]
M4 = load_board("qemu_mps2_an386")


def contents(directory: Path) -> dict[str, bytes]:
    return {str(p.relative_to(directory)): p.read_bytes() for p in sorted(directory.rglob("*")) if p.is_file()}


@pytest.mark.parametrize(("board", "compiler"), BUILDS, ids=lambda value: value.name)
def test_every_board_builds_with_every_compiler_without_a_warning(
    board: Board, compiler: Toolchain, tmp_path: Path
) -> None:
    strict = dataclasses.replace(compiler, command=(*compiler.command, "-Werror"))
    firmware = build_firmware(toy_sources(), board, tmp_path / "out", toolchain=strict)
    sizes = firmware.sections
    assert firmware.sram["arena_bytes"] == 256
    assert firmware.sram["total_bytes"] == sizes.arena_bytes + sizes.static_bytes + sizes.stack_bytes
    assert firmware.flash["total_bytes"] == sizes.code_bytes + sizes.weights_bytes > 64
    assert (sizes.stack_bytes > 0) == (board.template != "host")
    assert firmware.elf.exists() and all(path.exists() for path in firmware.images.values())
    assert set(firmware.images) == set(board.images)
    facts = json.loads((tmp_path / "out/firmware.json").read_text())
    assert sorted(facts["files"]) == sorted(contents(tmp_path / "out"))
    assert (facts["board"], facts["sram"]) == (board.name, firmware.sram)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("compiler", installed_toolchains(M4), ids=lambda found: found.name)
def test_builds_repeat_to_the_byte_and_make_rebuilds_them(compiler: Toolchain, tmp_path: Path) -> None:
    one = build_firmware(toy_sources(), M4, tmp_path / "one", toolchain=compiler)
    other = build_firmware(toy_sources(), M4, tmp_path / "deep/er/other", toolchain=compiler)
    assert contents(one.output_dir) == contents(other.output_dir)
    assert os.fsencode(tmp_path) not in one.elf.read_bytes()
    before = one.elf.read_bytes()
    one.elf.unlink()
    argv = ["make", "-s", f"CC={' '.join(compiler.command)}"]
    subprocess.run(argv, cwd=one.output_dir, check=True, capture_output=True)
    assert one.elf.read_bytes() == before


def test_the_linked_file_keeps_to_the_boards_memory(tmp_path: Path) -> None:
    firmware = build_firmware(toy_sources(), M4, tmp_path / "out")
    with firmware.elf.open("rb") as file:
        symbols = {s.name: s["st_value"] for s in ELFFile(file).get_section_by_name(".symtab").iter_symbols()}
    assert symbols["tml_stack_bottom"] == 0x20000000
    left = M4.sram_bytes - firmware.sections.arena_bytes - firmware.sections.static_bytes
    assert symbols["tml_stack_top"] - symbols["tml_stack_bottom"] == left // 16 * 16
    assert symbols["tml_data_end"] <= 0x20000000 + M4.sram_bytes
    assert firmware.stack_path[0] == "Reset_Handler" and "toy_invoke" in firmware.stack_path


def test_a_model_too_large_for_sram_says_by_how_much(tmp_path: Path) -> None:
    with pytest.raises(FitError) as caught:
        build_firmware(toy_sources(arena=300_000), M4, tmp_path / "out")
    words = caught.value.message.replace(":", " ").replace(")", " ").replace(";", " ").split()
    numbers = [int(word) for word in words if word.isdigit()]
    total, arena, static, stack, limit, over = numbers
    assert (arena, limit) == (300_000, 262_144)
    assert total == arena + static + stack and over == total - limit
    assert "flash" not in caught.value.message
    assert not list(tmp_path.iterdir())


def test_a_model_too_large_for_flash_says_by_how_much(tmp_path: Path) -> None:
    with pytest.raises(FitError) as caught:
        build_firmware(toy_sources(weights=2_000_000), M4, tmp_path / "out")
    words = caught.value.message.replace(":", " ").replace(")", " ").replace(";", " ").split()
    total, code, weights, limit, over = (int(word) for word in words if word.isdigit())
    assert total == code + weights and over == total - limit and limit == 1_048_576 and weights >= 2_000_000


def test_sram_is_used_to_the_last_bytes(tmp_path: Path) -> None:
    """The greatest arena that fits links; 16 bytes more is refused."""
    small = build_firmware(toy_sources(), M4, tmp_path / "out").sections
    most = (M4.sram_bytes - small.static_bytes - small.stack_bytes) // 16 * 16
    full = build_firmware(toy_sources(arena=most), M4, tmp_path / "out")
    assert full.sram["limit_bytes"] - 16 < full.sram["total_bytes"] <= full.sram["limit_bytes"]
    with pytest.raises(FitError):
        build_firmware(toy_sources(arena=most + 16), M4, tmp_path / "out")


def test_code_that_does_not_compile_is_a_toolchain_error(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match="nonsense"):
        build_firmware(toy_sources(statement="nonsense;"), M4, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_recursion_is_refused(tmp_path: Path) -> None:
    statement = "volatile int32_t depth = sums[0]; if (depth == 7) { toy_invoke(); } depth = 1;"
    with pytest.raises(ToolchainError, match="toy_invoke -> toy_invoke"):
        build_firmware(toy_sources(statement=statement), M4, tmp_path / "out")


def test_a_profile_build_defines_the_steps(tmp_path: Path) -> None:
    plain = build_firmware(toy_sources(), M4, tmp_path / "plain")
    profile = build_firmware(toy_sources(), M4, tmp_path / "profile", profile=True)
    assert profile.profile and profile.sections.static_bytes >= plain.sections.static_bytes
    assert profile.elf.read_bytes() != plain.elf.read_bytes()


def test_pico_boots_from_a_checked_second_stage(tmp_path: Path) -> None:
    board = load_board("rpi_pico")
    codes = set()
    for compiler in installed_toolchains(board):
        firmware = build_firmware(toy_sources(), board, tmp_path / compiler.name, toolchain=compiler)
        image = firmware.images["bin"].read_bytes()
        assert crc32_mpeg2(image[:252]) == int.from_bytes(image[252:256], "little")
        stack_top, reset = (int.from_bytes(image[at : at + 4], "little") for at in (256, 260))
        assert 0x20000000 < stack_top <= 0x20042000 and stack_top % 8 == 0
        assert 0x10000100 < reset < 0x10000000 + len(image) and reset & 1
        codes.add(image[:256])
    assert len(codes) == 1


class TestOutputDirectory:
    def test_our_own_is_replaced(self, tmp_path: Path) -> None:
        first = self.build(tmp_path)
        (first.output_dir / "build").mkdir()
        (first.output_dir / "build/main.o").write_text("left by make")
        second = build_firmware(toy_sources(arena=512), M4, tmp_path / "out")
        assert second.sram["arena_bytes"] == 512
        assert not (tmp_path / "out/build").exists()

    def test_foreign_files_are_never_touched(self, tmp_path: Path) -> None:
        (tmp_path / "out").mkdir()
        (tmp_path / "out/thesis.txt").write_text("years")
        with pytest.raises(UsageError, match=r"thesis\.txt"):
            self.build(tmp_path)
        assert contents(tmp_path) == {"out/thesis.txt": b"years"}

    def test_foreign_files_beside_ours_are_never_touched(self, tmp_path: Path) -> None:
        self.build(tmp_path)
        (tmp_path / "out/model/thesis.txt").write_text("years")
        before = contents(tmp_path)
        with pytest.raises(UsageError, match=r"model/thesis\.txt"):
            self.build(tmp_path)
        assert contents(tmp_path) == before

    def test_edited_files_are_not_replaced(self, tmp_path: Path) -> None:
        firmware = self.build(tmp_path)
        (tmp_path / "out/model/toy.h").write_text("years")
        (tmp_path / "out/Makefile").unlink()
        firmware.elf.write_bytes(b"by another compiler")
        before = contents(tmp_path)
        with pytest.raises(UsageError, match=r"model/toy\.h, edited since") as caught:
            self.build(tmp_path)
        assert "--force" in caught.value.hint and contents(tmp_path) == before
        build_firmware(toy_sources(), M4, tmp_path / "out", force=True)
        assert contents(tmp_path) != before and (tmp_path / "out/Makefile").exists()

    def test_what_is_foreign_no_force_removes(self, tmp_path: Path) -> None:
        self.build(tmp_path)
        (tmp_path / "out/thesis.txt").write_text("years")
        with pytest.raises(UsageError, match=r"thesis\.txt"):
            build_firmware(toy_sources(), M4, tmp_path / "out", force=True)

    def test_a_directory_from_before_digests_is_replaced(self, tmp_path: Path) -> None:
        self.build(tmp_path)
        marker = tmp_path / "out" / output.MARKER
        marker.write_text(json.dumps({"files": json.loads(marker.read_text())["files"]}))
        assert self.build(tmp_path).elf.exists()

    def test_an_empty_directory_will_do(self, tmp_path: Path) -> None:
        (tmp_path / "out").mkdir()
        assert self.build(tmp_path).elf.exists()

    def test_a_file_in_the_way_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "out").write_text("a file")
        with pytest.raises(UsageError, match="not a directory"):
            self.build(tmp_path)

    def test_a_failed_build_leaves_the_last_one(self, tmp_path: Path) -> None:
        self.build(tmp_path)
        before = contents(tmp_path)
        with pytest.raises(FitError):
            build_firmware(toy_sources(arena=10**6), M4, tmp_path / "out")
        assert contents(tmp_path) == before

    def test_a_full_disk_leaves_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*arguments: object, **names: object) -> int:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Path, "write_text", refuse)
        with pytest.raises(UsageError, match="No space left on device"):
            self.build(tmp_path)
        assert not list(tmp_path.iterdir())

    def test_a_failed_swap_puts_the_old_one_back(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.build(tmp_path)
        before = contents(tmp_path)
        rename = Path.rename

        def refuse(path: Path, target: Path) -> Path:
            if path.name.endswith(".old") or target.name.endswith(".old"):
                return rename(path, target)
            raise OSError(1, "Operation not permitted")

        monkeypatch.setattr(Path, "rename", refuse)
        with pytest.raises(UsageError, match="not permitted"):
            self.build(tmp_path)
        assert contents(tmp_path) == before

    def build(self, tmp_path: Path) -> Firmware:
        return build_firmware(toy_sources(), M4, tmp_path / "out")


def test_a_marker_that_is_not_ours_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / output.MARKER).write_text("[1, 2]")
    with pytest.raises(UsageError, match=r"firmware\.json"), output.written_whole(tmp_path / "out"):
        pass


def test_c_strings_are_escaped() -> None:
    assert c_string('a"; system("x"); //\\??/') == r'"a\"_ system(\"x\")_ //\\\?\?/"'
    assert c_string("[ü\n]") == '"____"'


def test_source_names_cannot_leave_the_project(tmp_path: Path) -> None:
    sources = toy_sources()
    hostile = dataclasses.replace(sources, files={**sources.files, "../evil.c": "int x;"})
    with pytest.raises(ValueError, match="plain file name"):
        build_firmware(hostile, M4, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_board_numbers_reach_c() -> None:
    header = board_header(M4)
    assert "#define BOARD_HAS_FPU 1" in header and "#define UART_BASE 0x40004000u" in header


def test_several_ports_are_selected_by_index() -> None:
    sources = toy_sources()
    two = dataclasses.replace(sources, inputs=(sources.inputs[0], dataclasses.replace(sources.inputs[0], function="b")))
    text = render("common/tml_app.h.j2", sources=two, board=M4, sdk_version="1", compiler="gcc 1", flags="-O2")
    assert "#define TML_APP_INPUT_BYTES 128u" in text
    assert "#define TML_APP_INPUT(index) ((index) == 0u ? (int8_t *)toy_input() : (int8_t *)b())" in text
