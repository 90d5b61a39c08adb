"""Random one-node graphs of the ops that keep a state; settled, the state at its initial value."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.op_graphs import Rng, activation, quant, scale, side
from tinyml.ir import DType, Graph, Node, Quant, State, Tensor
from tinyml.ops import Lstm, Svdf
from tinyml.passes import settle_states


def svdf(rng: Rng) -> Graph:
    features, units, rank, memory = side(rng), side(rng, 8), int(rng.integers(1, 4)), side(rng, 9)
    wide = bool(rng.random() < 0.5)
    dtype, filters = DType.INT16 if wide else DType.INT8, units * rank
    source = activation(rng, "input", (1, features))
    zero_point = int(rng.choice([0, int(rng.integers(-60, 60))]))
    held = Quant.per_tensor(scale(rng, 1e-4, 1e-3)) if wide else Quant.per_tensor(scale(rng, 0.01, 0.1), zero_point)
    read, written = (Tensor(name, (1, filters * memory), dtype, held) for name in ("state", "state_next"))
    over_time = Quant.per_tensor(scale(rng, 1e-5, 1e-4) if wide else scale(rng, 0.001, 0.02))
    most = dtype.bounds[1]
    values = rng.integers(-most, most + 1, (filters, memory)).astype(dtype.numpy)
    feature = rng.integers(-127, 128, (filters, features)).astype(np.int8)
    bias = rng.integers(-3000, 3000, units).astype(np.int32)
    inputs = (
        source,
        read,
        Tensor.constant("feature_weights", feature, Quant.per_tensor(scale(rng, 0.001, 0.02))),
        Tensor.constant("time_weights", values, over_time),
        Tensor.constant("bias", bias, Quant.per_tensor(float(np.float32(held.scale) * np.float32(over_time.scale)))),
    )
    output = Tensor("output", (1, units), DType.INT8, quant(rng))
    state = State(read, written, np.full(read.shape, held.zero_point, dtype.numpy))
    node = Node("svdf", Svdf(rank), inputs, (output, written))
    return settle_states(Graph("svdf", (node,), (source,), (output,), states=(state,)))


def lstm(rng: Rng) -> Graph:
    features, units, steps = side(rng, 10), side(rng, 9), int(rng.integers(1, 5))
    source = activation(rng, "input", (1, steps, features))
    given = Quant.per_tensor(scale(rng, 0.004, 0.02), int(rng.integers(-40, 40)))
    cells = Quant.per_tensor(2.0 ** -int(rng.integers(9, 16)))
    hidden, next_hidden = (Tensor(name, (1, units), DType.INT8, given) for name in ("hidden", "hidden_next"))
    cell, next_cell = (Tensor(name, (1, units), DType.INT16, cells) for name in ("cell", "cell_next"))

    def weights(role: str, width: int) -> list[Tensor]:
        values = rng.integers(-127, 128, (4, units, width)).astype(np.int8)
        return [
            Tensor.constant(f"{role}_{gate}", each, Quant.per_tensor(scale(rng, 0.001, 0.02)))
            for gate, each in enumerate(values)
        ]

    by_input, by_hidden = weights("weights", features), weights("recurrent", units)
    bias = [
        Tensor.constant(f"bias_{gate}", rng.integers(-3000, 3000, units).astype(np.int32), Quant.per_tensor(0.001))
        for gate in range(4)
    ]
    output = Tensor("output", (1, steps, units), DType.INT8, given)
    op = Lstm(float(rng.choice([0.0, 10.0, 1.0])))
    node = Node("lstm", op, (source, hidden, cell, *by_input, *by_hidden, *bias), (output, next_hidden, next_cell))
    states = (
        State(hidden, next_hidden, np.full(hidden.shape, given.zero_point, np.int8)),
        State(cell, next_cell, np.zeros(cell.shape, np.int16)),
    )
    return settle_states(Graph("lstm", (node,), (source,), (output,), states=states))


CASES: dict[str, Callable[[Rng], Graph]] = {"lstm": lstm, "svdf": svdf}
