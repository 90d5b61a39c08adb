"""A core's cost model: for every kernel, instructions as a sum of terms (terms.py) times factors (<core>.json).

The factors are fitted to instructions counted under QEMU's icount; `python -m benchmarks.costs --fit` makes
the files anew. An estimate is arithmetic on a node's shapes, some tens of microseconds: fit for a search.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tinyml.costs.shapes import Calls
from tinyml.costs.terms import terms_of
from tinyml.ir import Node
from tinyml.kernel import Kernel
from tinyml.paths import CODEGEN

COSTS = Path(__file__).resolve().parent

# Cores whose instructions are taken to be another's: ARMv6-M both; the same DSP extension (M7: counted, too, within
# 0.3 %); and ARMv7-M without it, which runs the same portable code.
_LIKE: Mapping[str, str] = {
    "cortex-m0plus": "cortex-m0",
    "cortex-m3": "cortex-m4",
    "cortex-m7": "cortex-m4",
    "cortex-m33": "cortex-m4",
}

# Cycles per instruction, ASSUMED for code and weights in flash behind a cache or prefetch buffer: loads and taken
# branches take 2 cycles and more on the single-issue cores; M7 and M55 issue some instructions in pairs. Nobody has
# measured these kernels on silicon: half or twice as much is possible.
CPI: Mapping[str, float] = {
    "cortex-m0": 1.7,
    "cortex-m0plus": 1.5,
    "cortex-m3": 1.5,
    "cortex-m4": 1.5,
    "cortex-m7": 0.9,
    "cortex-m33": 1.3,
    "cortex-m55": 1.2,
    "rv32imc": 1.5,
}


@dataclass(frozen=True)
class KernelCost:
    """factors: instructions per unit of a term. error: relative; 9 of 10 layers that were not fitted to are within.

    alone: the share of these instructions where one layer only runs the kernel, which the compiler then specialises.
    """

    factors: Mapping[str, float]
    error: float
    alone: float


@dataclass(frozen=True)
class CodeSizes:
    """Bytes of C functions, compiled for size; which of them each kernel reaches; bytes of the parameter structs.

    sources: `kernel_sources` when they were measured.
    """

    sources: str
    functions: Mapping[str, int]
    kernels: Mapping[str, tuple[str, ...]]
    structs: Mapping[str, int]


@dataclass(frozen=True)
class CostModel:
    """Of one core. core: that was measured. sources: `kernel_sources` at that time.

    networks_error: the most that estimates of random networks were off, relative. code: None where it is not measured.
    """

    core: str
    compiler: str
    flags: str
    sources: str
    networks_error: float
    kernels: Mapping[str, KernelCost]
    code: CodeSizes | None

    def instructions(self, kernel: Kernel, node: Node, calls: Calls, idle: float = 0) -> float | None:
        """Of a kernel called for so many rows so many times, and `idle` times for none; None for an unknown kernel."""
        cost = self.kernels.get(kernel.name)
        if cost is None:
            return None
        terms = terms_of(kernel, node, calls)
        factors = cost.factors
        return sum(factors.get(name, 0.0) * value for name, value in terms.items()) + factors.get("idle", 0.0) * idle

    def error(self, kernel: Kernel) -> float:
        """Relative; of a kernel that the model knows."""
        return self.kernels[kernel.name].error


@cache
def cost_model(core: str) -> CostModel | None:
    """The model for a core of boards/*.toml; None for the host."""
    path = COSTS / f"{_LIKE.get(core, core)}.json"
    if not path.is_file():
        return None
    facts = json.loads(path.read_text(encoding="utf-8"))
    kernels = {
        name: KernelCost(cost["factors"], cost["error"], cost["alone"]) for name, cost in facts["kernels"].items()
    }
    return CostModel(
        facts["core"],
        facts["compiler"],
        facts["flags"],
        facts["kernel_sources"],
        facts["networks_error"],
        kernels,
        _code_sizes(facts["code"]) if "code" in facts else None,
    )


def _code_sizes(facts: Mapping[str, Any]) -> CodeSizes:
    kernels = {name: tuple(functions.split()) for name, functions in facts["kernels"].items()}
    return CodeSizes(facts["kernel_sources"], facts["functions"], kernels, facts["structs"])


@cache
def kernel_sources() -> str:
    """SHA-256, hex, of all that shapes a kernel's code: the headers, and the Python that fills their parameters."""
    found = [path for folder in ("kernels", "include") for path in (CODEGEN / folder).rglob("*") if path.is_file()]
    digest = hashlib.sha256()
    for path in sorted(path for path in found if path.suffix in (".h", ".py")):
        digest.update(path.relative_to(CODEGEN).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
