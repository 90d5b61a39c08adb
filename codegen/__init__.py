"""Everything that knows C: kernels, their choice, and the text of a plan."""

from codegen.emit import generate
from codegen.select import select_kernels
from codegen.sources import Port, Sources

__all__ = ["Port", "Sources", "generate", "select_kernels"]
