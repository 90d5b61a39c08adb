"""Calibration data: real numbers as the float model takes them, from files, folders, arrays or anything iterable."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from tinyml.errors import UsageError
from tinyml.ir import Array, Graph, Shape, Tensor, channels_first, shown
from tinyml.quantizer.images import image_folder
from tinyml.quantizer.pixels import PIXELS, from_pixels
from tinyml.samples import read_npz

DEFAULT_LIMIT = 256
RANDOM = "random"
RANDOM_SAMPLES = 64
RANDOM_ORIGIN = "random numbers"
Progress = Callable[[int, int], None]
Source = Any  # a path, "random", an array, a Calibration, or an iterable: see `calibration_data`


@dataclass(frozen=True)
class Calibration:
    """inputs: per sample one float32 array per graph input, in its shape. labels: class numbers [N], or None.

    origin: where they came from, for reports.
    """

    inputs: Sequence[tuple[Array, ...]]
    labels: Array | None = None
    origin: str = "samples"

    def __len__(self) -> int:
        return len(self.inputs)


def calibration_data(
    source: Source, graph: Graph, limit: int | None = DEFAULT_LIMIT, pixels: str | None = None
) -> Calibration:
    """At most `limit` samples for the inputs of a graph.

    source: a path to an .npz (x, or x0, x1, ... for several inputs; y: labels), to an .npy, or to a folder of images;
        an array [N, ...]; an iterable of samples or of batches, each an array or a tuple of one array per input, with
        the labels behind, if any (a PyTorch DataLoader is one); "random" for normal noise. Images may be NCHW where
        their shape says so without doubt. From a file `limit` samples are taken evenly, from an iterable the first.
    pixels: what the numbers 0 to 255 of images and of uint8 arrays become, a key of PIXELS.
    Raises UsageError for what does not fit the graph, holds NaN or infinity, or is empty.
    """
    if source is None or (isinstance(source, str) and not source):
        raise UsageError(
            "quantization needs calibration data: some hundred typical inputs, and none are given",
            "--data SAMPLES.npz (x: float inputs), a folder of images, or --data random to go without",
        )
    if pixels is not None and pixels not in PIXELS:
        raise UsageError(f"pixels {pixels!r} is none of {', '.join(PIXELS)}")
    if isinstance(source, Calibration):
        return source
    if isinstance(source, str) and source == RANDOM:
        return random_data(graph, min(limit or RANDOM_SAMPLES, RANDOM_SAMPLES))
    if isinstance(source, str | Path):
        return _from_path(Path(source), graph, limit, pixels)
    if isinstance(source, np.ndarray):
        return _from_columns([source], None, graph, limit, pixels, "an array")
    if not isinstance(source, Iterable):
        raise UsageError(f"calibration data of type {type(source).__name__}; a path, an array or an iterable expected")
    return _from_iterable(source, graph, limit, pixels)


def random_data(graph: Graph, count: int, seed: int = 0) -> Calibration:
    """Normal noise of deviation 1: ranges of a real input, and so the quality, are anyone's guess."""
    rng = np.random.default_rng(seed)
    inputs = [tuple(rng.standard_normal(t.shape).astype(np.float32) for t in graph.inputs) for _ in range(count)]
    return Calibration(inputs, None, RANDOM_ORIGIN)


def _from_path(path: Path, graph: Graph, limit: int | None, pixels: str | None) -> Calibration:
    if path.is_dir():
        inputs, labels = image_folder(path, _only_input(graph, "a folder of images"), limit, pixels)
        return Calibration([(image,) for image in inputs], labels, f"images in {path.name}")
    if path.suffix.lower() == ".npy":
        return _from_columns([_load_npy(path)], None, graph, limit, pixels, path.name)
    if path.suffix.lower() != ".npz":
        missing = "" if path.exists() else ", which does not exist"
        raise UsageError(f"{path}{missing}: an .npz or .npy file, a folder of images, or the word {RANDOM} expected")
    arrays = read_npz(path)
    names = ["x"] if len(graph.inputs) == 1 else [f"x{i}" for i in range(len(graph.inputs))]
    missing_names = [name for name in names if name not in arrays]
    if missing_names:
        raise UsageError(f"{path} has no array {', '.join(missing_names)}; it holds {', '.join(arrays) or 'nothing'}")
    return _from_columns([arrays[name] for name in names], arrays.get("y"), graph, limit, pixels, path.name)


def _load_npy(path: Path) -> Array:
    try:
        array = np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        raise UsageError(f"{path} does not exist") from error
    except Exception as error:  # a damaged file makes numpy raise nearly anything
        raise UsageError(f"{path} is not an .npy file of a plain array", "numpy.save(path, inputs)") from error
    if not isinstance(array, np.ndarray):
        raise UsageError(f"{path} holds several arrays; name it .npz")
    return array


def _from_columns(
    columns: Sequence[Array], labels: Array | None, graph: Graph, limit: int | None, pixels: str | None, origin: str
) -> Calibration:
    """columns: per input all samples, [N, ...]."""
    if len(columns) != len(graph.inputs):
        raise UsageError(f"{origin}: {len(columns)} inputs, {graph.name} has {len(graph.inputs)}")
    counts = {len(column) if column.ndim else 0 for column in columns}
    count = min(counts)
    if len(counts) != 1 or count == 0:
        raise UsageError(f"{origin}: inputs with {sorted(counts)} samples")
    if labels is not None and (labels.shape != (count,) or labels.dtype.kind not in "iu"):
        raise UsageError(f"{origin}: {count} samples, but labels {labels.dtype}{list(labels.shape)}")
    kept = evenly(count, limit)
    rows = [
        [_sample(np.asarray(column[i]), tensor, pixels, origin) for i in kept]
        for column, tensor in zip(columns, graph.inputs, strict=True)
    ]
    return Calibration(list(zip(*rows, strict=True)), None if labels is None else labels[kept], origin)


def evenly(count: int, limit: int | None) -> Array:
    """Positions of at most `limit` of `count` samples, from first to last: files are often sorted by class."""
    kept = count if limit is None else min(limit, count)
    return np.linspace(0, count - 1, kept).round().astype(np.int64)


def _from_iterable(source: Iterable[Any], graph: Graph, limit: int | None, pixels: str | None) -> Calibration:
    inputs: list[tuple[Array, ...]] = []
    labels: list[int] = []
    for element in islice(source, limit):
        rows, classes = _rows(element, graph, pixels)
        inputs += rows
        labels += classes
        if limit is not None and len(inputs) >= limit:
            break
    if not inputs:
        raise UsageError("the calibration data hold no sample", "an iterator can be read once: pass a new one")
    kept = inputs[:limit]
    known = np.array(labels[: len(kept)]) if len(labels) >= len(kept) else None
    return Calibration(kept, known)


def _rows(element: Any, graph: Graph, pixels: str | None) -> tuple[list[tuple[Array, ...]], list[int]]:
    """The samples of one element of an iterable, a sample or a batch, and their labels, if it has some."""
    parts = list(element) if isinstance(element, tuple | list) else [element]
    count = len(graph.inputs)
    if len(parts) not in (count, count + 1):
        raise UsageError(
            f"an element of the calibration data has {len(parts)} parts; {graph.name} has {count} inputs",
            "an iterable of arrays, or of (input, ..., label)",
        )
    columns = [list(_split(np.asarray(p), t, pixels)) for p, t in zip(parts, graph.inputs, strict=False)]
    rows = list(zip(*columns, strict=False))
    if any(len(column) != len(rows) for column in columns):
        raise UsageError(f"a batch of the calibration data has inputs with {[len(c) for c in columns]} samples")
    classes = np.atleast_1d(np.asarray(parts[count])) if len(parts) > count else np.zeros(0, np.int64)
    return rows, [int(c) for c in classes] if classes.dtype.kind in "iu" and classes.shape == (len(rows),) else []


def _split(array: Array, tensor: Tensor, pixels: str | None) -> Iterator[Array]:
    """The samples of a batch [B, ...], or the one sample."""
    if _arranged(array, tensor.shape) is None and array.ndim and len(array):
        yield from (_sample(row, tensor, pixels, "a batch of the calibration data") for row in array)
    else:
        yield _sample(array, tensor, pixels, "a sample of the calibration data")


def _sample(array: Array, tensor: Tensor, pixels: str | None, origin: str) -> Array:
    """One sample in the tensor's shape, float32, finite."""
    arranged = _arranged(array, tensor.shape)
    if arranged is None:
        raise UsageError(
            f"{origin}: samples of shape {list(array.shape)}; {shown(tensor.name)} is {list(tensor.shape)}",
            "numpy.moveaxis(x, 1, -1) turns NCHW into NHWC" if array.size == tensor.size else "",
        )
    if arranged.dtype == np.uint8:
        arranged = from_pixels(arranged, pixels, origin)
    if arranged.dtype == np.int8 and tensor.quant is not None:
        arranged = np.float32(tensor.quant.scale) * (arranged.astype(np.float32) - tensor.quant.zero_point)
    if arranged.dtype.kind != "f":
        raise UsageError(
            f"{origin}: samples are {arranged.dtype}; float32 expected, the real numbers that the float model takes"
        )
    real = arranged.astype(np.float32)
    if not np.isfinite(real).all():
        raise UsageError(f"{origin}: samples for {shown(tensor.name)} hold NaN or infinity")
    return real


def _arranged(array: Array, shape: Shape) -> Array | None:
    """The array in `shape` where only sides of 1 differ, it is flat, or an image's channels come first; else None."""
    if array.size != math.prod(shape):
        return None
    if _sides(array.shape) == _sides(shape) or len(_sides(array.shape)) == 1:
        return array.reshape(shape)
    if channels_first(tuple(_sides(array.shape)), shape[1:]):
        return np.moveaxis(array.reshape(_sides(array.shape)), 0, -1).reshape(shape)
    return None


def _sides(shape: Shape) -> list[int]:
    return [side for side in shape if side != 1]


def _only_input(graph: Graph, what: str) -> Tensor:
    if len(graph.inputs) != 1:
        raise UsageError(f"{what} for {graph.name}, which has {len(graph.inputs)} inputs", "an .npz with x0, x1, ...")
    return graph.inputs[0]
