"""Post-training quantization: a float Graph and calibration data to an int8 Graph, and what it cost."""

from tinyml.quantizer.calibration import Calibration, calibration_data
from tinyml.quantizer.compare import Comparison, compare
from tinyml.quantizer.html import to_html
from tinyml.quantizer.report import Report, make_report
from tinyml.quantizer.variants import Quantization, Settings, Trial, quantize, quantize_measured

__all__ = [
    "Calibration",
    "Comparison",
    "Quantization",
    "Report",
    "Settings",
    "Trial",
    "calibration_data",
    "compare",
    "make_report",
    "quantize",
    "quantize_measured",
    "to_html",
]
