"""int16 activations and int4 weights by layer: what is stated, what budgets choose, and that TFLM computes the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest

from tests.quantizer.nets import AROUND, FloatNet, classifier, outlier_before_depthwise, samples
from tests.tflm import run_tflm_cases
from tinyml.errors import CheckError, FitError, UsageError
from tinyml.exporters.to_tflite import to_tflite
from tinyml.interpreter import run
from tinyml.ir import Activation, Array, DType, Graph, Tensor
from tinyml.ops import (
    Add,
    AveragePool2D,
    Concatenation,
    LeakyRelu,
    Logistic,
    MaxPool2D,
    Mean,
    Mul,
    Pad,
    Reshape,
    Softmax,
    Tanh,
)
from tinyml.passes import optimize
from tinyml.quantizer import Calibration, Settings, compare, make_report, quantize, quantize_measured, to_html
from tinyml.quantizer.measure import to_codes

PLAIN = Settings("minmax", "off", "off")


def many_ops() -> Graph:
    """All kinds of borders: ops that take int16 and ops that do not, shared quantizations, constants, two outputs."""
    net = FloatNet(1, 8, 8, 3)
    x = net.conv(net.input, 6, name="stem")
    y = net.conv(net.depthwise(x, name="deep"), 6, 1, name="point")
    z = net.add(Add(Activation.RELU), x, y, name="sum")
    z = net.add(Mul(), z, net.constant(net.rng.uniform(-1, 1, 6)), name="scaled")
    padded = net.add(Pad((0, 1, 1, 0), (0, 1, 1, 0)), net.add(MaxPool2D(2, 2, 2, 2), z, name="pool"), name="padded")
    both = net.add(Concatenation(3), padded, net.add(AveragePool2D(3, 3, 1, 1, AROUND), padded), name="both")
    flat = net.add(Reshape((1, 12)), net.add(Mean((1, 2)), both, name="mean"), name="flat")
    return net.graph(net.add(Softmax(), net.dense(flat, 5, name="logits"), name="scores"), flat, name="many")


def precisions(graph: Graph) -> dict[str, tuple[str | None, str]]:
    """(weights, activation) by layer, from the tensors themselves."""
    found = {}
    for node in graph.nodes:
        weights = (
            node.inputs[1].dtype.value if node.op.kind in ("conv2d", "depthwise_conv2d", "fully_connected") else None
        )
        found[node.name] = weights, node.outputs[0].dtype.value
    return found


def require_tflm_agrees(graphs: Graph | Sequence[Graph], rows: Sequence[Sequence[Array]]) -> None:
    graphs = [graphs] if isinstance(graphs, Graph) else graphs
    codes = [[[to_codes(x, t) for x, t in zip(row, g.inputs, strict=True)] for row in rows] for g in graphs]
    found = run_tflm_cases([(to_tflite(graph), given) for graph, given in zip(graphs, codes, strict=True)])
    for graph, given, expected in zip(graphs, codes, found, strict=True):
        for row, theirs in zip(given, expected, strict=True):
            for ours, wanted in zip(run(graph, row), theirs, strict=True):
                np.testing.assert_array_equal(ours, wanted)


def test_int16_in_one_layer_recovers_an_outlier_channel() -> None:
    real = outlier_before_depthwise(1000.0)
    calibration, held = Calibration(samples(real, 40)), Calibration(samples(real, 20, seed=1))
    off = quantize_measured(real, calibration, Settings(equalization="off"))
    wide = quantize_measured(real, calibration, Settings(equalization="off", int16=("first",)))
    assert compare(real, off.graph, held).sqnr_db < 5
    assert compare(real, wide.graph, held).sqnr_db > 28
    assert [t.name for t in wide.graph.tensors if t.dtype is DType.INT16 and not t.is_constant] == [
        "image/int16",
        "first",
        "second/int16",
    ]
    found = quantize_measured(real, calibration, Settings(equalization="off", min_sqnr_db=28.0))
    chosen = [row.name for row in found.layers if row.activation == "int16"]
    assert chosen == ["first"], "the search finds the layer"
    require_tflm_agrees(optimize(found.graph), samples(real, 4, seed=2))


@pytest.mark.parametrize("pattern", ["*", "sum", "pool", "stem", "both"])
def test_tflm_computes_the_same_of_every_border(pattern: str) -> None:
    real = many_ops()
    rows = samples(real, 10)
    made = quantize_measured(real, Calibration(rows), Settings("minmax", "off", "on", int16=(pattern,), int4=("p*",)))
    plain = quantize_measured(real, Calibration(rows), PLAIN)
    widths = {tensor.dtype for tensor in made.graph.tensors}
    assert DType.INT16 in widths and (pattern != "*" or DType.INT4 not in widths)
    graph = optimize(made.graph)
    require_tflm_agrees(graph, samples(real, 3, seed=1))
    codes = [to_codes(x, t) for x, t in zip(rows[0], graph.inputs, strict=True)]
    for ours, before in zip(run(graph, codes), run(made.graph, codes), strict=True):
        np.testing.assert_array_equal(ours, before)
    if pattern == "*":
        logits = [compare(real, m.graph, Calibration(rows)).layers for m in (made, plain)]
        wide, narrow = (next(layer for layer in layers if layer.name == "flat").sqnr_db for layers in logits)
        assert wide > narrow + 5
        assert graph.inputs[0].dtype is DType.INT16 and graph.outputs[1].dtype is DType.INT16
        assert graph.outputs[0].dtype is DType.INT16 and graph.outputs[0].affine.scale == 1 / 32768


def test_fixed_quantizations_have_their_int16_form() -> None:
    """At either side of a border, and behind an op that takes no int16."""
    made = []
    for op, pattern in product((Logistic(), Tanh(), Softmax()), ("before", "after", "*")):
        net = FloatNet(1, 6, 6, 3)
        x = net.add(op, net.conv(net.input, 4, act=Activation.NONE, name="before"), name="after")
        real = net.graph(net.add(LeakyRelu(0.1), net.add(Reshape((1, 144)), x), name="last"))
        settings = Settings("minmax", "off", "off", int16=(pattern,))
        made.append(quantize_measured(real, Calibration(samples(real, 10)), settings).graph)
        assert made[-1].nodes[-1].inputs[0].dtype is DType.INT8, "a LEAKY_RELU reads int8"
        (fixed,) = (node.output for node in made[-1].nodes if node.op == op)
        assert fixed.affine.scale == 1 / 32768 and fixed.dtype is DType.INT16
    require_tflm_agrees([optimize(graph) for graph in made], samples(real, 4))


def test_int4_by_name() -> None:
    real = classifier()
    rows = Calibration(samples(real, 12))
    graph = quantize(real, rows.inputs, int4=["depthwise", "log*"])
    found = precisions(graph)
    assert found["depthwise"] == ("int4", "int8") and found["logits"] == ("int4", "int8")
    assert found["stem"] == found["pointwise"] == ("int8", "int8")
    weights = next(node for node in graph.nodes if node.name == "logits").inputs[1]
    assert len(weights.affine.scales) == 1 and np.abs(weights.values).max() == 7
    require_tflm_agrees(graph, samples(real, 4, seed=1))


def test_a_flash_budget_takes_int4_where_it_hurts_least() -> None:
    real = classifier()
    rows = Calibration(samples(real, 12))
    plain = quantize_measured(real, rows, PLAIN).graph.weights_bytes
    budgets = (plain, plain - 1, plain - 40, plain - 150)
    chosen = [quantize_measured(real, rows, Settings("minmax", "off", "off", flash_budget=b)) for b in budgets]
    assert all(made.graph.weights_bytes <= budget for made, budget in zip(chosen, budgets, strict=True))
    taken = [{row.name for row in made.layers if row.weights == "int4"} for made in chosen]
    assert not taken[0] and len(taken[1]) == 1
    noise = {
        row.name: (10 ** (-(row.int4_db or 0) / 10)) / row.weights_bytes for row in chosen[0].layers if row.weights
    }
    assert taken[1] == {min(noise, key=lambda name: noise[name])}
    with pytest.raises(FitError, match=r"with int4 in every layer .* the flash budget is 200") as error:
        quantize_measured(real, rows, Settings("minmax", "off", "off", flash_budget=200))
    assert error.value.exit_code == 1


def test_both_budgets() -> None:
    """int16 in the layer that needs it makes two biases int64; int4 in another layer makes room for them."""
    real = outlier_before_depthwise()
    rows = Calibration(samples(real, 12))
    plain = quantize_measured(real, rows, PLAIN).graph
    budget = plain.weights_bytes + 50
    made = quantize_measured(real, rows, Settings("minmax", "off", "off", flash_budget=budget, min_sqnr_db=20.0))
    assert plain.weights_bytes < made.graph.weights_bytes <= budget
    chosen = {row.name: (row.weights, row.activation) for row in made.layers}
    assert chosen["first"] == ("int8", "int16") and chosen["third"] == ("int4", "int8")
    assert compare(real, made.graph, Calibration(samples(real, 10, seed=1))).sqnr_db > 18
    require_tflm_agrees(optimize(made.graph), samples(real, 3, seed=2))
    with pytest.raises(CheckError, match=r"a greater flash budget"):
        quantize_measured(real, rows, Settings("minmax", "off", "off", flash_budget=budget - 40, min_sqnr_db=20.0))


def test_what_cannot_be_kept_is_said() -> None:
    real = classifier()
    rows = Calibration(samples(real, 12))
    with pytest.raises(CheckError, match=r"int16 wherever it can be gives .* dB, 200 dB are asked for; the rest"):
        quantize_measured(real, rows, Settings("minmax", "off", "off", min_sqnr_db=200))
    with pytest.raises(UsageError, match=r"int16 'none' names no layer that can be int16"):
        quantize_measured(real, rows, Settings(int16=("none",)))
    with pytest.raises(UsageError, match=r"int4 'mean' names no layer that can be int4"):
        quantize_measured(real, rows, Settings(int4=("mean",)))


def test_the_report_names_the_precision_of_each_layer() -> None:
    real = classifier()
    rows = Calibration(samples(real, 12))
    report = make_report(
        quantize_measured(real, rows, Settings("minmax", "off", "off", int16=("stem",), int4=("logits",))), rows
    )
    facts = json.loads(json.dumps(report.facts(), allow_nan=False))
    layers = {row["name"]: row for row in facts["layers"]}
    assert layers["stem"]["activation"] == "int16" and layers["logits"]["weights"] == "int4"
    assert layers["scores"]["int4_db"] is None and layers["image"]["int16_db"] > 10
    assert layers["pointwise"]["int4_db"] > 10 and layers["pointwise"]["int16_db"] > 10
    types = {row["name"]: row["type"] for row in facts["tensors"]}
    assert types["stem"] == types["image/int16"] == "int16" and types["image"] == types["scores"] == "int8"
    page = to_html(report)
    assert "<h2>Precision</h2>" in page and "int4" in page
    assert "Precision" not in to_html(make_report(quantize_measured(real, rows, PLAIN), rows))


def test_weights_in_int4_keep_their_bias() -> None:
    """A bias far beyond the sums would need steps that the weights do not have."""
    net = FloatNet(1, 8)
    bias = Tensor.constant("b", np.array([1e6, 0.0, 1.0], np.float32))
    x = net.dense(net.input, 3, name="out")
    real = net.graph(x)
    node = real.nodes[0]
    changed = real.with_nodes([type(node)(node.name, node.op, (*node.inputs[:2], bias), node.outputs)])
    rows = samples(changed, 8)
    graph = quantize(changed, rows, int4=["out"], observer="minmax", bias_correction="off")
    (value,) = run(graph, [to_codes(rows[0][0], graph.inputs[0])])
    real_value = graph.outputs[0].affine.scale * (value.astype(int) - graph.outputs[0].affine.zero_point)
    assert abs(real_value.ravel()[0] - 1e6) < 1e4
