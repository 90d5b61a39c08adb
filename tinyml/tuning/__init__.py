"""Which kernel runs a layer: by what was measured on the device, or else by what the cost model estimates."""

from tinyml.tuning.cache import Measurements, measurements
from tinyml.tuning.order import KernelOrder
from tinyml.tuning.rounds import Rounds, TunedStep, Tuning

__all__ = ["KernelOrder", "Measurements", "Rounds", "TunedStep", "Tuning", "measurements"]
