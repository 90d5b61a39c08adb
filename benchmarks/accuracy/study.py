"""One net on one data set: trained in float, quantized after training, trained quantized; top-1 of each.

Every number of an int8 net is the interpreter's on its exported graph. The module that was trained is compared with it,
value by value, on all test inputs.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.fusion import table
from tinyml import interpreter
from tinyml.ir import Graph
from tinyml.quantizer import qat
from tinyml.quantizer.measure import to_int8, to_real

Images = NDArray[np.float32]  # [N, H, W, C]
Labels = NDArray[np.int64]
Augment = Callable[[Images, np.random.Generator], Images]

CALIBRATION = 200  # training inputs, unchanged
BATCH = 64
HEADINGS = ("seed", "float", "int8 after training", "int8 trained", "float trained on", "values equal", "steps", "s")


@dataclass(frozen=True)
class Study:
    """net: makes an untrained one. epochs: in float; qat_epochs: after that, quantized."""

    train: tuple[Images, Labels]
    test: tuple[Images, Labels]
    net: Callable[[], nn.Module]
    augment: Augment
    epochs: int
    qat_epochs: int
    rate: float = 4e-3
    qat_rate: float = 2e-4


def run(study: Study, seed: int, bits_lost: int) -> tuple[str, ...]:
    """A row of HEADINGS. bits_lost: scales of activations start as so many powers of two too coarse."""
    begin = time.perf_counter()
    torch.manual_seed(seed)
    images, _ = study.train
    net = study.net()
    fit(net, study, study.epochs, study.rate, seed)
    rng = np.random.default_rng(seed)
    calibration = nchw(images[rng.permutation(len(images))[:CALIBRATION]])
    example = (calibration[:1],)
    module = qat.prepare(net, calibration, example)
    with torch.no_grad():
        module.log2_scales += bits_lost
    after = module.to_graph()  # without bits lost, what `tinyml.quantize` gives
    fit(module, study, study.qat_epochs, study.qat_rate, seed + 1)
    trained = module.to_graph()
    longer = deepcopy(net)
    fit(longer, study, study.qat_epochs, study.qat_rate, seed + 1)
    equal, steps = agreement(module, trained, study.test[0])
    rates = [top1(logits, study.test[1]) for logits in (of_module(net, study), of_graph(after, study))]
    rates += [top1(logits, study.test[1]) for logits in (of_graph(trained, study), of_module(longer, study))]
    shown = [f"{100 * rate:.2f} %" for rate in rates]
    return (str(seed), *shown, f"{100 * equal:.2f} %", str(steps), f"{time.perf_counter() - begin:.0f}")


def fit(net: Any, study: Study, epochs: int, rate: float, seed: int) -> None:
    """Adam, the learning rate rising for a twentieth of the steps and then falling to 0 as a cosine."""
    images, labels = study.train
    rng = np.random.default_rng(seed)
    steps = -(-len(images) // BATCH) * epochs
    optimizer = torch.optim.Adam(net.parameters(), rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, steps, pct_start=0.05, cycle_momentum=False)
    criterion = nn.CrossEntropyLoss(label_smoothing=0.05)
    net.train()
    for _ in range(epochs):
        order = rng.permutation(len(images))
        x, y = nchw(study.augment(images[order], rng)), torch.from_numpy(labels[order])
        for some, classes in zip(x.split(BATCH), y.split(BATCH), strict=True):
            optimizer.zero_grad()
            criterion(net(some), classes).backward()
            optimizer.step()
            schedule.step()
    net.eval()


def of_module(net: nn.Module, study: Study) -> NDArray[np.float32]:
    with torch.no_grad():
        return torch.cat([net(some) for some in nchw(study.test[0]).split(BATCH)]).numpy()


def of_graph(graph: Graph, study: Study) -> NDArray[np.float32]:
    """Logits [N, classes] of an int8 graph, by the interpreter."""
    (source,), (output,) = graph.inputs, graph.outputs
    codes = to_int8(study.test[0], source.affine)
    return np.concatenate([to_real(interpreter.run(graph, image)[0], output.affine) for image in codes])


def agreement(module: nn.Module, graph: Graph, images: Images) -> tuple[float, int]:
    """(share of equal output values, greatest difference in steps) between the module and its int8 graph."""
    (source,), (output,) = graph.inputs, graph.outputs
    with torch.no_grad():
        found = torch.cat([module(some) for some in nchw(images).split(BATCH)]).numpy()
    ours = to_int8(found, output.affine).astype(int)
    theirs = np.concatenate([interpreter.run(graph, image)[0] for image in to_int8(images, source.affine)])
    return float((ours == theirs).mean()), int(np.abs(ours - theirs).max())


def top1(logits: NDArray[np.float32], labels: Labels) -> float:
    return float((logits.argmax(1) == labels).mean())


def nchw(images: Images) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))


def unchanged(images: Images, rng: np.random.Generator) -> Images:
    return images


def block(channels: int, outputs: int, size: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Convolution that keeps the sides (but for the stride), BatchNorm, ReLU."""
    layer = nn.Conv2d(channels, outputs, size, stride, padding=size // 2, groups=groups, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(outputs), nn.ReLU())


def separable(channels: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(block(channels, channels, 3, stride, channels), block(channels, outputs, 1))


def arguments(doc: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="of nets, order and augmentation")
    parser.add_argument("--bits-lost", type=int, default=0, help="start from activations of 8 bits less these")
    return parser


def report(study: Study, options: argparse.Namespace) -> None:
    """Prints the table, with one thread and deterministic algorithms."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    print(f"{len(study.train[0])} inputs to train with, {len(study.test[0])} to test with")
    print("\n".join(table([HEADINGS, *(run(study, seed, options.bits_lost) for seed in options.seeds)])))
