"""mem.c's four functions against Python's bytes, at every small alignment."""

from __future__ import annotations

import ctypes
import random
import subprocess
from pathlib import Path

import pytest

MEM = Path(__file__).resolve().parents[2] / "firmware_templates/common/mem.c"


@pytest.fixture(scope="module", params=["-O0", "-O3"])
def mem(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    library = tmp_path_factory.mktemp("mem") / "mem.so"
    argv = ["gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", request.param, "-fPIC", "-shared", "-DTML_MEM_TEST"]
    subprocess.run([*argv, str(MEM), "-o", str(library)], check=True)
    return ctypes.CDLL(str(library))


def test_all(mem: ctypes.CDLL) -> None:
    source = random.Random(1)
    for _ in range(2000):
        start, other, count = source.randrange(12), source.randrange(12), source.randrange(40)
        content = source.randbytes(64)
        buffer = ctypes.create_string_buffer(content, 64)
        base = ctypes.addressof(buffer)

        expected = bytearray(content)
        expected[start : start + count] = content[other : other + count]
        mem.tml_test_memmove(ctypes.c_void_p(base + start), ctypes.c_void_p(base + other), ctypes.c_size_t(count))
        assert buffer.raw == expected

        target = ctypes.create_string_buffer(64)
        mem.tml_test_memcpy(
            ctypes.c_void_p(ctypes.addressof(target) + start), ctypes.c_void_p(base + other), ctypes.c_size_t(count)
        )
        assert target.raw == bytes(start) + buffer.raw[other : other + count] + bytes(64 - start - count)

        value = source.randrange(-200, 400)
        expected[start : start + count] = bytes([value & 255]) * count
        mem.tml_test_memset(ctypes.c_void_p(base + start), ctypes.c_int(value), ctypes.c_size_t(count))
        assert buffer.raw == expected

        left, right = source.choices([b"abcd", b"abce", b"\xffbcd", b"ab"], k=2)
        order = mem.tml_test_memcmp(left, right, ctypes.c_size_t(2))
        assert (order > 0) - (order < 0) == (left[:2] > right[:2]) - (left[:2] < right[:2])
