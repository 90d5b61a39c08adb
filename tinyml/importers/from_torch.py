"""PyTorch models as float Graphs: a module with an example input, an ExportedProgram, or a .pt2 file.

A file is untrusted and read without PyTorch (pt2_file.py). A module or program that is already in memory is walked as
torch.export gives it; operators that the table lacks are taken apart into core ATen first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyml.errors import ModelError, UnsupportedError, UsageError
from tinyml.importers.nchw import Builder, Operand
from tinyml.importers.nchw_source import Imported, Operands, Source, Step, import_source
from tinyml.importers.pt2_file import EXPORT_HINT, read_pt2
from tinyml.importers.torch_call import AtenCall, AtenNode, Program, Ref, refs
from tinyml.importers.torch_ops import row
from tinyml.install_hints import INSTALL_HINTS
from tinyml.ir import Array, Graph, Shape, shown

if TYPE_CHECKING:
    import torch


def from_torch(model: Any, example_inputs: Any = (), name: str = "model") -> Graph:
    """As `import_torch`; the report goes to the log."""
    return import_torch(model, example_inputs, name).logged()


def import_torch(model: Any, example_inputs: Any = (), name: str = "model") -> Imported:
    """The graph of a torch.nn.Module or torch.export.ExportedProgram, NHWC, float32, batch 1.

    model: a module is put into evaluation mode for the export and back afterwards. example_inputs: the tensor or
    tensors that the module is called with, one sample; not needed for a program.
    Raises UsageError where torch.export cannot export the module, UnsupportedError with every operator that the SDK
    lacks.
    """
    several = isinstance(example_inputs, tuple | list)
    program = _exported(model, tuple(example_inputs) if several else (example_inputs,))
    if any(row(kind) is None for kind in _kinds(program)):
        program = _decomposed(program)
    return import_source(_source(_walked(program)), name)


def from_pt2(data: bytes, name: str) -> Graph:
    """The graph of a .pt2 file. Raises ModelError and UnsupportedError; runs no code that the file brings along."""
    return import_pt2(data, name).logged()


def import_pt2(data: bytes, name: str) -> Imported:
    return import_source(_source(read_pt2(data)), name)


def refuse_pickle(path: Path) -> Graph:
    """For .pt and .pth files, which are pickles: loading one would run what it brings along."""
    raise UsageError(
        f"{path} is a PyTorch checkpoint: a pickle of weights or of a module, without the graph of its operators",
        f"build the model in Python, load its state_dict with weights_only=True, then {EXPORT_HINT}",
    )


def _source(program: Program) -> Source:
    known = {*program.inputs, *program.constants, *(name for node in program.nodes for name in node.outputs)}
    for node in program.nodes:
        for name in _reads(node):
            if name not in known:
                raise ModelError(f"{node.kind} reads {shown(name)}, which nothing computes")
    return Source(program.inputs, program.constants, [_step(n) for n in program.nodes], program.outputs, program.shapes)


def _reads(node: AtenNode) -> tuple[str, ...]:
    return tuple(name for argument in node.arguments.values() for name in refs(argument))


def _step(node: AtenNode) -> Step:
    place = f"in {shown(node.layer)}" if node.layer else f"output {shown(node.outputs[0])}"
    return Step(f"{node.kind} {place}", _reads(node), node.outputs, partial(_lower, node))


def _lower(node: AtenNode, builder: Builder, operands: Operands) -> Sequence[Operand]:
    function = row(node.kind)
    if function is None:
        raise UnsupportedError("unknown to this SDK")
    with np.errstate(all="ignore"):
        return function(builder, AtenCall(node, operands))


# a program in memory


def _exported(model: Any, example_inputs: tuple[Any, ...]) -> torch.export.ExportedProgram:
    try:
        import torch
    except ImportError as error:
        raise UsageError("importing a PyTorch module needs the package torch", INSTALL_HINTS["torch"]) from error
    if isinstance(model, torch.export.ExportedProgram):
        return model
    if not isinstance(model, torch.nn.Module):
        raise UsageError(f"{type(model).__name__} is neither a torch.nn.Module nor an ExportedProgram")
    if not example_inputs:
        raise UsageError(
            "a module is exported with an example input", "from_torch(model, (torch.zeros(1, 3, 96, 96),))"
        )
    modes = {module: module.training for module in model.modules()}
    try:
        return torch.export.export(model.eval(), example_inputs, strict=False)
    except Exception as error:  # whatever the module and the tracer raise
        raise UsageError(f"torch.export cannot export {type(model).__name__}: {str(error)[:500]}") from error
    finally:
        for module, mode in modes.items():
            module.training = mode


def _decomposed(program: torch.export.ExportedProgram) -> torch.export.ExportedProgram:
    """With only those operators taken apart that the table lacks."""
    import torch

    table = torch.export.default_decompositions()
    for operator in list(table.keys()):
        if isinstance(operator, torch._ops.OpOverload) and row(_kind(operator)) is not None:
            table.pop(operator)
    return program.run_decompositions(table)


def _kind(target: Any) -> str:
    schema = getattr(target, "_schema", None)
    if schema is None:
        return str(getattr(target, "__name__", target))
    return f"{schema.name.removeprefix('aten::')}.{schema.overload_name or 'default'}"


def _kinds(program: torch.export.ExportedProgram) -> set[str]:
    return {_kind(n.target) for n in program.graph.nodes if n.op == "call_function" and not _is_getitem(n)}


def _is_getitem(node: Any) -> bool:
    return getattr(node.target, "__name__", "") == "getitem"


def _walked(program: torch.export.ExportedProgram) -> Program:
    constants = _constants(program)
    inputs = {name: _input_shape(program, name) for name in program.graph_signature.user_inputs if _named(name)}
    names = {n.name: f"{n.args[0].name}[{n.args[1]}]" for n in program.graph.nodes if _is_getitem(n)}
    nodes: list[AtenNode] = []
    shapes: dict[str, Shape] = {}
    for node in program.graph.nodes:
        if node.op != "call_function" or _is_getitem(node):
            continue
        values = node.meta.get("val")
        if values is None:
            continue
        several = isinstance(values, tuple | list)
        outputs: tuple[str, ...] = (node.name,)
        if several:
            outputs = tuple(f"{node.name}[{at}]" for at in range(len(values)))
        shapes.update({o: s for o, v in zip(outputs, values if several else [values], strict=True) if (s := _fixed(v))})
        nodes.append(AtenNode(_kind(node.target), _layer(node), _arguments(node, names), outputs))
    signature = program.graph_signature
    if signature.buffers_to_mutate or signature.user_inputs_to_mutate:
        raise UnsupportedError("a program that changes its buffers or inputs; call model.eval() before the export")
    results = [names.get(str(name), str(name)) for name in signature.user_outputs]
    return Program(inputs, constants, nodes, results, shapes)


def _named(name: Any) -> bool:
    if not isinstance(name, str):
        raise UnsupportedError(f"an input that is no tensor ({name!r})")
    return True


def _constants(program: torch.export.ExportedProgram) -> dict[str, Array]:
    signature = program.graph_signature
    found: dict[str, Array] = {}
    for table in (signature.inputs_to_parameters, signature.inputs_to_buffers):
        for name, key in table.items():
            found[name] = _array(program.state_dict[key] if key in program.state_dict else program.constants[key])
    for name, key in signature.inputs_to_lifted_tensor_constants.items():
        found[name] = _array(program.constants[key])
    return found


def _array(tensor: Any) -> Array:
    import torch

    dense = tensor.detach().cpu()
    return np.array((dense.to(torch.float32) if dense.is_floating_point() else dense).numpy())


def _input_shape(program: torch.export.ExportedProgram, name: str) -> Shape:
    (node,) = [node for node in program.graph.nodes if node.name == name]
    value = node.meta["val"]
    if not hasattr(value, "shape") or not value.is_floating_point():
        raise UnsupportedError(f"input {shown(name)} is no float tensor")
    free = [axis for axis, side in enumerate(value.shape) if not isinstance(side, int) and axis]
    if free:
        raise UnsupportedError(
            f"input {shown(name)} has free sides (axes {free})", "export it without dynamic_shapes for these axes"
        )
    return _fixed(value)


def _fixed(value: Any) -> Shape:
    """The shape of a tensor, a free batch as 1; empty for anything else."""
    sides = list(getattr(value, "shape", ()))
    sides = [1, *sides[1:]] if sides and not isinstance(sides[0], int) else sides
    return tuple(sides) if all(isinstance(side, int) for side in sides) else ()


def _layer(node: Any) -> str:
    stack: Mapping[str, tuple[str, Any]] = node.meta.get("nn_module_stack") or {}
    return str(list(stack.values())[-1][0]) if stack else ""


def _arguments(node: Any, names: Mapping[str, str]) -> dict[str, Any]:
    """Arguments by the names that the schema gives them."""
    schema = getattr(node.target, "_schema", None)
    order = [argument.name for argument in schema.arguments] if schema is not None else []
    order += [f"argument {at}" for at in range(len(order), len(node.args))]
    stated = {**dict(zip(order, node.args, strict=False)), **node.kwargs}
    return {name: _argument(argument, names) for name, argument in stated.items()}


def _argument(argument: Any, names: Mapping[str, str]) -> Any:
    import torch

    if isinstance(argument, torch.fx.Node):
        return Ref(names.get(argument.name, argument.name))
    if isinstance(argument, list | tuple):
        return [_argument(item, names) for item in argument]
    if isinstance(argument, torch.dtype):
        return 7 if argument.is_floating_point else 0
    return argument
