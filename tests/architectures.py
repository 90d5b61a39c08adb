"""Small versions of the network families that people bring, in PyTorch, with seeded weights and used-up statistics."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.signal_architectures import TemporalNet, raw_audio


def conv_bn(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs))


class Residual(nn.Module):
    """x + body(x), or behind a projection of x."""

    def __init__(self, body: nn.Module, shortcut: nn.Module | None = None, activation: nn.Module | None = None) -> None:
        super().__init__()
        self.body, self.shortcut, self.activation = body, shortcut or nn.Identity(), activation or nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.activation(self.shortcut(x) + self.body(x))
        return result


class SqueezeExcite(nn.Module):
    def __init__(self, channels: int, gate: nn.Module) -> None:
        super().__init__()
        self.squeeze, self.excite, self.gate = nn.Conv2d(channels, 4, 1), nn.Conv2d(4, channels, 1), gate

    def forward(self, x: Tensor) -> Tensor:
        pooled = functional.adaptive_avg_pool2d(x, 1)
        scale: Tensor = self.gate(self.excite(functional.relu(self.squeeze(pooled))))
        return x * scale


class DenseGate(nn.Module):
    """Squeeze and excitation with fully connected layers, as in the paper's own code."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc = nn.Sequential(nn.Linear(channels, 4), nn.ReLU(), nn.Linear(4, channels), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        weights: Tensor = self.fc(x.mean((2, 3))).view(x.shape[0], -1, 1, 1)
        return x * weights


def head(channels: int, classes: int) -> list[nn.Module]:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(channels, classes)]


def mobilenet_v1() -> nn.Module:
    layers: list[nn.Module] = [conv_bn(3, 8, stride=2), nn.ReLU()]
    for inputs, outputs, stride in ((8, 16, 1), (16, 24, 2), (24, 24, 1)):
        layers += [conv_bn(inputs, inputs, 3, stride, inputs), nn.ReLU(), conv_bn(inputs, outputs, 1), nn.ReLU()]
    return nn.Sequential(*layers, *head(24, 10), nn.Softmax(1))


def inverted(inputs: int, outputs: int, stride: int, act: Callable[[], nn.Module], middle: nn.Module) -> nn.Module:
    wide = 3 * inputs
    body = nn.Sequential(
        conv_bn(inputs, wide, 1), act(), conv_bn(wide, wide, 3, stride, wide), act(), middle, conv_bn(wide, outputs, 1)
    )
    return Residual(body) if stride == 1 and inputs == outputs else body


def mobilenet_v2() -> nn.Module:
    blocks = [inverted(i, o, s, nn.ReLU6, nn.Identity()) for i, o, s in ((8, 8, 1), (8, 12, 2), (12, 12, 1))]
    return nn.Sequential(conv_bn(3, 8, stride=2), nn.ReLU6(), *blocks, conv_bn(12, 32, 1), nn.ReLU6(), *head(32, 7))


def mobilenet_v3() -> nn.Module:
    blocks = [
        inverted(i, o, s, nn.Hardswish, SqueezeExcite(3 * i, nn.Hardsigmoid()))
        for i, o, s in ((8, 8, 1), (8, 12, 2), (12, 12, 1))
    ]
    tail = [nn.AdaptiveAvgPool2d(1), nn.Conv2d(24, 32, 1), nn.Hardswish(), nn.Flatten(1), nn.Linear(32, 5)]
    return nn.Sequential(conv_bn(3, 8, stride=2), nn.Hardswish(), *blocks, conv_bn(12, 24, 1), nn.Hardswish(), *tail)


def efficientnet() -> nn.Module:
    """EfficientNet proper: SiLU, squeeze and excitation; its lite version is MobileNetV2's blocks."""
    blocks = [inverted(i, o, s, nn.SiLU, SqueezeExcite(3 * i, nn.Sigmoid())) for i, o, s in ((8, 8, 1), (8, 12, 2))]
    return nn.Sequential(conv_bn(3, 8, stride=2), nn.SiLU(), *blocks, conv_bn(12, 24, 1), nn.SiLU(), *head(24, 6))


class EfficientNetLite(nn.Module):
    """Kernels of 5, TensorFlow's asymmetric padding spelled out, no squeeze and excitation."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(3, 8, 3, 2, bias=False), nn.BatchNorm2d(8))
        self.wide = nn.Sequential(conv_bn(8, 24, 1), nn.ReLU6(), conv_bn(24, 24, 5, 1, 24), nn.ReLU6())
        self.out, self.head = conv_bn(24, 8, 1), nn.Sequential(*head(8, 4))

    def forward(self, x: Tensor) -> Tensor:
        y = functional.hardtanh(self.stem(x), 0.0, 6.0)
        result: Tensor = self.head(self.out(self.wide(y)) + y)
        return result


def resnet() -> nn.Module:
    def block(inputs: int, outputs: int, stride: int) -> nn.Module:
        body = nn.Sequential(conv_bn(inputs, outputs, 3, stride), nn.ReLU(inplace=True), conv_bn(outputs, outputs))
        changes = stride > 1 or inputs != outputs
        return Residual(body, conv_bn(inputs, outputs, 1, stride) if changes else None, nn.ReLU())

    stem = [conv_bn(3, 8, 7, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]
    return nn.Sequential(*stem, block(8, 8, 1), block(8, 12, 2), *head(12, 10))


class DsCnn(nn.Module):
    """Keyword spotting on 49x10 features."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(1, 12, (10, 4), (2, 2), (5, 1)), nn.BatchNorm2d(12), nn.ReLU()]
        for _ in range(2):
            layers += [conv_bn(12, 12, 3, 1, 12), nn.ReLU(), conv_bn(12, 12, 1), nn.ReLU()]
        self.features, self.classify = nn.Sequential(*layers), nn.Linear(12, 12)

    def forward(self, x: Tensor) -> Tensor:
        y = self.features(x)
        return functional.softmax(self.classify(functional.avg_pool2d(y, y.shape[2:]).squeeze(3).squeeze(2)), dim=-1)


class Fire(nn.Module):
    def __init__(self, inputs: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(inputs, squeezed, 1)
        self.one, self.three = nn.Conv2d(squeezed, expanded, 1), nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.squeeze(x))
        return torch.cat([functional.relu(self.one(y)), functional.relu(self.three(y))], 1)


def squeezenet() -> nn.Module:
    pools = [nn.MaxPool2d(3, 2, ceil_mode=True) for _ in range(2)]
    layers = [nn.Conv2d(3, 8, 3, 2), nn.ReLU(), pools[0], Fire(8, 4, 6), pools[1], Fire(12, 4, 8)]
    return nn.Sequential(*layers, nn.Conv2d(16, 9, 1), nn.ReLU(), nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten())


class ShuffleUnit(nn.Module):
    """ShuffleNetV2's basic unit. A shuffle before a split moves elements; the last one goes into the dense layer."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.branch = nn.Sequential(
            conv_bn(half, half, 1), nn.ReLU(), conv_bn(half, half, 3, 1, half), conv_bn(half, half, 1), nn.ReLU()
        )

    def forward(self, x: Tensor) -> Tensor:
        left, right = x.chunk(2, dim=1)
        y = torch.cat((left, self.branch(right)), dim=1)
        n, c, h, w = y.shape
        return y.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, c, h, w)


def shufflenet() -> nn.Module:
    return nn.Sequential(conv_bn(3, 16, stride=2), nn.ReLU(), ShuffleUnit(16), ShuffleUnit(16), *head(16, 5))


class UNet(nn.Module):
    def __init__(self, bilinear: bool) -> None:
        super().__init__()
        self.down = nn.ModuleList([nn.Sequential(conv_bn(i, o), nn.ReLU()) for i, o in ((3, 6), (6, 8), (8, 12))])
        mode = "bilinear" if bilinear else "nearest"
        self.up: nn.ModuleList = nn.ModuleList(
            [nn.Upsample(scale_factor=2, mode=mode), nn.ConvTranspose2d(12, 8, 2, stride=2)]
        )
        self.join = nn.ModuleList([nn.Sequential(conv_bn(16, 6), nn.ReLU()), nn.Sequential(conv_bn(12, 6), nn.ReLU())])
        self.out = nn.Conv2d(6, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        first = self.down[0](x)
        second = self.down[1](functional.max_pool2d(first, 2))
        third = self.down[2](functional.max_pool2d(second, 2))
        y = self.join[0](torch.cat([self.up[1](third), second], 1))
        result: Tensor = self.out(self.join[1](torch.cat([self.up[0](y), first], 1)))
        return functional.softmax(result, 1)


class YoloHead(nn.Module):
    """Two scales with a leaky backbone; the head goes to [N, anchors, H, W, 5 + classes] as YOLO does."""

    def __init__(self) -> None:
        super().__init__()
        act = nn.LeakyReLU(0.1)
        self.low = nn.Sequential(conv_bn(3, 8, 3, 2), act, conv_bn(8, 12, 3, 2), act)
        self.deep = nn.Sequential(nn.MaxPool2d(2), conv_bn(12, 16), act)
        self.lateral = nn.Sequential(conv_bn(16, 8, 1), act, nn.Upsample(scale_factor=2, mode="nearest"))
        self.detect = nn.ModuleList([nn.Conv2d(16, 21, 1), nn.Conv2d(20, 21, 1)])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        low = self.low(x)
        deep = self.deep(low)
        maps = [self.detect[0](deep), self.detect[1](torch.cat([self.lateral(deep), low], 1))]
        first, second = (
            torch.sigmoid(m.view(m.shape[0], 3, 7, m.shape[2], m.shape[3]).permute(0, 1, 3, 4, 2)) for m in maps
        )
        return first, second


class YoloFlat(nn.Module):
    """An anchor-free head: boxes and classes of a scale as [N, 4 + classes, H W], sigmoids on the classes."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(conv_bn(3, 8, 3, 2), nn.SiLU(), conv_bn(8, 12, 3, 2), nn.SiLU())
        self.pool = nn.MaxPool2d(5, 1, 2)
        self.boxes, self.classes = nn.Conv2d(24, 4, 1), nn.Conv2d(24, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.body(x)
        y = torch.cat([y, self.pool(y)], 1)
        boxes, classes = torch.cat([self.boxes(y), self.classes(y)], 1).flatten(2).split((4, 3), 1)
        return torch.cat([boxes * 0.5 + 1, classes.sigmoid()], 1)


class SsdHeads(nn.Module):
    """Boxes and scores of two scales, each moved to channels last, flattened and joined."""

    def __init__(self) -> None:
        super().__init__()
        self.low = nn.Sequential(conv_bn(3, 8, 3, 2), nn.ReLU6(), conv_bn(8, 8, 3, 1, 8), nn.ReLU6())
        self.deep = nn.Sequential(conv_bn(8, 12, 3, 2), nn.ReLU6())
        self.boxes = nn.ModuleList([nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(12, 8, 3, padding=1)])
        self.scores = nn.ModuleList([nn.Conv2d(8, 6, 3, padding=1), nn.Conv2d(12, 6, 3, padding=1)])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        low = self.low(x)
        maps = [low, self.deep(low)]
        boxes = [b(m).permute(0, 2, 3, 1).reshape(1, -1, 4) for b, m in zip(self.boxes, maps, strict=True)]
        scores = [s(m).permute(0, 2, 3, 1).reshape(1, -1, 3) for s, m in zip(self.scores, maps, strict=True)]
        return torch.cat(boxes, 1), functional.softmax(torch.cat(scores, 1), -1)


class ConvAutoencoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encode = nn.Sequential(
            nn.Conv2d(1, 6, 3, 2, 1), nn.ReLU(), nn.Conv2d(6, 8, 3, 2, 1), nn.Tanh(), nn.Flatten(), nn.Linear(392, 10)
        )
        self.expand = nn.Linear(10, 392)
        self.decode = nn.Sequential(
            nn.ConvTranspose2d(8, 6, 3, 2, 1, output_padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(6, 1, 3, 2, 1, output_padding=1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.decode(self.expand(self.encode(x)).unflatten(1, (8, 7, 7)))
        return result


def dense_autoencoder() -> nn.Module:
    """MLPerf Tiny's anomaly detector, smaller."""
    sides = (40, 16, 16, 4, 16, 40)
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sides):
        layers += [nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-2])


def mlp() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(8 * 9, 16), nn.Sigmoid(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3))


def lenet() -> nn.Module:
    """A flatten of 6x4x4 before the first fully connected layer."""
    features = [nn.Conv2d(1, 4, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(4, 6, 5), nn.Tanh(), nn.AvgPool2d(2)]
    return nn.Sequential(*features, nn.Flatten(), nn.ReLU(), nn.Linear(96, 20), nn.Tanh(), nn.Linear(20, 10))


def squeeze_excite_net() -> nn.Module:
    return nn.Sequential(conv_bn(3, 8, stride=2), nn.ReLU(), DenseGate(8), conv_bn(8, 12), nn.ReLU(), *head(12, 4))


class DenseNet(nn.Module):
    """Batch normalization before the convolution: it cannot be folded backwards."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 1, 1)
        self.layers = nn.ModuleList(
            [nn.Sequential(nn.BatchNorm2d(c), nn.ReLU(), nn.Conv2d(c, 4, 3, 1, 1, bias=False)) for c in (8, 12, 16)]
        )
        self.head = nn.Sequential(nn.BatchNorm2d(20), nn.ReLU(), nn.AvgPool2d(3, 2, 1), *head(20, 4))

    def forward(self, x: Tensor) -> Tensor:
        y = self.stem(x)
        for layer in self.layers:
            y = torch.cat([y, layer(y)], 1)
        result: Tensor = self.head(y)
        return result


class RNet(nn.Module):
    """MTCNN's second stage: PReLU, ceiling pools, and a permute before the flatten."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 6, 3), nn.PReLU(6), nn.MaxPool2d(3, 2, ceil_mode=True), nn.Conv2d(6, 8, 3), nn.PReLU(8)
        )
        self.dense, self.act = nn.Linear(8 * 9 * 9, 12), nn.PReLU(12)
        self.score, self.box = nn.Linear(12, 2), nn.Linear(12, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = self.body(x).permute(0, 3, 2, 1).contiguous()
        y = self.act(self.dense(y.view(y.shape[0], -1)))
        return self.box(y), torch.softmax(self.score(y), dim=1)


class SuperResolution(nn.Module):
    """ESPCN: its pixel shuffle is a move that has to stay."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 8, 5, padding=2), nn.Tanh(), nn.Conv2d(8, 4, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        return functional.pixel_shuffle(self.body(x), 2)


# name -> (builder, input shape, transposes that must stay)
ARCHITECTURES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], int]] = {
    "conv_autoencoder": (ConvAutoencoder, (1, 1, 28, 28), 0),
    "dense_autoencoder": (dense_autoencoder, (1, 40), 0),
    "densenet": (DenseNet, (1, 3, 12, 12), 0),
    "ds_cnn": (DsCnn, (1, 1, 49, 10), 0),
    "efficientnet": (efficientnet, (1, 3, 16, 16), 0),
    "efficientnet_lite": (EfficientNetLite, (1, 3, 16, 16), 0),
    "lenet": (lenet, (1, 1, 28, 28), 0),
    "mlp": (mlp, (1, 8, 9), 0),
    "mobilenet_v1": (mobilenet_v1, (1, 3, 16, 20), 0),
    "mobilenet_v2": (mobilenet_v2, (1, 3, 16, 20), 0),
    "mobilenet_v3": (mobilenet_v3, (1, 3, 16, 16), 0),
    "raw_audio": (raw_audio, (1, 1, 256), 0),
    "resnet": (resnet, (1, 3, 24, 24), 0),
    "rnet": (RNet, (1, 3, 24, 24), 0),
    "shufflenet": (shufflenet, (1, 3, 12, 12), 1),
    "squeeze_excite_net": (squeeze_excite_net, (1, 3, 12, 12), 0),
    "squeezenet": (squeezenet, (1, 3, 23, 23), 0),
    "ssd_heads": (SsdHeads, (1, 3, 16, 16), 0),
    "super_resolution": (SuperResolution, (1, 1, 6, 5), 1),
    "temporal_net": (TemporalNet, (1, 6, 32), 0),
    "unet_bilinear": (lambda: UNet(bilinear=True), (1, 3, 16, 16), 0),
    "unet_nearest": (lambda: UNet(bilinear=False), (1, 3, 16, 16), 0),
    "yolo_flat": (YoloFlat, (1, 3, 16, 16), 0),
    "yolo_head": (YoloHead, (1, 3, 16, 16), 0),
}


def architecture(name: str) -> tuple[nn.Module, Tensor]:
    """(network in evaluation mode, an input), the same on every call."""
    torch.manual_seed(sum(map(ord, name)))
    build, shape, _ = ARCHITECTURES[name]
    network = build().eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.2)
            assert module.running_mean is not None and module.running_var is not None
            nn.init.normal_(module.running_mean, 0, 0.2)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
        if isinstance(module, nn.PReLU):
            nn.init.uniform_(module.weight, -0.3, 0.6)
    return network, torch.randn(shape)
