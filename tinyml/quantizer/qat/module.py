"""A float model as a trainable PyTorch module that computes what its int8 graph computes.

Each forward pass converts the parameters as they are now with the quantizer's own `convert` and runs that int8 graph on
the batch, so that what is trained and what is exported cannot drift apart. Gradients pass roundings straight through.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from tinyml.errors import UnsupportedError, UsageError
from tinyml.importers.from_torch import import_torch
from tinyml.importers.nchw_source import Port
from tinyml.ir import Array, DType, Graph, Node, Quant, Tensor, shown
from tinyml.ops import Prelu
from tinyml.passes import Saving, optimize
from tinyml.quantizer.calibration import DEFAULT_LIMIT, Calibration, Progress, Source, calibration_data
from tinyml.quantizer.convert import Conversion, convert, restored
from tinyml.quantizer.measure import to_int8
from tinyml.quantizer.qat.exact import limits, straight_through
from tinyml.quantizer.qat.ops import RUNS, Call, Codes
from tinyml.quantizer.rules import WEIGHTS_AXIS, Rule, groups, rule
from tinyml.quantizer.variants import Quantization, Settings, quantize_measured

_INFINITE = float("inf")


def prepare(
    model: Any,
    samples: Source,
    example_inputs: Any = (),
    *,
    settings: Settings | None = None,
    limit: int | None = DEFAULT_LIMIT,
    progress: Progress | None = None,
) -> QatModule:
    """A module to train further; before the first step it computes what post-training quantization makes of the model.

    model: a float Graph, as `read` and `from_torch` give it, or a torch.nn.Module or ExportedProgram. The result takes
        and gives batches [N, ...] with axes in the model's own order: a Graph's NHWC, a module's NCHW.
    samples: to calibrate with, some hundred, as `quantize` takes them; for a module with its order of axes.
    example_inputs: what a torch.nn.Module is called with, one sample, as `from_torch` takes it.
    settings: of the post-training quantization. limit: of samples used. progress: as in `quantize`.
    Batch normalization lies in the weights from here on and dropout is gone: what is trained is the deployed graph.
    Raises UsageError for unusable samples, UnsupportedError with every node that cannot be quantized.
    """
    if settings is not None and settings.mixes:
        raise UsageError("quantization-aware training computes in int8: no int16, int4, or budgets for them")
    if isinstance(model, Graph):
        graph = model
        inputs, outputs = (tuple(_as_it_is(t) for t in side) for side in (graph.inputs, graph.outputs))
    else:
        imported = import_torch(model, example_inputs)
        graph, inputs, outputs = imported.graph, imported.inputs, imported.outputs
    faults = [f"{port} has no batch of 1 in front" for port in (*inputs, *outputs) if port.shape[:1] != (1,)]
    if faults:
        raise UnsupportedError(f"{graph.name} cannot be trained in batches\n  " + "\n  ".join(faults))
    calibration = _calibration(samples, graph, inputs, limit)
    return QatModule(quantize_measured(graph, calibration, settings, progress), inputs, outputs)


def _as_it_is(tensor: Tensor) -> Port:
    return Port(tensor.name, tensor.shape, tuple(range(len(tensor.shape))))


def _calibration(samples: Source, graph: Graph, ports: Sequence[Port], limit: int | None) -> Calibration:
    """The samples in the graph's order of axes."""
    if isinstance(samples, Calibration):
        return samples
    stated = replace(graph, inputs=tuple(Tensor(port.name, port.shape, DType.FLOAT32) for port in ports))
    given = calibration_data(samples, stated, limit)
    rows = [tuple(port.to_graph(array) for port, array in zip(ports, row, strict=True)) for row in given.inputs]
    return replace(given, inputs=rows)


class QatModule(nn.Module):  # type: ignore[misc]
    """As `prepare` makes it. Any training loop and optimizer will do; state_dict keeps all that training changes.

    constants: weights, biases and PRELU slopes in float32. log2_scales: of activations, by how many powers of two they
    differ from the calibrated ones, one per group of tensors that share a scale; zero points, the scales of inputs and
    those that a kernel fixes stay. In evaluation mode outputs are the int8 graph's, times their scale; in training
    mode a SOFTMAX, LOGISTIC or TANH that gives an output is not rounded, for 256 steps would leave a loss little to
    descend on.
    """

    def __init__(self, quantization: Quantization, inputs: Sequence[Port], outputs: Sequence[Port]) -> None:
        super().__init__()
        self._graph, values = _trainable(quantization)
        self._ports = tuple(inputs), tuple(outputs)
        self._dense_per_channel = quantization.settings.dense_per_channel
        self._place = {tensor: place for place, tensor in enumerate(values)}
        self.constants = nn.ParameterList([nn.Parameter(torch.tensor(t.values)) for t in values])
        found = groups(self._graph)
        self._group = {tensor: index for index, group in enumerate(found) for tensor in group.tensors}
        quants = [quantization.conversion.tensors[group.tensors[0]].affine for group in found]
        self.register_buffer("calibrated_scales", torch.tensor([quant.scale for quant in quants]))
        self.register_buffer("zero_points", torch.tensor([quant.zero_point for quant in quants], dtype=torch.int32))
        free = [g.fixed is None and not set(g.tensors) & set(self._graph.inputs) for g in found]
        # LSQ (Esser et al. 2020, section 2.2): a scale moves about as fast, for its size, as a weight does
        sizes = [max(tensor.size for tensor in group.tensors) for group in found]
        rates = [float(moves) / np.sqrt(size * 127) for moves, size in zip(free, sizes, strict=True)]
        self.register_buffer("_rates", torch.tensor(rates, dtype=torch.float32), persistent=False)
        self.log2_scales = nn.Parameter(torch.zeros(len(found)))

    def forward(self, *inputs: torch.Tensor) -> Any:
        """Real numbers from real numbers: one tensor, or a tuple of as many as the model has outputs.

        Raises UsageError for inputs of another shape or dtype than float32, and where parameters are not finite.
        """
        scales = self._scales()
        conversion = self._conversion(scales)
        values = {
            tensor: self._quantized(x, port, conversion.tensors[tensor])
            for x, port, tensor in zip(self._checked(inputs), self._ports[0], self._graph.inputs, strict=True)
        }
        for source, node in zip(self._graph.nodes, conversion.graph.nodes, strict=True):
            call = self._call(source, node, values, scales)
            values.update(zip(source.outputs, RUNS[type(node.op)](call), strict=True))
        results = tuple(
            _to_source(values[tensor] * scales[self._group[tensor]], port)
            for tensor, port in zip(self._graph.outputs, self._ports[1], strict=True)
        )
        return results[0] if len(results) == 1 else results

    def to_graph(self, report: list[Saving] | None = None) -> Graph:
        """The int8 graph of the parameters as they are, optimized. report: as in `optimize`."""
        return optimize(self._conversion(self._scales()).graph, report)

    def _scales(self) -> torch.Tensor:
        """Of every group."""
        moved = self.log2_scales * (self._rates > 0)
        slowed = moved * self._rates
        return self.calibrated_scales * torch.exp2(slowed + (moved - slowed).detach())

    def _conversion(self, scales: torch.Tensor) -> Conversion:
        if not all(bool(torch.isfinite(values).all()) for values in (scales, *self.constants)):
            raise UsageError("training has driven weights or scales to NaN or infinity", "a lower learning rate")
        numbers, zero_points = scales.detach().double().tolist(), self.zero_points.tolist()
        quants = {t: Quant.per_tensor(numbers[g], zero_points[g]) for t, g in self._group.items()}
        now = {t: Tensor.constant(t.name, _array(self.constants[at])) for t, at in self._place.items()}
        return convert(self._graph.substitute(now), quants, self._dense_per_channel)

    def _checked(self, inputs: Sequence[Any]) -> Sequence[torch.Tensor]:
        ports = self._ports[0]
        if len(inputs) != len(ports):
            raise UsageError(f"{self._graph.name} has {len(ports)} inputs, {len(inputs)} given")
        for x, port in zip(inputs, ports, strict=True):
            if not isinstance(x, torch.Tensor) or x.dtype != torch.float32 or x.shape[1:] != port.shape[1:]:
                given = f"{x.dtype}{list(x.shape)}" if isinstance(x, torch.Tensor) else type(x).__name__
                wanted = ", ".join(map(str, port.shape[1:]))
                raise UsageError(f"input {shown(port.name)} is torch.float32[N, {wanted}], given {given}")
        return inputs

    def _quantized(self, x: torch.Tensor, port: Port, tensor: Tensor) -> Codes:
        real = _to_graph(x, port)
        stored = to_int8(real.detach().cpu().numpy(), tensor.affine).astype(np.int16)
        exact = torch.from_numpy(stored - tensor.affine.zero_point).to(x.device)
        return straight_through(real / tensor.affine.scale, exact, *limits(tensor))

    def _call(self, source: Node, node: Node, values: Mapping[Tensor, Codes], scales: torch.Tensor) -> Call:
        """source: the float node, whose tensors are the keys of `values`. node: its int8 twin."""
        weighted = type(node.op) in WEIGHTS_AXIS
        pairs = list(zip(source.inputs, node.inputs, strict=True))[: 2 if weighted else None]
        operands = [self._constant(real, twin) if twin.is_constant else values[real] for real, twin in pairs]
        return Call(
            node,
            operands,
            [self._scale_of(real, twin, scales) for real, twin in pairs],
            scales[self._group[source.outputs[0]]],
            self.constants[self._place[source.inputs[2]]] if weighted else None,
            rounded=not (self.training and rule(source) is Rule.FIXED and source.output in self._graph.outputs),
        )

    def _constant(self, real: Tensor, twin: Tensor) -> Codes:
        """Codes of a constant; a trainable one's gradient is not clamped, for its range follows its values."""
        device = self.log2_scales.device
        axis, quant = twin.affine.axis, twin.affine
        exact = torch.from_numpy(twin.values.astype(np.int16) - np.int16(0 if axis is not None else quant.zero_point))
        if real not in self._place:
            return exact.float().to(device)
        along = [-1 if side == axis else 1 for side in range(len(twin.shape))]
        steps = torch.tensor(quant.scales, dtype=torch.float32, device=device).reshape(along)
        return straight_through(self.constants[self._place[real]] / steps, exact.to(device), -_INFINITE, _INFINITE)

    def _scale_of(self, real: Tensor, twin: Tensor, scales: torch.Tensor) -> torch.Tensor:
        if twin.is_constant:
            return torch.tensor(twin.affine.scales, dtype=torch.float32, device=scales.device)
        return scales[self._group[real]]


def _trainable(quantization: Quantization) -> tuple[Graph, Sequence[Tensor]]:
    """The float graph that was quantized, a bias in every layer, and its constants that training changes."""
    conversion, corrected = quantization.conversion, quantization.trial.bias_corrected
    nodes: list[Node] = []
    constants: dict[Tensor, None] = {}
    for node, twin in zip(conversion.source.nodes, conversion.graph.nodes, strict=True):
        if type(node.op) in WEIGHTS_AXIS:
            kept = len(node.inputs) > 2 and not corrected
            bias = node.inputs[2] if kept else Tensor.constant(twin.inputs[2].name, restored(twin.inputs[2]))
            node = replace(node, inputs=(*node.inputs[:2], bias))
            constants.update(dict.fromkeys(node.inputs[1:]))
        if isinstance(node.op, Prelu) and node.inputs[1].is_constant:
            constants[node.inputs[1]] = None
        nodes.append(node)
    return conversion.source.with_nodes(nodes), list(constants)


def _array(parameter: torch.Tensor) -> Array:
    """A copy, float32: training goes on while the graph stays."""
    return np.array(parameter.detach().cpu().numpy())


def _to_graph(x: torch.Tensor, port: Port) -> torch.Tensor:
    """[N, *source shape behind the batch] as [N, *graph shape]."""
    moved = x[:, None].permute(0, *(axis + 1 for axis in port.axes if axis is not None))
    return moved.reshape(len(x), *(1 if axis is None else port.shape[axis] for axis in port.axes))


def _to_source(x: torch.Tensor, port: Port) -> torch.Tensor:
    """The reverse of `_to_graph`."""
    kept = [axis for axis in port.axes if axis is not None]
    plain = x.reshape(len(x), *(port.shape[axis] for axis in kept))
    return plain.permute(0, *(kept.index(axis) + 1 for axis in range(len(kept))))[:, 0]


__all__ = ["QatModule", "prepare"]
