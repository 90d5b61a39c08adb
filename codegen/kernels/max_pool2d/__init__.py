"""Kernels of max_pool2d, most specific first, reference last."""

from __future__ import annotations

from codegen.kernels.fields import pool_fields
from tinyml.kernel import Kernel
from tinyml.ops import MaxPool2D

KERNELS = (Kernel(name="tml_max_pool2d_s8", op=MaxPool2D, struct="tml_pool2d", parameters=pool_fields),)
