"""Equalization and bias correction: the function stays, the error shrinks, and the report names the culprit."""

from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from tests.quantizer.nets import AROUND, FloatNet, classifier, outlier_net, samples
from tinyml import interpreter
from tinyml.errors import UsageError
from tinyml.ir import Activation, Graph, Tensor
from tinyml.ops import Add, AveragePool2D, Conv2D, FullyConnected, LeakyRelu, Mean, Pad, Prelu, Reshape
from tinyml.quantizer import Calibration, Settings, compare, make_report, quantize_measured, to_html
from tinyml.quantizer.equalize import equalize, pairs
from tinyml.quantizer.measure import scored, sqnr_db
from tinyml.quantizer.prepare import prepare


def no_tick() -> None:
    """Progress that nobody watches."""


def long_path() -> Graph:
    """All that an equalization passes through."""
    net = FloatNet(1, 8, 8, 3)
    x = net.add(LeakyRelu(0.2), net.conv(net.input, 6, act=Activation.NONE, name="first"))
    x = net.add(Pad((0, 1, 1, 0), (0, 1, 1, 0)), net.add(AveragePool2D(2, 2, 2, 2), x))
    x = net.depthwise(x, name="second")
    x = net.add(Reshape((1, 216)), x)
    x = net.add(Prelu(), net.dense(x, 7, name="third"), net.constant(net.rng.uniform(-0.5, 0.5, 7)))
    return net.graph(net.dense(x, 4, name="fourth"))


def test_the_function_stays() -> None:
    for real in (long_path(), outlier_net(), prepare(classifier())):
        rows = samples(real, 6)
        equalized = equalize(real, rows, no_tick)
        assert len(pairs(real)) >= 2 and equalized is not real
        for row in rows:
            expected, given = interpreter.run(real, row)[0], interpreter.run(equalized, row)[0]
            np.testing.assert_allclose(given, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def test_what_is_passed_through() -> None:
    found = [(pair.first.name, pair.second.name) for pair in pairs(long_path())]
    assert found == [("first", "second"), ("second", "third"), ("third", "fourth")]


@pytest.mark.parametrize("reason", ["relu6", "read twice", "output", "add", "channels"])
def test_what_is_not(reason: str) -> None:
    net = FloatNet(1, 6, 6, 4)
    x = net.conv(net.input, 4, act=Activation.RELU6 if reason == "relu6" else Activation.RELU)
    middle = net.add(Add(), x, net.input) if reason == "add" else x
    if reason == "channels":
        middle = net.add(Mean((3,), keep_dims=True), x)
    outputs = [net.conv(middle, 4, 1, name="next")]
    outputs += [x] if reason == "output" else [net.depthwise(x)] if reason == "read twice" else []
    assert not pairs(net.graph(*outputs))


def test_an_outlier_channel_is_named_and_recovered() -> None:
    real = outlier_net(1000.0)
    calibration, held = Calibration(samples(real, 40)), Calibration(samples(real, 20, seed=1))
    off = quantize_measured(real, calibration, Settings(equalization="off"))
    report = make_report(off, calibration)
    worst = report.worst[0]
    assert worst.name == "first" and worst.alone_db < 5
    assert "channel 5 reaches" in worst.reason and "--equalization on" in worst.advice
    assert report.tensors[1].channel_spread > 300 and report.tensors[1].greatest_channel == 5
    auto = quantize_measured(real, calibration)
    assert auto.trial.equalized
    assert compare(real, off.graph, held).sqnr_db < 5
    assert compare(real, auto.graph, held).sqnr_db > 25


def test_relu6_is_named_where_it_stands_in_the_way() -> None:
    graph = outlier_net(1000.0)
    small = 1 / 1000
    first, second, third = graph.nodes
    shrunk = [Tensor.constant(t.name, t.values * np.float32(small)) for t in first.inputs[1:]]
    grown = Tensor.constant("w", second.inputs[1].values * np.float32(1 / small))
    clamped = replace(first, op=Conv2D(padding=AROUND, activation=Activation.RELU6), inputs=(first.inputs[0], *shrunk))
    real = graph.with_nodes([clamped, replace(second, inputs=(second.inputs[0], grown, second.inputs[2])), third])
    calibration = Calibration(samples(real, 20))
    report = make_report(quantize_measured(real, calibration), calibration)
    assert report.worst[0].name == "first" and "RELU in place of RELU6" in report.worst[0].advice


def test_bias_correction_takes_off_the_shift() -> None:
    """Weights rounded in one direction shift every sum; the corrected model has the right mean."""
    net = FloatNet(1, 64)
    weights = net.constant(np.tile(np.append(np.full(63, 0.49 / 127), 1.0), (8, 1)))
    real = net.graph(net.add(FullyConnected(), net.input, weights, net.bias(8), name="out"))
    rows = [(np.abs(x),) for (x,) in samples(real, 40)]
    off, on = (
        quantize_measured(real, Calibration(rows), Settings("minmax", "off", switch)).conversion
        for switch in ("off", "on")
    )
    held = [(np.abs(x),) for (x,) in samples(real, 20, seed=1)]
    plain, corrected = (sqnr_db(c, scored(c.source), held, no_tick) for c in (off, on))
    assert corrected > plain + 6
    np.testing.assert_array_equal(off.graph.nodes[0].inputs[1].values, on.graph.nodes[0].inputs[1].values)


def test_what_is_scored_is_behind_the_softmax() -> None:
    real = classifier()
    assert [tensor.name for tensor in scored(real)] == ["logits"]
    assert [tensor.name for tensor in scored(long_path())] == ["fourth"]


def test_switches_are_kept() -> None:
    real = classifier()
    rows = Calibration(samples(real, 12))
    for settings in (Settings("mse", "on", "off"), Settings("percentile", "off", "on")):
        trial = quantize_measured(real, rows, settings).trial
        assert (trial.observer, trial.equalized, trial.bias_corrected) == (
            settings.observer,
            settings.equalization == "on",
            settings.bias_correction == "on",
        )
    assert len(quantize_measured(real, rows).trials) == 10


def test_the_report_as_json() -> None:
    real = classifier()
    calibration = Calibration(samples(real, 20))
    report = make_report(quantize_measured(real, calibration), calibration)
    facts = json.loads(json.dumps(report.facts(), allow_nan=False))
    names = [row["name"] for row in facts["tensors"]]
    assert names[0] == "image" and {"logits", "scores"} <= set(names)
    scores = facts["tensors"][-1]
    assert scores["observer"] == "fixed" and scores["scale"] == 1 / 256 and scores["op"] == "softmax"
    assert scores["alone_db"] is None and 0 <= scores["saturated"] <= 1
    assert "20 calibration samples are few" in facts["warnings"][0]
    stages = [row for row in facts["tensors"] if row["op"] in ("conv2d", "depthwise_conv2d")]
    assert all(row["kept_low"] <= row["low"] == 0 < row["high"] and row["sqnr_db"] > 20 for row in stages)


class _Texts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)
        self.text += str(attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_report_as_html_escapes_names() -> None:
    name = "<script>alert('&')</script>"
    net = FloatNet(1, 4, 4, 2)
    x = net.conv(net.input, 2, name=name)
    real = net.graph(net.conv(x, 2, name="second"), name="<b>model</b>")
    calibration = Calibration(samples(real, 10))
    page = to_html(make_report(quantize_measured(real, calibration, Settings("minmax", "off", "off")), calibration))
    parsed = _Texts()
    parsed.feed(page)
    assert "script" not in parsed.tags and "b" in parsed.tags
    assert name in parsed.text and "<b>model</b>" in parsed.text
    assert "http" not in page, "the page needs nothing from elsewhere"


def test_samples_that_are_all_equal_are_told() -> None:
    real = classifier()
    rows = samples(real, 1) * 60
    report = make_report(
        quantize_measured(real, Calibration(rows), Settings("minmax", "off", "off")), Calibration(rows)
    )
    assert report.warnings == ("all 60 calibration samples are equal: other inputs may leave every range",)


def test_compare() -> None:
    real = classifier()
    rows = samples(real, 10)
    graph = quantize_measured(real, Calibration(rows), Settings("minmax", "off", "off")).graph
    labels = np.array([int(interpreter.run(real, row)[0].argmax()) for row in rows])
    found = compare(real, graph, Calibration(rows, labels))
    assert found.accuracy_a == 1.0 and found.accuracy_b == found.top1_agreement
    assert [layer.name for layer in found.layers] == [t.name for t in prepare(real).tensors if not t.is_constant]
    assert compare(real, real, Calibration(rows)).sqnr_db == np.inf
    assert compare(graph, graph, Calibration(rows)).greatest_difference == 0
    with pytest.raises(UsageError, match="outputs of other shapes"):
        compare(real, long_path(), Calibration(rows))
