"""The Graph: what every stage of the SDK reads and writes."""

from tinyml.ir.dtype import ACTIVATION_TYPES, DType
from tinyml.ir.graph import Graph, Node, State, require_graph
from tinyml.ir.op import Activation, Cut, Op, Padding, ShapeError, View
from tinyml.ir.quant import Quant
from tinyml.ir.tensor import Array, Shape, Tensor
from tinyml.ir.text import channels_first, channels_first_hint, graph_text, shown
from tinyml.ir.verify import verify

__all__ = [
    "ACTIVATION_TYPES",
    "Activation",
    "Array",
    "Cut",
    "DType",
    "Graph",
    "Node",
    "Op",
    "Padding",
    "Quant",
    "Shape",
    "ShapeError",
    "State",
    "Tensor",
    "View",
    "channels_first",
    "channels_first_hint",
    "graph_text",
    "require_graph",
    "shown",
    "verify",
]
