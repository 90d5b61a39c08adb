"""What would make a model fit a board, computed: called only when it does not."""

from tinyml.remedies.search import Remedy, remedies

__all__ = ["Remedy", "remedies"]
