"""The kernel of every int8 function of one int8 value, and those of int16."""

from __future__ import annotations

import numpy as np

from codegen.kernels.fields import in_place
from tinyml.ir import Node
from tinyml.ir.lookup import sigmoid_scaling, sigmoid_table
from tinyml.kernel import INT16_TYPES, Fields, Kernel
from tinyml.ops import Abs, Elementary, Elu, Gelu, HardSwish, LeakyRelu, Logistic, Quantize, Relu, Rsqrt, Tanh
from tinyml.ops.pointwise import Pointwise
from tinyml.ops.saturating import check_lookup

TABLES = (Abs, Elementary, Elu, Gelu, HardSwish, LeakyRelu, Logistic, Quantize, Relu, Rsqrt, Tanh)


def parameters(node: Node) -> Fields:
    """Fields of tml_unary besides its views."""
    op = node.op
    assert isinstance(op, Pointwise)
    return {"table": op.table(node)}


def sigmoid_parameters(node: Node) -> Fields:
    """Fields of tml_sigmoid besides its views."""
    op = node.op
    assert isinstance(op, Logistic | Tanh)
    check_lookup(node.inputs[0])
    multiplier, shift = sigmoid_scaling(node.inputs[0].affine.scale, int(isinstance(op, Tanh)))
    return {"multiplier": multiplier, "shift": shift, "table": sigmoid_table().astype(np.uint16)}


KERNELS = (
    *(
        Kernel(name, op, "tml_unary", parameters, in_place=in_place, requires=frozenset(requires))
        for name, requires in (("tml_unary_s8__mve", {"mve"}), ("tml_unary_s8", ()))
        for op in TABLES
    ),
    *(
        Kernel(
            name=f"tml_{op.kind}_s16",
            op=op,
            struct="tml_sigmoid",
            parameters=sigmoid_parameters,
            types=INT16_TYPES,
            in_place=in_place,
        )
        for op in (Logistic, Tanh)
    ),
)
