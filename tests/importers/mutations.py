"""Damaged copies of a model file, seeded: what a hostile or broken download may hold."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tests.importers.tflite_files import edited

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


_SIDES = (-1, 0, 1, 2, 3, 7, 64, 1 << 14, 1 << 20, (1 << 31) - 1)
_SCALES = (0.0, -1.0, 1e-45, 1e-30, 1e-9, 0.5, 1.0, 2.0, 1e9, 1e30, float("inf"), float("nan"))
_OPTIONS = (-(1 << 31), -2, -1, 0, 1, 2, 3, 5, 127, 1 << 14, (1 << 31) - 1, True, False, 0.0, -1.0, 1e30, float("nan"))


def contradicted(data: bytes, rng: Rng) -> bytes:
    """A file that is whole but states something else than before: one to three fields have another value."""

    def edit(model: Any) -> None:
        for _ in range(int(rng.integers(1, 4))):
            _EDITS[int(rng.integers(len(_EDITS)))](model, rng)

    try:
        return edited(data, edit)
    except (TypeError, ValueError, OverflowError, struct.error):
        return data  # the schema cannot hold that value


def _one(rng: Rng, items: Any) -> Any:
    return items[int(rng.integers(len(items)))]


def _edit_shape(model: Any, rng: Rng) -> None:
    tensor = _one(rng, model.subgraphs[0].tensors)
    shape = [int(side) for side in tensor.shape] if tensor.shape is not None else []
    kind = int(rng.integers(4))
    if kind == 0 or not shape:
        shape.insert(int(rng.integers(len(shape) + 1)), 1)
    elif kind == 1:
        shape.pop(int(rng.integers(len(shape))))
    elif kind == 2:
        shape = [int(side) for side in rng.permutation(shape)]
    else:
        shape[int(rng.integers(len(shape)))] = _one(rng, _SIDES)
    tensor.shape = np.array(shape, np.int32)


def _edit_quantization(model: Any, rng: Rng) -> None:
    quant = _one(rng, model.subgraphs[0].tensors).quantization
    if quant is None or quant.scale is None or not len(quant.scale):
        return
    scales, kind = np.array(quant.scale, np.float32), int(rng.integers(4))
    if kind == 0:
        scales[int(rng.integers(len(scales)))] = _one(rng, _SCALES)
    elif kind == 1:
        scales = scales * np.float32(2.0 ** rng.uniform(-30, 30))
    elif kind == 2:
        quant.zeroPoint = np.array([_one(rng, (-129, -128, 0, 5, 127, 128, 1 << 40))] * len(scales), np.int64)
    else:
        quant.quantizedDimension = int(rng.integers(-1, 5))
    quant.scale = scales


def _edit_options(model: Any, rng: Rng) -> None:
    options = _one(rng, model.subgraphs[0].operators).builtinOptions
    if options is not None and vars(options):
        setattr(options, _one(rng, sorted(vars(options))), _one(rng, _OPTIONS))


def _edit_operator(model: Any, rng: Rng) -> None:
    """Another operator code, operands exchanged, left out, or of another operator."""
    subgraph = model.subgraphs[0]
    operator, kind = _one(rng, subgraph.operators), int(rng.integers(4))
    operands = np.array(operator.inputs, np.int32)
    if kind == 0:
        operator.opcodeIndex = int(rng.integers(len(model.operatorCodes)))
    elif kind == 1 and len(operands):
        operands[int(rng.integers(len(operands)))] = int(rng.integers(-1, len(subgraph.tensors)))
    elif kind == 2:
        operands = rng.permutation(operands)
    else:
        operands = operands[:-1]
    operator.inputs = operands


def _edit_ports(model: Any, rng: Rng) -> None:
    """Other inputs or outputs of the graph: repeated, left out, any tensor."""
    subgraph = model.subgraphs[0]
    side = _one(rng, ("inputs", "outputs"))
    number = int(_one(rng, (int(rng.integers(len(subgraph.tensors))), _one(rng, getattr(subgraph, side)))))
    ports = [int(t) for t in getattr(subgraph, side)]
    setattr(subgraph, side, np.array(_one(rng, ([*ports, number], [number], ports[1:])), np.int32))


def _edit_constant(model: Any, rng: Rng) -> None:
    """A constant's bytes: extreme, noise, or as 32-bit numbers small ones."""
    buffers = [buffer for buffer in model.buffers if buffer.data is not None and len(buffer.data)]
    if buffers:
        buffer = _one(rng, buffers)
        size, kind = len(buffer.data), int(rng.integers(3))
        words = rng.integers(-3, 9, size).astype("<i4").tobytes()[:size]
        values = (bytes([_one(rng, (0x00, 0x7F, 0x80, 0xFF))]) * size, rng.bytes(size), words)[kind]
        buffer.data = np.frombuffer(values, np.uint8)


def _edit_type(model: Any, rng: Rng) -> None:
    _one(rng, model.subgraphs[0].tensors).type = int(rng.integers(0, 18))


_EDITS: tuple[Callable[[Any, Rng], None], ...] = (
    _edit_shape,
    _edit_quantization,
    _edit_quantization,
    _edit_options,
    _edit_options,
    _edit_operator,
    _edit_ports,
    _edit_constant,
    _edit_type,
)
