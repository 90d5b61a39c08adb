"""How to get each tool and package that the SDK can use: one table for error messages and `tinyml doctor`."""

from __future__ import annotations

import sys
from collections.abc import Mapping

_APT = "sudo apt-get install"
_PIP = f"{sys.executable} -m pip install"

INSTALL_HINTS: Mapping[str, str] = {
    "arm-none-eabi-gcc": f"{_APT} gcc-arm-none-eabi",
    "gcc": f"{_APT} gcc",
    "clang": f"{_APT} clang",
    "zig": f"{_PIP} ziglang",
    "qemu-system-arm": f"{_APT} qemu-system-arm",
    "qemu-system-riscv32": f"{_APT} qemu-system-misc",
    "onnx": f"{_PIP} onnx",
    "tensorflow": f"{_PIP} tensorflow-cpu",
    "tflite-micro": f"{_PIP} tflite-micro",
    "pillow": f"{_PIP} pillow",
    "torch": f"{_PIP} torch",
    "matplotlib": f"{_PIP} matplotlib",
    "pyocd": f"{_PIP} pyocd",
    "openocd": f"{_APT} openocd",
    "st-flash": f"{_APT} stlink-tools",
    "picotool": "https://github.com/raspberrypi/picotool, or copy the .uf2 to the board's drive",
    "nrfjprog": "https://www.nordicsemi.com/Products/Development-tools/nRF-Command-Line-Tools",
    "STM32_Programmer_CLI": "https://www.st.com/stm32cubeprog, with its bin folder on PATH",
}
