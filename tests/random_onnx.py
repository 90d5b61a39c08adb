"""Random ONNX networks against onnxruntime: a seed and a count. Mixed layouts are the point.

python -m tests.random_onnx --seed 7 --count 2000
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.importers.onnx_files import expected, model, node, weights
from tinyml.errors import TinymlError
from tinyml.importers.from_onnx import import_onnx
from tinyml.interpreter import run
from tinyml.ir import Array, Shape
from tinyml.passes import optimize

Rng = np.random.Generator
TOLERANCE = 1e-4  # of the output's range, or of its greatest magnitude


class Network:
    """Nodes so far, and the shape of every tensor they compute."""

    def __init__(self, rng: Rng) -> None:
        self.rng = rng
        shape = self.pick([(1, 3, 8, 6), (1, 4, 7, 7), (1, 2, 9), (1, 12), (1, 5, 8), (1, 1, 6, 4)])
        self.inputs: dict[str, Shape] = {"x": shape}
        self.shapes: dict[str, Shape] = dict(self.inputs)
        self.constants: dict[str, Array] = {}
        self.nodes: list[Any] = []

    def pick(self, choices: Any) -> Any:
        return choices[int(self.rng.integers(len(choices)))]

    def constant(self, data: Array) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = data
        return name

    def weights(self, *shape: int) -> str:
        data = weights(*shape, seed=int(self.rng.integers(1000)))
        return self.constant(data / np.float32(np.sqrt(np.prod(shape[1:]))))

    def ints(self, *numbers: int) -> str:
        return self.constant(np.array(numbers, np.int64))

    def add(self, kind: str, inputs: list[str], *shapes: Shape, **attributes: Any) -> None:
        outputs = [f"t{len(self.shapes) + at}" for at in range(len(shapes))]
        self.nodes.append(node(kind, inputs, outputs, **attributes))
        self.shapes.update(zip(outputs, shapes, strict=True))

    def grow(self) -> None:
        """One more operator on a recent tensor."""
        names = list(self.shapes)
        name = self.pick(names[-3:])
        _STEPS[int(self.rng.integers(len(_STEPS)))](self, name, self.shapes[name])


def _conv(net: Network, x: str, shape: Shape) -> None:
    if len(shape) not in (3, 4) or min(shape[2:]) < 3:
        return
    spatial = len(shape) - 2
    groups = net.pick([1, 1, shape[1], 2 if shape[1] % 2 == 0 else 1])
    outputs = groups * int(net.rng.integers(1, 4))
    kernel = net.weights(outputs, shape[1] // groups, *[3] * spatial)
    net.add("Conv", [x, kernel, net.weights(outputs)], (1, outputs, *shape[2:]), group=groups, pads=[1] * (2 * spatial))


def _pool(net: Network, x: str, shape: Shape) -> None:
    if len(shape) not in (3, 4) or min(shape[2:]) < 4:
        return
    spatial = len(shape) - 2
    kind, halved = net.pick(["MaxPool", "AveragePool"]), (*shape[:2], *(side // 2 for side in shape[2:]))
    net.add(kind, [x], halved, kernel_shape=[2] * spatial, strides=[2] * spatial)


def _activation(net: Network, x: str, shape: Shape) -> None:
    net.add(net.pick(["Relu", "Sigmoid", "Tanh", "HardSwish", "LeakyRelu"]), [x], shape)


def _with_constant(net: Network, x: str, shape: Shape) -> None:
    sides = [side if net.rng.random() < 0.6 else 1 for side in shape]
    sides = sides[int(net.rng.integers(len(sides))) :]
    operands = [x, net.weights(*sides)]
    net.add(net.pick(["Add", "Mul", "Sub"]), operands if net.rng.random() < 0.8 else operands[::-1], shape)


def _with_another(net: Network, x: str, shape: Shape) -> None:
    fitting = [n for n, s in net.shapes.items() if len(s) == len(shape) and _stretches(s, shape)]
    other = net.pick(fitting)
    operands = [x, other] if net.rng.random() < 0.5 else [other, x]
    net.add(net.pick(["Add", "Mul", "Sub"]), operands, tuple(np.broadcast_shapes(shape, net.shapes[other])))


def _stretches(first: Shape, second: Shape) -> bool:
    return all(a == b or 1 in (a, b) for a, b in zip(first, second, strict=True))


def _transpose(net: Network, x: str, shape: Shape) -> None:
    order = [0, *(1 + net.rng.permutation(len(shape) - 1)).tolist()]
    net.add("Transpose", [x], tuple(shape[axis] for axis in order), perm=order)


def _reshape(net: Network, x: str, shape: Shape) -> None:
    total = int(np.prod(shape))
    sides: list[int] = []
    for _ in range(int(net.rng.integers(0, 4))):
        sides.append(int(net.pick([side for side in range(1, total + 1) if total % side == 0])))
        total //= sides[-1]
    net.add("Reshape", [x, net.ints(1, *sides, total)], (1, *sides, total))


def _flatten(net: Network, x: str, shape: Shape) -> None:
    net.add("Flatten", [x], (1, int(np.prod(shape))))


def _matmul(net: Network, x: str, shape: Shape) -> None:
    if len(shape) > 1:
        outputs = int(net.rng.integers(1, 7))
        net.add("MatMul", [x, net.weights(shape[-1], outputs)], (*shape[:-1], outputs))


def _mean(net: Network, x: str, shape: Shape) -> None:
    axes = sorted({int(net.rng.integers(1, len(shape))) for _ in range(2)})
    kept = tuple(1 if axis in axes else side for axis, side in enumerate(shape))
    net.add("ReduceMean", [x], kept, axes=axes, keepdims=1)


def _softmax(net: Network, x: str, shape: Shape) -> None:
    net.add("Softmax", [x], shape, axis=int(net.rng.integers(1, len(shape))))


def _concat(net: Network, x: str, shape: Shape) -> None:
    axis = int(net.rng.integers(1, len(shape)))
    fitting = [n for n, s in net.shapes.items() if len(s) == len(shape) and _without(s, axis) == _without(shape, axis)]
    others = [net.pick(fitting) for _ in range(int(net.rng.integers(1, 3)))]
    total = shape[axis] + sum(net.shapes[other][axis] for other in others)
    net.add("Concat", [x, *others], (*shape[:axis], total, *shape[axis + 1 :]), axis=axis)


def _without(shape: Shape, axis: int) -> Shape:
    return (*shape[:axis], *shape[axis + 1 :])


def _split(net: Network, x: str, shape: Shape) -> None:
    axis = int(net.rng.integers(1, len(shape)))
    if shape[axis] > 1:
        first = int(net.rng.integers(1, shape[axis]))
        sizes = [first, shape[axis] - first]
        parts = [(*shape[:axis], size, *shape[axis + 1 :]) for size in sizes]
        net.add("Split", [x, net.ints(*sizes)], *parts, axis=axis)


def _slice(net: Network, x: str, shape: Shape) -> None:
    axis = int(net.rng.integers(1, len(shape)))
    taken = range(shape[axis])[:: net.pick([1, 2, -1])][: int(net.rng.integers(1, shape[axis] + 1))]
    end = taken[-1] + (1 if taken.step > 0 else -1)
    bounds = [net.ints(taken[0]), net.ints(end if end >= 0 else -(2**62)), net.ints(axis), net.ints(taken.step)]
    net.add("Slice", [x, *bounds], (*shape[:axis], len(taken), *shape[axis + 1 :]))


def _pad(net: Network, x: str, shape: Shape) -> None:
    before, after = ([0, *net.rng.integers(0, 2, len(shape) - 1).tolist()] for _ in range(2))
    padded = tuple(b + side + a for b, side, a in zip(before, shape, after, strict=True))
    net.add("Pad", [x, net.ints(*before, *after)], padded)


_STEPS: tuple[Callable[[Network, str, Shape], None], ...] = (
    *(_conv, _conv, _pool, _activation, _with_constant, _with_another, _with_another, _transpose, _reshape),
    *(_flatten, _matmul, _mean, _softmax, _concat, _split, _slice, _pad),
)


def network(seed: int) -> tuple[bytes, dict[str, Array]]:
    """(file, inputs)."""
    net = Network(np.random.default_rng(seed))
    while len(net.nodes) < 8:
        net.grow()
    read = {name for entry in net.nodes for name in entry.input}
    outputs = [name for name in net.shapes if name not in read and name not in net.inputs]
    made = model(net.nodes, net.inputs, net.constants, outputs)
    return made.SerializeToString(), {name: weights(*shape, seed=seed) for name, shape in net.inputs.items()}


def outcome(seed: int) -> str:
    """ "equal", the error's first line, or where it differs from onnxruntime."""
    data, samples = network(seed)
    theirs = expected(data, samples)
    try:
        imported = import_onnx(data, "random")
    except TinymlError as error:
        return error.message.splitlines()[-1]
    for graph in (imported.graph, optimize(imported.graph)):
        found = run(graph, [port.to_graph(samples[port.name]) for port in imported.inputs])
        for port, ours, wanted in zip(imported.outputs, found, theirs, strict=True):
            meant = port.to_graph(wanted)
            if ours.shape != meant.shape or np.abs(ours - meant).max() > TOLERANCE * _magnitude(meant):
                return f"seed {seed}: {port.name} differs"
    return "equal"


def _magnitude(values: Array) -> float:
    """At least 1e-2: means of what sums to 0 are rounding errors of the numbers summed."""
    return max(float(np.ptp(values)), float(np.abs(values).max()), 1e-2)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=500)
    arguments = parser.parse_args()
    outcomes = Counter(outcome(seed) for seed in range(arguments.seed, arguments.seed + arguments.count))
    for text, count in outcomes.most_common():
        print(f"{count:6} {text}")
    return int(any("differs" in text for text in outcomes))


if __name__ == "__main__":
    sys.exit(main())
