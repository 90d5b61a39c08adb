"""Transformers from PyTorch: the float graph is PyTorch's, the int8 one near it, and C computes its bytes."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from torch import Tensor, nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from tinyml import interpreter, pipeline  # noqa: E402
from tinyml.importers.from_torch import import_torch  # noqa: E402
from tinyml.quantizer import Calibration, compare, quantize  # noqa: E402
from tinyml.samples import made_up_samples  # noqa: E402

BOARD = "qemu_mps2_an386"

pytestmark = [
    pytest.mark.board,
    pytest.mark.skipif(
        shutil.which("qemu-system-arm") is None or shutil.which("arm-none-eabi-gcc") is None,
        reason="needs qemu-system-arm and arm-none-eabi-gcc: make test installs both",
    ),
]


class Attention(nn.Module):
    """As most people write it, with the heads spelled out."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.mixed, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, steps, width = x.shape
        parts = self.mixed(x).chunk(3, -1)
        q, k, v = (part.reshape(batch, steps, self.heads, width // self.heads).transpose(1, 2) for part in parts)
        weights = functional.softmax(q @ k.transpose(-2, -1) / (width // self.heads) ** 0.5, -1)
        return self.out((weights @ v).transpose(1, 2).reshape(batch, steps, width))


class VisionTransformer(nn.Module):
    def __init__(self, width: int = 16, heads: int = 2, blocks: int = 2) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 4, 4)
        self.places = nn.Parameter(torch.randn(1, 16, width) / 10)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2 * blocks + 1))
        self.attention = nn.ModuleList(Attention(width, heads) for _ in range(blocks))
        hidden = [nn.Sequential(nn.Linear(width, 24), nn.GELU(), nn.Linear(24, width)) for _ in range(blocks)]
        self.hidden, self.head = nn.ModuleList(hidden), nn.Linear(width, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2) + self.places
        for at, (attention, hidden) in enumerate(zip(self.attention, self.hidden, strict=True)):
            x = x + attention(self.norms[2 * at](x))
            x = x + hidden(self.norms[2 * at + 1](x))
        return torch.log_softmax(self.head(self.norms[-1](x).mean(1)), -1)


def encoder() -> nn.Module:
    return nn.TransformerEncoderLayer(16, 2, 24, batch_first=True, activation="gelu")


def conformer() -> nn.Module:
    """Normalization over groups and channels, gates, an ELU."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1), nn.GroupNorm(2, 8), nn.ELU(), nn.Conv2d(8, 8, 3, padding=1), nn.InstanceNorm2d(8)
    )


NETS = {
    "vision transformer": (VisionTransformer, (1, 3, 16, 16)),
    "encoder": (encoder, (1, 12, 16)),
    "conformer": (conformer, (1, 3, 12, 12)),
}


@pytest.mark.parametrize("name", NETS)
def test_from_pytorch_to_the_board(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    torch.manual_seed(0)
    make, shape = NETS[name]
    net, example = make().eval(), torch.randn(shape)
    imported = import_torch(net, (example,))
    port, rng = imported.inputs[0], np.random.default_rng(0)
    with torch.no_grad():
        wanted = net(example).numpy()
    (found,) = interpreter.run(imported.graph, [port.to_graph(example.numpy())])
    np.testing.assert_allclose(found, imported.outputs[0].to_graph(wanted), atol=1e-5 * max(np.ptp(wanted), 1))
    data = [(port.to_graph(rng.normal(size=shape).astype(np.float32)),) for _ in range(16)]
    graph = quantize(imported.graph, Calibration(data))
    assert compare(imported.graph, graph, Calibration(data[:6])).sqnr_db > 20
    plan = pipeline.plan(graph, BOARD)
    firmware = pipeline.build(plan, tmp_path_factory.mktemp("built") / "firmware", board=BOARD)
    verdict = pipeline.test(firmware, graph, graph, made_up_samples(graph, 2))
    assert verdict.mismatched_values == 0
