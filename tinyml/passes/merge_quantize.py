"""Two rescalings in a row become one where all 256 bytes agree.

    QUANTIZE_2(QUANTIZE_1(x)),   x int8  =>  QUANTIZE from x to the last output
    QUANTIZE_2(DEQUANTIZE_1(x)), x int8  =>  the same

Each step rounds, so one step is not two in general. Both are functions of one byte: they are computed for all 256 and
merged only when equal.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyml.ir import DType, Graph, Node
from tinyml.ops import Dequantize, Quantize
from tinyml.passes.rewriting import log, swap, sweep


def merge_quantize(graph: Graph) -> Graph:
    return sweep(graph, _merge)


def _merge(graph: Graph, node: Node) -> Graph:
    first = graph.producer.get(node.inputs[0]) if isinstance(node.op, Quantize) else None
    if first is None or not isinstance(first.op, Quantize | Dequantize):
        return graph
    if first.inputs[0].dtype is not DType.INT8 or node.output.dtype is not DType.INT8:
        log.debug("merge_quantize: %r and %r stay two: not from int8 to int8", first.name, node.name)
        return graph
    every = np.arange(-128, 128).astype(np.int8)
    merged = replace(node, inputs=first.inputs)
    (between,) = first.op.run_int8(first, [every])
    (twice,), (once,) = node.op.run_int8(node, [between]), merged.op.run_int8(merged, [every])
    differing = int(np.count_nonzero(twice != once))
    if differing:
        log.debug("merge_quantize: %r and %r stay two: %d of 256 bytes differ", first.name, node.name, differing)
        return graph
    return swap(graph, node, merged)
