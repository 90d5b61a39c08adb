"""Instructions of many layers, each run by itself, counted in few firmwares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.cost_layers import Layer
from codegen import generate
from codegen.kernels import KERNELS
from tinyml import pipeline
from tinyml.board import Board
from tinyml.firmware import build_firmware
from tinyml.ir import DType, Graph, Node, Quant, Tensor
from tinyml.ops import Relu
from tinyml.scheduler import Buffer, Group, Plan, Scratch, Step
from tinyml.scheduler.packing import align
from tinyml.scheduler.rows import RowRange
from tinyml.toolchain import Toolchain

BATCH = 100
BATCH_BYTES = 150_000  # of weights
_EMPTY_TICKS = 8


def counted(batch: Sequence[Layer], board: Board, toolchain: Toolchain) -> list[int]:
    """Instructions of each layer of a batch, without those of reading the counter."""
    plan = _plan([*batch, _empty()], board)
    values = np.random.default_rng(0).integers(-128, 128, plan.graph.inputs[0].size).astype(np.int8)
    with TemporaryDirectory() as directory, pipeline.connect(board) as device:
        sources = generate(plan)
        firmware = build_firmware(sources, board, Path(directory) / "f", toolchain=toolchain, profile=True)
        device.flash(firmware)
        steps = list(map(board.counter.count, device.step_ticks([values])))
    reading = steps[-1] / _EMPTY_TICKS
    visits = [len(layer.rows.end) for layer in batch]
    return [round(count - reading * n) for count, n in zip(steps[:-1], visits, strict=True)]


def batches(layers: Sequence[Layer]) -> Iterator[list[Layer]]:
    batch: list[Layer] = []
    size = 0
    for layer in layers:
        weights = sum(t.size_bytes for t in layer.node.inputs if t.is_constant)
        if batch and (len(batch) == BATCH or size + weights > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(layer)
        size += weights
    yield batch


def _empty() -> Layer:
    """A layer whose calls have nothing to do: what remains is reading the counter."""
    kernel = next(kernel for kernel in KERNELS if kernel.op is Relu and not kernel.requires)
    image, quant = (1, 4, 1, 1), Quant.per_tensor(1.0, 0)
    source, result = (Tensor(name, image, DType.INT8, quant) for name in ("nothing", "result"))
    none = np.zeros(_EMPTY_TICKS, np.int64)
    return Layer(kernel, Node("empty", Relu(), (source,), (result,)), RowRange(none, none))


def _plan(layers: Sequence[Layer], board: Board) -> Plan:
    """All operands lie over each other at the front of the arena, all outputs behind, then all scratch."""
    operands = max(sum(align(t.size_bytes) for t in layer.node.operands if not t.is_constant) for layer in layers)
    outputs = max(sum(align(t.size_bytes) for t in layer.node.outputs) for layer in layers)
    scratch = max(layer.kernel.scratch_bytes(layer.node) for layer in layers)
    source = Tensor("input", (1, max(operands, 16)), DType.INT8, Quant.per_tensor(1.0, 0))
    buffers = {source: Buffer(source, 1, 0, -1, len(layers))}
    groups: list[Group] = []
    for number, layer in enumerate(layers):
        own = dict.fromkeys(t for t in layer.node.operands if not t.is_constant)
        for tensors, start in ((own, 0), (layer.node.outputs, operands)):
            for tensor in tensors:
                buffers[tensor] = Buffer(tensor, _held(layer, tensor), start, number, number)
                start += align(tensor.size_bytes)
        need = layer.kernel.scratch_bytes(layer.node)
        space = Scratch(operands + outputs, need) if need else None
        step = Step(layer.node, layer.kernel, layer.rows, space)
        groups.append(Group((step,), len(layer.rows.end)))
    result = layers[-1].node.outputs
    graph = Graph("layers", tuple(layer.node for layer in layers), (source,), result)
    total = operands + outputs + align(scratch)
    return Plan(graph, tuple(groups), buffers, max(total, 16), max(total, 16), board=board)


def _held(layer: Layer, tensor: Tensor) -> int:
    """Rows of a ring where the layer runs over several ticks, as in a fused group."""
    height = tensor.hwc[0]
    if len(layer.rows.end) == 1 or (layer.kernel.accumulates and tensor in layer.node.outputs):
        return height
    if tensor in layer.node.outputs:
        return min(height, 4)
    index = layer.node.operands.index(tensor)
    reads = [
        layer.node.op.input_rows(layer.node, index, int(begin), int(end)) or (0, height)
        for begin, end in zip(layer.rows.begin, layer.rows.end, strict=True)
        if begin < end and not layer.kernel.accumulates
    ]
    return min(height, max((end - begin for begin, end in reads), default=2) + 1)
