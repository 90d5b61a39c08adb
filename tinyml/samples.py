"""Inputs for testing a model: from a file, or made up.

A samples file is an .npz: `x` holds the inputs, [N, ...] in the shape of the model's input, int8 (or
int16) as the model takes it or float32 in real numbers; several inputs are `x0`, `x1`, ... in the model's order. Images
and signals may have their channels first where the shape says so without doubt. `y`, if present, holds N class numbers.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinyml.errors import UsageError
from tinyml.ir import Array, Graph, Tensor, channels_first, shown
from tinyml.ir.requantize import round_half_away


@dataclass(frozen=True)
class Samples:
    """inputs: per sample one array per graph input, of its type and shape. labels: class numbers [N], or None.

    real: the inputs in real numbers before they became int8, where they were given so.
    """

    inputs: Sequence[tuple[Array, ...]]
    labels: Array | None = None
    real: Sequence[tuple[Array, ...]] | None = None

    def __len__(self) -> int:
        return len(self.inputs)


def made_up_samples(graph: Graph, count: int, seed: int = 0) -> Samples:
    """All -128, all 127 (int16: its least, its greatest), all zero point, then seeded uniform noise."""
    rng = np.random.default_rng(seed)
    extremes = [tuple(np.full(t.shape, t.dtype.bounds[end], t.dtype.numpy) for t in graph.inputs) for end in (0, 1)]
    zeros = tuple(np.full(t.shape, t.affine.zero_point, t.dtype.numpy) for t in graph.inputs)
    noise = (tuple(_noise(rng, tensor) for tensor in graph.inputs) for _ in range(count))
    return Samples([*extremes, zeros, *noise][:count])


def _noise(rng: np.random.Generator, tensor: Tensor) -> Array:
    low, high = tensor.dtype.bounds
    return rng.integers(low, high + 1, tensor.shape).astype(tensor.dtype.numpy)


def load_samples(path: str | Path, graph: Graph, limit: int | None = None) -> Samples:
    """Samples of an .npz file, at most `limit`. Raises UsageError where the file does not fit the graph."""
    path = Path(path)
    arrays = read_npz(path)
    names = ["x"] if len(graph.inputs) == 1 else [f"x{i}" for i in range(len(graph.inputs))]
    missing = [name for name in names if name not in arrays]
    if missing:
        raise UsageError(f"{path} has no array {', '.join(missing)}; it holds {', '.join(arrays) or 'nothing'}")
    given = [_checked(arrays[name], t, path) for name, t in zip(names, graph.inputs, strict=True)]
    columns = [_as_taken(column, t) for column, t in zip(given, graph.inputs, strict=True)]
    count = min(len(column) for column in columns)
    if any(len(column) != count for column in columns) or count == 0:
        raise UsageError(f"{path}: inputs with {[len(column) for column in columns]} samples")
    labels = arrays.get("y")
    if labels is not None and labels.shape != (count,):
        raise UsageError(f"{path}: {count} samples but labels of shape {labels.shape}")
    if labels is not None and (labels.dtype.kind not in "iu" or not _within(labels, graph.outputs[0])):
        raise UsageError(f"{path}: labels y must be class numbers from 0 to {graph.outputs[0].size - 1}")
    kept = slice(0, limit)
    real = None if any(np.issubdtype(column.dtype, np.integer) for column in given) else _rows(given, kept)
    return Samples(_rows(columns, kept), None if labels is None else labels[kept], real)


def real_inputs(samples: Samples, graph: Graph) -> Sequence[tuple[Array, ...]]:
    """The inputs in real numbers, float32: as they were given, else what the int8 ones stand for."""
    if samples.real is not None:
        return samples.real
    return [
        tuple(np.float32(t.affine.scale) * (x.astype(np.float32) - t.affine.zero_point) for x, t in pairs)
        for pairs in (zip(sample, graph.inputs, strict=True) for sample in samples.inputs)
    ]


def _rows(columns: Sequence[Array], kept: slice) -> list[tuple[Array, ...]]:
    return list(zip(*(column[kept] for column in columns), strict=True))


def _within(labels: Array, output: Tensor) -> bool:
    return bool(((labels >= 0) & (labels < output.size)).all())


def read_npz(path: Path) -> dict[str, Array]:
    """The arrays of an .npz file by name. UsageError for anything else."""
    try:
        with zipfile.ZipFile(path):  # numpy.load would take other formats too
            pass
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except FileNotFoundError as error:
        raise UsageError(f"{path} does not exist") from error
    except (PermissionError, IsADirectoryError) as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    except Exception as error:  # a damaged archive makes zipfile, zlib and numpy raise nearly anything
        raise UsageError(
            f"{path} is not an .npz file of plain arrays", hint="numpy.savez(path, x=inputs, y=labels)"
        ) from error


def _checked(array: Array, tensor: Tensor, path: Path) -> Array:
    """All samples of one input, [N, ...] with the shape of the input behind: of its type, or finite float32."""
    shape = (len(array) if array.ndim else 0, *tensor.shape)
    if array.ndim == 0 or array.size != int(np.prod(shape)):
        raise UsageError(f"{path}: samples of shape {array.shape[1:]} for input {shown(tensor.name)} of {tensor.shape}")
    if channels_first(array.shape[1:], tensor.shape[1:]):
        array = np.moveaxis(array, 1, -1)
    if array.dtype == tensor.dtype.numpy:
        return array.reshape(shape)
    if not np.issubdtype(array.dtype, np.floating):
        raise UsageError(
            f"{path}: samples are {array.dtype}; {tensor.dtype.value} (as the model takes them) or float32 "
            "(real numbers) expected"
        )
    if not np.isfinite(array).all():
        raise UsageError(f"{path}: samples for input {shown(tensor.name)} hold NaN or infinity")
    return array.reshape(shape).astype(np.float32)


def _as_taken(array: Array, tensor: Tensor) -> Array:
    return array if array.dtype == tensor.dtype.numpy else quantize(array, tensor)


def quantize(real: Array, tensor: Tensor) -> Array:
    """round(real / scale) + zero_point, ties away from zero, saturated to the tensor's type."""
    scaled = real.astype(np.float32) / np.float32(tensor.affine.scale)
    rounded = round_half_away(scaled) + tensor.affine.zero_point
    clipped: Array = np.clip(np.nan_to_num(rounded, nan=tensor.affine.zero_point), *tensor.dtype.bounds)
    return clipped.astype(tensor.dtype.numpy)
