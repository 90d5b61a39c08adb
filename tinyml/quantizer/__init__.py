"""Post-training quantization: a float Graph and calibration data to an int8 Graph, and what it cost."""

from tinyml.quantizer.calibration import Calibration, calibration_data
from tinyml.quantizer.quantize import Quantization, Settings, Trial, quantize, quantize_measured

__all__ = ["Calibration", "Quantization", "Settings", "Trial", "calibration_data", "quantize", "quantize_measured"]
