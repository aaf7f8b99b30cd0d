"""Taking heads, neurons and characters out for real, and masks that answer as if they were gone.

Removing means smaller matrices, not zeros: a dense kernel multiplies zeros as slowly as anything else.

Heads, neurons and characters keep their **original** numbers for ever. What is left is written to
the config as the pruning map, so the pruned model is saved and loaded like any other.
"""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor
from transformers import BertConfig

from utils.compress.checks import check_share
from utils.compress.gates import gated, head_sites
from utils.model.checkpoint import assemble
from utils.model.pruned_shape import Numbers, PruningMap, drop, head_size, pruning_map
from utils.model.raner import RanerModel
from utils.tagger.tokenizer import CharacterTokenizer


@contextmanager
def masked_heads(model: RanerModel, heads: Numbers) -> Iterator[None]:
    """Inside the context, `heads` contribute nothing. Same answers as removal, none of its speed."""
    sites = head_sites(model)
    left = drop(sites.kept, heads, sites.width)
    gates = [
        torch.tensor([float(n in stay) for n in present])
        for present, stay in zip(sites.kept, map(set, left), strict=True)
    ]
    with gated(sites.projections, gates):
        yield


def prune_heads(model: RanerModel, heads: Numbers) -> RanerModel:
    """A new model without these heads; `model` stays as it is.

    Args:
        heads: original numbers by layer, any set, all heads of a layer included. Numbers never
            shift: pruning A and then B gives the same model as pruning A and B at once.

    Raises:
        ValueError: a layer or head that the unpruned model does not have.
    """
    before = pruning_map(model.config)
    return _keep(model, before._replace(heads=drop(before.heads, heads, model.config.num_attention_heads)))


def prune_neurons(model: RanerModel, neurons: Numbers) -> RanerModel:
    """A new model without these feed-forward neurons; numbers and errors as in `prune_heads`."""
    before = pruning_map(model.config)
    return _keep(model, before._replace(neurons=drop(before.neurons, neurons, model.config.intermediate_size)))


def prune_vocabulary(
    model: RanerModel, tokenizer: CharacterTokenizer, texts: Sequence[str]
) -> tuple[RanerModel, CharacterTokenizer]:
    """A new model and tokenizer that know the special tokens and the characters of `texts`, no others.

    Tags of texts made of these characters do not change, how a character is normalised neither; every other
    character is read as [UNK].
    """
    used = {i for character in set().union(*texts) for i in tokenizer.pieces(character)}
    special = {row for row in tokenizer.tokenizer.all_special_ids if row < len(tokenizer)}
    rows = sorted(used | special | {model.config.pad_token_id})
    before = pruning_map(model.config)
    pruned = _keep(model, before._replace(tokens=[before.tokens[row] for row in rows]))
    return pruned, tokenizer.with_rows(rows)


def _keep(model: RanerModel, after: PruningMap) -> RanerModel:
    """The surgery: every matrix cut down to the rows and columns of what stays."""
    before, config = pruning_map(model.config), copy.deepcopy(model.config)
    tokens = _indices(before.tokens, after.tokens)
    config.pad_token_id = tokens.tolist().index(config.pad_token_id)
    _record(config, before, after)
    tensors = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
    words = "bert.embeddings.word_embeddings.weight"
    tensors[words] = tensors[words][tokens]
    for layer in range(config.num_hidden_layers):
        heads = _indices(before.heads[layer], after.heads[layer])
        neurons = _indices(before.neurons[layer], after.neurons[layer])
        _cut_layer(tensors, f"bert.encoder.layer.{layer}", heads, neurons, head_size(config))
    return assemble(config, tensors)


def _record(config: BertConfig, before: PruningMap, after: PruningMap) -> None:
    """Write to the config what changed; a part that was never pruned stays out of it."""
    for name in PruningMap._fields:
        if getattr(after, name) != getattr(before, name):
            setattr(config, f"kept_{name}", getattr(after, name))
    config.vocab_size = len(after.tokens)


def _indices(before: list[int], after: list[int]) -> Tensor:
    """Where the original numbers `after` stand in today's matrices."""
    place = {number: position for position, number in enumerate(before)}
    return torch.tensor([place[number] for number in after], dtype=torch.long)


def _cut_layer(tensors: dict[str, Tensor], name: str, heads: Tensor, neurons: Tensor, size: int) -> None:
    features = (heads[:, None] * size + torch.arange(size)).flatten()
    makers = [f"{name}.attention.self.{kind}" for kind in ("query", "key", "value")]
    _cut(tensors, makers, f"{name}.attention.output.dense", features)
    _cut(tensors, [f"{name}.intermediate.dense"], f"{name}.output.dense", neurons)


def _cut(tensors: dict[str, Tensor], makers: list[str], mixer: str, features: Tensor) -> None:
    """Keep these features: rows of the matrices that make them, columns of the one that mixes them.

    With no feature left, the matrices go altogether and only the mixer's bias stays.
    """
    if f"{mixer}.weight" not in tensors:
        return
    rows = [f"{maker}.{kind}" for maker in makers for kind in ("weight", "bias")]
    for name in rows:
        tensors[name] = tensors[name][features]
    tensors[f"{mixer}.weight"] = tensors[f"{mixer}.weight"][:, features]
    if not len(features):
        for name in [*rows, f"{mixer}.weight"]:
            del tensors[name]


def zero_smallest_weights(model: RanerModel, ratio: float) -> RanerModel:
    """A copy with the `ratio` smallest weights of every encoder matrix set to zero: nothing gets smaller.

    Unstructured magnitude pruning (Han et al. 2015). It is here to be measured: parameters, bytes
    and time stay what they were, because dense kernels multiply by zero too.

    Raises:
        ValueError: `ratio` is not from 0 to 1.
    """
    check_share("ratio", ratio)
    zeroed = copy.deepcopy(model)
    with torch.no_grad():
        for weight in zeroed.bert.encoder.parameters():
            if weight.dim() == 2 and (count := round(ratio * weight.numel())):
                weight.view(-1)[weight.abs().flatten().argsort()[:count]] = 0
    return zeroed
