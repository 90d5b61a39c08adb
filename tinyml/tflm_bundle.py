"""A directory that runs a model with TensorFlow Lite Micro: the model as an array, a resolver, an arena, a program.

NAME_model.h, NAME_model.cc   the .tflite file as an array, and the arena's size
NAME_ops.h                    a MicroMutableOpResolver of exactly the operators in the file
main.cc, Makefile, README.md  int8 inputs from stdin, int8 outputs to stdout, against a tree that the user points at
NAME.tflite, bundle.json      the file itself; what was measured
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from codegen.literals import rows_of_numbers
from codegen.names import comment, model_identifier
from tinyml._version import __version__
from tinyml.exporters.tflm_ops import operator_names, resolver_methods
from tinyml.firmware_project import render
from tinyml.ir import Graph, Tensor

MARKER = "bundle.json"
_TEMPLATES = ("main.cc", "Makefile", "README.md")


@dataclass(frozen=True)
class Bundle:
    """What a bundle holds.

    name: C identifier that prefixes everything public.
    model: the .tflite file.
    arena_bytes: the smallest arena in which TFLM ran it on this host, measured.
    operators: the schema's names of the operators in the file.
    """

    name: str
    model: bytes
    arena_bytes: int
    operators: tuple[str, ...]
    files: Mapping[str, bytes]


def make_bundle(graph: Graph, model: bytes, arena_bytes: int) -> Bundle:
    """graph: as `model` states it, in `arena_bytes` of TFLM. Raises UnsupportedError for operators that TFLM lacks."""
    name, operators = model_identifier(graph.name), operator_names(graph)
    facts = {
        "name": name,
        "title": comment(graph.name),
        "version": __version__,
        "tflm": version("tflite-micro"),
        "arena_bytes": arena_bytes,
        "model_bytes": len(model),
        "methods": resolver_methods(graph),
        "ports": [*_ports("input", graph.inputs), *_ports("output", graph.outputs)],
    }
    rows = rows_of_numbers(np.frombuffer(model, np.uint8))
    texts = {
        f"{name}_model.h": render("tflm/model.h.j2", **facts),
        f"{name}_model.cc": render("tflm/model.cc.j2", rows=rows, **facts),
        f"{name}_ops.h": render("tflm/ops.h.j2", **facts),
        **{file: render(f"tflm/{file}.j2", **facts) for file in _TEMPLATES},
    }
    files = {f"{name}.tflite": model, **{file: text.encode("utf-8") for file, text in texts.items()}}
    marker = {
        "model": graph.name,
        "model_sha256": graph.sha256,
        "arena_bytes": arena_bytes,
        "tflite_micro": facts["tflm"],
        "operators": operators,
        "files": sorted([*files, MARKER]),
        "sha256": {file: hashlib.sha256(content).hexdigest() for file, content in sorted(files.items())},
    }
    files[MARKER] = (json.dumps(marker, indent=2) + "\n").encode("utf-8")
    return Bundle(name, model, arena_bytes, operators, files)


def _ports(role: str, tensors: Sequence[Tensor]) -> list[dict[str, object]]:
    return [{"role": role, "name": comment(t.name), "shape": t.shape, "quant": t.affine} for t in tensors]


def write_bundle(bundle: Bundle, directory: Path) -> None:
    for name, content in bundle.files.items():
        (directory / name).write_bytes(content)
