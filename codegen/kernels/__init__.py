"""The inventory of C kernels. A listed kernel is a tested kernel: tests and builds read these lists."""

from codegen.kernels import conv2d
from tinyml.kernel import Kernel

KERNELS: tuple[Kernel, ...] = (*conv2d.KERNELS,)

__all__ = ["KERNELS"]
