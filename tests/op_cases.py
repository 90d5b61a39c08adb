"""Random one-node int8 graphs, one generator per op: what every op and every kernel is tested on.

A generator takes a numpy Generator and returns a Graph; CASES lists one per op kind. Each must reach the corners:
one-pixel images, odd channels, every padding side, strides and dilations, extreme zero points, saturating clamps,
multipliers above 1. The pieces are in tests/op_graphs.py.
"""

from __future__ import annotations

from collections.abc import Callable

from tests import cases_conv, cases_elementwise, cases_matmul, cases_movement, cases_recurrent
from tests.op_graphs import Rng, one_node
from tinyml.ir import Graph

CASES: dict[str, Callable[[Rng], Graph]] = {
    **cases_conv.CASES,
    **cases_elementwise.CASES,
    **cases_matmul.CASES,
    **cases_movement.CASES,
    **cases_recurrent.CASES,
}

__all__ = ["CASES", "one_node"]
