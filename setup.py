"""Distribution `tinyml-sdk`: packages `tinyml` and `codegen`, with boards and firmware templates as package data."""

from __future__ import annotations

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+)"', (ROOT / "tinyml/_version.py").read_text())
assert VERSION is not None

setup(
    name="tinyml-sdk",
    version=VERSION.group(1),
    description="From a model to verified int8 firmware on a microcontroller, in one command",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10",
    # boards/ and firmware_templates/ hold no Python; in a wheel they lie inside tinyml, in a checkout where they are
    packages=[
        *find_packages(include=["tinyml", "tinyml.*", "codegen", "codegen.*"]),
        "tinyml._boards",
        "tinyml._firmware_templates",
    ],
    package_dir={"tinyml._boards": "boards", "tinyml._firmware_templates": "firmware_templates"},
    package_data={
        "codegen": ["include/*.h", "kernels/*/*.h"],
        "tinyml.costs": ["*.json"],
        "tinyml._boards": ["*.toml"],
        "tinyml._firmware_templates": ["*/*"],
    },
    include_package_data=False,
    install_requires=[
        "ai-edge-litert>=2.0",
        "capstone>=5.0",
        "click>=8.1",
        "jinja2>=3.1",
        "numpy>=1.26",
        "ortools>=9.10",
        "pyelftools>=0.30",
        "pyserial>=3.5",
        "rich>=13",
        "tomli>=2.0; python_version < '3.11'",
    ],
    extras_require={
        "onnx": ["onnx>=1.15"],
        "tensorflow": ["tensorflow-cpu>=2.16"],
        "tflm": ["tflite-micro"],
        "images": ["pillow>=9.1"],
        "torch": ["torch>=2.6"],
        "plot": ["matplotlib>=3.6"],
        "zig": ["ziglang>=0.13"],
        "train": ["torch>=2.13", "mlxtend>=0.23"],
        "test": [
            "matplotlib>=3.6",
            "mypy>=1.10",
            "pillow>=9.1",
            "onnx>=1.15",
            "onnxruntime>=1.17",
            "onnxscript>=0.1",
            "pytest>=8",
            "pytest-timeout>=2",
            "pytest-xdist>=3",
            "pymicro-wakeword==2.5.0; sys_platform == 'linux' and platform_machine == 'x86_64'",
            "ruff>=0.6",
            "tensorflow-cpu>=2.16",
            "tflite-micro",
            "torch==2.13.0",
            "ziglang>=0.13",
        ],
    },
    entry_points={"console_scripts": ["tinyml = tinyml.cli:main"]},
)
