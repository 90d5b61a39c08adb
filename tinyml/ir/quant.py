"""Affine quantization: real = scale * (q - zero_point), per tensor or per channel (TFLite int8 specification)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Quant:
    """Scales and zero points of a tensor.

    scales: one float32-valued number, or one per slice along `axis`.
    zero_points: as many as scales; all 0 for weights.
    axis: the dimension the scales run along, None for per-tensor.
    """

    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int | None = None

    @classmethod
    def per_tensor(cls, scale: float, zero_point: int = 0) -> Quant:
        return cls((float(scale),), (int(zero_point),))

    @property
    def is_per_channel(self) -> bool:
        return self.axis is not None

    @property
    def scale(self) -> float:
        """The scale of a per-tensor quantization."""
        if len(self.scales) != 1:
            raise ValueError(f"{len(self.scales)} scales, one expected")
        return self.scales[0]

    @property
    def zero_point(self) -> int:
        """The zero point of a per-tensor quantization."""
        if len(self.zero_points) != 1:
            raise ValueError(f"{len(self.zero_points)} zero points, one expected")
        return self.zero_points[0]

    def __str__(self) -> str:
        if self.is_per_channel:
            return f"per channel, axis {self.axis}, scales {min(self.scales):.6g}..{max(self.scales):.6g}"
        return f"{self.scales[0]:.6g} * (q - {self.zero_points[0]})"
