"""Kernels of max_pool2d, most specific first, reference last."""

from __future__ import annotations

from codegen.kernels.dsp import FOUR
from codegen.kernels.fields import pool_fields
from tinyml.kernel import INT16_TYPES, Kernel, Types
from tinyml.ops import MaxPool2D

KERNELS = (
    Kernel(
        name="tml_max_pool2d_s8__mve",
        op=MaxPool2D,
        struct="tml_pool2d",
        parameters=pool_fields,
        requires=frozenset({"mve"}),
    ),
    Kernel(
        name="tml_max_pool2d_s8__dsp",
        op=MaxPool2D,
        struct="tml_pool2d",
        parameters=pool_fields,
        accepts=lambda node: node.output.hwc[2] >= FOUR,
        requires=frozenset({"dsp"}),
    ),
    *(
        Kernel(name=name, op=MaxPool2D, struct="tml_pool2d", parameters=pool_fields, types=types)
        for name, types in (("tml_max_pool2d_s8", Types()), ("tml_max_pool2d_s16", INT16_TYPES))
    ),
)
