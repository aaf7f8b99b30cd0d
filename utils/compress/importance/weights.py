"""Scores of heads that read no sentence: the size of the weights, and noise; and scores made comparable by layer."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from transformers import BertPreTrainedModel

from utils.compress.batches import Batch
from utils.compress.gates import by_head, head_sites


def normalize_layers(scores: Tensor) -> Tensor:
    """Each layer's scores divided by their L2 norm, so that layers compete on equal terms.

    Args:
        scores: `(layers, heads)`; NaN stays NaN and does not count. A layer of zeros stays zero.

    Source: Michel et al. 2019, section 4.1, after Molchanov et al. 2017, section 2.3.
    """
    norms = scores.nan_to_num().norm(dim=1, keepdim=True)
    return scores / torch.where(norms > 0, norms, 1)


def weight_magnitude(model: BertPreTrainedModel, batches: Sequence[Batch]) -> Tensor:
    """Root mean square of a head's weights in query, key, value and output; no data is read.

    Args:
        batches: unread; every score is called alike.

    Returns:
        `(layers, heads)`, in units of a weight.

    Source: Han et al. 2015, "Learning both Weights and Connections", for whole heads.
    """
    sites = head_sites(model)
    layers = zip(model.bert.encoder.layer, sites.kept, strict=True)
    return by_head([_root_mean_square(layer.attention, len(kept)) for layer, kept in layers], sites).cpu()


def _root_mean_square(attention: nn.Module, heads: int) -> Tensor:
    if not heads:
        return attention.output.dense.bias.new_zeros(0)
    inner = attention.self
    rows = [inner.query.weight, inner.key.weight, inner.value.weight, attention.output.dense.weight.T]
    weights = torch.cat([matrix.detach().unflatten(0, (heads, -1)) for matrix in rows], 1)
    return weights.square().mean((1, 2)).sqrt()


def random_score(model: BertPreTrainedModel, batches: Sequence[Batch] = (), seed: int = 0) -> Tensor:
    """Uniform noise: the baseline that every other score must beat, over several seeds.

    Args:
        batches: unread; every score is called alike.

    Returns:
        `(layers, heads)`, no unit, in [0, 1).
    """
    sites = head_sites(model)
    noise = torch.rand(len(sites.kept), sites.width, generator=torch.Generator().manual_seed(seed))
    return by_head([row[kept] for row, kept in zip(noise, sites.kept, strict=True)], sites)
