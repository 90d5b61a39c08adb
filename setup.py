"""Distribution `tinyml-sdk`: packages `tinyml` and `codegen`, with boards and firmware templates as data."""

from __future__ import annotations

from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent

setup(
    name="tinyml-sdk",
    version="0.1.0",
    description="From a model to verified int8 firmware on a microcontroller, in one command",
    long_description=(ROOT / "README.md").read_text() if (ROOT / "README.md").exists() else "",
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=find_packages(include=["tinyml", "tinyml.*", "codegen", "codegen.*"]),
    include_package_data=True,
    install_requires=[
        "numpy>=1.26",
        "click>=8.1",
        "rich>=13",
        "jinja2>=3.1",
        "pyserial>=3.5",
        "pyelftools>=0.30",
        "ortools>=9.10",
        "ai-edge-litert>=2.0",
        "capstone>=5.0",
        "tomli>=2.0; python_version < '3.11'",
    ],
    extras_require={
        "tflm": ["tflite-micro"],
        "zig": ["ziglang>=0.13"],
        "test": ["pytest>=8", "pytest-xdist>=3", "pytest-timeout>=2", "mypy>=1.10", "ruff>=0.6", "tflite-micro"],
    },
    entry_points={"console_scripts": ["tinyml = tinyml.cli:main"]},
)
