"""What each stage may contain, as a table, checked between stages.

A rule is a function that yields one line per violation. `verify` raises with all of them, so that a broken pass or a
hostile file is reported once and whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np

from tinyml.errors import ModelError
from tinyml.ir.dtype import ACTIVATION_TYPES, DType
from tinyml.ir.graph import Graph, Node, State
from tinyml.ir.op import ShapeError
from tinyml.ir.tensor import Array, Tensor
from tinyml.ir.text import shown

LARGEST_WIDE_BIAS = 2**46  # leaves a 47-bit sum room for 2**23 taps of the largest products
_WITH_BIAS = ("conv2d", "depthwise_conv2d", "fully_connected", "transpose_conv")
Rule = Callable[[Graph], Iterator[str]]


def _defined_before_use(graph: Graph) -> Iterator[str]:
    known = {*graph.inputs, *(state.read for state in graph.states)}
    for node in graph.nodes:
        for tensor in node.inputs:
            if not tensor.is_constant and tensor not in known:
                yield f"{shown(node.name)} reads {shown(tensor.name)} before it is produced"
        known.update(node.outputs)
    for role, tensor in [("output", t) for t in graph.outputs] + [("state", s.written) for s in graph.states]:
        if not tensor.is_constant and tensor not in known:
            yield f"{role} {shown(tensor.name)} is never produced"


def _produced_once(graph: Graph) -> Iterator[str]:
    counts = Counter(tensor for node in graph.nodes for tensor in node.outputs)
    counts.update(graph.inputs)
    counts.update(state.read for state in graph.states)
    yield from (f"{shown(tensor.name)} is produced {count} times" for tensor, count in counts.items() if count > 1)


def _shapes_agree(graph: Graph) -> Iterator[str]:
    for node in graph.nodes:
        stated = tuple(tensor.shape for tensor in node.outputs)
        try:
            inferred = node.op.infer(node.inputs)
        except ShapeError as error:
            yield f"{shown(node.name)}: {error}"
            continue
        except (ValueError, IndexError, ZeroDivisionError):
            shapes = [tensor.shape for tensor in node.inputs]
            yield f"{shown(node.name)}: {node.op.kind} does not take inputs of shapes {shapes}"
            continue
        if inferred != stated:
            yield f"{shown(node.name)}: {node.op.kind} gives {inferred}, the graph states {stated}"


def _sides_positive(graph: Graph) -> Iterator[str]:
    for tensor in graph.tensors:
        if any(side < 1 for side in tensor.shape):
            yield f"{shown(tensor.name)} has shape {tensor.shape}; every side must be at least 1"


def _has_io(graph: Graph) -> Iterator[str]:
    if not graph.inputs:
        yield "the graph has no input"
    if not graph.outputs:
        yield "the graph has no output"


def _constants_finite(graph: Graph) -> Iterator[str]:
    for tensor in graph.tensors:
        if tensor.data is not None and tensor.dtype.is_float and not np.isfinite(tensor.data).all():
            yield f"constant {shown(tensor.name)} holds NaN or infinity"


def _quant_sound(graph: Graph) -> Iterator[str]:
    for tensor in graph.tensors:
        if tensor.quant is not None:
            yield from _quant_faults(tensor)


def _quant_faults(tensor: Tensor) -> Iterator[str]:
    quant = tensor.affine
    if not all(np.isfinite(scale) and scale > 0 for scale in quant.scales):
        yield f"{shown(tensor.name)}: scales must be positive and finite"
    low, high = tensor.dtype.bounds if not tensor.dtype.is_float else (0, 0)
    if not all(low <= zero_point <= high for zero_point in quant.zero_points):
        yield f"{shown(tensor.name)}: zero point outside {tensor.dtype.value}"
    count = 1 if quant.axis is None else tensor.shape[quant.axis] if quant.axis < len(tensor.shape) else -1
    if not len(quant.scales) == len(quant.zero_points) == count:
        yield f"{shown(tensor.name)}: {len(quant.scales)} scales for {count} channels"


def _states_fit(graph: Graph) -> Iterator[str]:
    for state in graph.states:
        read, written, initial = state.read, state.written, state.initial
        if (read.shape, read.dtype, read.quant) != (written.shape, written.dtype, written.quant):
            yield f"state {shown(read.name)} is read as {read} and written as {written}"
        if (initial.shape, initial.dtype) != (read.shape, read.dtype.numpy):
            yield f"state {shown(read.name)} begins as {initial.dtype}{list(initial.shape)}, {read} expected"


def _states_settled(graph: Graph) -> Iterator[str]:
    """A state is kept in place: who writes it may not come before anyone who reads what it held."""
    places = {node: number for number, node in enumerate(graph.nodes)}
    owned = Counter(state.written for state in graph.states)
    for state in graph.states:
        writer = graph.producer.get(state.written)
        own = writer is not None and state.written not in graph.outputs and owned[state.written] == 1
        flagged = state.read.is_state and state.written.is_state and state.read not in graph.outputs
        readers = [node for node in graph.consumers.get(state.read, ()) if not _replaces(node, state)]
        if writer is None or not own or not flagged or any(places[node] >= places[writer] for node in readers):
            yield f"state {shown(state.name)} is not written by a node of its own behind all that read it"
    held = {tensor for state in graph.states for tensor in (state.read, state.written)}
    yield from (f"{shown(t.name)} belongs to no state" for t in graph.tensors if t.is_state and t not in held)


def _replaces(node: Node, state: State) -> bool:
    return (state.read, state.written) in node.op.replaces(node)


def _activations_quantized(graph: Graph) -> Iterator[str]:
    activations = {*graph.inputs, *graph.outputs, *(t for n in graph.nodes for t in (*n.operands, *n.outputs))}
    activations -= {t for state in graph.states for t in (state.read, state.written) if t.dtype is DType.INT16}
    for tensor in graph.tensors:
        if tensor in activations and (tensor.dtype not in ACTIVATION_TYPES or tensor.quant is None):
            bare = "" if tensor.quant else " without quantization"
            yield f"{shown(tensor.name)} is {tensor.dtype.value}{bare}; int8 or int16 expected"
        elif tensor in activations and len(tensor.affine.scales) != 1:
            yield f"{shown(tensor.name)} has {len(tensor.affine.scales)} scales; an activation has one"
        elif tensor in activations and tensor.dtype is DType.INT16 and tensor.affine.zero_point:
            yield f"{shown(tensor.name)} is int16 with zero point {tensor.affine.zero_point}; 0 expected"


def _widths_agree(graph: Graph) -> Iterator[str]:
    """Activations of one width per node, int16 only where the op takes it, weights and bias to match."""
    for node in graph.nodes:
        activations = (tensor for tensor in (*node.operands, *node.outputs) if not tensor.is_state)
        found = {tensor.dtype for tensor in activations if tensor.dtype in ACTIVATION_TYPES}
        if len(found) > 1 and not node.op.mixes_widths:
            yield f"{shown(node.name)}: {node.op.kind} of both int8 and int16"
        elif DType.INT16 in found and not node.op.takes_int16:
            yield f"{shown(node.name)}: {node.op.kind} of int16; int8 expected"
        for tensor in node.inputs:
            if tensor.dtype is DType.INT4 and (tensor in node.operands or found != {DType.INT8}):
                yield f"{shown(node.name)}: {shown(tensor.name)} is int4, which only weights of int8 layers may be"
        if node.op.kind in _WITH_BIAS and len(node.inputs) > 2:
            yield from _bias_faults(node, DType.INT64 if DType.INT16 in found else DType.INT32)


def _bias_faults(node: Node, wanted: DType) -> Iterator[str]:
    bias = node.inputs[2]
    if bias.dtype is not wanted:
        yield f"{shown(node.name)}: bias {shown(bias.name)} is {bias.dtype.value}; {wanted.value} expected"
    elif bias.data is not None and not _within(bias.data, -LARGEST_WIDE_BIAS, LARGEST_WIDE_BIAS):
        yield f"{shown(node.name)}: bias {shown(bias.name)} leaves +-2**46, which TFLite can rescale"


def _int4_in_range(graph: Graph) -> Iterator[str]:
    for tensor in graph.tensors:
        if tensor.dtype is DType.INT4 and tensor.data is not None and not _within(tensor.data, *tensor.dtype.bounds):
            yield f"int4 constant {shown(tensor.name)} holds numbers outside [-8, 7]"


def _within(values: Array, low: int, high: int) -> bool:
    return bool(low <= values.min() and values.max() <= high)


_SOUND: tuple[Rule, ...] = (
    _has_io,
    _produced_once,
    _defined_before_use,
    _sides_positive,
    _quant_sound,
    _shapes_agree,
    _constants_finite,
    _int4_in_range,
    _states_fit,
)
STAGES: dict[str, tuple[Rule, ...]] = {
    "imported": _SOUND,
    "int8": (*_SOUND, _activations_quantized, _widths_agree, _states_settled),
}


def verify(graph: Graph, stage: str) -> Graph:
    """The graph itself when it obeys every rule of the stage; ModelError with every violation otherwise."""
    faults = [fault for rule in STAGES[stage] for fault in rule(graph)]
    if faults:
        listed = "\n  ".join(faults[:20])
        more = f"\n  and {len(faults) - 20} more" if len(faults) > 20 else ""
        raise ModelError(f"{graph.name}: not a valid {stage} graph\n  {listed}{more}")
    return graph
