"""Generated C as a value: files and what the firmware needs to know about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tinyml.ir import Tensor


@dataclass(frozen=True)
class Port:
    """One input or output at the C API.

    identifier: C identifier of the tensor, unique among the model's inputs and outputs.
    function: C function that returns its buffer, "kws_input".
    tensor: its shape, dtype and quantization.
    """

    identifier: str
    function: str
    tensor: Tensor

    @property
    def c_type(self) -> str:
        """Of a value: "int8_t"."""
        return f"{self.tensor.dtype.value}_t"


@dataclass(frozen=True)
class Sources:
    """The C of one model.

    name: C identifier that prefixes everything public.
    files: file name -> text; only `<name>.c` is compiled, the rest is included.
    steps: a label per step, in the order in which they run.
    keeps_input: the inputs survive an inference.
    fed_by_rows: the C API is begin, push_rows and finish; the input's port names push_rows.
    traced: every kernel call hands its rows to tml_trace_rows.
    state_bytes: SRAM besides the arena that the model keeps from one inference to the next; above 0, it has a reset.
    model_sha256: of the model file, hex, or empty.
    """

    name: str
    files: Mapping[str, str]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    arena_bytes: int
    steps: tuple[str, ...]
    keeps_input: bool
    model_sha256: str
    fed_by_rows: bool = False
    traced: bool = False
    state_bytes: int = 0
