"""Damaged .pt2 archives: repacked after an edit of their JSON, by a seed."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import numpy as np

Rng = np.random.Generator
_VALUES: tuple[Any, ...] = (
    None,
    -1,
    0,
    1,
    3,
    7,
    2**31,
    2**63,
    1e30,
    "",
    "x",
    [],
    [1, 2, 3, 4, 5],
    {},
    {"as_int": -2},
    True,
)


def repacked(data: bytes, edit: Callable[[dict[str, bytes]], None]) -> bytes:
    """The archive with its files changed. edit: gets the files by name below the archive's folder."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    edit(files)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"model/{name}", content)
    return made.getvalue()


def edited_json(data: bytes, name: str, edit: Callable[[Any], None]) -> bytes:
    def change(files: dict[str, bytes]) -> None:
        content = json.loads(files[name])
        edit(content)
        files[name] = json.dumps(content).encode()

    return repacked(data, change)


def contradicted(data: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Copies with one to three values of the JSON replaced, left out, or exchanged."""
    for number in range(count):
        rng = np.random.default_rng([seed, number])

        def change(content: Any, rng: Rng = rng) -> None:
            for _ in range(int(rng.integers(1, 4))):
                _change(content.get("graph_module", content), rng)

        config = "data/weights/model_weights_config.json"
        yield edited_json(data, "models/model.json" if rng.random() < 0.75 else config, change)


def _change(content: Any, rng: Rng) -> None:
    """At a random place, each level as likely as the next."""
    holder, key = content, None
    while isinstance(holder, dict | list) and holder:
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        key = keys[int(rng.integers(len(keys)))]
        if not isinstance(holder[key], dict | list) or not holder[key] or rng.random() < 0.1:
            break
        holder = holder[key]
    if key is None:
        return
    if rng.random() < 0.15:
        del holder[key]
    else:
        holder[key] = deepcopy(_VALUES[int(rng.integers(len(_VALUES)))])
