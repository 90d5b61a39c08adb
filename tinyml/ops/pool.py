"""What the pools share: their attributes, shapes and rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tinyml.ir import Activation, Cut, Node, Op, Padding, Shape, Tensor
from tinyml.ops.window import Window, image_shape


@dataclass(frozen=True)
class Pool(Op):
    """inputs: image [1, H, W, C]. Input and output share one quantization, as TFLite demands of its pools."""

    kernel_h: int
    kernel_w: int
    stride_h: int = 1
    stride_w: int = 1
    padding: Padding = Padding()
    activation: Activation = Activation.NONE

    @property
    def window(self) -> Window:
        return Window(self.kernel_h, self.kernel_w, self.stride_h, self.stride_w, 1, 1, self.padding)

    def infer(self, inputs: Sequence[Tensor]) -> tuple[Shape, ...]:
        height, width, channels = image_shape(inputs[0].shape)
        return ((1, *self.window.output_size(height, width), channels),)

    def input_rows(self, node: Node, operand: int, begin: int, end: int) -> tuple[int, int]:
        return self.window.input_rows(node.inputs[0].shape[1], begin, end)

    def cut_columns(self, node: Node, begin: int, end: int) -> Cut:
        padding, columns = self.window.cut_columns(node.inputs[0].shape[2], begin, end)
        return Cut(replace(self, padding=padding), (columns,))
