"""`python -m tinyml.importers.from_keras_process MODEL OUT.tflite`: TensorFlow's converter, in a process of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def main(model: str, output: str) -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    import tensorflow as tf

    if Path(model).is_dir():
        converter = tf.lite.TFLiteConverter.from_saved_model(model)
    else:
        loaded = tf.keras.models.load_model(model, compile=False, safe_mode=True)
        # a batch of 1: with a free one the converter writes operators that work out shapes at run time
        inputs = [tf.TensorSpec((1, *tensor.shape[1:]), tensor.dtype, tensor.name) for tensor in loaded.inputs]
        function = tf.function(lambda *tensors: loaded(list(tensors) if len(tensors) > 1 else tensors[0]))
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function(*inputs)], loaded)
    Path(output).write_bytes(converter.convert())


if __name__ == "__main__":
    main(*sys.argv[1:3])
