from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from codegen.names import comment, identifier, identifiers, model_identifier
from tests.host_c import compile_host, plan_graph, run_host
from tests.op_cases import one_node
from tests.samples import int8_samples
from tinyml.interpreter import run
from tinyml.ir import DType, Graph, Node, Quant, Tensor
from tinyml.ops import Add

HOSTILE = [
    'a"; system("x"); //',
    "int",
    "9/layer:0",
    "😀",
    "日本語",
    "x" * 10_000,
    "*/ #error",
    "??/",
    "a\nb",
    "",
    "__reserved",
    "_Bool",
    "TML_CLAMP",
    "tml_clamp",
    "NULL",
    "a b",
    "a/b",
    "A b",
    "\\",
    "%s%n",
    "arena",
    "main",
    "memcpy",
    "\ud800",
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text)[:20])
def test_always_a_plain_identifier(text: str) -> None:
    name = identifier(text)
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,43}", name)
    assert "__" not in name


def test_distinct_even_without_case() -> None:
    names = identifiers([*HOSTILE, *HOSTILE, "t_int", "a_b_2"])
    assert len({name.lower() for name in names}) == len(names)


def test_a_model_never_hides_a_standard_header() -> None:
    assert model_identifier("string") == "model_string"
    assert model_identifier("stdint") == "model_stdint"
    assert model_identifier("kws") == "kws"


def test_a_model_never_shares_the_prefix_of_the_kernels() -> None:
    assert model_identifier("tml") == "t_tml" and model_identifier("TML") == "t_TML"
    assert model_identifier("tmlx") == "tmlx"


def test_long_names_that_differ_at_the_end_stay_apart() -> None:
    assert identifier("x" * 1000 + "1") != identifier("x" * 1000 + "2")


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text)[:20])
def test_comments_cannot_be_left(text: str) -> None:
    shown = comment(text)
    assert "*" not in shown and "/" not in shown and "\\" not in shown and "?" not in shown
    assert (shown.isascii() and shown.isprintable()) or shown == ""


def test_hostile_names_compile_and_run(tmp_path: Path) -> None:
    quant = Quant.per_tensor(0.1, 3)
    shape = (1, 2, 3, 2)
    inputs = tuple(Tensor(name, shape, DType.INT8, quant) for name in HOSTILE)
    nodes: list[Node] = []
    total = inputs[0]
    for tensor, name in zip(inputs[1:], [*HOSTILE[1:]], strict=True):
        output = Tensor(name, shape, DType.INT8, quant)
        nodes.append(Node(name, Add(), (total, tensor), (output,)))
        total = output
    graph = Graph('x"; */ int', tuple(nodes), inputs, (total, nodes[0].outputs[0]))
    from codegen import generate

    samples = int8_samples(graph, 4)
    outputs = run_host(compile_host(generate(plan_graph(graph)), tmp_path), graph, samples)
    for sample, got in zip(samples, outputs, strict=True):
        for want, have in zip(run(graph, sample), got, strict=True):
            np.testing.assert_array_equal(have, want)


def test_one_node_graph_uses_its_own_name() -> None:
    x = Tensor("x", (1, 1, 1, 4), DType.INT8, Quant.per_tensor(0.1))
    assert one_node(Add(), [x, x], [Quant.per_tensor(0.2)]).name == "add"
