"""The arena of a graph's .tflite file in TensorFlow Lite Micro, worked out without running it.

TFLM gives every activation a place for the time from the operator that makes it to the last that reads it, in the
file's order: the greatest first, of equal ones the last in the file first, each at the lowest place that is free for
that time (tensorflow/lite/micro/memory_planner/greedy_memory_planner.cc). It keeps structures for every tensor and
operator for good. Their figures here are those of a 64-bit host, measured with the tflite-micro package; a 32-bit chip
takes less.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from typing import Any, NamedTuple

from tinyml.exporters.tflite_writer import ModelWriter
from tinyml.exporters.to_tflite import write_operators
from tinyml.ir import Graph, Tensor

ALIGNMENT = 16
_BASE_BYTES = 640  # the interpreter's own
_TENSOR_BYTES = 24
_OPERATOR_BYTES = 64 + 90  # the node, and the kernel's data with its options
_CHANNEL_BYTES = 8  # multiplier and shift of every output channel of a convolution
_PLANNING_BYTES = 48  # a tensor, while the plan is made: where the activations lie later


class Buffer(NamedTuple):
    """An activation: aligned bytes, and the operators by number between which it lives, both included."""

    size_bytes: int
    first: int
    last: int


def estimated_arena_bytes(graph: Graph) -> int:
    """Raises UnsupportedError for what cannot be written as .tflite."""
    log = OperatorLog.of(graph)
    planning = len(log.tensors) * _PLANNING_BYTES
    return max(greedy_bytes(log.buffers(graph)), planning) + _BASE_BYTES + log.kept_bytes


def greedy_bytes(buffers: Sequence[Buffer]) -> int:
    """What TFLM's planner takes for activations, in the order of the file."""
    placed: list[tuple[int, Buffer]] = []
    for _, buffer in sorted(enumerate(buffers), key=lambda b: (-b[1].size_bytes, -b[0])):
        offset = 0
        for other_offset, other in placed:
            if other.first <= buffer.last and buffer.first <= other.last:
                if other_offset - offset >= buffer.size_bytes:
                    break
                offset = max(offset, other_offset + other.size_bytes)
        insort(placed, (offset, buffer))
    return max((offset + buffer.size_bytes for offset, buffer in placed), default=0)


def operator_bytes(name: str, results: Sequence[Tensor]) -> int:
    """Structures of one operator, its tensors left out."""
    return _OPERATOR_BYTES + (results[0].shape[-1] * _CHANNEL_BYTES if "CONV" in name else 0)


class OperatorLog(ModelWriter):
    """Keeps what would be written: the operators, and the tensors in the file's order."""

    def __init__(self) -> None:
        super().__init__()
        self.operators: list[tuple[str, tuple[Tensor, ...], tuple[Tensor, ...]]] = []

    @classmethod
    def of(cls, graph: Graph) -> OperatorLog:
        log = cls()
        write_operators(graph, log)
        return log

    def operator(
        self,
        name: str,
        version: int,
        inputs: Sequence[Tensor | None],
        outputs: Sequence[Tensor],
        options: Any | None = None,
        intermediates: Sequence[Tensor] = (),
    ) -> None:
        self.operators.append((name, tuple(tensor for tensor in inputs if tensor is not None), tuple(outputs)))

    @property
    def tensors(self) -> dict[Tensor, None]:
        return dict.fromkeys(t for _, operands, results in self.operators for t in (*operands, *results))

    @property
    def kept_bytes(self) -> int:
        """Structures of tensors and operators."""
        operators = sum(operator_bytes(name, results) for name, _, results in self.operators)
        return len(self.tensors) * _TENSOR_BYTES + operators

    def buffers(self, graph: Graph) -> list[Buffer]:
        """The activations of a graph, all of whose operators were logged."""
        first, last = dict.fromkeys(graph.inputs, 0), dict.fromkeys(graph.inputs, 0)
        for step, (_, operands, results) in enumerate(self.operators):
            for tensor in (*operands, *results):
                first.setdefault(tensor, step)
                last[tensor] = step
        last.update(dict.fromkeys(graph.outputs, len(self.operators)))
        return [
            Buffer(-(-tensor.size_bytes // ALIGNMENT) * ALIGNMENT, first[tensor], last[tensor])
            for tensor in self.tensors
            if not tensor.is_constant
        ]
