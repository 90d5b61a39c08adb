"""boards, ports, doctor: what there is to build for, to talk to, and what is missing."""

from __future__ import annotations

from dataclasses import asdict

import click

from tinyml.board import Board, board_names, load_board
from tinyml.cli.options import speaks
from tinyml.cli.output import Output, table
from tinyml.doctor import examine
from tinyml.errors import ToolchainError


@click.command()
@speaks
def boards(out: Output) -> None:
    """Every board, with its core and memory."""
    known = [load_board(name) for name in board_names()]
    rows = [
        (b.name, b.title, b.cpu.core, b.sram_bytes if b.template != "host" else None, _flash(b), _runs_on(b))
        for b in known
    ]
    facts = [
        {
            "name": b.name,
            "title": b.title,
            "core": b.cpu.core,
            "clock_hz": b.cpu.clock_hz,
            "sram_bytes": b.sram_bytes,
            "flash_bytes": b.flash_bytes,
            "emulated": b.emulator is not None,
            "notes": b.notes,
        }
        for b in known
    ]
    out.result({"boards": facts}, table("", ("board", "title", "core", "SRAM", "flash", "runs"), rows))


def _flash(board: Board) -> int | None:
    return None if board.template == "host" else board.flash_bytes


def _runs_on(board: Board) -> str:
    if board.template == "host":
        return "as a process"
    return "in QEMU" if board.emulator else "on silicon; not tried yet"


@click.command()
@speaks
def ports(out: Output) -> None:
    """Serial ports of this machine, and the boards they may be."""
    from tinyml.device.link import list_ports

    found = list_ports()
    known = [load_board(name) for name in board_names()]
    may_be = {port.device: [b.name for b in known if port.usb_id in b.usb_ids] for port in found}
    rows = [(port.device, port.description, port.usb_id or "", " ".join(may_be[port.device])) for port in found]
    facts = [{**asdict(port), "boards": may_be[port.device]} for port in found]
    shown = table("", ("port", "description", "USB id", "may be"), rows) if rows else "no serial ports"
    out.result({"ports": facts}, shown)


@click.command()
@speaks
def doctor(out: Output) -> int:
    """What is installed, what is missing, and the exact command that installs it. Exit code 4 if nothing compiles."""
    findings = examine()
    rows = [(f.name, f.version or "missing", f.purpose, "" if f.version else f.install) for f in findings]
    facts = [asdict(finding) for finding in findings]
    out.result({"tools": facts}, table("", ("tool", "found", "needed for", "install with"), rows))
    can_build = any(f.version for f in findings if f.compiles_for_boards)
    return 0 if can_build else ToolchainError.exit_code
