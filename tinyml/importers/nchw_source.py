"""From the operators of an NCHW format, each one step, to a Graph: what importers of such formats have in common."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from tinyml.errors import ModelError, UnsupportedError
from tinyml.importers.faults import raise_faults
from tinyml.importers.nchw import Axes, Builder, Move, Operand, Value, channels_last
from tinyml.importers.nchw_elementwise import plain_value
from tinyml.importers.nchw_fold import fold
from tinyml.importers.qdq import absorb
from tinyml.ir import Array, DType, Graph, Shape, ShapeError, Tensor, shown, verify

MAX_STEPS = 10_000
# what numpy and indexing raise where a contradiction got past all checks
_DAMAGE = (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, ZeroDivisionError, MemoryError)
log = logging.getLogger("tinyml.importers")


class Missing(Exception):
    """An operand whose producer is not supported: what reads it is not looked at."""


class Operands(dict[str, Operand]):
    """What has been computed so far, by the source's names."""

    def __missing__(self, name: str) -> Operand:
        raise Missing(name)


Lower = Callable[[Builder, Operands], Sequence[Operand]]


@dataclass(frozen=True)
class Step:
    """One operator of the source. at: what it is and where, for messages. lower: its outputs, in order.

    lower raises UnsupportedError, ModelError or ShapeError without saying where.
    """

    at: str
    reads: tuple[str, ...]
    outputs: tuple[str, ...]
    lower: Lower


@dataclass(frozen=True)
class Source:
    """A model as its file states it, steps in execution order. stated: shapes that the file states, where it does."""

    inputs: Mapping[str, Shape]
    constants: Mapping[str, Array]
    steps: Sequence[Step]
    outputs: Sequence[str]
    stated: Mapping[str, Shape] = field(default_factory=dict)


@dataclass(frozen=True)
class Port:
    """An input or output. shape: as the source states it. axes: in which order the graph has these axes.

    None in `axes` is an axis of side 1 that the source does not have. `array.transpose` with them makes NHWC of NCHW.
    """

    name: str
    shape: Shape
    axes: tuple[int | None, ...]

    def to_graph(self, data: Array) -> Array:
        """An array of the stated shape as the graph has it."""
        moved = data.transpose([axis for axis in self.axes if axis is not None])
        return np.ascontiguousarray(moved).reshape([1 if axis is None else self.shape[axis] for axis in self.axes])

    def __str__(self) -> str:
        stored = [1 if axis is None else self.shape[axis] for axis in self.axes]
        return f"{shown(self.name)} is stated as {list(self.shape)}; the graph has {stored}, axes {list(self.axes)}"


@dataclass(frozen=True)
class Imported:
    """A graph, and how it relates to its source. moves: the transposes that stay, each with its reason."""

    graph: Graph
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    moves: tuple[Move, ...]

    def report(self) -> list[str]:
        ports = [f"{kind} {p}" for kind, side in (("input", self.inputs), ("output", self.outputs)) for p in side]
        return [*ports, *(f"a transpose stays: {move.text}" for move in self.moves)]

    def logged(self) -> Graph:
        """The graph; the report goes to the log."""
        for line in self.report():
            log.info("%s: %s", self.graph.name, line)
        return self.graph


def import_source(source: Source, name: str) -> Imported:
    """The source as a sound graph called `name`. Each input gets the order of axes that costs the fewest moves.

    Raises UnsupportedError with every step that the SDK lacks, ModelError for a source that contradicts itself.
    """
    if len(source.steps) > MAX_STEPS:
        raise UnsupportedError(f"{len(source.steps)} operators; at most {MAX_STEPS} are supported")
    source = replace(source, steps=_live(source))
    _check_finite(source)
    orders = {key: _orders(shape) for key, shape in source.inputs.items()}
    chosen = {key: choices[0] for key, choices in orders.items()}
    best = _Attempt(source, chosen)
    for key, choices in orders.items():
        for axes in choices[1:]:
            if best.moved:
                attempt = _Attempt(source, {**chosen, key: axes})
                if attempt.moved < best.moved:
                    best, chosen = attempt, attempt.axes
    return best.imported(name)


def _live(source: Source) -> list[Step]:
    read = set(source.outputs)
    kept = []
    for step in reversed(source.steps):
        if not read.isdisjoint(step.outputs):
            read.update(step.reads)
            kept.append(step)
    return kept[::-1]


def _check_finite(source: Source) -> None:
    read = {name for step in source.steps for name in step.reads}
    spoiled = [
        shown(name)
        for name, data in source.constants.items()
        if name in read and data.dtype.kind == "f" and data.size > 1 and not np.isfinite(data).all()
    ]
    if spoiled:
        more = f" and {len(spoiled) - 20} more" if len(spoiled) > 20 else ""
        raise ModelError(f"constants that hold NaN or infinity: {', '.join(spoiled[:20])}{more}")


def _orders(shape: Shape) -> list[tuple[int | None, ...]]:
    """The orders in which an input may be taken, the usual one first."""
    plain = tuple(range(len(shape)))
    if len(shape) == 3:
        return [plain, (0, 2, None, 1)]
    return [channels_last(len(shape)), plain] if len(shape) == 4 else [plain]


class _Attempt:
    """The source lowered with one order of axes per input."""

    def __init__(self, source: Source, axes: Mapping[str, tuple[int | None, ...]]) -> None:
        self.axes = dict(axes)
        self._source = source
        self._builder = Builder()
        self._faults: list[str] = []
        self._operands = Operands(source.constants)
        self._inputs = [self._input(name, shape) for name, shape in source.inputs.items()]
        for step in source.steps:
            self._run(step)
        raise_faults(self._faults)
        self._outputs = [self._output(name) for name in source.outputs]

    @property
    def moved(self) -> int:
        """Elements moved by transposes."""
        return sum(move.elements for move in self._builder.moves)

    def _input(self, name: str, shape: Shape) -> Tensor:
        value = self._builder.input(name, shape, self.axes[name])
        self._operands[name] = value
        return value.tensor

    def _run(self, step: Step) -> None:
        self._builder.begin(step.at, step.outputs[0])
        try:
            results = step.lower(self._builder, self._operands)
        except Missing:
            return
        except UnsupportedError as error:
            self._faults.append(f"{step.at}: {error.message}")
            results = self._stand_ins(step)
        except (ModelError, ShapeError) as error:
            raise ModelError(f"{step.at}: {error}") from error
        except _DAMAGE as error:
            raise ModelError(f"{step.at}: it contradicts itself ({type(error).__name__}: {str(error)[:80]})") from error
        self._operands.update(zip(step.outputs, results, strict=False))

    def _stand_ins(self, step: Step) -> list[Operand]:
        """Values of the stated shapes, so that what follows an unsupported step is looked at too."""
        shapes = [self._source.stated.get(name) for name in step.outputs]
        known = [shape for shape in shapes if shape is not None]
        return [plain_value(s, Tensor("", s, DType.FLOAT32)) for s in known] if len(known) == len(shapes) else []

    def _output(self, name: str) -> tuple[Port, Tensor]:
        try:
            value = self._operands[name]
        except Missing:
            raise ModelError(f"the output {shown(name)} is never computed") from None
        if not isinstance(value, Value):
            raise UnsupportedError(f"the output {shown(name)} is a constant")
        self._builder.begin(f"the output {shown(name)}", name)
        axes = _given(self._builder, value)
        return Port(name, value.shape, tuple(axes)), self._builder.stored(value, axes)

    def imported(self, name: str) -> Imported:
        tensors = [tensor for _, tensor in self._outputs]
        graph = Graph(name, tuple(self._builder.nodes), tuple(self._inputs), tuple(tensors))
        graph, inputs = _take_as_read(absorb(fold(graph), self._builder.quants, self._builder.exact), self._ports())
        graph = _named(graph, [port.name for port, _ in self._outputs])
        left = {node.name for node in graph.nodes if node.op.kind == "transpose"}
        moves = tuple(move for move in self._builder.moves if move.tensor in left)
        return Imported(verify(graph, "imported"), inputs, tuple(port for port, _ in self._outputs), moves)

    def _ports(self) -> tuple[Port, ...]:
        return tuple(Port(name, shape, self.axes[name]) for name, shape in self._source.inputs.items())


def _given(builder: Builder, value: Value) -> Axes:
    """The order in which an output is given: as it is stored where that is an order of its axes; a matrix as stated."""
    plain = tuple(range(len(value.shape)))
    return plain if len(plain) < 3 else [axis for axis in builder.axes_of([value]) if axis is not None]


def _take_as_read(graph: Graph, ports: tuple[Port, ...]) -> tuple[Graph, tuple[Port, ...]]:
    """A signal of one channel that is only read as an image of one column is taken so: then it can be fed by rows."""
    inputs, taken = list(graph.inputs), list(ports)
    for at, (tensor, port) in enumerate(zip(graph.inputs, ports, strict=True)):
        readers = graph.consumers.get(tensor, ())
        channels, length = (*port.shape[1:], 1, 1)[:2]
        image = (1, length, 1, channels)
        alike = {(node.op.kind, node.outputs[0].shape) for node in readers} == {("reshape", image)}
        # with several channels the reshape would be another order, which `_Attempt` tries by itself
        flat = len(port.shape) == 3 and port.axes == (0, 1, 2) and min(channels, length) == 1
        if flat and alike and tensor not in graph.outputs:
            inputs[at], taken[at] = replace(tensor, shape=image), replace(port, axes=(0, 2, None, 1))
            graph = graph.with_nodes([node for node in graph.nodes if node not in readers])
            graph = graph.substitute({node.output: inputs[at] for node in readers})
    return replace(graph, inputs=tuple(inputs)), tuple(taken)


def _named(graph: Graph, names: Sequence[str]) -> Graph:
    """The outputs under the names that the source gives them, as far as they are free."""
    for tensor, name in zip(graph.outputs, names, strict=True):
        if tensor.name != name and tensor in graph.producer and graph.outputs.count(tensor) == 1:
            graph = _renamed(graph, {t: replace(t, name=f"{name}/stored") for t in graph.tensors if t.name == name})
            graph = _renamed(graph, {tensor: replace(tensor, name=name)})
    return graph


def _renamed(graph: Graph, names: Mapping[Tensor, Tensor]) -> Graph:
    def swap(tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return tuple(names.get(tensor, tensor) for tensor in tensors)

    nodes = tuple(replace(node, inputs=swap(node.inputs), outputs=swap(node.outputs)) for node in graph.nodes)
    return replace(graph, nodes=nodes, inputs=swap(graph.inputs), outputs=swap(graph.outputs))
