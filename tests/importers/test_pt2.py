"""PyTorch files: what a .pt2 file is read for, what is refused, and that nothing in it ever runs."""

from __future__ import annotations

import io
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")

import torch

import tinyml
from tests.architectures import architecture
from tests.importers.mutations import mutations
from tests.importers.pt2_files import contradicted, edited_json, repacked
from tinyml import importers
from tinyml.errors import ModelError, UnsupportedError, UsageError
from tinyml.importers.from_torch import import_pt2, import_torch
from tinyml.interpreter import run

CONFIG = "data/weights/model_weights_config.json"
MODEL = "models/model.json"


@pytest.fixture(scope="module")
def saved() -> bytes:
    network, sample = architecture("temporal_net")
    file = io.BytesIO()
    torch.export.save(torch.export.export(network, (sample,)), file)
    return file.getvalue()


def survives(data: bytes) -> bool:
    try:
        import_pt2(data, "hostile")
        return True
    except (ModelError, UnsupportedError) as error:
        assert error.message
        return False


def test_load(tmp_path: Path, saved: bytes) -> None:
    (tmp_path / "net.pt2").write_bytes(saved)
    graph = importers.load(tmp_path / "net.pt2")
    assert (graph.name, graph.inputs[0].shape) == ("net", (1, 32, 1, 6))


def test_reading_needs_no_pytorch(tmp_path: Path, saved: bytes) -> None:
    (tmp_path / "net.pt2").write_bytes(saved)
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "from tinyml import importers; print(len(importers.load(sys.argv[1]).nodes))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "net.pt2")],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert int(done.stdout) > 10


def test_a_file_and_a_module_give_the_same_graph(saved: bytes) -> None:
    network, sample = architecture("temporal_net")
    ours, theirs = import_pt2(saved, "a"), import_torch(network, (sample,), "b")
    (first,), (second,) = (run(i.graph, [i.inputs[0].to_graph(sample.numpy())]) for i in (ours, theirs))
    np.testing.assert_array_equal(first, second)


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return exec, ("raise SystemExit('a pickle ran')",)


def test_no_pickle_is_opened(saved: bytes) -> None:
    def plant(files: dict[str, bytes]) -> None:
        files["data/sample_inputs/model.pt"] = pickle.dumps(Bomb())
        files["data/aotinductor/model/run.so"] = b"\x7fELF"

    assert survives(repacked(saved, plant))

    def mark(content: Any) -> None:
        for entry in content["config"].values():
            entry["use_pickle"] = True

    with pytest.raises(UnsupportedError, match="is stored as a pickle, which is not read"):
        import_pt2(edited_json(saved, CONFIG, mark), "x")


@pytest.mark.parametrize("suffix", [".pt", ".pth"])
def test_checkpoints_are_never_loaded(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(UsageError, match="a pickle of weights") as error:
        importers.load(path)
    assert "torch.export.save(torch.export.export(" in error.value.hint
    assert error.value.exit_code == 2


def test_a_checkpoint_called_pt2(tmp_path: Path) -> None:
    torch.save({"w": torch.zeros(3)}, tmp_path / "weights.pt2")
    with pytest.raises(ModelError, match=r"not a \.pt2 file of torch\.export\.save") as error:
        importers.load(tmp_path / "weights.pt2")
    assert "torch.export.save" in error.value.hint


@pytest.mark.timeout(60)
def test_mutations(saved: bytes) -> None:
    assert 0 < sum(survives(damaged) for damaged in contradicted(saved, 250, seed=1)) < 250
    for damaged in mutations(saved, 100, seed=2):
        survives(damaged)


def test_truncations(saved: bytes) -> None:
    assert not any(survives(saved[:length]) for length in range(0, len(saved) - 1, 997))


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", bytes(64)])
def test_not_an_archive(data: bytes) -> None:
    with pytest.raises(ModelError, match=r"not a \.pt2 file"):
        import_pt2(data, "x")


def _meta(**fields: Any) -> Any:
    def edit(content: Any) -> None:
        next(iter(content["config"].values()))["tensor_meta"].update(fields)

    return edit


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (_meta(sizes=[{"as_int": 8}, {"as_int": 6}, {"as_int": 4}]), "in a storage of"),
        (_meta(strides=[{"as_int": 2**40}, {"as_int": 3}, {"as_int": 1}]), "in a storage of"),
        (_meta(strides=[{"as_int": -1}, {"as_int": 3}, {"as_int": 1}]), "strides"),
        (_meta(storage_offset={"as_int": -4}), "strides"),
        (_meta(storage_offset={"as_int": 1}), "in a storage of"),
        (_meta(sizes=[]), "strides"),
        (_meta(dtype=99), "is of type 99"),
    ],
)
def test_weights_stay_inside_their_storage(saved: bytes, edit: Any, message: str) -> None:
    with pytest.raises((ModelError, UnsupportedError), match=message):
        import_pt2(edited_json(saved, CONFIG, edit), "x")


def test_weights_that_are_not_finite_are_named(saved: bytes) -> None:
    def spoil(files: dict[str, bytes]) -> None:
        files["data/weights/weight_0"] = b"\xff" * len(files["data/weights/weight_0"])

    with pytest.raises(ModelError, match="NaN or infinity: 'p_blocks_0_conv_weight'"):
        import_pt2(repacked(saved, spoil), "x")


def test_archives_that_unpack_to_too_much(saved: bytes) -> None:
    file = io.BytesIO(saved)
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("m/zeros", bytes(1 << 28))
    with pytest.raises(UnsupportedError, match="unpacked"):
        import_pt2(file.getvalue(), "x")


def test_another_schema(saved: bytes) -> None:
    def edit(content: Any) -> None:
        content["schema_version"]["major"] = 9

    with pytest.raises(UnsupportedError, match="schema 9"):
        import_pt2(edited_json(saved, MODEL, edit), "x")


# modules


class Odd(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = torch.nn.Conv2d(3, 4, 1), torch.nn.CircularPad2d(1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.second(self.first(x))
        return torch.atan(y) + torch.cumsum(y, 1)


def test_all_unsupported_operators_are_listed() -> None:
    with pytest.raises(UnsupportedError) as error:
        import_torch(Odd(), (torch.zeros(1, 3, 4, 4),))
    for named in ("in 'second'", "atan.default", "cumsum.default"):
        assert named in error.value.message
    assert error.value.exit_code == 3


def test_the_public_verb_takes_one_tensor() -> None:
    graph = tinyml.from_torch(torch.nn.Conv2d(3, 4, 1), torch.zeros(1, 3, 4, 5), "one")
    assert (graph.name, graph.inputs[0].shape) == ("one", (1, 4, 5, 3))


def test_training_mode_comes_back() -> None:
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), torch.nn.BatchNorm2d(4), torch.nn.Dropout())
    network[1].eval()
    import_torch(network.train(), (torch.zeros(1, 3, 4, 4),))
    assert network.training and network[1].training and network[2].training


def test_free_sides() -> None:
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()
    )
    sample = (torch.zeros(2, 3, 8, 8),)
    batch = torch.export.Dim("batch", min=1, max=8)
    free = torch.export.export(network, sample, dynamic_shapes=({0: batch},))
    imported = import_torch(free)
    assert imported.graph.inputs[0].shape == (1, 8, 8, 3)
    height = torch.export.Dim("height", min=4, max=64)
    free = torch.export.export(network, sample, dynamic_shapes=({2: height},))
    with pytest.raises(UnsupportedError, match=r"free sides \(axes \[2\]\)"):
        import_torch(free)
    file = io.BytesIO()
    torch.export.save(free, file)
    with pytest.raises(UnsupportedError, match=r"free sides \(axes \[2\]\)"):
        import_pt2(file.getvalue(), "x")


def test_a_batch_of_two_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="one sample at a time"):
        import_torch(torch.nn.Conv2d(3, 4, 1), (torch.zeros(2, 3, 4, 4),))


def test_wrong_arguments() -> None:
    with pytest.raises(UsageError, match="neither a torch"):
        import_torch({"state": 1}, (torch.zeros(1),))
    with pytest.raises(UsageError, match="example input"):
        import_torch(torch.nn.ReLU())

    class Branching(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if x.sum() > 0 else -x

    with pytest.raises(UsageError, match=r"torch\.export cannot export Branching"):
        import_torch(Branching(), (torch.zeros(1, 3),))


def test_half_precision_weights_are_widened() -> None:
    network = torch.nn.Linear(4, 3).to(torch.bfloat16)
    program = torch.export.export(network, (torch.zeros(1, 4, dtype=torch.bfloat16),))
    file = io.BytesIO()
    torch.export.save(program, file)
    for imported in (import_torch(program), import_pt2(file.getvalue(), "x")):
        np.testing.assert_array_equal(imported.graph.nodes[0].inputs[1].values, network.weight.detach().float().numpy())
