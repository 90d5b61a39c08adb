"""The greater of two tensors (TFLite MAXIMUM)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyml.ir import Array, Node
from tinyml.ops.broadcast import Broadcast


@dataclass(frozen=True)
class Maximum(Broadcast):
    """inputs: two tensors that broadcast. int8: operands and output have one quantization; bytes are compared."""

    kind: ClassVar[str] = "maximum"

    def run_int8(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        return (np.maximum(values[0], values[1]),)

    def run_float(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        return self.run_int8(node, values)
