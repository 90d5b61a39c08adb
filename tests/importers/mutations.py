"""Damaged copies of a model file, seeded: what a hostile or broken download may hold."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

import numpy as np

Rng = np.random.Generator

# lengths, offsets, shapes and enumerations at their edges
_WORDS = (0, 1, 2, 3, 0x7F, 0xFF, 0x100, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xEE6B2800, 0xFFFFFFFE, 0xFFFFFFFF)


def truncated(data: bytes, rng: Rng) -> bytes:
    return data[: int(rng.integers(0, len(data)))]


def bits_flipped(data: bytes, rng: Rng) -> bytes:
    damaged = bytearray(data)
    for _ in range(int(rng.choice([1, 1, 2, 8, 64]))):
        damaged[int(rng.integers(0, len(damaged)))] ^= 1 << int(rng.integers(0, 8))
    return bytes(damaged)


def run_of(byte: int) -> Callable[[bytes, Rng], bytes]:
    def overwritten(data: bytes, rng: Rng) -> bytes:
        start, length = int(rng.integers(0, len(data))), int(rng.choice([4, 8, 16, 64, 256, 4096]))
        return data[:start] + bytes([byte]) * min(length, len(data) - start) + data[start + length :]

    return overwritten


def word_replaced(data: bytes, rng: Rng) -> bytes:
    """An aligned 32-bit word becomes an edge value or moves by a little: most often that is a length or an offset."""
    at = 4 * int(rng.integers(0, len(data) // 4))
    (old,) = struct.unpack_from("<I", data, at)
    new = int(rng.choice(_WORDS)) if rng.random() < 0.7 else (old + int(rng.integers(-8, 9))) & 0xFFFFFFFF
    return data[:at] + struct.pack("<I", new) + data[at + 4 :]


def words_swapped(data: bytes, rng: Rng) -> bytes:
    """A 32-bit word copied over another: offsets that point at tables of another kind, cycles, shared vectors."""
    source, target = (4 * int(i) for i in rng.integers(0, len(data) // 4, 2))
    return data[:target] + data[source : source + 4] + data[target + 4 :]


MUTATIONS: tuple[Callable[[bytes, Rng], bytes], ...] = (
    truncated,
    bits_flipped,
    run_of(0xFF),
    run_of(0x00),
    word_replaced,
    words_swapped,
)


def mutations(data: bytes, count: int, seed: int) -> Iterator[bytes]:
    """`count` damaged copies, every kind of damage in turn; the structure that follows the weights is hit as often."""
    structure = max(len(data) - 4096, 0)
    for index in range(count):
        rng = np.random.default_rng([seed, index])
        mutate = MUTATIONS[index % len(MUTATIONS)]
        if index // len(MUTATIONS) % 2:
            yield data[:structure] + mutate(data[structure:], rng)
        else:
            yield mutate(data, rng)
