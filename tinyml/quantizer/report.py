"""What quantization did to each tensor, what it cost, and what to try where it cost most."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import repeat
from typing import Any

import numpy as np

from tinyml import interpreter
from tinyml.ir import Activation, Graph, Tensor
from tinyml.quantizer.budget import LayerPrecision
from tinyml.quantizer.calibration import RANDOM_ORIGIN, Calibration
from tinyml.quantizer.equalize import pairs
from tinyml.quantizer.measure import Error, Sample, int8_inputs, sqnr_db, to_real
from tinyml.quantizer.observers import percentile
from tinyml.quantizer.precision import may_be_wide
from tinyml.quantizer.rules import group_of, groups
from tinyml.quantizer.sensitivity import alone_db, sample_count
from tinyml.quantizer.variants import Quantization, Trial

SHOWN_WORST = 5
FEW_SAMPLES = 50
HARMLESS_DB = 40.0
WIDE_SPREAD = 30.0  # a channel this many times the median costs the others 5 of their 8 bits
_MEASURED_MACS = 1 << 29


@dataclass(frozen=True)
class TensorReport:
    """One activation. Decibels are infinite where nothing is lost, and null in JSON.

    op: of the node that produces it, or "input". type: "int8" or "int16". low, high: the least and greatest value over
    the samples; kept_low, kept_high: the real numbers of the least and greatest code (int8: -128 and 127). saturated:
    the share of values outside those. sqnr_db: against float, with the errors of all layers before. alone_db: of the
    model's outputs when this layer alone is quantized; None where its bytes are another tensor's. channel_spread: peak
    of the greatest channel over that of the median one.
    """

    name: str
    op: str
    type: str
    shape: tuple[int, ...]
    low: float
    high: float
    kept_low: float
    kept_high: float
    scale: float
    zero_point: int
    observer: str
    saturated: float
    sqnr_db: float
    alone_db: float | None
    channel_spread: float
    greatest_channel: int


@dataclass(frozen=True)
class Worst:
    """A layer that costs the outputs much, why, and what to try."""

    name: str
    alone_db: float
    reason: str
    advice: str


@dataclass(frozen=True)
class Report:
    """output_sqnr_db: of the model's outputs over the samples. trial, trials, layers: as in Quantization."""

    model: str
    model_sha256: str
    samples: int
    data: str
    output_sqnr_db: float
    trial: Trial
    trials: Sequence[Trial]
    weights_bytes: int
    tensors: Sequence[TensorReport]
    layers: Sequence[LayerPrecision]
    worst: Sequence[Worst]
    warnings: Sequence[str]

    def facts(self) -> dict[str, Any]:
        """For JSON: plain values, None for infinities."""
        return {key: _plain(value) for key, value in asdict(self).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    return [_plain(entry) for entry in value] if isinstance(value, list | tuple) else value


def make_report(result: Quantization, calibration: Calibration) -> Report:
    """Measured on the calibration samples: as many as are quick."""
    source = result.conversion.source
    samples = calibration.inputs[: max(_MEASURED_MACS // max(source.macs, 1), 16)]
    rows = _tensor_reports(result, samples)
    return Report(
        model=source.name,
        model_sha256=source.sha256,
        samples=len(calibration),
        data=calibration.origin,
        output_sqnr_db=sqnr_db(result.conversion, source.outputs, samples, lambda: None),
        trial=result.trial,
        trials=tuple(result.trials),
        weights_bytes=result.graph.weights_bytes,
        tensors=tuple(rows.values()),
        layers=tuple(result.layers),
        worst=_worst(result, rows),
        warnings=tuple(_warnings(result, calibration)),
    )


def _warnings(result: Quantization, calibration: Calibration) -> list[str]:
    found = []
    if calibration.origin == RANDOM_ORIGIN:
        found.append("calibrated with random numbers: ranges of real inputs may be others; use real samples")
    elif len(calibration) < FEW_SAMPLES:
        found.append(
            f"{len(calibration)} calibration samples are few: {FEW_SAMPLES} or more, of every kind, are better"
        )
    if len(calibration) > 1 and all(map(_equal, calibration.inputs[1:], repeat(calibration.inputs[0]))):
        found.append(f"all {len(calibration)} calibration samples are equal: other inputs may leave every range")
    return found


def _equal(sample: Sample, other: Sample) -> bool:
    return all(map(np.array_equal, sample, other))


def _tensor_reports(result: Quantization, samples: Sequence[Sample]) -> dict[Tensor, TensorReport]:
    conversion, source = result.conversion, result.conversion.source
    errors = {tensor: Error() for tensor in conversion.tensors}
    peaks = {tensor: np.zeros(tensor.hwc[2]) for tensor in conversion.tensors}
    for sample in samples:
        real = interpreter.run_all(source, sample)
        codes = interpreter.run_all(conversion.graph, int8_inputs(conversion, sample))
        for tensor, twin in conversion.tensors.items():
            errors[tensor].add(real[tensor], to_real(codes[twin], twin.affine))
            peak = np.abs(real[tensor]).reshape(-1, tensor.hwc[2]).max(axis=0)
            np.maximum(peaks[tensor], peak, out=peaks[tensor])
    alone = alone_db(conversion, samples[: sample_count(source)])
    groups = group_of(result.observation.groups)
    rows = {}
    for tensor, twin in conversion.tensors.items():
        histogram, quant = result.observation.histograms[groups[tensor]], twin.affine
        kept = [quant.scale * (code - quant.zero_point) for code in twin.dtype.bounds]
        live = peaks[tensor][peaks[tensor] > 0]
        rows[tensor] = TensorReport(
            name=tensor.name,
            op=source.producer[tensor].op.kind if tensor in source.producer else "input",
            type=twin.dtype.value,
            shape=tensor.shape,
            low=histogram.low,
            high=histogram.high,
            kept_low=kept[0],
            kept_high=kept[1],
            scale=quant.scale,
            zero_point=quant.zero_point,
            observer=result.choices[tensor].observer,
            saturated=histogram.outside(kept[0] - quant.scale / 2, kept[1] + quant.scale / 2),
            sqnr_db=errors[tensor].sqnr_db,
            alone_db=alone.get(tensor),
            channel_spread=float(live.max() / np.median(live)) if live.size else 1.0,
            greatest_channel=int(peaks[tensor].argmax()),
        )
    return rows


def _worst(result: Quantization, rows: Mapping[Tensor, TensorReport]) -> tuple[Worst, ...]:
    """The layers with the least `alone_db`, the worst first."""
    ranked = sorted((row.alone_db, index, tensor) for index, (tensor, row) in enumerate(rows.items()) if row.alone_db)
    found = []
    for decibels, _, tensor in ranked[:SHOWN_WORST]:
        if math.isfinite(decibels):
            found.append(Worst(tensor.name, decibels, *_diagnosis(result, tensor, rows[tensor])))
    return tuple(found)


def _diagnosis(result: Quantization, tensor: Tensor, row: TensorReport) -> tuple[str, str]:
    """(reason, advice): the first cause that applies."""
    source = result.conversion.source
    if row.alone_db is not None and row.alone_db > HARMLESS_DB:
        return "it costs little", "nothing"
    if row.channel_spread > WIDE_SPREAD:
        reason = (
            f"channel {row.greatest_channel} reaches {row.channel_spread:.0f} times as far as the median channel, "
            "which leaves the others few steps"
        )
        return reason, _against_spread(source, tensor, result.trial.equalized)
    if row.saturated > 0.001:
        reason = f"{row.saturated:.2%} of its values are cut off by the range of observer {row.observer}"
        return reason, "--observer minmax, or more calibration data"
    span, kept = row.high - row.low, row.kept_high - row.kept_low
    if row.observer == "minmax" and kept and _bulk(result, tensor) < span / 8:
        return "99.9 % of its values lie in an eighth of its range", "--observer auto, percentile or mse"
    if row.op == "input":
        return "the input itself has 256 steps", "scale or crop the input so that it fills its range"
    reason = "its steps are evenly used: 8 bits are what it lacks"
    return reason, f"{_wider(source, tensor)}more channels in this layer, or quantization-aware training"


def _against_spread(source: Graph, tensor: Tensor, equalized: bool) -> str:
    if not equalized and any(tensor in (p.first.output, *(n.output for n in p.between)) for p in pairs(source)):
        return "--equalization on (cross-layer equalization)"
    node = source.producer.get(tensor)
    activation = getattr(node.op, "activation", None) if node else None
    if activation is Activation.RELU6:
        return "train with RELU in place of RELU6: only then layers can be equalized across it"
    if node is None:
        return "normalize the input channel by channel before the model"
    return f"{_wider(source, tensor)}normalize this layer in training (BatchNorm), or clip its outliers"


def _wider(source: Graph, tensor: Tensor) -> str:
    """The option that gives a tensor 16 bits, where it can have them."""
    group = group_of(groups(source))[tensor]
    name = tensor.name.removesuffix("/equalized")
    return f"--int16 {name!r}, " if may_be_wide(source, group) and not name.endswith(("/int8", "/int16")) else ""


def _bulk(result: Quantization, tensor: Tensor) -> float:
    """The span that holds 99.9 % of a tensor's values."""
    histogram = result.observation.histograms[group_of(result.observation.groups)[tensor]]
    low, high = percentile(histogram, 0.999)
    return high - low
