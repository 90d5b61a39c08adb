"""Every ATen operator in the table against PyTorch: as torch.export gives it, and taken apart into core ATen."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")

import torch
from torch import Tensor, nn
from torch.nn import functional

from tinyml.errors import ModelError, UnsupportedError
from tinyml.importers.from_torch import import_torch
from tinyml.importers.torch_ops import _ROWS
from tinyml.interpreter import run

IMAGE, SIGNAL, ROWS_OF_NUMBERS = (1, 4, 6, 5), (1, 4, 11), (1, 7, 6)
Function = Callable[[Tensor], Tensor | tuple[Tensor, ...]]


def constant(*shape: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(shape).normal(size=shape).astype(np.float32))


VARIANCE = constant(4).abs() + 1
# taken apart, these become choices and reads by index, which are not known
NOT_IN_CORE = (
    "prelu",
    "prelu of one",
    "nearest exact",
    "nearest of a signal",
    "nearest exact of a signal",
    "linear of a signal",
    "reflection",
    "softplus",
    "instance norm",
    "attention",
    "attention that is causal",
)
CASES: dict[str, tuple[Function | nn.Module, tuple[int, ...]]] = {
    "conv2d": (nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 0), (1, 2)), IMAGE),
    "conv2d same": (nn.Conv2d(4, 6, (4, 3), padding="same"), IMAGE),
    "conv2d valid": (nn.Conv2d(4, 6, 2, padding="valid", bias=False), IMAGE),
    "conv2d grouped": (nn.Conv2d(4, 8, 3, groups=2, bias=False), IMAGE),
    "conv1d": (nn.Conv1d(4, 6, 3, 2, 1, 2), SIGNAL),
    "conv1d same": (nn.Conv1d(4, 4, 4, padding="same", groups=4), SIGNAL),
    "conv_transpose2d": (nn.ConvTranspose2d(4, 3, 3, 2, 1, 1), IMAGE),
    "conv_transpose1d": (nn.ConvTranspose1d(4, 3, 4, 3, 1), SIGNAL),
    "batch norm": (nn.BatchNorm2d(4).eval(), IMAGE),
    "batch norm of nothing": (lambda x: functional.batch_norm(x, constant(4), VARIANCE), IMAGE),
    "linear": (nn.Linear(6, 3), ROWS_OF_NUMBERS),
    "linear of an image": (lambda x: functional.linear(x, constant(3, 5)), IMAGE),
    "linear of channels": (lambda x: functional.linear(x.permute(0, 2, 3, 1), constant(3, 4), constant(3)), IMAGE),
    "addmm": (lambda x: torch.addmm(constant(3), x, constant(6, 3)), (5, 6)),
    "mm": (lambda x: torch.mm(x, constant(6, 3)), (5, 6)),
    "matmul from the left": (lambda x: torch.matmul(constant(3, 7), x), ROWS_OF_NUMBERS),
    "max_pool2d": (nn.MaxPool2d(3, 2, 1, ceil_mode=True), IMAGE),
    "max_pool1d": (nn.MaxPool1d(3, 2), SIGNAL),
    "max_pool with positions": (lambda x: functional.max_pool2d(x, 2, return_indices=True)[0], IMAGE),
    "avg_pool2d": (nn.AvgPool2d(3, 2, 1), IMAGE),
    "avg_pool2d not counting": (nn.AvgPool2d((2, 3), (1, 2), 1, ceil_mode=True, count_include_pad=False), IMAGE),
    "avg_pool2d ceil": (nn.AvgPool2d(3, 2, 1, ceil_mode=True), IMAGE),
    "avg_pool1d": (nn.AvgPool1d(4, 3, 1), SIGNAL),
    "adaptive_avg_pool2d": (nn.AdaptiveAvgPool2d((3, 1)), (1, 4, 6, 4)),
    "adaptive_avg_pool1d": (nn.AdaptiveAvgPool1d(1), SIGNAL),
    "adaptive_max_pool2d": (nn.AdaptiveMaxPool2d(1), IMAGE),
    "relus": (lambda x: torch.relu(x + 1) + functional.relu6(x * 5) + x.clone().relu_(), IMAGE),
    "hardtanh": (nn.Hardtanh(), IMAGE),
    "hardtanh of other bounds": (nn.Hardtanh(-0.5, 0.25), IMAGE),
    "clamps": (lambda x: x.clamp(0, 6) + x.clamp_min(0.1) + x.clamp_max(0.3) + x.clamp(-1.0, 1.0), IMAGE),
    "clamp of a clamp": (lambda x: (x * 9).clamp(min=0).clamp(max=6) + x.clamp(max=0.2).clamp(min=-0.1), IMAGE),
    "leaky_relu": (nn.LeakyReLU(0.2), IMAGE),
    "prelu": (lambda x: functional.prelu(x, constant(4)), IMAGE),
    "prelu of one": (nn.PReLU(), ROWS_OF_NUMBERS),
    "sigmoids": (lambda x: torch.sigmoid(x) + torch.tanh(x) + functional.hardsigmoid(x), IMAGE),
    "swishes": (lambda x: functional.silu(x) * functional.hardswish(x), IMAGE),
    "hard swish spelled out": (lambda x: x * functional.relu6(x + 3) / 6, IMAGE),
    "softmax": (nn.Softmax(1), IMAGE),
    "softmax of the last": (lambda x: torch.softmax(x, -1), ROWS_OF_NUMBERS),
    "arithmetic": (lambda x: (x + 2) * 3 - x / 4 + (1 - x) - torch.sub(x, 2, alpha=3), IMAGE),
    "two tensors": (lambda x: torch.add(x, x * 2, alpha=0.5) - x * x.mean((2, 3), keepdim=True), IMAGE),
    "constants": (lambda x: (x + constant(4, 1, 1)) * constant(1, 1, 6, 1) - constant(5), IMAGE),
    "squares": (lambda x: x.pow(2) + x**2 + (-x), IMAGE),
    "means": (lambda x: x.mean((2, 3)) + x.mean() + x.sum((2, 3)), IMAGE),
    "mean of channels": (lambda x: x.mean(1, keepdim=True), IMAGE),
    "cat": (lambda x: torch.cat([x, x * 2, constant(1, 1, 6, 5)], 1), IMAGE),
    "concat of rows": (lambda x: torch.concat([x, constant(1, 4, 2, 5)], -2), IMAGE),
    "splits": (lambda x: (*x.split(3, 1), *x.split([1, 3], 1), *x.chunk(2, 3)), IMAGE),
    "slices": (lambda x: (x[:, 1:3], x[:, :, ::2, -3:], x[:, 2], x[..., 1:2]), IMAGE),
    "pads": (lambda x: (functional.pad(x, (1, 0, 0, 2)), functional.pad(x, (1, -1), value=1.5)), IMAGE),
    "nearest": (lambda x: functional.interpolate(x, scale_factor=2), IMAGE),
    "nearest to a size": (lambda x: functional.interpolate(x, size=(9, 10)), IMAGE),
    "nearest exact": (lambda x: functional.interpolate(x, scale_factor=(2, 3), mode="nearest-exact"), IMAGE),
    "nearest of a signal": (lambda x: functional.interpolate(x, scale_factor=2), SIGNAL),
    "nearest exact of a signal": (lambda x: functional.interpolate(x, scale_factor=2, mode="nearest-exact"), SIGNAL),
    "bilinear": (lambda x: functional.interpolate(x, scale_factor=2, mode="bilinear"), IMAGE),
    "bilinear to a size": (lambda x: functional.interpolate(x, size=(9, 7), mode="bilinear"), IMAGE),
    "bilinear aligned": (
        lambda x: functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True),
        IMAGE,
    ),
    "linear of a signal": (lambda x: functional.interpolate(x, scale_factor=2, mode="linear"), SIGNAL),
    "views": (lambda x: (x.view(1, -1), x.reshape(1, 2, 2, 30), x.flatten(2), x.unflatten(1, (2, 2))), IMAGE),
    "squeezes": (
        lambda x: (x[:, :1].squeeze(1), x[:, :1].squeeze(), x.unsqueeze(0), x[:, :1, :1].squeeze((1, 2))),
        IMAGE,
    ),
    "permutes": (lambda x: (x.permute(0, 2, 3, 1), x.transpose(1, -1), x[0, 0].t()), IMAGE),
    "nothing": (lambda x: x.contiguous().detach().clone().to(torch.float32).expand(1, 4, 6, 5) + 0, IMAGE),
    "dropouts": (nn.Sequential(nn.Dropout(), nn.Dropout2d(), nn.Identity()).eval(), IMAGE),
    "shuffles": (
        lambda x: functional.channel_shuffle(x, 2) + torch.pixel_shuffle(constant(1, 4, 1, 1) * x, 2).mean(),
        IMAGE,
    ),
    "pixel shuffle": (nn.PixelShuffle(2), (1, 8, 3, 2)),
    "matmul of two": (lambda x: x @ x.transpose(2, 3) @ x, IMAGE),
    "matmul of matrices": (lambda x: x @ constant(4, 5, 3), IMAGE),
    "bmm": (lambda x: torch.bmm(x[0], constant(4, 5, 3)), IMAGE),
    "layer norm": (nn.LayerNorm(6), ROWS_OF_NUMBERS),
    "layer norm of an image": (nn.LayerNorm((6, 5), elementwise_affine=False), IMAGE),
    "group norm": (nn.GroupNorm(2, 4), IMAGE),
    "instance norm": (nn.InstanceNorm2d(4, affine=True), IMAGE),
    "gelu": (lambda x: functional.gelu(x) + functional.gelu(x, approximate="tanh"), IMAGE),
    "functions": (lambda x: x.exp() + x.sin() * x.cos() + (x.abs() + 1).log(), IMAGE),
    "softplus": (lambda x: functional.softplus(x) + functional.mish(x), IMAGE),
    "gelu spelled out": (lambda x: 0.5 * x * (1 + torch.erf(x / 2**0.5)), IMAGE),
    "elu": (lambda x: functional.elu(x * 2), IMAGE),
    "unit length": (lambda x: functional.normalize(x, dim=1) + functional.normalize(x, dim=-1), IMAGE),
    "log softmax": (lambda x: torch.log_softmax(x, 1), IMAGE),
    "magnitude": (lambda x: x.abs() + torch.maximum(x, x * 0.5) - torch.minimum(x, constant(4, 1, 1)), IMAGE),
    "roots": (lambda x: (x.abs() + 1).sqrt() + (x.abs() + 1).rsqrt() + x / (x.abs() + 1).sqrt(), IMAGE),
    "reciprocal": (lambda x: (x.abs() + 1).sqrt().reciprocal(), IMAGE),
    "cubes": (lambda x: x.pow(3) + (x.abs() + 1).pow(0.5) + (x.abs() + 1).pow(-0.5), IMAGE),
    "stack": (lambda x: torch.stack([x[:, 0], x[:, 1], constant(1, 6, 5)], 1), IMAGE),
    "unbind": (lambda x: (*x[0].unbind(1), *x.unbind(-1)), (1, 2, 3, 2)),
    "reflection": (lambda x: functional.pad(x, (1, 2, 3, 0), mode="reflect"), IMAGE),
    "attention": (lambda x: functional.scaled_dot_product_attention(x, x * 2, x + 1), IMAGE),
    "attention that is causal": (lambda x: functional.scaled_dot_product_attention(x, x, x, is_causal=True), IMAGE),
}


class Module(nn.Module):
    """The function, by itself or behind a convolution that stores its input channels last."""

    def __init__(self, body: Function, before: nn.Module | None) -> None:
        super().__init__()
        self.body, self.before = body, before or nn.Identity()

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        return self.body(self.before(x))


@pytest.mark.parametrize("name", CASES)
def test_against_pytorch(name: str) -> None:
    body, shape = CASES[name]
    before = nn.Conv2d(shape[1], shape[1], 1) if len(shape) == 4 else None
    sample = constant(*shape)
    compare(torch.export.export(Module(body, None).eval(), (sample,)), sample)
    program = torch.export.export(Module(body, before).eval(), (sample,))
    compare(program, sample)
    if name not in NOT_IN_CORE:
        compare(program.run_decompositions(torch.export.default_decompositions()), sample)


def compare(program: torch.export.ExportedProgram, sample: Tensor) -> None:
    imported = import_torch(program)
    found = run(imported.graph, [port.to_graph(sample.numpy()) for port in imported.inputs])
    with torch.no_grad():
        outputs = program.module()(sample)
    for port, ours, theirs in zip(
        imported.outputs, found, outputs if isinstance(outputs, tuple) else [outputs], strict=True
    ):
        assert port.shape == tuple(theirs.shape)
        wanted = port.to_graph(theirs.numpy())
        np.testing.assert_allclose(ours, wanted, rtol=1e-5, atol=1e-5 * max(np.ptp(wanted), 1))


def test_hard_swish_is_one_op_however_it_is_written() -> None:
    for name in ("hard swish spelled out", "swishes"):
        body, shape = CASES[name]
        program = torch.export.export(Module(body, None), (constant(*shape),))
        for stage in (program, program.run_decompositions(torch.export.default_decompositions())):
            kinds = [node.op.kind for node in import_torch(stage).graph.nodes]
            assert kinds.count("hard_swish") == 1 and "relu" not in kinds


def test_every_row_is_reached() -> None:
    """By the cases, or by what run_decompositions makes of them, or else it is listed here."""
    reached: set[str] = set()
    for body, shape in CASES.values():
        program = torch.export.export(Module(body, None).eval(), (constant(*shape),))
        schemas = [getattr(node.target, "_schema", None) for node in program.graph.nodes]
        reached |= {schema.name.removeprefix("aten::").removesuffix("_") for schema in schemas if schema}
    core = {
        "_adaptive_avg_pool2d",
        "_log_softmax",
        "_native_batch_norm_legit_no_training",
        "native_group_norm",
        "native_layer_norm",
        "_softmax",
        "_to_copy",
        "_unsafe_view",
        "bmm",
    }
    core |= {"alias", "constant_pad_nd", "convolution", "max_pool2d_with_indices", "split_with_sizes", "addmm", "mm"}
    others = {"contiguous", "native_channel_shuffle", "reshape", "sym_size", "to", "rsub", "lift_fresh_copy", "concat"}
    assert set(_ROWS) - reached - core <= others


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: functional.avg_pool2d(x, 2, divisor_override=3), "divisor_override"),
        (lambda x: functional.adaptive_avg_pool2d(x, 4), "does not divide"),
        (lambda x: functional.pad(x, (1, 1, 1, 1), mode="circular"), "circular|unknown"),
        (lambda x: x.pow(5), "an exponent of 5"),
        (lambda x: 1 / x, "computed at run time|reciprocal"),
        (lambda x: functional.elu(x, 0.5), "an alpha"),
        (lambda x: x.expand(2, 4, 6, 5), "an expansion"),
        (lambda x: functional.interpolate(x, scale_factor=2, mode="bicubic"), "unknown to this SDK"),
    ],
)
def test_what_is_refused(function: Function, message: str) -> None:
    with pytest.raises((UnsupportedError, ModelError), match=message):
        import_torch(Module(function, nn.Conv2d(4, 4, 1)), (constant(*IMAGE),))


def test_training_mode_is_refused() -> None:
    module = nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)).train()
    program = torch.export.export(module, (constant(1, 4, 6, 5),))
    with pytest.raises(UnsupportedError, match=r"model\.eval"):
        import_torch(program)
