"""A network small enough to plan and run in a moment, with layers that are fused."""

from __future__ import annotations

import numpy as np

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


def random_net(seed: int) -> Graph:
    """Convolutions, wide and narrow, on an image of 14 to 32 rows."""
    rng = np.random.default_rng(seed)
    net = Net(f"random_{seed}", int(rng.integers(14, 33)), int(rng.choice([1, 3])), seed)
    x = net.conv(net.input, int(rng.integers(4, 20)), int(rng.choice([3, 5])), int(rng.integers(1, 3)))
    for _ in range(int(rng.integers(1, 4))):
        x = net.depthwise(x, int(rng.choice([3, 5])), int(rng.integers(1, 3)))
        x = net.conv(x, int(rng.integers(5, 40)), 1, relu=bool(rng.random() < 0.7))
    return net.finish(x, int(rng.integers(2, 12)))
