"""From numbers to 8-bit integers and back, written out: what every INT8 engine does to a tensor.

A real number x is stored as the integer q of the nearest point of an even grid (Jacob et al. 2018,
"Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
equation 1):

    x ~ scale (q - zero_point)

The scale is the distance between two points, the zero point is the integer that means 0. Rounding
errs by half a step at most, so the whole craft is to make the step small: `symmetric` grids waste a
half where all numbers have one sign, and one grid for a whole matrix is as coarse as its largest row
demands. `torch.quantize_per_tensor` and `torch.quantize_per_channel` give the same integers.
"""

from typing import NamedTuple

import torch
from torch import Tensor

SMALLEST_SCALE = torch.finfo(torch.float32).eps
"""Scales are no smaller, so that a tensor of zeros has one; torch's observers use the same."""


class Quantized(NamedTuple):
    """Integers and how to read them.

    `integers`: int32, in the shape of the values. `scale` (float32) and `zero_point` (int32) have
    that many dimensions too, of size 1 where the grid is shared, so the three can be combined as they are.
    """

    integers: Tensor
    scale: Tensor
    zero_point: Tensor


def quantize_tensor(values: Tensor, bits: int = 8, symmetric: bool = True, axis: int | None = None) -> Quantized:
    """The nearest points of an even grid of 2^bits points that spans the values.

    Symmetric: integers -2^(bits-1) ... 2^(bits-1) - 1, zero point 0, scale = max|x| / ((2^bits - 1) / 2).
    Affine: integers 0 ... 2^bits - 1, scale = (max - min) / (2^bits - 1), zero_point = round(-min / scale),
    where the range is first made to include 0, because padding and ReLU need an exact zero.

    No value comes back more than scale / 2 away from what it was, up to float32 rounding.

    Args:
        values: float32.
        bits: 2 to 16. torch's x86 kernels give activations 7.
        axis: one scale and zero point for each index along it; None, one for the whole tensor.

    Raises:
        ValueError: no values, not all of them finite, `bits` out of range, or an axis of a vector.

    Source: Krishnamoorthi 2018, "Quantizing deep convolutional networks for efficient inference",
    sections 2.1, 2.2 and 2.4; the symmetric scale is that of torch's `MinMaxObserver`.
    """
    if not 2 <= bits <= 16 or not values.numel() or not values.isfinite().all():
        raise ValueError(f"{bits} bits, {values.numel()} values: wanted 2 to 16 bits and finite values")
    if axis is not None and values.dim() < 2:
        raise ValueError("an axis of a vector: each channel would hold one number")
    lowest, highest = _range(values, axis)
    steps = 2**bits - 1
    if symmetric:
        scale = (torch.maximum(-lowest, highest) / (steps / 2)).clamp(min=SMALLEST_SCALE)
        zero_point, first = torch.zeros_like(scale), -(2 ** (bits - 1))
    else:
        scale = ((highest - lowest) / steps).clamp(min=SMALLEST_SCALE)
        zero_point, first = (-lowest / scale).round().clamp(0, steps), 0
    integers = (values * (1 / scale) + zero_point).round().clamp(first, first + steps)
    return Quantized(integers.int(), scale, zero_point.int())


def _range(values: Tensor, axis: int | None) -> tuple[Tensor, Tensor]:
    """Smallest and largest value, 0 included, for the tensor or each index along `axis`; dimensions kept."""
    others = [dimension for dimension in range(values.dim()) if axis is None or dimension != axis % values.dim()]
    return values.amin(others, keepdim=True).clamp(max=0), values.amax(others, keepdim=True).clamp(min=0)


def dequantize_tensor(quantized: Quantized) -> Tensor:
    """The numbers that the integers stand for, float32: scale (q - zero_point)."""
    return quantized.scale * (quantized.integers - quantized.zero_point)
