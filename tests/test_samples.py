"""Samples: made up and from files."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest

from tests.op_cases import CASES
from tests.op_graphs import activation, one_node
from tinyml.errors import UsageError
from tinyml.interpreter import run
from tinyml.ir import Graph, Quant, Tensor
from tinyml.ops import Add
from tinyml.samples import load_samples, made_up_samples, quantize


@pytest.fixture
def graph() -> Graph:
    return CASES["conv2d"](np.random.default_rng(5))


@pytest.fixture
def two_inputs() -> Graph:
    rng = np.random.default_rng(0)
    left, right = (activation(rng, name, (1, 2, 3, 4)) for name in ("left", "right"))
    return one_node(Add(), [left, right], [left.affine])


def image(scale: float, zero_point: int) -> Tensor:
    return activation(np.random.default_rng(0), "x", (1, 4), Quant.per_tensor(scale, zero_point))


def test_made_up_samples_begin_with_the_extremes(graph: Graph) -> None:
    samples = made_up_samples(graph, 20)
    assert len(samples) == 20 and samples.labels is None
    firsts = [set(sample[0].ravel().tolist()) for sample in samples.inputs[:3]]
    assert firsts == [{-128}, {127}, {graph.inputs[0].affine.zero_point}]
    assert all(sample[0].shape == graph.inputs[0].shape and sample[0].dtype == np.int8 for sample in samples.inputs)
    again = made_up_samples(graph, 20)
    assert all((a[0] == b[0]).all() for a, b in zip(samples.inputs, again.inputs, strict=True))
    assert len(made_up_samples(graph, 2)) == 2


def test_int8_is_taken_as_it_is(graph: Graph, tmp_path: Path) -> None:
    shape = graph.inputs[0].shape
    x = np.random.default_rng(0).integers(-128, 128, (7, *shape[1:])).astype(np.int8)
    np.savez(tmp_path / "s.npz", x=x, y=np.arange(7))
    samples = load_samples(tmp_path / "s.npz", graph, limit=5)
    assert len(samples) == 5 and samples.labels is not None and samples.labels.tolist() == [0, 1, 2, 3, 4]
    assert all((sample[0] == x[i]).all() and sample[0].shape == shape for i, sample in enumerate(samples.inputs))
    assert len(load_samples(tmp_path / "s.npz", graph)) == 7


def test_channels_first_where_the_shape_says_so(graph: Graph, tmp_path: Path) -> None:
    _, height, width, channels = graph.inputs[0].shape
    assert (height, width) != (1, 1) and channels > 1
    images = np.random.default_rng(0).integers(-128, 128, (7, height, width, channels)).astype(np.int8)
    np.savez(tmp_path / "s.npz", x=images.transpose(0, 3, 1, 2))
    loaded = load_samples(tmp_path / "s.npz", graph)
    np.testing.assert_array_equal(np.concatenate([x for (x,) in loaded.inputs]), images)
    with pytest.raises(UsageError) as error:
        run(graph, np.zeros((1, channels, height, width), np.int8))
    assert "samples.transpose(0, 2, 3, 1)" in error.value.hint


def test_floats_are_quantized(graph: Graph, tmp_path: Path) -> None:
    tensor = graph.inputs[0]
    q = np.random.default_rng(0).integers(-128, 128, (3, *tensor.shape)).astype(np.int8)
    real = (q.astype(np.float32) - tensor.affine.zero_point) * np.float32(tensor.affine.scale)
    np.savez(tmp_path / "s.npz", x=real)
    samples = load_samples(tmp_path / "s.npz", graph)
    assert samples.labels is None
    assert all((sample[0] == q[i]).all() for i, sample in enumerate(samples.inputs))


def test_several_inputs(two_inputs: Graph, tmp_path: Path) -> None:
    x0, x1 = np.zeros((2, 2, 3, 4), np.int8), np.ones((2, 2, 3, 4), np.int8)
    np.savez(tmp_path / "s.npz", x0=x0, x1=x1)
    samples = load_samples(tmp_path / "s.npz", two_inputs)
    assert [[int(array.max()) for array in sample] for sample in samples.inputs] == [[0, 1], [0, 1]]
    np.savez(tmp_path / "s.npz", x0=x0, x1=x1[:1])
    with pytest.raises(UsageError, match=r"inputs with \[2, 1\] samples"):
        load_samples(tmp_path / "s.npz", two_inputs)
    np.savez(tmp_path / "s.npz", x=x0)
    with pytest.raises(UsageError, match="no array x0, x1; it holds x"):
        load_samples(tmp_path / "s.npz", two_inputs)


@pytest.mark.parametrize(
    "dtype, said", [(np.uint8, "uint8; int8"), (np.int32, "int32; int8"), (np.bool_, "bool; int8"), ("U3", "<U3; int8")]
)
def test_wrong_type(graph: Graph, tmp_path: Path, dtype: object, said: str) -> None:
    np.savez(tmp_path / "s.npz", x=np.zeros((2, *graph.inputs[0].shape[1:]), dtype))  # type: ignore[call-overload]
    with pytest.raises(UsageError, match=said):
        load_samples(tmp_path / "s.npz", graph)


def test_wrong_shape_and_labels(graph: Graph, tmp_path: Path) -> None:
    shape = graph.inputs[0].shape[1:]
    np.savez(tmp_path / "s.npz", x=np.zeros((2, *shape, 2), np.int8))
    with pytest.raises(UsageError, match=r"samples of shape .* for input"):
        load_samples(tmp_path / "s.npz", graph)
    np.savez(tmp_path / "s.npz", x=np.zeros((2, *shape), np.int8), y=np.zeros(3))
    with pytest.raises(UsageError, match="2 samples but labels of shape"):
        load_samples(tmp_path / "s.npz", graph)


@pytest.mark.parametrize("content", [b"", b"PK\3\4", b"\x93NUMPY", b"x" * 100])
def test_no_archive(graph: Graph, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "s.npz").write_bytes(content)
    with pytest.raises(UsageError, match=r"is not an \.npz file") as caught:
        load_samples(tmp_path / "s.npz", graph)
    assert "numpy.savez" in caught.value.hint
    with pytest.raises(UsageError, match="does not exist"):
        load_samples(tmp_path / "absent.npz", graph)


def test_damaged_archive(graph: Graph, tmp_path: Path) -> None:
    """Every single-byte change of a small archive is read, or refused as one error."""
    path = tmp_path / "s.npz"
    np.savez(path, x=np.zeros((1, *graph.inputs[0].shape[1:]), np.int8))
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        with contextlib.suppress(UsageError):
            load_samples(path, graph)


def test_an_npy_is_no_archive(graph: Graph, tmp_path: Path) -> None:
    np.save(tmp_path / "s.npy", np.zeros((1, *graph.inputs[0].shape[1:]), np.int8))
    with pytest.raises(UsageError, match=r"not an \.npz"):
        load_samples(tmp_path / "s.npy", graph)


def test_no_pickles(graph: Graph, tmp_path: Path) -> None:
    np.savez(tmp_path / "s.npz", x=np.array([{}], dtype=object))
    with pytest.raises(UsageError, match="plain arrays"):
        load_samples(tmp_path / "s.npz", graph)


def test_quantize_rounds_half_away_and_saturates() -> None:
    tensor = image(1.0, 10)
    real = np.array([[0.5, -0.5, 1.4999, 2.5], [1e30, -1e30, np.inf, np.nan]], np.float32)
    assert quantize(real, tensor).tolist() == [[11, 9, 11, 13], [127, -128, 127, 10]]
