"""Random int8 models as TensorFlow's converter writes them.

A network grows step by step while TensorFlow traces a function: each step takes a random live tensor and applies a
random layer with constant weights; what nobody reads in the end becomes the outputs. Layers are plain TensorFlow ops
rather than Keras objects: a small graph without variables converts in 30 ms, as a Keras model in 130 ms.
"""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
logging.getLogger("absl").addFilter(lambda record: "trackable_obj" not in record.getMessage())

Rng = np.random.Generator
Value = Any  # a symbolic tf.Tensor of static shape
Step = Callable[["Growth", Value], "Value | None"]  # None: the step does not fit this tensor

MAX_SIDE, MAX_CHANNELS, MAX_ELEMENTS = 14, 13, 2500


class Growth:
    """A network under construction: its random numbers, the tensors so far and which of them are unread."""

    def __init__(self, rng: Rng, inputs: Sequence[Value]) -> None:
        import tensorflow as tf

        self.tf = tf
        self.rng = rng
        self.values = list(inputs)
        self.unread = list(inputs)
        self.step_reads: list[Value] = []
        self.step_adds: list[Value] = []

    def step(self, step: Step) -> bool:
        """Applies a layer to a random tensor; False, and no trace left, when it does not fit or makes too much."""
        value = self.pick()
        self.step_reads, self.step_adds = [value], []
        result = step(self, value)
        if result is None or int(np.prod(result.shape)) > MAX_ELEMENTS:
            return False
        self.unread = [v for v in self.unread if all(v is not other for other in self.step_reads)]
        self.unread += [result, *self.step_adds]
        self.values += [result, *self.step_adds]
        return True

    def pick(self) -> Value:
        """A live tensor, mostly one that nothing reads yet."""
        pool = self.unread if self.unread and self.rng.random() < 0.8 else self.values
        return pool[int(self.rng.integers(len(pool)))]

    def partner(self, value: Value) -> Value | None:
        """Another tensor of the same shape, if there is one."""
        same = [v for v in self.values if v is not value and v.shape == value.shape]
        return same[int(self.rng.integers(len(same)))] if same else None

    def read(self, value: Value) -> Value:
        """`value`, noted as a second operand of this step."""
        self.step_reads.append(value)
        return value

    def weights(self, shape: Sequence[int], fan_in: int, channel_axis: int) -> Value:
        """Weights that keep values near 1; filters of unequal size, sometimes one that is all zero."""
        values = self.rng.normal(size=shape) * (1.5 / np.sqrt(fan_in))
        per_channel = [1] * len(shape)
        per_channel[channel_axis] = shape[channel_axis]
        values *= np.exp(self.rng.normal(0, 0.7, per_channel))
        if self.rng.random() < 0.1:
            np.moveaxis(values, channel_axis, 0)[int(self.rng.integers(shape[channel_axis]))] = 0
        return self.tf.constant(values.astype(np.float32))

    def finish(self, value: Value, channels: int) -> Value:
        """Maybe a bias, maybe a fused activation."""
        tf = self.tf
        if self.rng.random() < 0.85:
            value = tf.nn.bias_add(value, tf.constant(self.rng.normal(0, 0.5, channels).astype(np.float32)))
        kind = self.rng.integers(5)
        return (tf.nn.relu, tf.nn.relu6, tf.identity, tf.identity, tf.nn.relu)[kind](value)

    def padding(self, value: Value, kernel: Sequence[int], dilation: int = 1) -> str:
        fits = all((k - 1) * dilation < side for k, side in zip(kernel, value.shape[1:3], strict=True))
        return "VALID" if fits and self.rng.random() < 0.5 else "SAME"

    def integers(self, low: int, high: int, count: int) -> list[int]:
        """`count` numbers in [low, high]."""
        return [int(v) for v in self.rng.integers(low, high + 1, count)]


def is_image(value: Value) -> bool:
    return len(value.shape) == 4


def conv(g: Growth, x: Value) -> Value | None:
    if not is_image(x):
        return None
    in_channels, kernel = x.shape[3], g.integers(1, 5, 2)
    groups = 2 if in_channels % 2 == 0 and g.rng.random() < 0.15 else 1
    out_channels = groups * int(g.rng.integers(1, MAX_CHANNELS // groups + 1))
    dilation = int(g.rng.choice([1, 1, 1, 2, 3]))
    strides = g.integers(1, 4, 2) if dilation == 1 else [1, 1]
    depth = in_channels // groups
    filters = g.weights([*kernel, depth, out_channels], kernel[0] * kernel[1] * depth, 3)
    padding = g.padding(x, kernel, dilation)
    return g.finish(g.tf.nn.conv2d(x, filters, strides, padding, dilations=dilation), out_channels)


def depthwise(g: Growth, x: Value) -> Value | None:
    if not is_image(x):
        return None
    channels, kernel = x.shape[3], g.integers(1, 5, 2)
    multiplier = int(g.rng.choice([1, 1, 1, 2, 3]))
    dilation = int(g.rng.choice([1, 1, 1, 2, 3]))
    stride = int(g.rng.integers(1, 5)) if dilation == 1 else 1
    values = g.weights([*kernel, channels * multiplier], kernel[0] * kernel[1], 2)
    # the raw op: the wrapper hides a dilation behind SPACE_TO_BATCH, as no exporter does any more
    result = g.tf.raw_ops.DepthwiseConv2dNative(
        input=x,
        filter=g.tf.reshape(values, [*kernel, channels, multiplier]),
        strides=[1, stride, stride, 1],
        padding=g.padding(x, kernel, dilation),
        dilations=[1, dilation, dilation, 1],
    )
    return g.finish(result, channels * multiplier)


def transpose_conv(g: Growth, x: Value) -> Value | None:
    if not is_image(x) or x.shape[1] * x.shape[2] > 40:
        return None
    kernel, strides = g.integers(1, 4, 2), g.integers(1, 3, 2)
    channels, padding = int(g.rng.integers(1, 7)), str(g.rng.choice(["SAME", "VALID"]))
    sides = [
        side * stride if padding == "SAME" else side * stride + max(k - stride, 0)
        for side, stride, k in zip(x.shape[1:3], strides, kernel, strict=True)
    ]
    filters = g.weights([*kernel, channels, x.shape[3]], kernel[0] * kernel[1] * x.shape[3], 2)
    return g.finish(g.tf.nn.conv2d_transpose(x, filters, [1, *sides, channels], strides, padding), channels)


def dense(g: Growth, x: Value) -> Value | None:
    size = int(np.prod(x.shape))
    if size > 400:
        return None
    features = int(g.rng.integers(1, 20))
    return g.finish(g.tf.matmul(g.tf.reshape(x, [1, size]), g.weights([size, features], size, 1)), features)


def pool(g: Growth, x: Value) -> Value | None:
    if not is_image(x):
        return None
    kernel = g.integers(1, 4, 2)
    function = g.tf.nn.max_pool2d if g.rng.random() < 0.5 else g.tf.nn.avg_pool2d
    return function(x, kernel, g.integers(1, 4, 2), g.padding(x, kernel))


def mean(g: Growth, x: Value) -> Value | None:
    axes = [[1, 2], [1, 2], [1], [2], [3], [2, 3]][int(g.rng.integers(6))]
    return g.tf.reduce_mean(x, axes, keepdims=bool(g.rng.random() < 0.7)) if is_image(x) else None


def binary(g: Growth, x: Value) -> Value | None:
    """ADD, SUB or MUL with a tensor of the same shape, with one pixel for all (squeeze and excite), or a constant."""
    tf = g.tf
    function = (tf.add, tf.add, tf.subtract, tf.multiply)[int(g.rng.integers(4))]
    other = g.partner(x)
    if other is not None and g.rng.random() < 0.8:
        result = function(x, g.read(other)) if g.rng.random() < 0.5 else function(g.read(other), x)
    elif is_image(x) and g.rng.random() < 0.6:
        gate = tf.sigmoid(tf.reduce_mean(x, [1, 2], keepdims=True))
        result = tf.multiply(x, gate) if g.rng.random() < 0.5 else tf.multiply(gate, x)
    else:
        shape = [1] * (len(x.shape) - 1) + [x.shape[-1]] if g.rng.random() < 0.5 else x.shape
        result = function(x, tf.constant(g.rng.normal(size=shape).astype(np.float32)))
    return tf.nn.relu(result) if g.rng.random() < 0.3 else result


def concat(g: Growth, x: Value) -> Value | None:
    axis = int(g.rng.integers(1, len(x.shape)))
    fitting = [
        v
        for v in g.values
        if len(v.shape) == len(x.shape) and all(v.shape[i] == x.shape[i] for i in range(len(x.shape)) if i != axis)
    ]
    others = [fitting[int(i)] for i in g.rng.integers(len(fitting), size=int(g.rng.integers(1, 3)))]
    return g.tf.concat([x, *map(g.read, others)], axis)


def pad(g: Growth, x: Value) -> Value | None:
    if not is_image(x):
        return None
    sides = g.integers(0, 3, 4)
    return g.tf.pad(x, [[0, 0], sides[:2], sides[2:], [0, 0]])


def unary(g: Growth, x: Value) -> Value | None:
    tf = g.tf
    functions: tuple[Callable[[Value], Value], ...] = (
        tf.sigmoid,
        tf.tanh,
        tf.nn.relu,
        tf.nn.relu6,
        tf.nn.leaky_relu,
        lambda v: tf.nn.leaky_relu(v, 0.02),
        lambda v: v * tf.nn.relu6(v + 3.0) * (1.0 / 6.0),
    )
    return functions[int(g.rng.integers(len(functions)))](x)


def prelu(g: Growth, x: Value) -> Value | None:
    """PRELU as the converter knows it. Behind a RELU it would fold half of it and leave a float NEG."""
    if not is_image(x) or x.op.type in ("Relu", "Relu6"):
        return None
    slopes = g.tf.constant(-g.rng.uniform(0.0, 0.5, [1, 1, x.shape[3]]).astype(np.float32))
    return g.tf.nn.relu(x) + slopes * g.tf.nn.relu(-x)


def softmax(g: Growth, x: Value) -> Value | None:
    return g.tf.nn.softmax(x) if x.shape[-1] < 512 else None  # TFLM ends the process on 512 equal values


def resize(g: Growth, x: Value) -> Value | None:
    if not is_image(x) or x.shape[1] * x.shape[2] > 60:
        return None
    resizers = (g.tf.raw_ops.ResizeBilinear, g.tf.raw_ops.ResizeNearestNeighbor)
    corners, centers = [(False, False), (True, False), (False, True)][int(g.rng.integers(3))]
    resizer = resizers[int(g.rng.integers(2))]
    return resizer(images=x, size=g.integers(1, 12, 2), align_corners=corners, half_pixel_centers=centers)


def strided_slice(g: Growth, x: Value) -> Value | None:
    keys: list[slice] = [slice(None)]
    for side in x.shape[1:]:
        begin = int(g.rng.integers(side))
        keys.append(slice(begin, int(g.rng.integers(begin + 1, side + 1)), int(g.rng.integers(1, 4))))
    return x[tuple(keys)]


def split(g: Growth, x: Value) -> Value | None:
    choices = [(axis, n) for axis in range(1, len(x.shape)) for n in (2, 3) if x.shape[axis] % n == 0]
    if not choices:
        return None
    axis, count = choices[int(g.rng.integers(len(choices)))]
    first, *g.step_adds = g.tf.split(x, count, axis)
    return first


def transpose(g: Growth, x: Value) -> Value | None:
    return g.tf.transpose(x, [0, *(int(axis) + 1 for axis in g.rng.permutation(len(x.shape) - 1))])


def reshape(g: Growth, x: Value) -> Value | None:
    size = int(np.prod(x.shape))
    height = int(g.rng.choice([n for n in range(1, 13) if size % n == 0]))
    width = int(g.rng.choice([n for n in range(1, 13) if size // height % n == 0]))
    if size // height // width > 40:
        return g.tf.reshape(x, [1, height, size // height]) if size > 40 else None
    return g.tf.reshape(x, [1, height, width, size // height // width])


STEPS: tuple[tuple[Step, float], ...] = (
    (conv, 5),
    (depthwise, 4),
    (transpose_conv, 1.5),
    (dense, 2),
    (pool, 2),
    (mean, 1),
    (binary, 4),
    (concat, 2),
    (pad, 1.5),
    (unary, 3),
    (prelu, 1),
    (softmax, 0.7),
    (resize, 1.5),
    (strided_slice, 1),
    (split, 1),
    (transpose, 0.7),
    (reshape, 1),
)


def grow(g: Growth, steps: int) -> None:
    """Takes that many random steps."""
    share = np.array([weight for _, weight in STEPS])
    while steps:
        steps -= g.step(STEPS[int(g.rng.choice(len(STEPS), p=share / share.sum()))][0])


def outputs(g: Growth) -> list[Value]:
    """What nobody reads; from the third on joined to one vector. An input is no output: it would stay float."""
    leaves = [unary(g, leaf) if leaf.op.type == "Placeholder" else leaf for leaf in g.unread]
    if len(leaves) <= 2:
        return leaves
    flat = [g.tf.reshape(leaf, [1, -1]) for leaf in leaves[1:]]
    return [leaves[0], g.tf.concat(flat, 1)]


def input_shape(rng: Rng) -> tuple[int, ...]:
    kind = rng.random()
    if kind < 0.1:
        return (1, int(rng.integers(1, 60)))
    height, width = (1 if rng.random() < 0.12 else int(rng.integers(2, MAX_SIDE + 1)) for _ in range(2))
    return (1, height, width, int(rng.choice([1, 2, 3, 4, 5, 7, 8])))


def build(rng: Rng) -> bytes:
    """One .tflite file, int8 throughout or, one in five, with float inputs and outputs; calibrated on random inputs."""
    import tensorflow as tf

    shapes = [input_shape(rng) for _ in range(int(rng.choice([1, 1, 1, 2, 3])))]
    if len(shapes) > 1 and rng.random() < 0.5:
        shapes[1] = shapes[0]  # so that they can be added
    steps = int(rng.integers(2, 10))

    def network(*inputs: Value) -> list[Value]:
        growth = Growth(rng, inputs)
        grow(growth, steps)
        return [tf.identity(value) for value in outputs(growth)]

    signature = [tf.TensorSpec(shape, tf.float32, name=f"input_{i}") for i, shape in enumerate(shapes)]
    function = tf.function(network, autograph=False).get_concrete_function(*signature)
    spread = [float(np.exp(rng.normal(0, 0.7))) for _ in shapes]
    offset = [float(rng.choice([0.0, 0.0, rng.normal()])) for _ in shapes]
    samples = [
        [(rng.normal(o, s, shape)).astype(np.float32) for shape, s, o in zip(shapes, spread, offset, strict=True)]
        for _ in range(3)
    ]
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: iter(samples)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    if rng.random() < 0.8:
        converter.inference_input_type = converter.inference_output_type = tf.int8
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return bytes(converter.convert())


def is_usual(model: bytes) -> bool:
    """Whether the file is int8 between its borders, and TFLM can run it.

    The converter leaves a layer float where it sees no range for it, such as a NEG or a convolution with a constant
    result. An ADD, SUB or SOFTMAX of a tensor that was 0 throughout calibration has a scale of 8e-9, for which TFLM
    ends the process.
    """
    file = schema.Model.GetRootAs(model, 0)
    graph = file.Subgraphs(0)
    if set(graph.InputsAsNumpy()) & set(graph.OutputsAsNumpy()):
        return False
    for node in (graph.Operators(index) for index in range(graph.OperatorsLength())):
        code = file.OperatorCodes(node.OpcodeIndex()).BuiltinCode()
        tensors = [graph.Tensors(int(t)) for t in (*node.InputsAsNumpy(), *node.OutputsAsNumpy()) if t >= 0]
        if code not in _BORDER and any(tensor.Type() == schema.TensorType.FLOAT32 for tensor in tensors):
            return False
        if code in _FRAGILE and min(tensor.Quantization().Scale(0) for tensor in tensors) < 1e-6:
            return False
    return True


_BORDER = (schema.BuiltinOperator.QUANTIZE, schema.BuiltinOperator.DEQUANTIZE)
_FRAGILE = (schema.BuiltinOperator.ADD, schema.BuiltinOperator.SUB, schema.BuiltinOperator.SOFTMAX)


def random_tf_model(seed: Sequence[int]) -> bytes:
    """The first usual model of a seed's sequence; one in a thousand the converter itself refuses."""
    for attempt in range(20):
        with contextlib.suppress(RuntimeError):
            model = build(np.random.default_rng([*seed, attempt]))
            if is_usual(model):
                return model
    raise AssertionError(f"no usual model in 20 of seed {seed}")


def random_tf_models(seed: int, count: int) -> Iterator[tuple[str, bytes]]:
    """(name, .tflite file); the i-th depends on the seed and i alone."""
    for index in range(count):
        yield f"tf_{seed}_{index}", random_tf_model((seed, index))
