"""Small networks on signals [N, C, L], for tests/architectures.py."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class TemporalBlock(nn.Module):
    """Dilated and causal: padded on both sides, then cut off behind."""

    def __init__(self, inputs: int, outputs: int, dilation: int) -> None:
        super().__init__()
        self.cut = 2 * dilation
        self.conv = nn.Conv1d(inputs, outputs, 3, padding=2 * dilation, dilation=dilation)
        self.norm = nn.BatchNorm1d(outputs)
        self.match = nn.Conv1d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.norm(self.conv(x)[:, :, : -self.cut]))
        return functional.relu(y + self.match(x))


class TemporalNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(TemporalBlock(i, o, d) for i, o, d in ((6, 8, 1), (8, 8, 2), (8, 12, 4))))
        self.classify = nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.classify(self.blocks(x).mean(-1))
        return result


def raw_audio() -> nn.Module:
    """M5: strided 1-D convolutions and pools on samples of sound."""
    layers: list[nn.Module] = [nn.Conv1d(1, 8, 16, 4), nn.BatchNorm1d(8), nn.ReLU(), nn.MaxPool1d(4)]
    layers += [nn.Conv1d(8, 12, 3, bias=False), nn.BatchNorm1d(12), nn.ReLU(), nn.AvgPool1d(2)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(12, 4), nn.Softmax(-1))
