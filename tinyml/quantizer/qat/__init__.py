"""Quantization-aware training in PyTorch: the forward pass is the int8 network, the backward pass the float one's."""

from importlib.util import find_spec

from tinyml.errors import UsageError
from tinyml.install_hints import INSTALL_HINTS

if find_spec("torch") is None:
    raise UsageError("quantization-aware training needs the package torch", INSTALL_HINTS["torch"])

from tinyml.quantizer.qat.module import QatModule, prepare

__all__ = ["QatModule", "prepare"]
