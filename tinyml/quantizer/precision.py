"""Which activations are int16 and which weights int4, and the float graph with QUANTIZE where the two widths meet.

    y = f(x), y int16, x int8  =>  y = f(QUANTIZE(x)), QUANTIZE(x) int16
    y = f(x), y int8, x int16  =>  y = QUANTIZE(f(x)), f(x) int16
                                   y = f(QUANTIZE(x)), QUANTIZE(x) int8, where f takes no int16

QUANTIZE is the identity on real numbers. The unit is a group of tensors that share one quantization (`rules.groups`). A
layer computes in int16 where an operand or its output is int16. Layers in int16 have int8 weights: TFLM has no others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from tinyml.errors import UsageError
from tinyml.ir import Graph, Node, Quant, Tensor
from tinyml.ops import Conv2D, DepthwiseConv2D, FullyConnected, Pad, Quantize
from tinyml.quantizer.convert import Conversion, convert
from tinyml.quantizer.observers import wide_quant
from tinyml.quantizer.ranges import FIXED, Choice, Observation, quant_of
from tinyml.quantizer.rules import Group, group_of, groups

INT4_OPS = (Conv2D, DepthwiseConv2D, FullyConnected)
WIDE_OBSERVER = "int16"
_FINER = 128  # int16 steps to one of int8 at a border: exact, and room for every int8 number less its zero point


@dataclass(frozen=True)
class Precision:
    """wide: groups of activations in int16. int4: layers with int4 weights. Both of one float graph."""

    wide: frozenset[Group] = frozenset()
    int4: frozenset[Node] = frozenset()

    @property
    def tensors(self) -> frozenset[Tensor]:
        return frozenset(tensor for group in self.wide for tensor in group.tensors)


@dataclass(frozen=True, eq=False)
class Mixed:
    """What `mixed` makes: the observation and choices of the graph with its borders, and the conversion of it."""

    conversion: Conversion
    observation: Observation
    choices: Mapping[Group, Choice]


def mixed(
    observation: Observation, choices: Mapping[Group, Choice], precision: Precision, dense_per_channel: bool
) -> Mixed:
    """The quantized graph of these choices in this precision. int8 tensors keep what was chosen for them."""
    bordered = _Bordered(observation.graph, precision.tensors)
    found = groups(bordered.graph)
    before = group_of(observation.groups)
    of = {group: before[bordered.origin[group.tensors[0]]] for group in found}
    histograms = {group: observation.histograms[of[group]] for group in found}
    chosen: dict[Group, Choice] = {}
    for group in found:
        tensor = group.tensors[0]
        if tensor not in bordered.wide:
            chosen[group] = choices[of[group]]
        elif demanded := _demanded(bordered.graph, group):
            chosen[group] = Choice(demanded, FIXED)
        elif bordered.origin[tensor] is tensor:
            chosen[group] = Choice(wide_quant(histograms[group].low, histograms[group].high), WIDE_OBSERVER)
        else:
            finer = Quant.per_tensor(choices[of[group]].quant.scale / _FINER)
            chosen[group] = Choice(finer, WIDE_OBSERVER)
    quants = quant_of(chosen)
    int4 = {bordered.nodes[node] for node in precision.int4}
    conversion = convert(bordered.graph, quants, dense_per_channel, bordered.wide, int4)
    return Mixed(conversion, Observation(bordered.graph, found, histograms), chosen)


def takes_int16(node: Node) -> bool:
    """Whether the node computes in int16. The C kernels of PAD fill with 0 only there."""
    return node.op.takes_int16 and not (isinstance(node.op, Pad) and node.op.value)


def may_be_wide(graph: Graph, group: Group) -> bool:
    """Whether a group can be int16: all that computes it takes int16."""
    return all(map(takes_int16, _producers(graph, group)))


def _demanded(graph: Graph, group: Group) -> Quant | None:
    """The quantization that a kernel demands of an int16 group."""
    found = (getattr(node.op, "OUTPUT_QUANT_INT16", None) for node in _producers(graph, group))
    return next((quant for quant in found if quant), None)


def _producers(graph: Graph, group: Group) -> list[Node]:
    return [graph.producer[tensor] for tensor in group.tensors if tensor in graph.producer]


def named(observation: Observation, int16: tuple[str, ...], int4: tuple[str, ...]) -> Precision:
    """The precision that a user states by names of tensors or layers, with * and ?. UsageError where nothing fits."""
    graph = observation.graph
    wide = [
        group
        for group in observation.groups
        if any(_fits(name, pattern) for pattern in int16 for name in _names(graph, group)) and may_be_wide(graph, group)
    ]
    layers = [
        node
        for node in graph.nodes
        if isinstance(node.op, INT4_OPS) and any(_fits(node.name, pattern) for pattern in int4)
    ]
    for option, patterns, names in (
        ("int16", int16, [name for group in wide for name in _names(graph, group)]),
        ("int4", int4, [node.name for node in layers]),
    ):
        for pattern in patterns:
            if not any(_fits(name, pattern) for name in names):
                raise UsageError(
                    f"{option} {pattern!r} names no layer that can be {option}",
                    "names are those of the report; * stands for any text",
                )
    return Precision(frozenset(wide), frozenset(layers))


def _fits(name: str, pattern: str) -> bool:
    stated = name.removesuffix("/equalized")
    return pattern in (name, stated) or fnmatchcase(name, pattern) or fnmatchcase(stated, pattern)


def _names(graph: Graph, group: Group) -> list[str]:
    """Of a group's tensors, and of the layers that produce them."""
    return [t.name for t in group.tensors] + [node.name for node in _producers(graph, group)]


@dataclass
class _Bordered:
    """graph: with borders. wide: its int16 tensors. origin: the tensor of the first graph whose values each one has.

    nodes: from those of the first graph.
    """

    graph: Graph
    wide: frozenset[Tensor]
    origin: dict[Tensor, Tensor] = field(default_factory=dict)
    nodes: dict[Node, Node] = field(default_factory=dict)
    _twins: dict[Tensor, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.origin = {tensor: tensor for tensor in self.graph.tensors if not tensor.is_constant}
        stated, nodes = self.wide, list[Node]()
        for node in self.graph.nodes:
            nodes += self._with_borders(node, stated)
        self.graph = self.graph.with_nodes(nodes)

    def _with_borders(self, node: Node, stated: frozenset[Tensor]) -> list[Node]:
        """The node between the QUANTIZE nodes that it needs."""
        if node.op.mixes_widths or stated.isdisjoint((*node.operands, *node.outputs)):
            self.nodes[node] = node
            return [node]
        wide = takes_int16(node)
        before, after = list[Node](), list[Node]()
        operands = dict.fromkeys(tensor for tensor in node.operands if not tensor.is_constant)
        for tensor in operands:
            if (tensor in stated) is not wide:
                before += [] if tensor in self._twins else [self._border(tensor, self._twin(tensor, wide))]
        inputs = tuple(self._twins[t] if t in operands and (t in stated) is not wide else t for t in node.inputs)
        outputs = list[Tensor]()
        for tensor in node.outputs:
            if (tensor in stated) is wide:
                outputs.append(tensor)
            else:
                outputs.append(self._copy(tensor, wide))
                after.append(self._border(outputs[-1], tensor))
        self.nodes[node] = Node(node.name, node.op, inputs, tuple(outputs))
        return [*before, self.nodes[node], *after]

    def _twin(self, tensor: Tensor, wide: bool) -> Tensor:
        """The tensor in the other width, for all its readers of that width."""
        self._twins[tensor] = self._copy(tensor, wide)
        return self._twins[tensor]

    def _copy(self, tensor: Tensor, wide: bool) -> Tensor:
        made = Tensor(f"{tensor.name}/{'int16' if wide else 'int8'}", tensor.shape, tensor.dtype)
        self.origin[made] = tensor
        if wide:
            self.wide |= {made}
        return made

    @staticmethod
    def _border(source: Tensor, output: Tensor) -> Node:
        return Node(f"{source.name}/quantize", Quantize(), (source,), (output,))
