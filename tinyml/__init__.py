"""TinyML deployment SDK: from a model to verified int8 firmware on a microcontroller."""

from tinyml._version import __version__

__all__ = ["__version__"]
