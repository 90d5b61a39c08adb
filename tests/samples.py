"""Inputs that every comparison uses: the three constant extremes, and seeded noise."""

from __future__ import annotations

import numpy as np

from tinyml.ir import Array, DType, Graph, Tensor


def int8_samples(graph: Graph, count: int, seed: int = 0) -> list[tuple[Array, ...]]:
    """`count` samples: all -128, all 127, all zero point, then random ones; one array per graph input."""
    rng = np.random.default_rng(seed)
    samples = [tuple(np.full(t.shape, value, t.dtype.numpy) for t in graph.inputs) for value in (-128, 127)]
    samples += [tuple(np.full(t.shape, _zero_point(t), t.dtype.numpy) for t in graph.inputs)]
    samples += [tuple(_noise(rng, tensor) for tensor in graph.inputs) for _ in range(count - len(samples))]
    return samples[:count]


def _noise(rng: np.random.Generator, tensor: Tensor) -> Array:
    assert tensor.dtype in (DType.INT8, DType.INT32)
    low, high = tensor.dtype.bounds
    return rng.integers(low, high + 1, tensor.shape).astype(tensor.dtype.numpy)


def _zero_point(tensor: Tensor) -> int:
    return tensor.affine.zero_points[0] if tensor.quant else 0
