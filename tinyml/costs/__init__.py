"""What kernels cost on a core, estimated from shapes: instructions, and time under a stated assumption."""

from tinyml.costs.flash import kernel_flash, plan_bytes
from tinyml.costs.model import CPI, CodeSizes, CostModel, KernelCost, cost_model, kernel_sources
from tinyml.costs.plan import Estimate, estimate, milliseconds, step_calls

__all__ = [
    "CPI",
    "CodeSizes",
    "CostModel",
    "Estimate",
    "KernelCost",
    "cost_model",
    "estimate",
    "kernel_flash",
    "kernel_sources",
    "milliseconds",
    "plan_bytes",
    "step_calls",
]
