"""The emulator's life, with a Python script in QEMU's place."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from tinyml.device.emulator import EmulatorLink
from tinyml.device.link import LinkClosed
from tinyml.errors import LinkTimeout, ToolchainError

FAKE_QEMU = """
    import json, socket, sys
    line = ["-M", "m", "-serial", "tcp:127.0.0.1:0,server=on,wait=off,nodelay=on", "-qmp", "stdio", "-kernel", "x.elf"]
    assert sys.argv[1:] == line
    server = socket.create_server(("127.0.0.1", 0))
    name = f"disconnected:tcp:127.0.0.1:{server.getsockname()[1]},server=on"
    devices = [{"label": "compat_monitor0", "filename": "null"}, {"label": "serial0", "filename": name}]
    for answer in ({"QMP": {"version": {}}}, {"return": {}}, {"event": "RESUME"}, {"return": devices}):
        print(json.dumps(answer), flush=True)
    line = server.accept()[0]
    while data := line.recv(100):
        if b"die" in data:
            sys.exit("guest crashed")
        line.sendall(data)
"""


@pytest.fixture
def argv(tmp_path: Path) -> list[str]:
    script = tmp_path / "qemu.py"
    script.write_text(textwrap.dedent(FAKE_QEMU))
    return [sys.executable, str(script), "-M", "m"]


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 10
    while alive(pid):
        assert time.monotonic() < deadline, "still running"
        time.sleep(0.01)


def test_speaks_and_ends(argv: list[str]) -> None:
    link = EmulatorLink(argv, Path("x.elf"))
    link.write(b"hello")
    assert link.read(100, 5) == b"hello"
    assert link.read(100, 0.01) == b""
    assert alive(link.pid)
    link.close()
    assert not alive(link.pid)
    link.close()


def test_dies_while_connected(argv: list[str]) -> None:
    link = EmulatorLink(argv, Path("x.elf"))
    link.write(b"die")
    with pytest.raises(LinkClosed, match="guest crashed"):
        link.read(100, 5)
    link.close()


def test_dies_at_once() -> None:
    with pytest.raises(ToolchainError, match=r"code 7:\nno such machine"):
        EmulatorLink(
            [sys.executable, "-c", "import sys; print('no such machine', file=sys.stderr); sys.exit(7)"], Path("x.elf")
        )


def test_never_listens() -> None:
    with pytest.raises(LinkTimeout, match="opened no serial line"):
        EmulatorLink([sys.executable, "-c", "import time; time.sleep(60)"], Path("x.elf"), timeout=0.3)


def test_missing() -> None:
    with pytest.raises(ToolchainError) as caught:
        EmulatorLink(["no-such-qemu-system-arm"], Path("x.elf"))
    assert caught.value.hint == "sudo apt-get install qemu-system-arm"


@pytest.mark.parametrize("end", ["sys.exit(0)", "raise RuntimeError", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_ends_with_its_owner(argv: list[str], end: str) -> None:
    program = f"""
        import os, signal, sys
        from pathlib import Path
        from tinyml.device.emulator import EmulatorLink
        link = EmulatorLink({argv!r}, Path("x.elf"))
        print(link.pid, flush=True)
        {end}
    """
    owner = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, timeout=30, check=False
    )
    pid = int(owner.stdout)
    wait_until_gone(pid)
    assert owner.returncode in (0, 1, -signal.SIGKILL)
    assert pid != os.getpid()
