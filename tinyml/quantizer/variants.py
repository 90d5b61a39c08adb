"""Float graph and samples to int8 graph: the stages of the quantizer in order, and the choice of a variant."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tinyml.errors import CheckError, UsageError
from tinyml.ir import Graph, Tensor
from tinyml.passes import Saving, optimize
from tinyml.quantizer.bias_correction import correct_biases
from tinyml.quantizer.budget import LayerPrecision, PrecisionSearch
from tinyml.quantizer.calibration import DEFAULT_LIMIT, Calibration, Progress, Source, calibration_data, evenly
from tinyml.quantizer.convert import Conversion, convert
from tinyml.quantizer.equalize import equalize, pairs
from tinyml.quantizer.measure import Sample, scored, sqnr_db
from tinyml.quantizer.observers import OBSERVERS
from tinyml.quantizer.precision import named
from tinyml.quantizer.prepare import prepare
from tinyml.quantizer.ranges import AUTO, Choice, Observation, choose, choose_by_error, observe, quant_of
from tinyml.quantizer.rules import Group
from tinyml.quantizer.sensitivity import sample_count

SWITCHES = ("auto", "on", "off")
OBSERVER_NAMES = (AUTO, *OBSERVERS)
_MEASURED_MACS = 1 << 29  # of the float model, per variant that is measured
_MOST_MEASURED, _LEAST_MEASURED = 64, 16
CUTTING_MARGIN_DB = 0.25  # by which an observer must be better than minmax
_LEAST_SPLIT = 8  # samples; with fewer, the same serve for observing and for measuring


@dataclass(frozen=True)
class Settings:
    """How to quantize.

    observer: "minmax", "percentile" (99.99), "mse" for all tensors alike; "auto": per tensor the one with the least
        error measured at its readers, unless one for all gives the model the better SQNR.
    equalization, bias_correction: "on", "off", or "auto": where the model's SQNR on the samples is better with it.
    dense_per_channel: weights of FULLY_CONNECTED with a scale per output; False: with one, for TFLM before September
        2024.
    int16, int4: names of layers, with * and ?, whose output is int16, or whose weights are int4.
    flash_budget: bytes that weights and biases may take; further layers go to int4 until they do.
    min_sqnr_db: of the outputs on the samples; further activations go to int16 until it is reached.
    """

    observer: str = AUTO
    equalization: str = AUTO
    bias_correction: str = AUTO
    dense_per_channel: bool = True
    int16: tuple[str, ...] = ()
    int4: tuple[str, ...] = ()
    flash_budget: int | None = None
    min_sqnr_db: float | None = None

    @property
    def mixes(self) -> bool:
        """Whether anything but int8 is asked for."""
        return bool(self.int16 or self.int4) or self.flash_budget is not None or self.min_sqnr_db is not None

    def __post_init__(self) -> None:
        for name, value, known in (
            ("observer", self.observer, OBSERVER_NAMES),
            ("equalization", self.equalization, SWITCHES),
            ("bias_correction", self.bias_correction, SWITCHES),
        ):
            if value not in known:
                raise UsageError(f"{name} {value!r} is none of {', '.join(known)}")


@dataclass(frozen=True)
class Trial:
    """One variant of the whole model and its SQNR in decibels.

    sqnr_db: of the outputs, or of what the last softmax, logistic or tanh reads; half of the samples measured are ones
        that the ranges were not observed on.
    """

    observer: str
    equalized: bool
    bias_corrected: bool
    sqnr_db: float


@dataclass(frozen=True, eq=False)
class Quantization:
    """conversion: the int8 graph with the float graph it stands for. choices: per activation of that float graph.

    trial: the variant taken; trials: all that were measured, in order. observation: of all samples. layers: how
    sensitive each is to its precision, where the settings ask for more than int8.
    """

    conversion: Conversion
    observation: Observation
    choices: Mapping[Tensor, Choice]
    trial: Trial
    trials: Sequence[Trial]
    settings: Settings
    layers: Sequence[LayerPrecision] = ()

    @property
    def graph(self) -> Graph:
        return self.conversion.graph


def quantize(
    graph: Graph,
    samples: Source,
    *,
    observer: str = AUTO,
    equalization: str = AUTO,
    bias_correction: str = AUTO,
    dense_per_channel: bool = True,
    int16: Sequence[str] = (),
    int4: Sequence[str] = (),
    flash_budget: int | None = None,
    min_sqnr_db: float | None = None,
    limit: int | None = DEFAULT_LIMIT,
    pixels: str | None = None,
    progress: Progress | None = None,
    report: list[Saving] | None = None,
) -> Graph:
    """The int8 graph of a float graph, optimized, ready for `plan` and `to_tflite`. Same input, same bytes.

    samples: what the model will see, as `calibration_data` takes it; some hundred, at most `limit` are used.
    Other arguments: see Settings and calibration_data. progress: called with (inferences done, inferences in all).
    report: as in `optimize`.
    Raises UsageError for unusable samples, UnsupportedError for what is no float model or has no int8 meaning, FitError
    and CheckError for budgets that cannot be kept.
    """
    settings = Settings(
        observer,
        equalization,
        bias_correction,
        dense_per_channel,
        tuple(int16),
        tuple(int4),
        flash_budget,
        min_sqnr_db,
    )
    calibration = calibration_data(samples, graph, limit, pixels)
    return optimize(quantize_measured(graph, calibration, settings, progress).graph, report)


def quantize_measured(
    graph: Graph, calibration: Calibration, settings: Settings | None = None, progress: Progress | None = None
) -> Quantization:
    """As `quantize`, with all that was measured on the way. The graph is not optimized: tensors keep their twins."""
    return _Search(prepare(graph), calibration, settings or Settings(), progress).best()


@dataclass(frozen=True, eq=False)
class _Variant:
    conversion: Conversion
    observation: Observation
    choices: Mapping[Group, Choice]


class _Search:
    """Tries what the settings leave open on a part of the samples, then makes the best variant of all of them."""

    def __init__(self, graph: Graph, calibration: Calibration, settings: Settings, progress: Progress | None) -> None:
        self._graph, self._all, self._settings, self._progress = graph, calibration.inputs, settings, progress
        self._count = min(max(_MEASURED_MACS // max(graph.macs, 1), _LEAST_MEASURED), _MOST_MEASURED)
        self._train, held = _split(self._all, self._count // 2)
        # samples that were observed show what the observers cut off, the others what they did not foresee
        self._measured = [*held, *_some(self._train, self._count - len(held))]
        self._equalizations = _open(settings.equalization) if pairs(graph) else [False]
        self._corrections = _open(settings.bias_correction)
        self._observers = OBSERVER_NAMES if settings.observer == AUTO else (settings.observer,)
        self._trials: list[Trial] = []
        self._done, self._total = 0, self._inferences()

    def _inferences(self) -> int:
        measured, corrected = len(self._observers), True in self._corrections
        chosen = (AUTO in self._observers) * self._count
        trials = len(self._train) + chosen + len(self._measured) * (measured + corrected) + corrected * self._count
        equalizing = (True in self._equalizations) * len(self._train)
        return len(self._equalizations) * trials + equalizing + 2 * len(self._all) + chosen + corrected * self._count

    def _tick(self) -> None:
        self._done += 1
        if self._progress:
            self._progress(min(self._done, self._total), self._total)

    def best(self) -> Quantization:
        for equalized in self._equalizations:
            self._try(equalized)
        best = max(self._trials, key=_merit)  # of equals the first, which is the simplest
        variant = self._converted(self._observed(best.equalized, self._all), best.observer, self._all)
        layers: Sequence[LayerPrecision] = ()
        if self._settings.mixes:
            variant, layers = self._mixed(variant, best.bias_corrected)
        elif best.bias_corrected:
            variant = self._corrected(variant, self._all)
        if self._progress:
            self._progress(self._total, self._total)
        choices = {t: choice for group, choice in variant.choices.items() for t in group.tensors}
        return Quantization(
            variant.conversion, variant.observation, choices, best, self._trials, self._settings, layers
        )

    def _mixed(self, plain: _Variant, corrected: bool) -> tuple[_Variant, Sequence[LayerPrecision]]:
        """The variant in the precision that is stated, and that keeps the budgets."""
        settings, observation = self._settings, plain.observation
        some = _some(self._measured, sample_count(self._graph))

        def finish(conversion: Conversion) -> Conversion:
            return correct_biases(conversion, some, _no_tick) if corrected else conversion

        search = PrecisionSearch(observation, plain.choices, settings.dense_per_channel, some, finish)
        start = precision = named(observation, settings.int16, settings.int4)
        if settings.flash_budget is not None:
            precision = search.within_flash(precision, settings.flash_budget)
        least = wanted = -math.inf if settings.min_sqnr_db is None else settings.min_sqnr_db
        while True:
            precision, possible = search.widened(precision, least, settings.flash_budget)
            made = search.made(precision)
            variant = _Variant(made.conversion, made.observation, made.choices)
            variant = self._corrected(variant, self._all) if corrected else variant
            reached = self._score(variant.conversion)
            if reached >= wanted:
                return variant, search.rows(start, precision)
            if not possible:
                raise CheckError(
                    f"{self._graph.name}: int16 wherever it can be gives {reached:.1f} dB, {wanted:g} dB are asked "
                    "for; the rest is what the weights lose",
                    "a lower bound, or a greater flash budget" if settings.flash_budget else "a lower bound",
                )
            least = max(least, wanted) + max(wanted - reached, 0.1)

    def _try(self, equalized: bool) -> None:
        """Every observer by itself; the best one also with its biases corrected, where that is open or wanted."""
        observation = self._observed(equalized, self._train)
        variants = [self._converted(observation, name, self._train) for name in self._observers]
        found = [self._score(variant.conversion) for variant in variants]
        trials = [Trial(n, equalized, False, db) for n, db in zip(self._observers, found, strict=True)]
        best = max(range(len(trials)), key=lambda index: _merit(trials[index]))
        if False in self._corrections:
            self._trials += trials
        if True in self._corrections:
            score = self._score(self._corrected(variants[best], self._train).conversion)
            self._trials.append(replace(trials[best], bias_corrected=True, sqnr_db=score))

    def _observed(self, equalized: bool, samples: Sequence[Sample]) -> Observation:
        graph = equalize(self._graph, samples, self._tick) if equalized else self._graph
        return observe(graph, samples, self._tick)

    def _converted(self, observation: Observation, observer: str, samples: Sequence[Sample]) -> _Variant:
        if observer == AUTO:
            choices = choose_by_error(observation, _some(samples, self._count), self._tick)
        else:
            choices = choose(observation, observer)
        conversion = convert(observation.graph, quant_of(choices), self._settings.dense_per_channel)
        return _Variant(conversion, observation, choices)

    def _corrected(self, plain: _Variant, samples: Sequence[Sample]) -> _Variant:
        some = _some(samples, self._count)
        return replace(plain, conversion=correct_biases(plain.conversion, some, self._tick))

    def _score(self, conversion: Conversion) -> float:
        return sqnr_db(conversion, scored(conversion.source), self._measured, self._tick)


def _no_tick() -> None:
    """Inferences that the progress bar does not count."""


def _merit(trial: Trial) -> float:
    """Its SQNR; what cuts ranges has to earn it, for samples yet unseen reach further than these."""
    return trial.sqnr_db - (0.0 if trial.observer == "minmax" else CUTTING_MARGIN_DB)


def _split(samples: Sequence[Sample], count: int) -> tuple[Sequence[Sample], Sequence[Sample]]:
    """(samples to observe, samples to hold back): every fourth is held back; of these at most `count`."""
    if len(samples) < _LEAST_SPLIT:
        return samples, []
    held = set(range(1, len(samples), 4))
    rest = [sample for index, sample in enumerate(samples) if index not in held]
    return rest, _some([samples[index] for index in sorted(held)], count)


def _some(samples: Sequence[Sample], count: int) -> Sequence[Sample]:
    return [samples[index] for index in evenly(len(samples), count)]


def _open(switch: str) -> list[bool]:
    return [False, True] if switch == AUTO else [switch == "on"]


__all__ = ["OBSERVER_NAMES", "SWITCHES", "Quantization", "Settings", "Trial", "quantize", "quantize_measured"]
