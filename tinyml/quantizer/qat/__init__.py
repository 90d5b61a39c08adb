"""Quantization-aware training in PyTorch: the forward pass is the int8 network, the backward pass the float one's."""

from tinyml.quantizer.qat.module import QatModule, prepare

__all__ = ["QatModule", "prepare"]
