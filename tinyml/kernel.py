"""A C kernel: which nodes it accepts and what it needs to run them. The kernels are listed in codegen/kernels/."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from numpy.typing import NDArray

from tinyml.ir import ACTIVATION_TYPES, DType, Node, Op

# A value of a parameter struct: a number, a nested struct, an array, which becomes a `static const` array of its dtype
# with a pointer to it in the field, or None, which becomes a null pointer.
Field: TypeAlias = "int | NDArray[Any] | Mapping[str, Field] | None"
Fields: TypeAlias = Mapping[str, Field]


class Types(NamedTuple):
    """Element types of a node: of its first operand, of its weights where it has some, of its first output.

    Where there is no operand, or no output, the other one counts.
    """

    operand: DType = DType.INT8
    weights: DType = DType.INT8
    output: DType = DType.INT8

    @classmethod
    def of(cls, node: Node) -> Types:
        weights = DType.INT4 if any(tensor.dtype is DType.INT4 for tensor in node.inputs) else DType.INT8
        operand, output = (node.operands or node.outputs)[0], (node.outputs or node.operands)[0]
        return cls(operand.dtype, weights, output.dtype)


INT4_WEIGHTS = Types(weights=DType.INT4)
INT16_TYPES = Types(DType.INT16, output=DType.INT16)


def _accept_all(node: Node) -> bool:
    return True


def _no_scratch(node: Node) -> int:
    return 0


def _never_in_place(node: Node) -> tuple[int, ...]:
    return ()


@dataclass(frozen=True)
class Kernel:
    """One C function in codegen/kernels/<op kind>/<name>.h.

    name: of the function and its file, `tml_<op>[_<shape>]_<dtype>[__<isa>]`.
    op: the op it implements.
    struct: name of the C parameter struct it takes a pointer to.
    parameters: the op-specific fields of that struct for a node. The emitter adds one `tml_view` per operand and
        output, named by `views`. Variadic operands come as one array of pointers, their views as one array of tml_view.
    types: of the nodes that it runs.
    moves_bytes: it copies values of any type, whose bytes count as channels in its views.
    accepts: whether the kernel can run a node of these types; ask `runs`.
    requires: CPU features it needs ("dsp", "mve"); empty for portable C.
    by_rows: computes any range of output rows from input rows in rings; otherwise it is always asked for all rows.
    accumulates: is given ranges of operand rows instead, adds them up in its scratch, and writes its one output row
        with the last of them.
    scratch_bytes: working memory it needs besides operands and outputs, passed as its last argument when above 0.
    in_place: operands (by index) whose memory the output may take over: out[i] is written after the last read of in[i],
        and input and output rows are of equal size.
    """

    name: str
    op: type[Op]
    struct: str
    parameters: Callable[[Node], Fields]
    views: tuple[str, ...] = ("input", "output")
    variadic_inputs: bool = False
    variadic_outputs: bool = False
    types: Types = Types()
    moves_bytes: bool = False
    accepts: Callable[[Node], bool] = _accept_all
    requires: frozenset[str] = frozenset()
    by_rows: bool = True
    accumulates: bool = False
    scratch_bytes: Callable[[Node], int] = _no_scratch
    in_place: Callable[[Node], tuple[int, ...]] = _never_in_place

    def runs(self, node: Node) -> bool:
        """Whether the kernel can run a node."""
        if type(node.op) is not self.op:
            return False
        found = Types.of(node)
        moved = self.moves_bytes and found.operand is found.output and found.operand in ACTIVATION_TYPES
        return (moved or found == self.types) and self.accepts(node)

    def __str__(self) -> str:
        return self.name
