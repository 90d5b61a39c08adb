"""Inputs that every comparison uses: the three constant extremes, and seeded noise."""

from __future__ import annotations

import numpy as np

from tinyml.ir import Array, Graph, Tensor


def int8_samples(graph: Graph, count: int, seed: int = 0) -> list[tuple[Array, ...]]:
    """`count` samples: all -128, all 127, all zero point, then random ones; one array per graph input.

    An int16 input gets its own least and greatest value.
    """
    rng = np.random.default_rng(seed)
    samples = [tuple(np.full(t.shape, t.dtype.bounds[end], t.dtype.numpy) for t in graph.inputs) for end in (0, 1)]
    samples += [tuple(np.full(t.shape, t.affine.zero_points[0] if t.quant else 0, t.dtype.numpy) for t in graph.inputs)]
    samples += [tuple(_noise(rng, tensor) for tensor in graph.inputs) for _ in range(count - len(samples))]
    return samples[:count]


def _noise(rng: np.random.Generator, tensor: Tensor) -> Array:
    low, high = tensor.dtype.bounds
    return rng.integers(low, high + 1, tensor.shape).astype(tensor.dtype.numpy)
