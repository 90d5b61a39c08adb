"""Training quantized: from where it starts, what its gradients are, what it gains, what it refuses."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from copy import deepcopy
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.quantizer.nets import FloatNet, classifier, outlier_net, samples
from tests.tflm import run_tflm_many
from tinyml import interpreter
from tinyml.errors import UnsupportedError, UsageError
from tinyml.exporters.to_tflite import to_tflite
from tinyml.ir import Activation, Array, DType, Graph, Quant, Tensor
from tinyml.ops import FullyConnected, Mean, Prelu
from tinyml.ops.accumulator import rescale
from tinyml.quantizer import Settings, quantize
from tinyml.quantizer.measure import to_int8, to_real

torch = pytest.importorskip("torch", reason="quantization-aware training needs the package torch")
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from tinyml.quantizer import qat  # noqa: E402
from tinyml.quantizer.qat.exact import rescaled  # noqa: E402

PLAIN = Settings("minmax", "off", "off")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Two threads wait for each other where two cores have other work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class Mixed(nn.Module):  # type: ignore[misc]
    """What the CNNs of this field are made of; an image and class scores come out."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.Hardswish())
        self.depthwise = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.BatchNorm2d(8), nn.ReLU6())
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 8, 1), nn.Sigmoid())
        self.project = nn.Conv2d(16, 6, 1)
        self.dense = nn.Linear(6, 5)

    def forward(self, x: Any) -> Any:
        x = self.stem(x)
        y = self.depthwise(functional.pad(x, (1, 0, 0, 1)))[:, :, :-1, 1:]
        y = x + y * self.gate(y)
        both = torch.cat([functional.max_pool2d(y, 2), functional.avg_pool2d(x, 2)], 1)
        both = torch.tanh(self.project(functional.leaky_relu(both, 0.1)))
        image = functional.interpolate(both, scale_factor=2, mode="bilinear", align_corners=False)
        return image, self.dense(functional.dropout(both, 0.5, self.training).mean((2, 3)))


def mixed(seed: int = 0) -> tuple[nn.Module, Any]:
    """A net whose BatchNorm has seen data, and inputs [40, 3, 12, 16]."""
    torch.manual_seed(seed)
    net, x = Mixed(), torch.randn(40, 3, 12, 16)
    for _ in range(5):
        net(x)
    return net.eval(), x


def example(x: Any) -> tuple[Any]:
    return (x[:1],)


@pytest.mark.parametrize("settings", [None, PLAIN, Settings("mse", "on", "on"), Settings(dense_per_channel=False)])
def test_it_starts_as_what_post_training_quantization_gives(settings: Settings | None) -> None:
    chosen = settings or Settings()
    for real in (classifier(), outlier_net()):
        rows = samples(real, 16)
        after = quantize(
            real,
            rows,
            observer=chosen.observer,
            equalization=chosen.equalization,
            bias_correction=chosen.bias_correction,
            dense_per_channel=chosen.dense_per_channel,
        )
        assert to_tflite(qat.prepare(real, rows, settings=settings).to_graph()) == to_tflite(after)


def test_a_module_keeps_its_order_of_axes_and_tflm_gives_its_numbers() -> None:
    net, x = mixed()
    module = qat.prepare(net, x, example(x), settings=PLAIN)
    optimizer = torch.optim.SGD(module.parameters(), 0.05, momentum=0.9)
    for _ in range(4):
        image, scores = module.train()(x)
        loss = functional.cross_entropy(scores, torch.arange(40) % 5) + (image**2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        image, scores = module.eval()(x)
        float_image, float_scores = net(x)
    assert image.shape == float_image.shape and scores.shape == float_scores.shape
    graph = module.to_graph()
    inputs = to_int8(x.numpy().transpose(0, 2, 3, 1), graph.inputs[0].affine)
    expected = run_tflm_many(to_tflite(graph), [[one[None]] for one in inputs])
    for ours_image, ours_scores, one, theirs in zip(image, scores, inputs, expected, strict=True):
        for tensor, computed, reference in zip(graph.outputs, interpreter.run(graph, one), theirs, strict=True):
            np.testing.assert_array_equal(computed, reference.reshape(computed.shape))
            real = to_real(computed, tensor.affine)[0]
            ours = ours_scores if real.ndim == 1 else ours_image.permute(1, 2, 0)
            np.testing.assert_array_equal(ours.numpy(), real)


def test_gradients_are_nearly_those_of_the_float_net() -> None:
    torch.manual_seed(1)
    pool = nn.Sequential(nn.AvgPool2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1, groups=4), pool, nn.Linear(8, 4)
    )
    x = torch.randn(64, 3, 8, 8)
    module = qat.prepare(net, x, example(x), settings=PLAIN)
    inputs = [x.clone().requires_grad_() for _ in range(2)]
    for one, image in zip((net, module), inputs, strict=True):
        (one.train()(image) * torch.tensor([1.0, -2.0, 0.5, 3.0])).mean().backward()
    pairs = [(image.grad for image in inputs), *((p.grad, q.grad) for p, q in _twins(net, module))]
    for expected, given in pairs:
        assert functional.cosine_similarity(expected.flatten(), given.flatten(), 0) > 0.98
        assert 0.9 < given.norm() / expected.norm() < 1.1
    assert (module.log2_scales.grad != 0).sum() == len(module.log2_scales) - 1  # the input's scale stays


def _twins(net: nn.Module, module: qat.QatModule) -> Iterator[tuple[Any, Any]]:
    """The parameters of a plain net beside what became of them; gradients in the net's layout."""
    for parameter, constant in zip(net.parameters(), module.constants, strict=True):
        if constant.ndim == 4:
            constant = SimpleNamespace(grad=constant.grad.permute(0, 3, 1, 2))
        yield parameter, constant


def test_a_scale_that_cuts_off_too_much_grows() -> None:
    net = FloatNet(1, 4, 4, 2)
    real = net.graph(net.conv(net.input, 3, 1, Activation.NONE))
    rows = samples(real, 32)
    x = torch.from_numpy(np.concatenate([row[0] for row in rows]))
    module = qat.prepare(real, rows, settings=PLAIN)
    with torch.no_grad():
        expected = module.eval()(x)
        module.log2_scales[-1] -= 2
    optimizer = torch.optim.Adam([module.log2_scales], 0.05)
    for _ in range(60):
        optimizer.zero_grad()
        ((module(x) - expected) ** 2).mean().backward()
        optimizer.step()
    moved = module.log2_scales.detach()
    assert -0.3 < moved[-1] < 0.3 and moved[0] == 0  # the input's scale stays


def test_training_recovers_what_quantization_destroyed() -> None:
    """Calibrated with samples 32 times too large, every activation has three bits left."""
    real = outlier_net(1.0)
    rows, held = samples(real, 96), samples(real, 64, seed=1)
    module = qat.prepare(real, [(row[0] * np.float32(32),) for row in rows], settings=PLAIN)
    (x, wanted), (y, target) = (
        (torch.from_numpy(np.concatenate(columns)) for columns in zip(*_answered(real, some), strict=True))
        for some in (rows, held)
    )

    def error() -> float:
        with torch.no_grad():
            return float(((module.eval()(y) - target) ** 2).mean() / target.var())

    before = error()
    optimizer = torch.optim.Adam(module.parameters(), 0.03)
    for _ in range(60):
        optimizer.zero_grad()
        ((module.train()(x) - wanted) ** 2).mean().backward()
        optimizer.step()
    assert before > 0.2 and error() < before / 3


def _answered(graph: Graph, rows: list[tuple[Array, ...]]) -> list[tuple[Array, Array]]:
    """(input, float output) of a graph of one input and one output."""
    return [(row[0], interpreter.run(graph, row)[0]) for row in rows]


def test_probabilities_are_rounded_in_evaluation_only() -> None:
    real = classifier()
    rows = samples(real, 16)
    module = qat.prepare(real, rows, settings=PLAIN)
    x = torch.from_numpy(np.concatenate([row[0] for row in rows]))
    smooth, rounded = module.train()(x), module.eval()(x)
    assert torch.allclose(smooth.sum(1), torch.ones(16)) and torch.equal(rounded * 256, (rounded * 256).round())
    assert (smooth - rounded).abs().max() < 2 / 256 and not torch.equal(smooth, rounded)
    smooth[:, 0].sum().backward()
    assert all(constant.grad.abs().max() > 0 for constant in module.constants)


def test_slopes_are_trained_and_layers_without_a_bias_get_one() -> None:
    net = FloatNet(1, 5, 5, 3)
    x = net.add(Prelu(), net.input, net.constant([0.1, -0.2, 0.3]))
    x = net.add(Mean((1, 2)), net.conv(x, 4))
    real = net.graph(net.dense(x, 2))
    module = qat.prepare(real, samples(real, 8), settings=PLAIN)
    assert [tuple(c.shape) for c in module.constants] == [(3,), (4, 3, 3, 3), (4,), (2, 4), (2,)]
    plain = nn.Sequential(nn.Conv2d(2, 3, 3, bias=False), nn.Flatten())
    image = torch.randn(8, 2, 4, 4)
    assert [tuple(c.shape) for c in qat.prepare(plain, image, example(image)).constants] == [(3, 3, 3, 2), (3,)]


def test_sums_beyond_float32_are_exact() -> None:
    net = FloatNet(1, 3000)
    weights = Tensor.constant("weights", np.abs(net.rng.normal(1, 0.2, (2, 3000))).astype(np.float32))
    real = net.graph(net.add(FullyConnected(), net.input, weights, net.bias(2)))
    rows = [(np.abs(row[0]) + np.float32(0.5),) for row in samples(real, 32)]
    module = qat.prepare(real, rows, settings=PLAIN).eval()
    graph = module.to_graph()
    found = module(torch.from_numpy(np.concatenate([row[0] for row in rows]))).detach().numpy()
    for row, ours in zip(rows, found, strict=True):
        (codes,) = interpreter.run(graph, to_int8(row[0], graph.inputs[0].affine))
        np.testing.assert_array_equal(ours[None], to_real(codes, graph.outputs[0].affine))


def test_rescaling_is_numpys() -> None:
    rng = np.random.default_rng(0)
    output = Tensor("output", (1, 6), DType.INT8, Quant.per_tensor(0.1, -20))
    for bound in (2**7, 2**20, 2**31 - 1):
        sums = rng.integers(-bound, bound, (4000, 6), endpoint=True)
        multipliers = rng.integers(2**30, 2**31, 6)
        for shifts in (rng.integers(-31, 1, 6), rng.integers(-12, 8, 6)):
            for activation in Activation:
                expected: Array = rescale(output, sums, multipliers, shifts, activation)
                given = rescaled(output, torch.from_numpy(sums), multipliers, shifts, activation, bound)
                np.testing.assert_array_equal(given.numpy() - 20, expected)


def test_a_state_dict_holds_all_that_training_changed() -> None:
    real = classifier()
    rows = samples(real, 16)
    first, second = (qat.prepare(real, rows, settings=Settings(name)) for name in ("minmax", "mse"))
    with torch.no_grad():
        for parameter in first.parameters():
            parameter += 0.02 * torch.randn_like(parameter)
    assert to_tflite(first.to_graph()) != to_tflite(second.to_graph())
    second.load_state_dict(first.state_dict())
    copied = deepcopy(first)
    assert to_tflite(first.to_graph()) == to_tflite(second.to_graph()) == to_tflite(copied.to_graph())


def test_what_is_refused() -> None:
    net, x = mixed()
    with pytest.raises(UsageError, match="exported with an example"):
        qat.prepare(net, x)
    with pytest.raises(UsageError, match="samples of shape"):
        qat.prepare(net, torch.randn(8, 3, 12, 17), example(x))
    with pytest.raises(UnsupportedError, match="has no batch of 1 in front"):
        qat.prepare(nn.Linear(4, 2), torch.randn(8, 4), (torch.randn(4),))
    real = classifier()
    with pytest.raises(UnsupportedError, match="is int8 already"):
        qat.prepare(quantize(real, samples(real, 8)), samples(real, 8))
    module = qat.prepare(net, x, example(x), settings=PLAIN)
    with pytest.raises(UsageError, match="has 1 inputs, 2 given"):
        module(x, x)
    with pytest.raises(UsageError, match=r"is torch.float32\[N, 3, 12, 16\], given torch.float32\[40, 12, 16, 3\]"):
        module(x.permute(0, 2, 3, 1))
    with pytest.raises(UsageError, match=r"given torch\.float64"):
        module(x.double())
    with torch.no_grad():
        module.constants[2][0] = torch.nan
    with pytest.raises(UsageError, match="NaN or infinity"):
        module(x)


def test_without_torch_the_error_says_what_to_install() -> None:
    program = "import importlib.util as u; u.find_spec = lambda name: None; import tinyml.quantizer.qat"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "UsageError: quantization-aware training needs the package torch" in done.stderr
    assert "pip install torch" in done.stderr
