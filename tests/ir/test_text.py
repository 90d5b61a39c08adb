"""Names from a model in messages."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.op_cases import CASES
from tinyml.errors import ModelError
from tinyml.ir import channels_first_hint, shown, verify


def test_short_names_are_shown_whole() -> None:
    assert shown("conv/layer:0") == "'conv/layer:0'"
    assert shown("x" * 60) == f"'{'x' * 60}'"


def test_long_and_strange_names_stay_one_short_line() -> None:
    assert len(shown("x" * 10_000)) == 62
    assert shown("a\nb\x1b[2J") == r"'a\nb\x1b[2J'"
    assert shown("\ud800") == r"'\ud800'"


def test_a_violation_does_not_print_a_long_name_whole() -> None:
    graph = CASES["add"](np.random.default_rng(0))
    (node,) = graph.nodes
    named = replace(node, name="n" * 10_000, outputs=(replace(node.output, name="t" * 10_000, shape=(1, 77)),))
    with pytest.raises(ModelError, match="the graph states") as error:
        verify(replace(graph, nodes=(named,), outputs=named.outputs), "int8")
    assert len(error.value.message) < 400


@pytest.mark.parametrize(
    ("given", "wanted", "axes"),
    [
        ((3, 8, 6), (8, 6, 3), "(0, 2, 3, 1)"),
        ((6, 32), (32, 1, 6), "(0, 2, 1)"),
        ((6, 32), (32, 6), "(0, 2, 1)"),
        ((1, 28, 28), (28, 28, 1), ""),
        ((8, 6, 3), (8, 6, 3), ""),
        ((144,), (8, 6, 3), ""),
        ((6, 8, 3), (8, 6, 3), ""),
        ((12,), (12,), ""),
        ((4, 4), (4, 4), ""),
    ],
)
def test_channels_first_hint(given: tuple[int, ...], wanted: tuple[int, ...], axes: str) -> None:
    hint = channels_first_hint(given, wanted)
    assert hint.endswith(f"samples.transpose{axes}") if axes else not hint
