"""Every command of the real C firmware, as a host process under the sanitizers."""

from __future__ import annotations

import random
import re
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tinyml.device.link import LinkClosed, ProcessLink
from tinyml.device.protocol import BuildIdentity, parse_identity
from tinyml.device.session import Session

from .fake_firmware import SHA256, FakeFirmware, expected_outputs, random_inputs

BANNER = ["m-timestamp-mode-performance", "m-lap-us-0", "m-init-done", "m-ready"]
NO_RESULTS = "e-[Results need one run on a fresh input]"
INPUT = b"".join(array.tobytes() for array in random_inputs(0))
OUTPUT = b"".join(array.tobytes() for array in expected_outputs(*random_inputs(0)))
LAP = r"m-lap-us-\d+"


def talk(firmware: FakeFirmware, script: bytes) -> list[str]:
    """All lines after the banner for a script written at once; a sanitizer's report fails the test."""
    done = subprocess.run([str(firmware.elf)], input=script, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    lines = done.stdout.decode("ascii").split("\r\n")
    assert (lines[:4], lines.pop()) == (BANNER, "")
    return lines[4:]


def db_script(data: bytes, step: int = 31) -> bytes:
    """What the MLPerf Tiny runner sends for an input: 31 bytes a command."""
    commands = [f"db {data[at : at + step].hex()}%" for at in range(0, len(data), step)]
    return (f"db load {len(data)}%" + "".join(commands)).encode()


def load_script(data: bytes) -> bytes:
    return f"tml load {len(data)} {zlib.crc32(data):08x}%".encode() + data


def results_line() -> str:
    """Exact rational arithmetic: scale 1/256 and zero point -128; scale 13421773 / 2^27 and zero point 5."""
    texts = []
    for index, q in enumerate(np.frombuffer(OUTPUT, np.int8).tolist()):
        mantissa, shift, zero_point = (8388608, 31, -128) if index < 70 else (13421773, 27, 5)
        magnitude = (abs(q - zero_point) * mantissa * 10**6 * 2 + 2**shift) // 2 ** (shift + 1)
        sign = "-" if q < zero_point and magnitude else ""
        texts.append(f"{sign}{magnitude // 10**6}.{magnitude % 10**6:06d}")
    return f"m-results-[{','.join(texts)}]"


def test_identity_commands(build: Callable[..., FakeFirmware]) -> None:
    lines = talk(build(), b"name%profile%  \r\n name \r\n%")
    assert lines == [
        "m-name-dut-[host]",
        "m-ready",
        "m-profile-[ULPMark for tinyML Firmware V0.0.1]",
        "m-model-[kws01]",
        "m-ready",
        "m-name-dut-[host]",
        "m-ready",
    ]


def test_help_lists_every_command(build: Callable[..., FakeFirmware]) -> None:
    text = "\n".join(talk(build(), b"help%"))
    for word in ("name", "timestamp", "profile", "db load", "db print", "infer", "results", "tml info", "sync"):
        assert word in text


def test_timestamps_rise(build: Callable[..., FakeFirmware]) -> None:
    lines = talk(build(), b"timestamp%" * 3)
    assert all(re.fullmatch(LAP, line) for line in lines[::2])
    times = [int(line[9:]) for line in lines[::2]]
    assert times == sorted(times)


def test_as_the_standard_runner_does(build: Callable[..., FakeFirmware]) -> None:
    lines = talk(build(), db_script(INPUT) + b"infer 1 0%results%")
    start = lines.index("m-load-done")
    assert lines[0] == "m-[Expecting 307 bytes]"
    assert lines[1:start] == ["m-ready"] * (307 // 31 + 1)
    rest = lines[start + 1 :]
    assert rest[:4] == ["m-ready", "m-warmup-start-0", "m-warmup-done", "m-infer-start-1"]
    assert re.fullmatch(LAP, rest[4]) and re.fullmatch(LAP, rest[5])
    assert rest[6:] == ["m-infer-done", results_line(), "m-ready", results_line(), "m-ready"]


@pytest.mark.parametrize("counts", [b"infer%", b"infer 1%", b"infer 3 0%", b"infer 2 5%"])
@pytest.mark.parametrize("keeps", [0, 1])
def test_every_infer_gives_the_true_result_once(build: Callable[..., FakeFirmware], counts: bytes, keeps: int) -> None:
    lines = talk(build(f"-DFAKE_KEEPS_INPUT={keeps}"), load_script(INPUT) + counts + b"results%")
    assert lines.count(results_line()) == 1 + keeps
    assert lines.count(NO_RESULTS) == 1 - keeps
    assert len([line for line in lines if re.fullmatch(LAP, line)]) == 2


def test_no_results_without_a_fresh_input(build: Callable[..., FakeFirmware]) -> None:
    def errors(script: bytes) -> list[str]:
        return [line for line in talk(build(), script) if line.startswith("e-")]

    load = load_script(INPUT)
    assert errors(b"results%tml output%infer 1 0%") == [NO_RESULTS] * 3
    assert errors(load + b"infer 1 0%infer 1 0%results%") == [NO_RESULTS] * 2
    assert errors(load + b"tml poison a5%infer 1 0%") == [NO_RESULTS]
    assert errors(load + b"infer 1 0%tml load 307 0%" + INPUT + b"results%")[-1] == NO_RESULTS
    assert errors(b"tml run 1 0%") == ["e-[Run needs a fresh input]"]
    assert errors(b"db load 4%db 01020304%infer 1 0%") == [NO_RESULTS]


def test_db_print(build: Callable[..., FakeFirmware]) -> None:
    lines = talk(build(), b"db print%db load 10%db 000102%db 030405060708090A0b%db print%")
    assert lines == [
        "m-ready",
        "m-[Expecting 10 bytes]",
        "m-ready",
        "m-ready",
        "m-load-done",
        "m-ready",
        "m-buffer-00-01-02-03-04-05-06-07",
        "m-buffer-08-09",
        "m-ready",
    ]


def test_db_xor_turns_pixels_into_int8(build: Callable[..., FakeFirmware]) -> None:
    pixels = bytes(byte ^ 0x80 for byte in INPUT)
    lines = talk(build("-DTML_APP_DB_XOR=0x80"), db_script(pixels) + b"db print%infer 1 0%")
    assert f"m-buffer-{pixels[:8].hex('-')}" in lines and results_line() in lines


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (b"nonsense 1 2%", "Unknown command: nonsense"),
        (b"tml nonsense%", "Unknown command: nonsense"),
        (b"tml%", "Unknown command: "),
        (b"\x01\xff\x80%", "Unknown command: ??"),
        (b"x" * 128 + b"%", "Command too long"),
        (b"x" * 5000 + b"%", "Command too long"),
        (b"db%", "Command 'db' requires a subcommand"),
        (b"db load%", "Command 'db load' requires the # of bytes"),
        (b"db load 0%", "Command 'db load' must be >0 bytes"),
        (b"db load -1%", "Command 'db load' must be >0 bytes"),
        (b"db load 4294967296%", "Command 'db load' must be >0 bytes"),
        (b"db load 308%", "Supplied buffer size 308 exceeds maximum of 307"),
        (b"db load 4294967295%", "Supplied buffer size 4294967295 exceeds maximum of 307"),
        (b"db 00%", "Command 'db load' must come first"),
        (b"infer 0%", "Inference iterations must be >0"),
        (b"infer -1%", "Inference iterations must be >0"),
        (b"infer 1 x%", "Inference warmup must be >=0"),
        (b"tml load%", "Command 'tml load' requires N and a CRC"),
        (b"tml load 307%", "Command 'tml load' requires N and a CRC"),
        (b"tml load 307 123456789%", "Command 'tml load' requires N and a CRC"),
        (b"tml load 306 0%", "Load size 306 must be 307"),
        (b"tml load 0 0%", "Load size 0 must be 307"),
        (b"tml poison%", "Command 'tml poison' requires a byte in hex"),
        (b"tml poison 100%", "Command 'tml poison' requires a byte in hex"),
        (b"tml sync%", "Command 'tml sync' requires a word in hex"),
        (b"tml ticks%", "Ticks need a run"),
        (b"tml steps%", "Not a profile build"),
        (b"tml crc%", "Not a trace build"),
    ],
)
def test_errors(build: Callable[..., FakeFirmware], script: bytes, error: str) -> None:
    assert talk(build(), script + b"name%") == [f"e-[{error}]", "m-ready", "m-name-dut-[host]", "m-ready"]


def test_longest_command_fits(build: Callable[..., FakeFirmware]) -> None:
    assert talk(build(), b"db load 307%db " + b"00" * 62 + b"%")[2:] == ["m-ready"]


def test_bad_chunk_can_be_sent_again(build: Callable[..., FakeFirmware]) -> None:
    lines = talk(build(), b"db load 4%db 01%db 02zz%db 020%db 020304%db print%")
    errors = ["e-[Invalid hex digit]", "m-ready", "e-[Insufficent number of hex digits]", "m-ready"]
    assert lines[2:] == ["m-ready", *errors, "m-load-done", "m-ready", "m-buffer-01-02-03-04", "m-ready"]


def test_load_acknowledges_chunks_and_checks_the_crc(build: Callable[..., FakeFirmware]) -> None:
    lines = talk(build(), load_script(INPUT) + b"tml load 307 00000000%" + INPUT + b"infer 1 0%")
    acks = [line.split()[0] for line in lines[:3]]
    assert acks == ["m-tml-ack-[0,256]", "m-tml-ack-[256,51]", "m-tml-ack-[307,0]"]
    assert lines[3:5] == ["m-load-done", "m-ready"]
    assert lines[8:10] == ["e-[Load CRC mismatch]", "m-ready"] and NO_RESULTS in lines


def test_line_closed_inside_a_load(build: Callable[..., FakeFirmware]) -> None:
    assert talk(build(), load_script(INPUT)[:-20])[-1] == "m-ready"


def test_reset_forgets_everything(build: Callable[..., FakeFirmware]) -> None:
    lines = talk(build(), load_script(INPUT) + b"infer 1 0%tml reset%results%tml ticks%tml output%")
    assert lines[-10:-6] == BANNER
    assert lines[-6:] == [NO_RESULTS, "m-ready", "e-[Ticks need a run]", "m-ready", NO_RESULTS, "m-ready"]


def test_exit(build: Callable[..., FakeFirmware]) -> None:
    assert talk(build(), b"tml exit%name%") == ["m-ready"]


def test_info(build: Callable[..., FakeFirmware], link: ProcessLink) -> None:
    session = Session(link)
    session.synchronize()
    assert parse_identity(session.ask("info")) == BuildIdentity(
        model="fake",
        model_sha256=SHA256,
        sdk_version="0.1.0",
        compiler="gcc 12.2.0",
        flags="-O1 -fsanitize=address,undefined",
        board="host",
        clock_hz=10**9,
        tick_hz=10**9,
        arena_bytes=512,
        input_bytes=(300, 7),
        output_bytes=(70, 3),
        steps=2,
        keeps_input=False,
        stack_bytes=0,
        profile=False,
    )


def test_a_sanitizer_report_reaches_the_error(tmp_path: Path) -> None:
    program = tmp_path / "dies.c"
    program.write_text('#include <stdio.h>\nint main(void) { fputs("stack smashed", stderr); return 3; }\n')
    subprocess.run(["gcc", str(program), "-o", str(tmp_path / "dies")], check=True)
    link = ProcessLink([str(tmp_path / "dies")])
    with pytest.raises(LinkClosed, match=r"code 3:\nstack smashed"):
        link.read(1, 5)
    link.close()
    link.close()


WORDS = [
    *b"name timestamp profile help db load print infer results tml info output run ticks peak steps sync reset".split(),
    *(b"poison", b"0", b"1", b"2", b"307", b"a5", b"00112233", b"4294967295", b"-1", b"%", b"%", b"\xff", b"\x00"),
]


@pytest.mark.parametrize("seed", range(4))
def test_noise(build: Callable[..., FakeFirmware], seed: int) -> None:
    """Words and noise in any order end in an orderly answer to the next command. No `infer` of more than 307 runs."""
    source = random.Random(seed)
    script = b""
    for _ in range(1500):
        words = source.choices(WORDS, k=source.randrange(1, 5))
        if (b"infer" in words or b"run" in words) and b"4294967295" in words:
            continue
        script += b" ".join(words) + b"%" * source.randrange(2)
        if source.random() < 0.2:
            script += source.randbytes(source.randrange(300)).replace(b"infer", b"").replace(b"run", b"")
        script += b"%"
    script = re.sub(rb"(infer|run)[^%]*", lambda match: match[0][:12], script)
    lines = talk(build(), script + b"%" * 400 + b"name%")
    assert lines[-2:] == ["m-name-dut-[host]", "m-ready"]


@pytest.mark.parametrize("seed", range(4))
def test_pure_noise(build: Callable[..., FakeFirmware], seed: int) -> None:
    lines = talk(build(), random.Random(seed).randbytes(20_000) + b"%" * 400 + b"name%")
    assert lines[-2:] == ["m-name-dut-[host]", "m-ready"]
