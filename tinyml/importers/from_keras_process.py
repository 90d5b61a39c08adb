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
    try:
        data = converter.convert()
    except Exception:  # operators that TFLite lacks: written as custom ones, the importer lists them all by name
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]
        converter._experimental_lower_tensor_list_ops = False
        data = converter.convert()
    Path(output).write_bytes(data)


if __name__ == "__main__":
    main(*sys.argv[1:3])
