"""Signal to quantization noise: how far int8 is from float, in decibels."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tinyml import interpreter
from tinyml.ir import Array, DType, Graph, Quant, Tensor
from tinyml.ops.quantize import quantized
from tinyml.quantizer.convert import Conversion
from tinyml.quantizer.rules import Rule, rule

Sample = Sequence[Array]
Tick = Callable[[], None]  # called after every inference


@dataclass
class Error:
    """Energies summed over samples: of the float values, and of what int8 differs from them."""

    signal: float = 0.0
    noise: float = 0.0

    def add(self, real: Array, other: Array) -> None:
        wide = real.astype(np.float64)
        self.signal += float((wide**2).sum())
        self.noise += float(((wide - other) ** 2).sum())

    @property
    def ratio(self) -> float:
        """Noise per signal; infinite when there is noise alone."""
        if self.noise == 0:
            return 0.0
        return self.noise / self.signal if self.signal else math.inf

    @property
    def sqnr_db(self) -> float:
        """10 * log10(signal / noise): infinite without noise."""
        return decibels_of(self.ratio)


def decibels_of(noise: float) -> float:
    """SQNR of noise per signal, from 0 to infinity."""
    return math.inf if noise == 0 else -math.inf if math.isinf(noise) else -10 * math.log10(noise)


def to_codes(real: Array, tensor: Tensor) -> Array:
    """Real numbers as a quantized tensor holds them, saturated."""
    return np.clip(quantized(real, tensor), *tensor.dtype.bounds).astype(tensor.dtype.numpy)


def to_int8(real: Array, quant: Quant) -> Array:
    """int8 codes of real numbers, saturated."""
    return to_codes(real, Tensor("", (), DType.INT8, quant))


def to_real(codes: Array, quant: Quant) -> Array:
    """float32 numbers that codes stand for."""
    return (np.float32(quant.scale) * (codes.astype(np.int32) - quant.zero_point)).astype(np.float32)


def as_int8_and_back(real: Array, quant: Quant) -> Array:
    return to_real(to_int8(real, quant), quant)


def as_stored(real: Array, tensor: Tensor) -> Array:
    """What is left of real numbers in a quantized tensor."""
    return to_real(to_codes(real, tensor), tensor.affine)


def sqnr_db(conversion: Conversion, tensors: Sequence[Tensor], samples: Sequence[Sample], tick: Tick) -> float:
    """SQNR of activations of the float graph in the int8 graph; of several the mean noise per signal counts."""
    errors = {tensor: Error() for tensor in tensors}
    for sample in samples:
        real = interpreter.run_all(conversion.source, sample)
        codes = interpreter.run_all(conversion.graph, int8_inputs(conversion, sample))
        for tensor, error in errors.items():
            twin = conversion.tensors[tensor]
            error.add(real[tensor], to_real(codes[twin], twin.affine))
        tick()
    return Error(len(errors), sum(error.ratio for error in errors.values())).sqnr_db


def scored(graph: Graph) -> tuple[Tensor, ...]:
    """What tells how good a quantization is: the outputs, or what a softmax, logistic or tanh makes them of.

    Those flatten most errors and blow up a few, so that their outputs rank variants by chance.
    """
    return tuple(dict.fromkeys(_behind_fixed(graph, tensor) for tensor in graph.outputs))


def _behind_fixed(graph: Graph, tensor: Tensor) -> Tensor:
    at = tensor
    while (node := graph.producer.get(at)) is not None and len(node.inputs) == 1:
        kind = rule(node)
        if kind is Rule.FREE:
            break
        at = node.inputs[0]
        tensor = at if kind is Rule.FIXED else tensor
    return tensor


def int8_inputs(conversion: Conversion, sample: Sample) -> list[Array]:
    """As the quantized graph takes them: int16 where an input is."""
    return [to_codes(real, t) for real, t in zip(sample, conversion.graph.inputs, strict=True)]
