"""The one error for all that a model file needs and the SDK lacks."""

from __future__ import annotations

from collections.abc import Sequence

from tinyml.errors import UnsupportedError

SHOWN = 50
HINT = (
    "train without them; where they are the last ones, as an argmax is, export the model up to there (README.md lists "
    "the ops, docs/importing.md what becomes of others)"
)


def raise_faults(faults: Sequence[str]) -> None:
    """UnsupportedError that lists the faults, the first of very many; nothing happens when there are none."""
    if not faults:
        return
    more = len(faults) - SHOWN
    listed = [*faults[:SHOWN], *([f"and {more} more"] if more > 0 else [])]
    raise UnsupportedError("the model needs what is not supported\n  " + "\n  ".join(listed), HINT)
