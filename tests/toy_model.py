"""A hand-written stand-in for generated C: an input of 64 bytes, an output of 16, two levels of calls."""

from __future__ import annotations

from codegen.sources import Port, Sources
from tinyml.ir import DType, Quant, Tensor

_HEADER = """#ifndef TOY_H
#define TOY_H
#include <stdint.h>
#define TOY_ARENA_BYTES {arena}
extern int8_t toy_arena[TOY_ARENA_BYTES];
int8_t *toy_input(void);
const int8_t *toy_output(void);
void toy_invoke(void);
#endif
"""

_CODE = """#include "toy.h"
#ifdef TML_PROFILE
#include "tml_profile.h"
#else
#define TML_STEP_BEGIN(index)
#define TML_STEP_END(index)
#endif

extern const int8_t toy_weights[{weights}];
const int8_t toy_weights[{weights}] = {{1, 2, 3, 4, 5, 6, 7, 8, 9}};
_Alignas(16) int8_t toy_arena[TOY_ARENA_BYTES];

int8_t *toy_input(void)
{{
    return toy_arena;
}}

const int8_t *toy_output(void)
{{
    return toy_arena + 64;
}}

static __attribute__((noinline)) void multiply(int32_t *sums)
{{
    int32_t local[16];
    for (int i = 0; i < 16; i++) {{
        local[i] = 0;
    }}
    for (int i = 0; i < 64; i++) {{
        local[i & 15] += toy_arena[i] * toy_weights[i];
    }}
    for (int i = 0; i < 16; i++) {{
        sums[i] = local[15 - i];
    }}
}}

void toy_invoke(void)
{{
    int32_t sums[16];
    TML_STEP_BEGIN(0);
    multiply(sums);
    for (int i = 0; i < 16; i++) {{
        toy_arena[64 + i] = (int8_t)(sums[i] / (i + 1));
    }}
    {statement}
    TML_STEP_END(0);
}}
"""

INPUT = bytes(range(64))


def expected_output(data: bytes = INPUT) -> bytes:
    weights = (1, 2, 3, 4, 5, 6, 7, 8, 9)
    products = [value * weights[i] if i < 9 else 0 for i, value in enumerate(data)]
    sums = [sum(products[15 - i :: 16]) for i in range(16)]
    return bytes((total // (i + 1)) & 255 for i, total in enumerate(sums))


def toy_sources(*, arena: int = 256, weights: int = 64, statement: str = "") -> Sources:
    quant = Quant.per_tensor(0.5, 3)
    inputs = (Port("x", "toy_input", Tensor("x", (1, 64), DType.INT8, quant)),)
    outputs = (Port("y", "toy_output", Tensor("y", (1, 16), DType.INT8, quant)),)
    files = {"toy.h": _HEADER.format(arena=arena), "toy.c": _CODE.format(weights=weights, statement=statement)}
    return Sources("toy", files, inputs, outputs, arena, ("dense",), True, "ab" * 32)
