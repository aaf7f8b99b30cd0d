"""INT8 taken to pieces: each rounding of an engine simulated alone, so that one can be changed at a time.

A weight or an activation is put on its grid and read back at once ("fake quantisation", Jacob et al. 2018,
section 3): the numbers are those that an INT8 kernel multiplies, the product is one of float32. What byte
products do on a CPU that adds two of them in 16 bits is simulated too.
"""

import copy
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from utils.compress.gates import observed
from utils.compress.quantization.integers import Quantized, dequantize_tensor, quantize_tensor
from utils.model.raner import RanerModel

Range = tuple[float, float]
"""Lowest and highest value of a layer's inputs, 0 between them."""

HIGHEST_SUM, LOWEST_SUM = 2**15 - 1, -(2**15)
"""What 16 bits with a sign hold."""


class Rounding(NamedTuple):
    """What an INT8 engine rounds; None stays float32.

    Args:
        weights, inputs: bits of the weights, and of what flows into them.
        by_row: a grid for each row of a weight matrix, instead of one for all of it.
        narrow: two byte products are added in 16 bits, as AVX2 does it (`lost_in_pairs`); weights and inputs
            have to be rounded.
    """

    weights: int | None = None
    inputs: int | None = None
    by_row: bool = False
    narrow: bool = False


TORCH = Rounding(weights=8, inputs=7)
"""Dynamic INT8 of torch on x86."""

ONNX_RUNTIME = Rounding(weights=8, inputs=8, by_row=True)
"""Dynamic INT8 of ONNX Runtime, as `utils.engines.onnx_quantize.quantize_onnx` makes it."""


class RoundedLinear(nn.Linear):
    """A linear layer that holds and reads rounded numbers, `limits` being the range of its inputs if that is fixed."""

    def __init__(self, linear: nn.Linear, rounding: Rounding, limits: Range | None = None):
        super().__init__(linear.in_features, linear.out_features, device="meta")
        self.rounding, self.limits, self.bias = rounding, limits, linear.bias
        self.weight, self.grid, self.pairs = linear.weight, None, None
        if rounding.weights:
            self.grid = quantize_tensor(linear.weight.detach(), rounding.weights, axis=0 if rounding.by_row else None)
            self.weight = nn.Parameter(dequantize_tensor(self.grid), requires_grad=False)
        if rounding.narrow:
            self.pairs = risky_pairs(self.grid, rounding.inputs)

    def forward(self, inputs: Tensor) -> Tensor:
        if not self.rounding.inputs:
            return super().forward(inputs)
        found = on_range(inputs, self.rounding.inputs, self.limits)
        outputs = functional.linear(dequantize_tensor(found), self.weight, self.bias)
        if self.pairs:
            lost = lost_in_pairs(found, self.pairs, self.out_features)
            outputs = outputs + found.scale.ravel() * self.grid.scale.ravel() * lost
        return outputs


def on_range(values: Tensor, bits: int, limits: Range | None = None) -> Quantized:
    """The values on an affine grid of 2^bits points over `limits`; what lies outside is cut off.

    Without limits: over the range that the values have, which all sentences of a batch share.
    """
    if limits is None:
        return quantize_tensor(values, bits, symmetric=False)
    steps, (lowest, highest) = 2**bits - 1, limits
    scale = torch.tensor((highest - lowest) / steps)
    zero_point = (-lowest / scale).round()
    integers = (values / scale + zero_point).round().clamp(0, steps)
    return Quantized(integers.int(), scale, zero_point.int())


class Pairs(NamedTuple):
    """Pairs of weights whose sum of two products may leave 16 bits: their row, their place in it, and both weights."""

    rows: Tensor
    places: Tensor
    weights: Tensor


def risky_pairs(weights: Quantized, bits: int) -> Pairs:
    """Those of signed weights `(outputs, features)` that can reach the end with unsigned inputs of so many bits."""
    pairs = weights.integers.float().unflatten(1, (-1, 2))
    highest, lowest = (limited.sum(-1) * (2**bits - 1) for limited in (pairs.clamp(min=0), pairs.clamp(max=0)))
    rows, places = torch.where((highest > HIGHEST_SUM) | (lowest < LOWEST_SUM))
    return Pairs(rows, places, pairs[rows, places])


def lost_in_pairs(inputs: Quantized, pairs: Pairs, outputs: int) -> Tensor:
    """What the sums of products lose where each two are first added in 16 bits, cut off at -32768 and 32767.

    This is the instruction `vpmaddubsw` (Intel 64 manual, volume 2, PMADDUBSW).

    Args:
        inputs: unsigned integers `(..., features)`.
        pairs: `risky_pairs` of the weights; all other sums fit.
        outputs: rows of the weight matrix.

    Returns:
        `(..., outputs)` float32: the sum as such a CPU finds it minus the exact one, in integers.
    """
    read = inputs.integers.float().unflatten(-1, (-1, 2))[..., pairs.places, :]
    sums = (read * pairs.weights).sum(-1)
    lost = sums.clamp(LOWEST_SUM, HIGHEST_SUM) - sums
    return torch.zeros(*lost.shape[:-1], outputs).index_add(-1, pairs.rows, lost)


def rounded(model: RanerModel, rounding: Rounding, ranges: Mapping[str, Range] | None = None) -> RanerModel:
    """A copy whose linear layers round; `ranges` of their inputs by the layer's name, where they are fixed ahead."""
    copied = copy.deepcopy(model).eval()
    for name, linear in linears(copied).items():
        copied.set_submodule(name, RoundedLinear(linear, rounding, ranges[name] if ranges else None))
    return copied


def linears(model: nn.Module) -> dict[str, nn.Linear]:
    """The linear layers by name."""
    return {name: module for name, module in model.named_modules() if isinstance(module, nn.Linear)}


def inputs_of(model: nn.Module, read: Callable[[], object]) -> dict[str, Tensor]:
    """What flows into each linear layer while `read()` runs the model, by name: `(characters, features)`."""
    layers = linears(model)
    seen: dict[str, list[Tensor]] = {name: [] for name in layers}
    names = list(layers)

    def keep(index: int, arguments: tuple, *_: object) -> None:
        seen[names[index]].append(arguments[0].flatten(0, -2).clone())

    with observed(list(layers.values()), keep):
        read()
    return {name: torch.cat(rows) for name, rows in seen.items()}


def ranges_of(inputs: Mapping[str, Tensor], kept: float = 1.0) -> dict[str, Range]:
    """The range of each layer's inputs; with `kept` below 1, as many of the values at each end lie outside it.

    Source: Wu et al. 2020, "Integer quantization for deep learning inference", section 5.2 (percentile calibration).
    """
    found = {}
    for name, values in inputs.items():
        out = round((1 - kept) * values.numel() / 2)
        ordered = values.ravel().sort().values if out else torch.stack(values.aminmax())
        found[name] = (min(float(ordered[out]), 0.0), max(float(ordered[-1 - out]), 0.0))
    return found


def output_errors(model: RanerModel, inputs: Mapping[str, Tensor], rounding: Rounding) -> list[float]:
    """What rounding does to the products of each layer of the encoder, its inputs being exact.

    Args:
        inputs: as `inputs_of` gives them.

    Returns:
        For each layer, the root mean square over its matrices of the relative error of their outputs
        (Frobenius norms, without bias), in percent.
    """
    found = []
    for layer in range(model.config.num_hidden_layers):
        names = [name for name in inputs if name.startswith(f"bert.encoder.layer.{layer}.")]
        squares = [_relative_error(model.get_submodule(name), inputs[name], rounding) ** 2 for name in names]
        found.append(100 * (sum(squares) / len(squares)) ** 0.5)
    return found


@torch.no_grad()
def _relative_error(linear: nn.Linear, inputs: Tensor, rounding: Rounding) -> float:
    exact, after = linear(inputs), RoundedLinear(linear, rounding)(inputs)
    return float((after - exact).norm() / (exact - linear.bias).norm())


def rows_left(model: RanerModel, steps: int = 255) -> list[float]:
    """Steps from minus to plus the largest weight of a matrix that its median row has; for each layer, the fewest."""
    found = []
    for block in model.bert.encoder.layer:
        reaches = [linear.weight.detach().abs().amax(1) for linear in linears(block).values()]
        found.append(min(float(steps * reach.median() / reach.max()) for reach in reaches))
    return found
