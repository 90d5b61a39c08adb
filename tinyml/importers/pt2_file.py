"""A .pt2 file, as torch.export.save writes it, read without PyTorch: a zip of JSON and of raw weights.

torch.export.load is not used. In PyTorch 2.13 it runs code that a file brings along: it loads data/sample_inputs with
weights_only=True and, when that fails, again with weights_only=False; it unpickles weights and constants that the
file marks as pickled, and custom objects, without weights_only; it loads compiled libraries from data/aotinductor; it
evaluates symbolic sizes with sympy. Plain tensors need none of it: their bytes are in data/weights/weight_<n>, their
dtype, sides and strides in JSON, and the graph of ATen operators in models/model.json. Nothing else is opened.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from tinyml.errors import ModelError, UnsupportedError
from tinyml.importers.torch_call import AtenNode, Program, Ref
from tinyml.ir import Array, Shape, shown

SCHEMA_MAJOR = 8
MAX_BYTES = 1 << 28  # of all files of the archive together, unpacked
_MODEL = "models/model.json"
_WEIGHTS = ("data/weights/model_weights_config.json", "data/weights/")
_CONSTANTS = ("data/constants/model_constants_config.json", "data/constants/")
_ATEN = "torch.ops.aten."
# ScalarType of the schema -> numpy; bfloat16 is the upper half of a float32
_DTYPES = {1: "<u1", 2: "<i1", 3: "<i2", 4: "<i4", 5: "<i8", 6: "<f2", 7: "<f4", 8: "<f8", 12: "?", 13: "<u2"}
_BFLOAT16 = 13
FLOAT_TYPES = (6, 7, 8, 13)
# what JSON of another structure than expected makes plain indexing raise
_DAMAGE = (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError, RecursionError, MemoryError)


def read_pt2(data: bytes) -> Program:
    """Raises ModelError for a damaged file, UnsupportedError for one that needs more than reading."""
    files = _Archive(data)
    model = files.json(_MODEL)
    try:
        major = model["schema_version"]["major"]
        if major != SCHEMA_MAJOR:
            raise UnsupportedError(
                f"a .pt2 file of schema {major}; {SCHEMA_MAJOR} is read", "export it again with PyTorch 2.9 or later"
            )
        return _program(model["graph_module"], files)
    except _DAMAGE as error:
        raise ModelError(f"the file is damaged at {_MODEL} ({type(error).__name__}: {str(error)[:80]})") from error


class _Archive:
    """The files of the zip, by their names below its one folder."""

    def __init__(self, data: bytes) -> None:
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
            entries = self._zip.infolist()
        except Exception as error:  # a damaged archive makes zipfile raise nearly anything
            raise ModelError("not a .pt2 file, or damaged: it is no zip archive") from error
        if sum(entry.file_size for entry in entries) > MAX_BYTES:
            raise UnsupportedError(f"an archive of more than {MAX_BYTES} bytes, unpacked")
        self._entries = {entry.filename.partition("/")[2]: entry for entry in entries}
        if _MODEL not in self._entries:
            self._explain({entry.filename for entry in entries})

    def _explain(self, names: set[str]) -> None:
        if "serialized_exported_program.json" in names:
            raise UnsupportedError("a .pt2 file of PyTorch 2.7 or earlier", "export it again with PyTorch 2.9 or later")
        raise ModelError(f"not a .pt2 file of torch.export.save: it holds no {_MODEL}", EXPORT_HINT)

    def read(self, name: str) -> bytes:
        if name not in self._entries:
            raise ModelError(f"the file is damaged: it holds no {shown(name)}")
        try:
            return self._zip.read(self._entries[name])
        except Exception as error:
            raise ModelError(f"the file is damaged at {shown(name)} ({str(error)[:80]})") from error

    def json(self, name: str) -> Any:
        try:
            return json.loads(self.read(name))
        except (ValueError, RecursionError) as error:
            raise ModelError(f"the file is damaged at {name} ({str(error)[:80]})") from error

    def byte_order(self) -> None:
        if "byteorder" in self._entries and self.read("byteorder").strip() != b"little":
            raise UnsupportedError("weights of a big-endian machine")


EXPORT_HINT = "torch.export.save(torch.export.export(model.eval(), (example_input,)), 'model.pt2')"


def _program(module: Mapping[str, Any], files: _Archive) -> Program:
    graph, signature = module["graph"], module["signature"]
    shapes = {
        name: shape for name, meta in graph["tensor_values"].items() if (shape := _static_shape(meta)) is not None
    }
    files.byte_order()
    weights, others = (_Payload(files, *place) for place in (_WEIGHTS, _CONSTANTS))
    inputs: dict[str, Shape] = {}
    constants: dict[str, Array] = {}
    for spec in signature["input_specs"]:
        ((kind, body),) = spec.items()
        if kind == "user_input":
            name = _tensor_name(body["arg"], "an input")
            inputs[name] = _input_shape(name, graph["tensor_values"][name])
        elif kind in ("parameter", "buffer", "tensor_constant"):
            name, key = body["arg"]["name"], body[f"{kind}_name"]
            constants[name] = (weights if key in weights else others).array(key)
        else:
            raise UnsupportedError(f"an input of kind {kind}")
    outputs = []
    for spec in signature["output_specs"]:
        ((kind, body),) = spec.items()
        if kind != "user_output":
            raise UnsupportedError(f"an output of kind {kind}; call model.eval() before the export")
        outputs.append(_tensor_name(body["arg"], "an output"))
    nodes = [node for entry in graph["nodes"] if (node := _node(entry)) is not None]
    return Program(inputs, constants, nodes, outputs, shapes)


def _tensor_name(argument: Mapping[str, Any], what: str) -> str:
    if "as_tensor" not in argument:
        raise UnsupportedError(f"{what} that is no tensor ({', '.join(argument)})")
    return str(argument["as_tensor"]["name"])


def _static_shape(meta: Mapping[str, Any]) -> Shape | None:
    """A free batch counts as 1; None with other free sides."""
    sides = [side.get("as_int") for side in meta["sizes"]]
    sides = [1, *sides[1:]] if sides and sides[0] is None else sides
    return None if None in sides else tuple(int(side) for side in sides)


def _input_shape(name: str, meta: Mapping[str, Any]) -> Shape:
    shape = _static_shape(meta)
    if shape is None:
        free = [axis for axis, side in enumerate(meta["sizes"]) if "as_int" not in side and axis]
        raise UnsupportedError(
            f"input {shown(name)} has free sides (axes {free})", "export it without dynamic_shapes for these axes"
        )
    if meta["dtype"] not in FLOAT_TYPES:
        raise UnsupportedError(f"input {shown(name)} is of type {meta['dtype']}; float32 is supported")
    if min(shape, default=1) < 1:
        raise ModelError(f"input {shown(name)} has shape {list(shape)}")
    return shape


class _Payload:
    """Tensors stored as raw bytes, by the names that modules give them."""

    def __init__(self, files: _Archive, config: str, folder: str) -> None:
        self._files, self._folder = files, folder
        self._entries: Mapping[str, Any] = files.json(config)["config"]

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def array(self, key: str) -> Array:
        entry = self._entries[key]
        if entry["use_pickle"]:
            raise UnsupportedError(f"{shown(key)} is stored as a pickle, which is not read")
        meta = entry["tensor_meta"]
        if meta["dtype"] not in _DTYPES:
            raise UnsupportedError(f"{shown(key)} is of type {meta['dtype']}")
        storage = np.frombuffer(self._files.read(self._folder + entry["path_name"]), _DTYPES[meta["dtype"]])
        sizes, strides = ([int(side["as_int"]) for side in meta[name]] for name in ("sizes", "strides"))
        return _values(_strided(storage, sizes, strides, int(meta["storage_offset"]["as_int"])), meta["dtype"])


def _strided(storage: Array, sizes: list[int], strides: list[int], offset: int) -> Array:
    """A copy of the elements at offset + sum(index * stride); ModelError where they leave the storage."""
    if len(sizes) != len(strides) or min((*sizes, 1)) < 0 or min((*strides, offset, 0)) < 0:
        raise ModelError(f"weights of sizes {sizes} and strides {strides}")
    last = offset + sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=True))
    if (0 not in sizes and last >= storage.size) or math.prod(sizes) > MAX_BYTES:
        raise ModelError(f"the file is damaged: weights of sizes {sizes} in a storage of {storage.size}")
    if 0 in sizes:
        return np.zeros(sizes, storage.dtype)
    steps = [stride * storage.itemsize for stride in strides]
    return np.array(np.lib.stride_tricks.as_strided(storage[offset:], sizes, steps))


def _values(data: Array, kind: int) -> Array:
    if kind == _BFLOAT16:
        return (data.astype(np.uint32) << 16).view(np.float32)
    with np.errstate(all="ignore"):
        return data.astype(np.float32) if kind in FLOAT_TYPES else data


def _node(entry: Mapping[str, Any]) -> AtenNode | None:
    """None for a node without results: an assertion."""
    outputs: list[str] = []
    for item in entry["outputs"]:
        (body,) = item.values()
        names = body if isinstance(body, list) else [body]
        outputs += [str(name.get("name", name.get("as_name", ""))) if isinstance(name, dict) else "" for name in names]
    if not outputs:
        return None
    arguments = {item["name"]: _argument(item["arg"]) for item in entry["inputs"]}
    return AtenNode(entry["target"].removeprefix(_ATEN), _layer(entry["metadata"]), arguments, tuple(outputs))


def _argument(argument: Mapping[str, Any]) -> Any:
    """A number, text, Ref, None or a list of them; what no supported operator has becomes its kind as text."""
    ((kind, body),) = argument.items()
    if kind in ("as_int", "as_float", "as_bool", "as_string", "as_ints", "as_floats", "as_bools", "as_scalar_type"):
        return body
    if kind == "as_none":
        return None
    if kind in ("as_tensor", "as_sym_int"):
        return _reference(body)
    if kind in ("as_tensors", "as_sym_ints"):
        return [_reference(item) for item in body]
    if kind in ("as_optional_tensor",):
        return _argument(body)
    return kind


def _reference(body: Mapping[str, Any]) -> Any:
    if "as_int" in body:
        return body["as_int"]
    return Ref(str(body["name"] if "name" in body else body["as_name"]))


def _layer(metadata: Mapping[str, str]) -> str:
    """The innermost module's name, from "key,name,type;key,name,type"."""
    innermost = str(metadata.get("nn_module_stack", "")).split(";")[-1].split(",")
    return innermost[1] if len(innermost) > 1 else ""
