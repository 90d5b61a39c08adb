"""Models fed by rows: the same bytes however the rows arrive, refusal of what cannot be fed, memory kept safe."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from codegen import generate, select_kernels
from tests.conftest import shared_model
from tests.host_c import SANITIZERS, WARNINGS
from tests.networks import mobilenet_v2
from tests.random_graphs import random_graphs
from tests.samples import int8_samples
from tests.scheduler.shadow import check_memory
from tinyml import pipeline
from tinyml.errors import UnsupportedError, UsageError
from tinyml.interpreter import run
from tinyml.ir import Graph
from tinyml.passes import optimize
from tinyml.scheduler import Plan, make_plan

# Reads images from stdin and runs each in five ways; a finish that comes too early must be refused.
_MAIN = """\
#include <stdio.h>
#include "{name}.h"

static int8_t image[{rows} * {row_bytes}];

static int run(int32_t step, int32_t grow)
{{
    {name}_begin();
    for (int32_t row = 0; row < {rows}; row += step, step += grow) {{
        if ({name}_finish() != NULL) {{
            return 2;
        }}
        const int32_t left = {rows} - row;
        {name}_push_rows(image + row * {row_bytes}, step < left ? step : left);
    }}
    {name}_push_rows(image, 3); /* more rows than there are: ignored */
    for (int32_t again = 0; again < 2; again++) {{ /* and a second finish changes nothing */
        if ({name}_finish() == NULL) {{
            return 3;
        }}
        {name}_push_rows(image, 1);
    }}
    fwrite({output}(), 1, {output_bytes}, stdout);
    return 0;
}}

int main(void)
{{
    while (fread(image, 1, sizeof image, stdin) == sizeof image) {{
        const int failed = run(1, 0) + run({rows}, 0) + run(2, 0) + run(3, 1) + run(1, 2);
        if (failed) {{
            return failed;
        }}
    }}
    return 0;
}}
"""
WAYS = 5


def fed_plan(graph: Graph) -> Plan:
    return make_plan(graph, select_kernels(graph), feed_rows=True)


def outputs_of_every_way(plan: Plan, samples: list[tuple[np.ndarray, ...]], directory: Path) -> np.ndarray:
    """int8 [samples, WAYS, bytes of the first output]."""
    sources = generate(plan)
    for name, text in sources.files.items():
        (directory / name).write_text(text)
    assert plan.fed is not None
    (directory / "main.c").write_text(
        _MAIN.format(
            name=sources.name,
            rows=plan.fed.hwc[0],
            row_bytes=plan.fed.row_bytes,
            output=sources.outputs[0].function,
            output_bytes=sources.outputs[0].tensor.size_bytes,
        )
    )
    command = ["gcc", "-std=c11", "-O1", *WARNINGS, *SANITIZERS, "-include", "stddef.h", "-o", "program"]
    done = subprocess.run(
        [*command, "main.c", f"{sources.name}.c"], cwd=directory, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[:4000]
    fed = b"".join(sample[0].tobytes() for sample in samples)
    ran = subprocess.run([directory / "program"], input=fed, capture_output=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stderr.decode(errors="replace")[:4000]
    return np.frombuffer(ran.stdout, np.int8).reshape(len(samples), WAYS, -1)


def assert_equal_to_interpreter(graph: Graph, directory: Path, count: int) -> None:
    plan = fed_plan(graph)
    check_memory(plan)
    samples = int8_samples(graph, count)
    for sample, ways in zip(samples, outputs_of_every_way(plan, samples, directory), strict=True):
        want = run(graph, sample)[0].ravel()
        for way in ways:
            np.testing.assert_array_equal(way, want)


@pytest.mark.parametrize("name", ["kws_int8", "resnet8_int8", "vww_96_int8", "mcunet_vww_80"])
def test_known_models(name: str, tmp_path: Path) -> None:
    assert_equal_to_interpreter(pipeline.load(shared_model(name)), tmp_path, 3)


def feedable(count: int) -> list[Graph]:
    """Random graphs that can be fed by rows."""
    found = []
    for graph in random_graphs(77, 400):
        graph = optimize(graph)
        try:
            fed_plan(graph)
        except UnsupportedError:
            continue
        found.append(graph)
        if len(found) == count:
            break
    return found


@pytest.mark.parametrize("graph", feedable(30), ids=lambda graph: graph.name)
def test_random_graphs(graph: Graph, tmp_path: Path) -> None:
    assert_equal_to_interpreter(graph, tmp_path, 4)


def test_small_mobilenet(tmp_path: Path) -> None:
    assert_equal_to_interpreter(mobilenet_v2(0.35, 32), tmp_path, 3)


def test_what_cannot_be_fed_says_why() -> None:
    with pytest.raises(UnsupportedError, match="cannot be fed by rows") as caught:
        fed_plan(pipeline.load(shared_model("ad01_int8")))
    assert caught.value.hint == "--input resident"


def test_a_fed_input_cannot_be_kept() -> None:
    with pytest.raises(UsageError, match="never held"):
        pipeline.plan(mobilenet_v2(0.35, 32), "host", keep_inputs=True, feed="rows")
