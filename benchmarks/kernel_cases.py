"""Random cases of the kernels written for a CPU feature on an emulated board, compared with numpy, many in a firmware:
those for Helium where the board has it, those for the DSP extension elsewhere.

python -m benchmarks.kernel_cases [--board NAME] [--toolchain NAME] [--count N] [--seed N]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

BATCH = 100


def main(arguments: Sequence[str] | None = None) -> int:
    from tests.codegen.test_dsp_kernels import BOARDS, DSP, differing_on_board
    from tests.dsp_cases import CASES
    from tests.kernel_cases import random_cases

    parser = argparse.ArgumentParser(description="random cases of kernels on an emulated board")
    parser.add_argument("--board", default="qemu_mps2_an386")
    parser.add_argument("--toolchain")
    parser.add_argument("--count", type=int, default=200, help="cases in all")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    kernels = BOARDS.get(options.board, DSP)
    start = time.monotonic()
    faults: Counter[str] = Counter()
    run = 0
    while run < options.count:
        each = -(-min(BATCH, options.count - run) // len(kernels))
        cases = [case for k in kernels for case in random_cases(k, CASES[k.op.kind], each, options.seed + run)]
        with TemporaryDirectory() as directory:
            wrong = differing_on_board(cases, options.board, Path(directory), options.toolchain)
        for number, count in wrong.items():
            faults[cases[number].kernel.name] += 1
            print(f"seed {options.seed + run}: {count} wrong bytes of {cases[number].kernel}: {cases[number].node}")
        run += len(cases)
    seconds = time.monotonic() - start
    print(
        f"{run} cases of {len(kernels)} kernels on {options.board}, {faults.total()} differ from numpy, {seconds:.0f} s"
    )
    return int(faults.total() > 0)


if __name__ == "__main__":
    sys.exit(main())
