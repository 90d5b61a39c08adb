"""Quantization-aware training: the module's numbers are the int8 graph's, its gradients are the float graph's."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tests.op_cases import CASES
from tests.quantizer.nets import samples
from tests.quantizer.test_every_op import KINDS, PLAIN, SEEDS, as_float, samples_for
from tests.quantizer.test_random_graphs import float_graphs
from tinyml import interpreter
from tinyml.ir import Array
from tinyml.ops import Quantize
from tinyml.quantizer.measure import to_int8, to_real
from tinyml.quantizer.rules import RULES

torch = pytest.importorskip("torch", reason="quantization-aware training needs the package torch")
from tinyml.quantizer import qat  # noqa: E402
from tinyml.quantizer.qat.ops import RUNS  # noqa: E402

Rows = list[tuple[Array, ...]]


def outputs_of(module: qat.QatModule, rows: Rows) -> list[list[Array]]:
    """Per output and sample what the module computes from NHWC samples, all in one batch."""
    columns = [torch.from_numpy(np.concatenate([row[i][None][:, 0] for row in rows])) for i in range(len(rows[0]))]
    with torch.no_grad():
        found = module.eval()(*columns)
    return [list(output.numpy()) for output in (found if isinstance(found, tuple) else (found,))]


def assert_equal_to_its_graph(module: qat.QatModule, rows: Rows) -> None:
    graph = module.to_graph()
    found = outputs_of(module, rows)
    for index, row in enumerate(rows):
        codes = [to_int8(x, t.affine) for x, t in zip(row, graph.inputs, strict=True)]
        for place, (tensor, ours) in enumerate(zip(graph.outputs, interpreter.run(graph, codes), strict=True)):
            np.testing.assert_array_equal(found[place][index], to_real(ours, tensor.affine)[0], strict=True)


def trained_at_random(module: qat.QatModule, rows: Rows, steps: int = 3) -> None:
    """A few steps of gradient descent towards noise."""
    columns = [torch.from_numpy(np.concatenate([row[i] for row in rows])) for i in range(len(rows[0]))]
    optimizer = torch.optim.Adam(module.parameters(), 1e-2)
    for _ in range(steps):
        found = module.train()(*columns)
        outputs = found if isinstance(found, tuple) else (found,)
        loss = sum(((y - torch.randn_like(y)) ** 2).mean() for y in outputs)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def test_every_op_can_be_trained() -> None:
    assert set(RUNS) == set(RULES) | {Quantize}


@pytest.mark.parametrize("kind", KINDS)
def test_an_op(kind: str) -> None:
    torch.manual_seed(0)
    trained = 0
    for seed in SEEDS:
        real = as_float(CASES[kind](np.random.default_rng([seed])))
        if any(t.shape[:1] != (1,) for t in (*real.inputs, *real.outputs)):
            continue
        rows = samples_for(kind, real, 6, seed)
        module = qat.prepare(real, rows, settings=PLAIN)
        assert_equal_to_its_graph(module, rows)
        trained_at_random(module, rows)
        assert_equal_to_its_graph(module, rows)
        trained += 1
    assert trained


def test_random_graphs() -> None:
    torch.manual_seed(0)
    tried = 0
    for number, real in enumerate(itertools.islice(float_graphs(), 12)):
        if any(t.shape[:1] != (1,) for t in (*real.inputs, *real.outputs)):
            continue
        rows = samples(real, 4, number)
        module = qat.prepare(real, rows, settings=PLAIN)
        trained_at_random(module, rows)
        assert_equal_to_its_graph(module, rows)
        tried += 1
    assert tried > 8
