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
        converter = tf.lite.TFLiteConverter.from_keras_model(loaded)
    Path(output).write_bytes(converter.convert())


if __name__ == "__main__":
    main(*sys.argv[1:3])
