"""Float graph and samples to int8 graph: the stages of the quantizer in order, and the choice between their variants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tinyml.errors import UsageError
from tinyml.ir import Graph, Tensor
from tinyml.passes import optimize
from tinyml.quantizer.bias_correction import correct_biases
from tinyml.quantizer.calibration import DEFAULT_LIMIT, Calibration, Progress, Source, calibration_data, evenly
from tinyml.quantizer.convert import Conversion, convert
from tinyml.quantizer.equalize import equalize, pairs
from tinyml.quantizer.measure import Sample, Tick, output_sqnr_db
from tinyml.quantizer.observers import OBSERVERS
from tinyml.quantizer.prepare import prepare
from tinyml.quantizer.ranges import AUTO, Choice, Group, Observation, choose, choose_by_error, observe, quant_of

SWITCHES = ("auto", "on", "off")
OBSERVER_NAMES = (AUTO, *OBSERVERS)
_TRIAL_MACS = 1 << 28  # of the float model, per variant that is tried
_MOST_TRIED, _LEAST_TRIED = 64, 16


@dataclass(frozen=True)
class Settings:
    """How to quantize.

    observer: "minmax", "percentile" (99.99), "mse" for all tensors alike; "auto": per tensor the one with the least
        error measured at its readers, unless one for all gives the model the better SQNR.
    equalization, bias_correction: "on", "off", or "auto": where the model's SQNR on the samples is better with it.
    dense_per_channel: weights of FULLY_CONNECTED with a scale per output; False: one scale, for TFLM before 2024.
    """

    observer: str = AUTO
    equalization: str = AUTO
    bias_correction: str = AUTO
    dense_per_channel: bool = True

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
    """One variant of the whole model and the SQNR of its outputs over the samples tried, in decibels."""

    observer: str
    equalized: bool
    bias_corrected: bool
    sqnr_db: float


@dataclass(frozen=True, eq=False)
class Quantization:
    """conversion: the int8 graph with the float graph it stands for. choices: per activation of that float graph.

    trial: the variant taken; trials: all that were measured, in order.
    """

    conversion: Conversion
    observation: Observation
    choices: Mapping[Tensor, Choice]
    trial: Trial
    trials: Sequence[Trial]
    settings: Settings = field(default_factory=Settings)

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
    limit: int | None = DEFAULT_LIMIT,
    pixels: str | None = None,
    progress: Progress | None = None,
) -> Graph:
    """The int8 graph of a float graph, optimized, ready for `plan` and `to_tflite`. Same input, same bytes.

    samples: what the model will see, as `calibration_data` takes it; some hundred, at most `limit` are used.
    Other arguments: see Settings and calibration_data. progress: called with (inferences done, inferences in all).
    Raises UsageError for unusable samples, UnsupportedError for what is no float model or has no int8 meaning.
    """
    settings = Settings(observer, equalization, bias_correction, dense_per_channel)
    calibration = calibration_data(samples, graph, limit, pixels)
    return optimize(quantize_measured(graph, calibration, settings, progress).graph)


def quantize_measured(
    graph: Graph, calibration: Calibration, settings: Settings | None = None, progress: Progress | None = None
) -> Quantization:
    """As `quantize`, with all that was measured on the way. The graph is not optimized: its tensors keep their twins."""
    return _Search(prepare(graph), calibration, settings or Settings(), progress).best()


@dataclass(frozen=True, eq=False)
class _Variant:
    conversion: Conversion
    observation: Observation
    choices: Mapping[Group, Choice]
    trial: Trial


class _Search:
    """Tries what the settings leave open. Counts inferences for the progress."""

    def __init__(
        self, graph: Graph, calibration: Calibration, settings: Settings, progress: Progress | None
    ) -> None:
        self._graph, self._all, self._settings, self._progress = graph, calibration.inputs, settings, progress
        count = min(max(_TRIAL_MACS // max(graph.macs, 1), _LEAST_TRIED), _MOST_TRIED)
        self._tried: list[Sample] = [self._all[i] for i in evenly(len(self._all), count)]
        self._equalizations = _open(settings.equalization) if pairs(graph) else [False]
        self._corrections = _open(settings.bias_correction)
        self._observers = OBSERVER_NAMES if settings.observer == AUTO else (settings.observer,)
        self._done, self._total = 0, self._inferences()
        self._trials: list[Trial] = []

    def _inferences(self) -> int:
        tried = len(self._tried)
        measured = len(self._observers) + (self._settings.observer == AUTO) + 2 * (True in self._corrections)
        equalizing = len(self._all) * (True in self._equalizations)
        return equalizing + len(self._equalizations) * (len(self._all) + tried * measured)

    def _tick(self) -> None:
        self._done += 1
        if self._progress:
            self._progress(min(self._done, self._total), self._total)

    def best(self) -> Quantization:
        variants = [variant for equalized in self._equalizations for variant in self._variants(equalized)]
        # the first of equals: the simplest
        best = max(variants, key=lambda variant: variant.trial.sqnr_db)
        choices = {t: choice for group, choice in best.choices.items() for t in group.tensors}
        return Quantization(best.conversion, best.observation, choices, best.trial, self._trials, self._settings)

    def _variants(self, equalized: bool) -> list[_Variant]:
        """The best observer without bias correction, and with it, as far as the settings allow."""
        graph = equalize(self._graph, self._all, self._tick) if equalized else self._graph
        observation = observe(graph, self._all, self._tick)
        plain = max(
            (self._converted(observation, name, equalized) for name in self._observers),
            key=lambda variant: variant.trial.sqnr_db,
        )
        return [self._corrected(plain) if corrected else plain for corrected in self._corrections]

    def _converted(self, observation: Observation, observer: str, equalized: bool) -> _Variant:
        if observer == AUTO:
            choices = choose_by_error(observation, self._tried, self._tick)
        else:
            choices = choose(observation, observer)
        conversion = convert(observation.graph, quant_of(choices), self._settings.dense_per_channel)
        trial = self._measured(conversion, observer, equalized, False)
        return _Variant(conversion, observation, choices, trial)

    def _corrected(self, plain: _Variant) -> _Variant:
        conversion = correct_biases(plain.conversion, self._tried, self._tick)
        trial = self._measured(conversion, plain.trial.observer, plain.trial.equalized, True)
        return _Variant(conversion, plain.observation, plain.choices, trial)

    def _measured(self, conversion: Conversion, observer: str, equalized: bool, corrected: bool) -> Trial:
        trial = Trial(observer, equalized, corrected, output_sqnr_db(conversion, self._tried, self._tick))
        self._trials.append(trial)
        return trial


def _open(switch: str) -> list[bool]:
    return [False, True] if switch == AUTO else [switch == "on"]


__all__ = ["OBSERVER_NAMES", "SWITCHES", "Quantization", "Settings", "Tick", "Trial", "quantize", "quantize_measured"]
