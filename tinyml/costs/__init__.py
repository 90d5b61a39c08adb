"""What kernels cost on a core, estimated from shapes: instructions, and time under a stated assumption."""

from tinyml.costs.model import CPI, CostModel, KernelCost, cost_model, kernel_sources
from tinyml.costs.plan import Estimate, estimate, milliseconds, step_calls

__all__ = [
    "CPI",
    "CostModel",
    "Estimate",
    "KernelCost",
    "cost_model",
    "estimate",
    "kernel_sources",
    "milliseconds",
    "step_calls",
]
