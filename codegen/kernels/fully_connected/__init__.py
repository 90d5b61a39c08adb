"""Kernels of fully_connected, most specific first, reference last."""

from __future__ import annotations

from codegen.kernels.dsp import dense_fields, filters_of
from codegen.kernels.fields import clamp_fields, product_fields, wide_fields, zero_point_fields
from codegen.kernels.mve import LANES, filters_fields, fits, wrapped
from tinyml.ir import Node
from tinyml.ir.requantize import convolution_multipliers
from tinyml.kernel import INT4_WEIGHTS, INT16_TYPES, Fields, Kernel
from tinyml.ops import FullyConnected


def parameters(node: Node) -> Fields:
    """Fields of tml_fully_connected besides its views."""
    op, (source, weights) = node.op, node.inputs[:2]
    assert isinstance(op, FullyConnected)
    out_features, features = weights.shape
    return {
        "features": features,
        "weights_zero_point": op.weights_zero_point(node),
        **zero_point_fields(node),
        **clamp_fields(node, op.activation),
        **product_fields(node, *convolution_multipliers(source, weights, node.output, out_features)),
    }


def wide_parameters(node: Node) -> Fields:
    """Fields of tml_fully_connected_wide besides its views."""
    assert isinstance(node.op, FullyConnected)
    return {"features": node.inputs[1].shape[1], **wide_fields(node, node.op.activation)}


def fours_parameters(node: Node) -> Fields:
    """Fields of tml_dense_fours besides its views."""
    assert isinstance(node.op, FullyConnected)
    return dense_fields(node, node.op.activation, row_stride=1)


def _accepts_fours(node: Node) -> bool:
    op = node.op
    assert isinstance(op, FullyConnected)
    return op.weights_zero_point(node) == 0 and node.inputs[1].shape[1] >= 4 and filters_of(node, axis=0).fit_pairs


EIGHT = 8  # filters at a time
FEATURES = 256  # TML_FULLY_CONNECTED_...


def blocks_parameters(node: Node) -> Fields:
    """Fields of tml_fully_connected_blocks besides its views."""
    weights = filters_of(node, axis=0).weights
    return {"features": weights.shape[1], "biases": None, "filters": filters_fields(node, weights)}


def eights_parameters(node: Node) -> Fields:
    """The same for a multiple of 8 filters, which may share their scaling."""
    filters = filters_of(node, axis=0)
    if not filters.alike:
        return blocks_parameters(node)
    fields = filters_fields(node, filters.weights, scaled_blocks=2)
    return {"features": filters.weights.shape[1], "biases": wrapped(filters.bias), "filters": fields}


def _accepts_blocks(node: Node) -> bool:
    op, features = node.op, node.inputs[1].shape[1]
    assert isinstance(op, FullyConnected)
    return op.weights_zero_point(node) == 0 and (features % LANES == 0 or features <= FEATURES) and fits(node, axis=0)


def _accepts_eights(node: Node) -> bool:
    return node.inputs[1].shape[0] % EIGHT == 0 and _accepts_blocks(node)


KERNELS = (
    Kernel(
        name="tml_fully_connected_eights_s8__mve",
        op=FullyConnected,
        struct="tml_fully_connected_blocks",
        parameters=eights_parameters,
        accepts=_accepts_eights,
        requires=frozenset({"mve"}),
    ),
    Kernel(
        name="tml_fully_connected_s8__mve",
        op=FullyConnected,
        struct="tml_fully_connected_blocks",
        parameters=blocks_parameters,
        accepts=_accepts_blocks,
        requires=frozenset({"mve"}),
    ),
    Kernel(
        name="tml_fully_connected_s8__dsp",
        op=FullyConnected,
        struct="tml_dense_fours",
        parameters=fours_parameters,
        accepts=_accepts_fours,
        requires=frozenset({"dsp"}),
    ),
    Kernel(name="tml_fully_connected_s8", op=FullyConnected, struct="tml_fully_connected", parameters=parameters),
    Kernel(
        name="tml_fully_connected_s4",
        op=FullyConnected,
        struct="tml_fully_connected",
        parameters=parameters,
        types=INT4_WEIGHTS,
    ),
    Kernel(
        name="tml_fully_connected_s16",
        op=FullyConnected,
        struct="tml_fully_connected_wide",
        parameters=wide_parameters,
        types=INT16_TYPES,
    ),
)
