"""Kernels of svdf: one per width of the state."""

from __future__ import annotations

from tinyml.ir import DType, Node
from tinyml.kernel import Fields, Kernel
from tinyml.ops import Svdf


def parameters(node: Node) -> Fields:
    """Fields of tml_svdf besides its views."""
    op, (source, state, feature, time, bias) = node.op, node.inputs
    assert isinstance(op, Svdf)
    into_state, into_output = op.multipliers(node)
    wide = state.dtype is DType.INT16
    return {
        "features": feature.shape[1],
        "memory": time.shape[1],
        "rank": op.rank,
        "input_zero_point": source.affine.zero_point,
        "output_zero_point": node.outputs[0].affine.zero_point,
        "state_zero_point": state.affine.zero_point,
        "state_multiplier": into_state[0],
        "state_shift": into_state[1],
        "output_multiplier": into_output[0],
        "output_shift": into_output[1],
        "feature_weights": feature.values,
        "time_weights": None if wide else time.values,
        "wide_time_weights": time.values if wide else None,
        "bias": bias.values,
    }


def _kernel(name: str, dtype: DType) -> Kernel:
    def accepts(node: Node) -> bool:
        return node.inputs[1].dtype is dtype

    return Kernel(
        name=name,
        op=Svdf,
        struct="tml_svdf",
        parameters=parameters,
        views=("input", "state", "output", "next"),
        accepts=accepts,
        by_rows=False,
    )


KERNELS = (_kernel("tml_svdf_s8", DType.INT8), _kernel("tml_svdf_wide_s8", DType.INT16))
