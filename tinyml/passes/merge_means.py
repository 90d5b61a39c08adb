"""A mean of means becomes one mean if and only if the bytes stay equal.

    MEAN_B(MEAN_A(x))  =>  MEAN_(A and B)(x)

With n elements per inner mean and m inner means per outer one, the two steps give f2(f1(s_1) + .. + f1(s_m)) and the
one step f(s_1 + .. + s_m). The s_i are sums of n bytes less the zero point z, any integers in n * [-128 - z, 127 - z];
f1, f2 and f rescale, round and clamp. Rounding inside makes the two differ, as a rule. It is decided exactly:

- n = 1 or m = 1 with nothing rescaled in that step: that step hands on its bytes, and the other one is f. Equal.
- Some s_i of two values only, for which the two differ, is found. Not equal.
- Otherwise, for every total T the least and the greatest sum of f1(s_i) with s_1 + .. + s_m = T are computed, by adding
  one s_i after the other (min-plus convolution). f2 never decreases, so the two are equal if and only if f2 of both is
  f(T), for all T.

Above a bound on the work of the last step nothing is proved and the means stay. Float means stay: they round too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from tinyml.ir import Array, DType, Graph, Node, Tensor
from tinyml.ir.requantize import multiply_by_quantized_multiplier
from tinyml.ops import Mean, Reshape
from tinyml.passes.rewriting import log, same_numbers, sole_reader, swap, sweep

MAX_STEPS = 1 << 28  # of the exhaustive proof, about a second

Rounding = Callable[[Array], Array]  # sums to rescaled, rounded, clamped bytes less their zero point


def merge_means(graph: Graph) -> Graph:
    return sweep(graph, _merge)


def _merge(graph: Graph, node: Node) -> Graph:
    if not isinstance(node.op, Mean) or node.output.dtype is not DType.INT8:
        return graph
    path = _path_to_mean(graph, node)
    if not path:
        return graph
    first, merged = path[0], _merged(path, node, node.op)
    verdict = "a reshape between moves what is averaged" if merged is None else _verdict(first, node, merged)
    if merged is None or verdict:
        log.debug("merge_means: %r and %r stay two: %s", first.name, node.name, verdict)
        return graph
    shaped = Node(f"{node.name}/shape", Reshape(node.output.shape), merged.outputs, node.outputs)
    return swap(graph, node, merged, shaped)


def _path_to_mean(graph: Graph, node: Node) -> list[Node]:
    """A mean and the reshapes between it and the node, in order, that nothing else reads; empty without such a mean."""
    path: list[Node] = []
    tensor = node.inputs[0]
    while sole_reader(graph, tensor) is not None and tensor in graph.producer:
        path.insert(0, graph.producer[tensor])
        tensor = path[0].inputs[0]
        if not isinstance(path[0].op, Reshape):
            return path if isinstance(path[0].op, Mean) and tensor.dtype is DType.INT8 else []
    return []


def _merged(path: list[Node], node: Node, op: Mean) -> Node | None:
    """The one mean, with all axes kept; None when a reshape joins or cuts axes."""
    first = path[0]
    assert isinstance(first.op, Mean)
    source = first.inputs[0]
    reduced = set(first.op.reduced(source.shape))
    # the axis of the source that each axis of the tensor at hand is; sides of 1 are nobody's
    axes = [axis for axis in range(len(source.shape)) if axis not in reduced and source.shape[axis] > 1]
    sides = [source.shape[axis] for axis in axes]
    if any([side for side in step.output.shape if side > 1] != sides for step in path):
        return None
    long_axes = [axis for axis, side in enumerate(node.inputs[0].shape) if side > 1]
    again = op.reduced(node.inputs[0].shape)
    reduced |= {axes[index] for index, axis in enumerate(long_axes) if axis in again}
    if not same_numbers(path[-1].output, first.output):
        return None
    mean = Mean(tuple(sorted(reduced)), keep_dims=True)
    output = Tensor(f"{node.output.name}/mean", mean.infer([source])[0], DType.INT8, node.output.quant)
    return replace(node, op=mean, inputs=(source,), outputs=(output,))


@dataclass(frozen=True)
class _TwoSteps:
    """f1, f2 and f of the docstring; `sums` are all values of one s_i, `count` is m."""

    inner: Rounding
    outer: Rounding
    one: Rounding
    sums: Array
    count: int


def _verdict(first: Node, second: Node, merged: Node) -> str:
    """Why the bytes may differ, or nothing when they are equal."""
    n = first.inputs[0].size // first.output.size
    m = second.inputs[0].size // second.output.size
    if (n == 1 and same_numbers(first.inputs[0], first.output)) or (
        m == 1 and same_numbers(second.inputs[0], second.output)
    ):
        return ""
    zero = first.inputs[0].affine.zero_point
    sums = np.arange(n * (-128 - zero), n * (127 - zero) + 1)
    steps = _TwoSteps(_rounding(first), _rounding(second), _rounding(merged), sums, m)
    if found := _counterexample(steps):
        return found
    if sums.size * sums.size * m * m > MAX_STEPS:
        return "too many sums to prove that the bytes stay equal"
    return "" if _equal_for_all_totals(steps) else "the first rounds before the second"


def _rounding(node: Node) -> Rounding:
    assert isinstance(node.op, Mean)
    multiplier, shift = node.op.rescaling(node)
    zero = node.output.affine.zero_point

    def rounded(sums: Array) -> Array:
        return np.clip(multiply_by_quantized_multiplier(sums, multiplier, shift), -128 - zero, 127 - zero)

    return rounded


def _counterexample(steps: _TwoSteps) -> str:
    """k sums of one value and m - k of another for which the bytes differ, as text; empty when none is found."""
    rounded = steps.inner(steps.sums)
    low, high = int(steps.sums[0]), int(steps.sums[-1])
    for rest in sorted({low, high, *range(max(low, -4), min(high, 4) + 1)}):
        for k in range(1, steps.count):
            twice = steps.outer(k * rounded + (steps.count - k) * rounded[rest - low])
            once = steps.one(k * steps.sums + (steps.count - k) * rest)
            differing = np.flatnonzero(twice != once)
            if differing.size:
                return f"the bytes differ for {k} sums of {steps.sums[differing[0]]} and {steps.count - k} of {rest}"
    return ""


def _equal_for_all_totals(steps: _TwoSteps) -> bool:
    rounded = steps.inner(steps.sums)
    least, greatest = rounded, rounded
    for _ in range(steps.count - 1):
        least = _min_plus(least, rounded)
        greatest = -_min_plus(-greatest, -rounded)
    between = steps.outer(np.arange(least.min(), greatest.max() + 1))
    if np.any(np.diff(between) < 0):
        return False
    totals = steps.one(steps.count * int(steps.sums[0]) + np.arange(least.size))
    return bool(np.array_equal(steps.outer(least), totals) and np.array_equal(steps.outer(greatest), totals))


def _min_plus(a: Array, b: Array) -> Array:
    """c[t] = least a[i] + b[j] with i + j = t."""
    total = np.full(a.size + b.size - 1, np.iinfo(np.int64).max)
    for shift, value in enumerate(b):
        window = total[shift : shift + a.size]
        np.minimum(window, a + value, out=window)
    return total
