"""A channel far louder than its neighbours: planted where the function stays the same, and smoothed away again.

Between a head's values and the matrix that mixes the heads nothing is applied to single channels but a weighted
mean over characters. So a channel may be made louder in the one and softer in the other, and the model computes
what it did: exactly, where the factor is a power of two. A LayerNorm of BERT is no such place: what it puts out
goes into the next matrix *and* past it.
"""

import copy
from collections.abc import Mapping

import torch
from torch import Tensor

from utils.model.raner import RanerModel


def with_factors(model: RanerModel, factors: Mapping[int, Tensor]) -> RanerModel:
    """A copy whose attention values are `factors` times as large, and are divided by them when they are mixed.

    Args:
        factors: layer, numbered from 0 -> `(features,)`, none of them 0.
    """
    copied = copy.deepcopy(model)
    for layer, factor in factors.items():
        attention = copied.bert.encoder.layer[layer].attention
        values, mixing = attention.self.value, attention.output.dense
        with torch.no_grad():
            values.weight *= factor[:, None]
            values.bias *= factor
            mixing.weight /= factor
    return copied


def planted(model: RanerModel, times: float) -> RanerModel:
    """A copy in which the first channel of the attention values of every layer is `times` as loud."""
    factors = {}
    for layer, block in enumerate(model.bert.encoder.layer):
        factors[layer] = torch.ones(block.attention.self.value.out_features)
        factors[layer][0] = times
    return with_factors(model, factors)


def smoothed(model: RanerModel, inputs: Mapping[str, Tensor]) -> RanerModel:
    """A copy in which loud channels of the attention values have moved part of their size into the mixing matrix.

    s_j = sqrt(max|X_j| / max|W_j|), and X_j is divided by it, W_j multiplied
    (Xiao et al. 2023, "SmoothQuant", section 4, equation 4, at a strength of 1/2).

    Args:
        inputs: of each linear layer, `(characters, features)`, by its name (`utils.studies.rounding.inputs_of`).
    """
    factors = {}
    for layer, block in enumerate(model.bert.encoder.layer):
        reach = inputs[f"bert.encoder.layer.{layer}.attention.output.dense"].abs().amax(0)
        weights = block.attention.output.dense.weight.detach().abs().amax(0)
        factors[layer] = 1 / (reach / weights).sqrt().clamp(min=1e-5)
    return with_factors(model, factors)
