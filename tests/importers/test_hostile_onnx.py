"""Damaged and hostile .onnx files: each ends in a Graph or in one clear TinymlError; what is missing is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

import onnx

from tests.importers.mutations import mutations
from tests.importers.onnx_files import model, node, small_network, weights
from tests.importers.onnx_mutations import contradicted
from tinyml import importers
from tinyml.errors import ModelError, UnsupportedError, UsageError
from tinyml.importers import external_data
from tinyml.importers.from_onnx import import_onnx
from tinyml.ir import Array


def survives(data: bytes) -> bool:
    """Whether the file still is a model; any exception but the two expected ones passes through and fails the test."""
    try:
        import_onnx(data, "hostile")
        return True
    except (ModelError, UnsupportedError) as error:
        assert error.message
        return False


def test_mutations() -> None:
    data = small_network().SerializeToString()
    count = 600
    assert 0 < sum(survives(damaged) for damaged in mutations(data, count, seed=1)) < count


def test_contradictions() -> None:
    data = small_network().SerializeToString()
    count = 600
    assert 0 < sum(survives(damaged) for damaged in contradicted(data, count, seed=1)) < count


def test_every_truncation_is_an_error() -> None:
    data = small_network().SerializeToString()
    # without its last bytes the file lacks its opset; protobuf cannot know
    assert not any(survives(data[:length]) for length in range(0, len(data) - 16))


@pytest.mark.parametrize("data", [b"", b"TFL3", bytes(8), b"PK\x03\x04" * 9, b"\xff" * 4096])
def test_not_a_model(data: bytes) -> None:
    with pytest.raises(ModelError, match=r"not an \.onnx file") as error:
        import_onnx(data, "x")
    assert error.value.exit_code == 2


def test_all_unsupported_operators_are_listed() -> None:
    nodes = [
        node("Conv", ["x", "w"], ["a"]),
        onnx.helper.make_node("LSTM", ["a"], ["b"], "recurrent"),
        onnx.helper.make_node("FusedThing", ["b"], ["c"], "odd", domain="com.example"),
        onnx.helper.make_node("Pow", ["a", "five"], ["d"], "power"),
        onnx.helper.make_node("Atan", ["d"], ["e"], "angle"),
        node("Add", ["c", "e"]),
    ]
    made = model(nodes, {"x": (1, 3, 4, 4)}, {"w": weights(4, 3, 1, 1), "five": np.array(5, np.float32)})
    for name in ("b", "c", "d", "e"):
        made.graph.value_info.append(onnx.helper.make_tensor_value_info(name, 1, (1, 4, 4, 4)))
    with pytest.raises(UnsupportedError) as error:
        import_onnx(made.SerializeToString(), "x")
    assert error.value.exit_code == 3
    for named in ("LSTM 'recurrent'", "com.example.FusedThing 'odd'", "Pow 'power': an exponent of 5", "Atan 'angle'"):
        assert named in error.value.message


def test_what_no_output_needs_is_not_looked_at() -> None:
    nodes = [node("Relu", ["x"]), node("LSTM", ["x"], ["unused"])]
    assert len(import_onnx(model(nodes, {"x": (1, 3)}).SerializeToString(), "x").graph.nodes) == 1


def test_free_sides() -> None:
    def made(*shape: int | str) -> bytes:
        return model([node("Relu", ["x"])], {"x": shape}).SerializeToString()

    assert import_onnx(made("N", 3, 8, 6), "x").inputs[0].shape == (1, 3, 8, 6)
    with pytest.raises(UnsupportedError, match=r"'x' \[1, 3, 'height', 'width'\]") as error:
        import_onnx(made("N", 3, "height", "width"), "x")
    assert "shapes={'x': " in error.value.hint
    stated = import_onnx(made("N", 3, "height", "width"), "x", shapes={"x": (1, 3, 4, 5)})
    assert stated.graph.inputs[0].shape == (1, 4, 5, 3)
    for wrong in ((1, 4, 4, 5), (1, 3, 4), (1, 3, 0, 5)):
        with pytest.raises(UsageError, match="which the file states as"):
            import_onnx(made("N", 3, "height", "width"), "x", shapes={"x": wrong})
    with pytest.raises(UsageError, match="no input is called 'z'"):
        import_onnx(made("N", 3, 4, 4), "x", shapes={"z": (1, 3, 4, 4)})


@pytest.mark.parametrize("spoiled", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_named(spoiled: float) -> None:
    made = small_network()
    for entry in made.graph.initializer:
        if entry.name == "w2":
            data = onnx.numpy_helper.to_array(entry).copy()
            data[0, 0, 0, 0] = spoiled
            entry.CopyFrom(onnx.numpy_helper.from_array(data, "w2"))
    with pytest.raises(ModelError, match="NaN or infinity: 'w2'"):
        import_onnx(made.SerializeToString(), "x")


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([node("Relu", ["a"], ["y"]), node("Relu", ["y"], ["a"])], "never computed"),
        ([node("Relu", ["nothing"])], "reads 'nothing', which nothing computes"),
        ([node("Relu", ["x"]), node("Relu", ["x"])], "'y' is computed twice"),
        ([node("Relu", ["x"], ["z"])], "'y' is never computed"),
    ],
)
def test_contradicting_names(nodes: list[Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        import_onnx(model(nodes, {"x": (1, 3)}).SerializeToString(), "x")


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("operator", "constants"),
    [
        (node("ConstantOfShape", ["s"]), {"s": np.array([2**40, 2**20], np.int64)}),
        (node("Expand", ["one", "s"]), {"s": np.array([2**20, 2**20], np.int64), "one": np.ones(1, np.float32)}),
        (
            node("Range", ["zero", "end", "step"]),
            dict(zip(("zero", "end", "step"), np.array([0, 1e18, 1]), strict=True)),
        ),
        (node("Add", ["x", "tall"]), {"tall": np.zeros((2**22, 1, 1), np.float32)}),
        (node("Resize", ["x", "", "", "s"]), {"s": np.array([1, 3, 2**30, 2**30], np.int64)}),
        (node("Pad", ["x", "s"]), {"s": np.array([0, 0, 2**30, 0, 0, 0, 2**30, 0], np.int64)}),
    ],
)
def test_small_files_do_not_make_huge_tensors(operator: Any, constants: dict[str, Array]) -> None:
    join = [operator]
    if "x" not in operator.input:
        operator.output[0] = "made"
        join.append(node("Add", ["x", "made"]))
    with pytest.raises((ModelError, UnsupportedError)):
        import_onnx(model(join, {"x": (1, 3, 2048, 2048)}, constants).SerializeToString(), "x")


def outside(folder: Path, **stated: str) -> Path:
    """A model whose weights are in another file."""
    made = model([node("Conv", ["x", "w"])], {"x": (1, 3, 5, 5)}, {"w": weights(2, 3, 3, 3)})
    entry = made.graph.initializer[0]
    (folder / "weights.bin").write_bytes(bytes(8) + entry.raw_data)
    entry.ClearField("raw_data")
    entry.data_location = onnx.TensorProto.EXTERNAL
    for key, value in {"location": "weights.bin", "offset": "8", "length": "216", **stated}.items():
        entry.external_data.add(key=key, value=value)
    path = folder / "model.onnx"
    path.write_bytes(made.SerializeToString())
    return path


def test_weights_in_a_file_beside_the_model(tmp_path: Path) -> None:
    graph = importers.load(outside(tmp_path))
    np.testing.assert_array_equal(graph.nodes[0].inputs[1].values, weights(2, 3, 3, 3).transpose(0, 2, 3, 1))
    (tmp_path / "weights.bin").write_bytes(bytes(300))
    assert importers.load(tmp_path / "model.onnx").sha256 != graph.sha256


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({"location": "../secret.bin"}, "no file in the model's folder"),
        ({"location": "/etc/passwd"}, "no file in the model's folder"),
        ({"location": "link.bin"}, "no file in the model's folder"),
        ({"location": "absent.bin"}, "no file in the model's folder"),
        ({"location": "a\0b"}, "cannot be read|no file"),
        ({"location": ""}, "no file in the model's folder"),
        ({"offset": "-1"}, "weights at -1"),
        ({"offset": "9"}, "which has 224"),
        ({"length": "99999999999"}, "which has 224"),
        ({"length": "200"}, "is damaged"),
        ({"length": "many"}, "cannot be read"),
    ],
)
def test_weights_elsewhere_are_refused(tmp_path: Path, stated: dict[str, str], message: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret.bin").write_bytes(bytes(300))
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    with pytest.raises(ModelError, match=message):
        importers.load(outside(folder, **stated))


def test_weights_outside_without_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="weights outside the file"):
        import_onnx(outside(tmp_path).read_bytes(), "x")


def test_weights_outside_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(external_data, "MAX_BYTES", 100)
    with pytest.raises(UnsupportedError, match="more than 100 bytes"):
        importers.load(outside(tmp_path))
