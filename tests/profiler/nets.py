"""A network small enough to plan and run in a moment, with layers that are fused."""

from __future__ import annotations

from tests.networks import Net
from tinyml.ir import Activation, Graph, Quant
from tinyml.ops import Add


def residual_net() -> Graph:
    """Convolutions with a residual block among them, an average, a dense layer."""
    net = Net("residual", 32)
    x = net.depthwise(net.conv(net.input, 8, 3, 2), 3, 1)
    narrow = net.conv(net.depthwise(net.conv(x, 24, 1), 3, 1), 8, 1, relu=False)
    total = net.add(Add(Activation.NONE), [x, narrow], Quant.per_tensor(8 / 255, 0))
    return net.finish(net.conv(total, 12, 1), 4)
