"""Plans, firmwares and verdicts as JSON facts and as tables. Keys are a promise to other programs: see docs/cli.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table

from tinyml.cli.output import table
from tinyml.costs import Estimate, estimate, milliseconds
from tinyml.errors import FitError
from tinyml.exporters.patch_search import Patching
from tinyml.firmware import Firmware
from tinyml.ir import Graph, Tensor, shown
from tinyml.passes import Saving
from tinyml.profiler.profile import COLUMNS, Profile
from tinyml.profiler.verification import Verification
from tinyml.scheduler import Plan
from tinyml.tflm_bundle import Bundle
from tinyml.tuning import TunedStep, Tuning


def tensor_facts(tensor: Tensor) -> dict[str, Any]:
    return {
        "name": tensor.name,
        "shape": list(tensor.shape),
        "dtype": tensor.dtype.value,
        "scale": tensor.affine.scale,
        "zero_point": tensor.affine.zero_point,
        "bytes": tensor.size_bytes,
    }


def graph_ports(graph: Graph) -> dict[str, Any]:
    """`input` is the first of `inputs`, for the many models that have one."""
    inputs = [tensor_facts(tensor) for tensor in graph.inputs]
    return {"input": inputs[0], "inputs": inputs, "outputs": [tensor_facts(tensor) for tensor in graph.outputs]}


def estimate_facts(found: Estimate | None, kernel_choice: str) -> dict[str, Any]:
    """What an inference may take, and how its kernels were chosen (`KernelOrder.basis`)."""
    return {"estimate": found.to_dict() if found else None, "kernel_choice": kernel_choice}


def estimate_lines(found: Estimate | None, kernel_choice: str) -> list[str]:
    return [f"{found}; kernels chosen by {_CHOICES.get(kernel_choice, kernel_choice)}"] if found else []


_CHOICES = {
    "measured": "measurement",
    "partly measured": "measurement in part",
    "estimated": "estimate",
    "size": "what they take in flash",
}


def plan_facts(plan: Plan) -> dict[str, Any]:
    """What is known before anything is compiled; the bytes that only a linked firmware tells are null."""
    sram = dict.fromkeys(("arena_bytes", "static_bytes", "stack_bytes", "total_bytes"))
    flash = dict.fromkeys(("code_bytes", "weights_bytes", "total_bytes"))
    return {
        "sram": {**sram, "arena_bytes": plan.arena_bytes, "limit_bytes": _limit(plan, "sram")},
        "flash": {**flash, "limit_bytes": _limit(plan, "flash")},
        "state_bytes": plan.state_bytes,
        "arena_lower_bound_bytes": plan.lower_bound_bytes,
        "arena_proved_minimal": plan.is_minimal,
        "feed": "rows" if plan.fed is not None else "resident",
        "macs": plan.graph.macs,
        "macs_executed": plan.macs_executed,
        "groups": _groups_facts(plan),
    }


def remedies_facts(error: FitError | None = None) -> dict[str, Any]:
    """What may help, as text, and the plans that show it."""
    texts = [str(remedy["text"]) for remedy in error.remedies] or [error.hint] if error else []
    return {"remedies": texts, "remedy_plans": list(error.remedies) if error else []}


def _limit(plan: Plan, kind: str) -> int | None:
    return plan.board.memory(kind).size_bytes if plan.board else None


def _groups_facts(plan: Plan) -> list[dict[str, Any]]:
    facts, first = [], 0
    found = estimate(plan, plan.board) if plan.board else None
    for group in plan.groups:
        steps = range(first, first + len(group.steps))
        first = steps.stop
        facts.append(
            {
                "nodes": [step.node.name for step in group.steps],
                "kernels": [step.kernel.name for step in group.steps],
                "ticks": group.ticks,
                "macs": group.macs,
                "macs_executed": sum(step.macs_executed for step in group.steps),
                "estimated_instructions": [round(found.steps[n]) for n in steps] if found else None,
                "live_bytes": max(map(plan.live_bytes, steps)),
                "scratch_bytes": sum(step.scratch.size_bytes for step in group.steps if step.scratch),
            }
        )
    return facts


def passes_facts(report: Sequence[Saving]) -> list[dict[str, Any]]:
    """One entry per pass that took multiply-accumulates or weights from the model, summed over its runs."""
    facts = []
    for name in dict.fromkeys(saving.name for saving in report):
        macs = sum(saving.macs for saving in report if saving.name == name)
        weights = sum(saving.weights_bytes for saving in report if saving.name == name)
        if macs or weights:
            facts.append({"pass": name, "macs_removed": macs, "weights_bytes_removed": weights})
    return facts


def passes_lines(report: Sequence[Saving]) -> list[str]:
    return [
        f"{fact['pass']} removed {fact['macs_removed']:,} MACs and {fact['weights_bytes_removed']:,} bytes of weights"
        for fact in passes_facts(report)
    ]


def build_facts(plan: Plan, firmware: Firmware) -> dict[str, Any]:
    return {
        "board": firmware.board.name,
        "model": plan.graph.name,
        "model_sha256": plan.graph.sha256,
        "elf": str(firmware.elf),
        "tflite": str(firmware.tflite) if firmware.tflite else None,
        "output_dir": str(firmware.output_dir),
        "compiler": firmware.compiler,
        "flags": firmware.flags,
        "sram": firmware.sram,
        "flash": firmware.flash,
        "state_bytes": plan.state_bytes,
        "arena_lower_bound_bytes": plan.lower_bound_bytes,
        "arena_proved_minimal": plan.is_minimal,
        "feed": "rows" if plan.fed is not None else "resident",
        "macs": plan.graph.macs,
        "macs_executed": plan.macs_executed,
        **graph_ports(plan.graph),
    }


def build_table(plan: Plan, firmware: Firmware) -> Table:
    sram, flash = firmware.sram, firmware.flash
    result = table(
        f"{plan.graph.name} on {firmware.board.name} ({firmware.compiler})",
        ("bytes of", "arena", "static", "stack", "code", "weights", "total", "of"),
        [
            ("SRAM", sram["arena_bytes"], sram["static_bytes"], sram["stack_bytes"], None, None, *_totals(sram)),
            ("flash", None, None, None, flash["code_bytes"], flash["weights_bytes"], *_totals(flash)),
        ],
    )
    proof = (
        "proved minimal for this order" if plan.is_minimal else f"at least {plan.lower_bound_bytes:,} for this order"
    )
    feed = "fed by rows: begin, push_rows, finish" if plan.fed is not None else "resident"
    states = f"states {plan.state_bytes:,} bytes, static; " if plan.state_bytes else ""
    result.caption = f"{states}arena {proof}; {plan.macs_executed:,} MACs; input {feed}"
    return result


def _totals(region: Mapping[str, int]) -> tuple[int, int]:
    return region["total_bytes"], region["limit_bytes"]


def verification_facts(verdict: Verification) -> dict[str, Any]:
    return {
        "reference": verdict.reference,
        "samples": verdict.samples,
        "mismatched_values": verdict.mismatched_values,
        "first_mismatch": asdict(verdict.first_mismatch) if verdict.first_mismatch else None,
        "bit_exact": verdict.bit_exact,
        "accuracy": verdict.accuracy,
        "reference_accuracy": verdict.reference_accuracy,
        "float_accuracy": verdict.float_accuracy,
        "peak_sram_bytes": verdict.peak_sram_bytes,
        "predicted_sram_bytes": verdict.predicted_sram_bytes,
        "peak_arena_bytes": verdict.peak_arena_bytes,
        "peak_stack_bytes": verdict.peak_stack_bytes,
        "counter": {"unit": verdict.counter_unit, "per_inference": verdict.counter_per_inference},
    }


def verification_table(verdict: Verification, firmware: Firmware) -> Table:
    reference = {"tflm": "TensorFlow Lite Micro"}.get(verdict.reference, f"the {verdict.reference}")
    rows: list[tuple[str, object]] = [
        ("samples", verdict.samples),
        (f"values that differ from {reference}", verdict.mismatched_values),
    ]
    if verdict.accuracy is not None and verdict.reference_accuracy is not None:
        rows.append(("accuracy of the device", f"{verdict.accuracy:.2%}"))
        rows.append((f"accuracy of {reference}", f"{verdict.reference_accuracy:.2%}"))
    if verdict.float_accuracy is not None:
        rows.append(("accuracy of the float model", f"{verdict.float_accuracy:.2%}"))
    rows += [
        ("SRAM predicted, bytes", verdict.predicted_sram_bytes),
        ("SRAM measured, bytes", verdict.peak_sram_bytes),
        ("flash, bytes", firmware.sections.flash_bytes),
        (f"{verdict.counter_unit} per inference", verdict.counter_per_inference),
    ]
    title = "bit-exact" if verdict.bit_exact else f"NOT bit-exact: first at {_where(verdict)}"
    return table(title, (f"{firmware.name} on {firmware.board.name}", ""), rows)


def _where(verdict: Verification) -> str:
    first = verdict.first_mismatch
    if first is None:
        return ""
    place = list(first.position)
    return f"sample {first.sample}, output {first.output} {place}: {first.received}, expected {first.expected}"


def profile_table(profile: Profile, top: int | None = None) -> Table:
    """Every step in order, or the `top` most expensive ones."""
    title = f"{profile.unit} on {profile.board}, {profile.samples} sample{'s' if profile.samples > 1 else ''}"
    result = table(title, COLUMNS, profile.rows(top))
    result.caption = profile.summary()
    return result


def check_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    shown = [
        (
            row["board"],
            row["fits"],
            row.get("feed", ""),
            *(_part(row, "sram", key) for key in ("arena_bytes", "total_bytes", "limit_bytes")),
            *(_part(row, "flash", key) for key in ("total_bytes", "limit_bytes")),
            _about(row),
        )
        for row in rows
    ]
    return table("", ("board", "fits", "input", "arena", "SRAM", "of", "flash", "of", "estimated"), shown)


def _about(row: Mapping[str, Any]) -> str:
    found = row.get("estimate")
    return f"{milliseconds(found['seconds'])} ({found['instructions'] / 1e6:.3g} M)" if found else ""


def check_notes(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the estimates stand on."""
    found = [row["estimate"] for row in rows if row.get("estimate")]
    if not found:
        return []
    worst = max(one["error"] for one in found)
    rates = sorted({one["cycles_per_instruction"] for one in found})
    return [
        f"estimated: instructions ± {worst:.0%}; time if an instruction takes "
        f"{' or '.join(map(str, rates))} cycles, which is assumed, not measured"
    ]


def tuning_facts(tuning: Tuning) -> dict[str, Any]:
    return {
        "builds": tuning.builds,
        "unit": tuning.unit,
        "before": tuning.before,
        "after": tuning.after,
        "cache": tuning.file,
        "steps": [asdict(step) for step in tuning.steps],
    }


def tuning_table(tuning: Tuning, board: str) -> Table:
    """The steps that had a choice."""
    rows = [
        (shown(step.layer), step.kernel, step.counts.get(step.kernel), step.before or "", _others(step))
        for step in tuning.steps
        if len(step.counts) > 1
    ]
    columns = ("layer", "kernel", tuning.unit, "without measuring", "others")
    result = table(f"{tuning.plan.graph.name} on {board}", columns, rows)
    changed = sum(step.before not in (None, step.kernel) for step in tuning.steps)
    result.caption = (
        f"{tuning.after:,} {tuning.unit} in all steps, {tuning.before:,} without measuring; {changed} kernels changed; "
        f"{tuning.builds} firmwares built"
    )
    return result


def _others(step: TunedStep) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in step.counts.items() if name != step.kernel)


def _part(row: Mapping[str, Any], region: str, key: str) -> object:
    return row[region][key] if region in row else None


def patching_facts(patching: Patching) -> dict[str, Any]:
    return {
        "smaller": patching.layers > 0,
        "layers": patching.layers,
        "rows": patching.rows,
        "columns": patching.columns,
        "arena_bytes": patching.arena_bytes,
        "plain_arena_bytes": patching.plain_arena_bytes,
    }


def patching_line(patching: Patching, graph: Graph) -> str:
    if not patching.layers:
        return f"plain: no patches need a smaller arena than {patching.plain_arena_bytes:,} bytes in TFLM"
    saved = 1 - patching.arena_bytes / patching.plain_arena_bytes
    return (
        f"first {patching.layers} layers in {patching.rows}x{patching.columns} patches: arena in TFLM "
        f"{patching.arena_bytes:,} bytes, {saved:.0%} less than {patching.plain_arena_bytes:,}; "
        f"{patching.graph.macs / graph.macs:.3f} times the MACs"
    )


def bundle_facts(bundle: Bundle) -> dict[str, Any]:
    return {
        "arena_bytes": bundle.arena_bytes,
        "operators": list(bundle.operators),
        "files": sorted(bundle.files),
    }


def bundle_line(bundle: Bundle, directory: Path) -> str:
    return f"{len(bundle.model):,} bytes of model, {bundle.arena_bytes:,} of arena, as measured here, in {directory}"
