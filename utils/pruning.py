"""Which heads, neurons and characters go, what that will save, and taking them out for real.

Three steps that stay apart: *select* (a score in, numbers out), *predict* (`predict_cost`, before
anything is done) and *remove* (`prune_heads`, `prune_neurons`, `prune_vocabulary`). Removing means
smaller matrices, not zeros: a dense kernel multiplies zeros as slowly as anything else.

Heads, neurons and characters keep their **original** numbers for ever. What is left is written to
the config as the pruning map, so the pruned model is saved and loaded like any other.
"""

import copy
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import BertConfig, BertTokenizer

from utils.characters import CharacterTokenizer
from utils.gates import Sites, gated, head_sites, neuron_sites
from utils.raner import RanerModel, assemble, kept_heads, kept_neurons

Numbers = dict[int, list[int]]
"""Layer -> original numbers of heads or neurons in it."""


class PruningMap(NamedTuple):
    """What is left of a model, in original numbers: per layer, and of the vocabulary."""

    heads: list[list[int]]
    neurons: list[list[int]]
    tokens: list[int]


def pruning_map(config: BertConfig) -> PruningMap:
    """What is left of the model that `config` describes; all of it where nothing was pruned."""
    tokens = getattr(config, "kept_tokens", None) or list(range(config.vocab_size))
    return PruningMap(kept_heads(config), kept_neurons(config), tokens)


def drop(kept: list[list[int]], gone: Numbers, width: int) -> list[list[int]]:
    """`kept` without the numbers in `gone`; numbers that went earlier may be named again.

    Args:
        width: heads (or neurons) of an unpruned layer.

    Raises:
        ValueError: a layer or a number that the unpruned model does not have.
    """
    for layer, numbers in gone.items():
        if not 0 <= layer < len(kept) or not set(numbers) <= set(range(width)):
            raise ValueError(f"layer {layer}, {sorted(numbers)}: there are {len(kept)} layers of {width}, from 0")
    return [[n for n in numbers if n not in set(gone.get(layer, ()))] for layer, numbers in enumerate(kept)]


# --- Selecting ---------------------------------------------------------------------------------


def select_globally(scores: Tensor, count: int, protected: Collection[int] = ()) -> Numbers:
    """The `count` lowest scores of the whole network, whatever layers they are in.

    Args:
        scores: `(layers, heads)` or `(layers, neurons)`; NaN where a part is already gone.
        protected: layers from which nothing is taken.

    Raises:
        ValueError: fewer than `count` are left outside the protected layers.
    """
    candidates = _available(scores, protected)
    if count > len(candidates):
        raise ValueError(f"{count} are to go, but only {len(candidates)} are left outside the protected layers")
    return _by_layer(candidates[:count])


def select_per_layer(scores: Tensor, ratio: float, protected: Collection[int] = ()) -> Numbers:
    """The lowest `ratio` (0 to 1, rounded to whole parts) of what each layer has left.

    Args:
        scores, protected: as in `select_globally`.
    """
    present = (~scores.isnan()).sum(1)
    return _lowest(scores, [round(ratio * int(n)) for n in present], protected)


def select_uniformly(scores: Tensor, keep: int, protected: Collection[int] = ()) -> Numbers:
    """The lowest of each layer, until every layer has exactly `keep`: the shape that fused kernels need.

    Args:
        scores, protected: as in `select_globally`.

    Raises:
        ValueError: a layer outside `protected` has fewer than `keep`.
    """
    surplus = (~scores.isnan()).sum(1) - keep
    if short := [layer for layer, n in enumerate(surplus.tolist()) if n < 0 and layer not in protected]:
        raise ValueError(f"layers {short} have fewer than {keep} left")
    return _lowest(scores, surplus.tolist(), protected)


def _available(scores: Tensor, protected: Collection[int]) -> list[tuple[int, int]]:
    """`(layer, number)` of every part that may go, lowest score first."""
    order = scores.flatten().argsort(stable=True).tolist()
    pairs = [divmod(position, scores.shape[1]) for position in order]
    return [(layer, n) for layer, n in pairs if layer not in protected and not scores[layer, n].isnan()]


def _lowest(scores: Tensor, counts: Sequence[int], protected: Collection[int]) -> Numbers:
    candidates = _available(scores, protected)
    layers = [[pair for pair in candidates if pair[0] == layer][:count] for layer, count in enumerate(counts)]
    return _by_layer([pair for layer in layers for pair in layer])


def _by_layer(pairs: list[tuple[int, int]]) -> Numbers:
    chosen: Numbers = {}
    for layer, number in sorted(pairs):
        chosen.setdefault(layer, []).append(number)
    return chosen


# --- Predicting --------------------------------------------------------------------------------


class Cost(NamedTuple):
    """`parameters`; `bytes` of the weights as float32; `multiply_adds` for one text."""

    parameters: int
    bytes: int
    multiply_adds: int


def predict_cost(config: BertConfig, kept: PruningMap, length: int) -> Cost:
    """What the model that `kept` leaves of `config` costs, by arithmetic alone.

    Args:
        length: input positions, [CLS] and [SEP] included; a batch of n texts costs n times the
            multiply-adds. Biases, softmax and layer normalisation count as parameters where they
            have some, not as multiply-adds: these are the matrix products only.
    """
    return Cost(*map(sum, zip(*cost_by_part(config, kept, length).values(), strict=True)))


def cost_by_part(config: BertConfig, kept: PruningMap, length: int) -> dict[str, Cost]:
    """The terms of `predict_cost`: embeddings, attention, feed-forward, tagging (classifier and CRF)."""
    hidden, tags = config.hidden_size, config.num_labels
    rows = len(kept.tokens) + config.max_position_embeddings + config.type_vocab_size
    return {
        "embeddings": _cost(rows * hidden + 2 * hidden, 0),
        "attention": _total(_attention_cost(config, len(heads), length) for heads in kept.heads),
        "feed-forward": _total(_feed_forward_cost(config, len(neurons), length) for neurons in kept.neurons),
        "tagging": _cost(hidden * tags + tags + tags * (tags + 2), length * hidden * tags),
    }


def _attention_cost(config: BertConfig, heads: int, length: int) -> Cost:
    """Query, key, value and output matrices and LayerNorm; the products QK and AV are length x length."""
    hidden = config.hidden_size
    width = heads * _head_size(config)
    parameters = 4 * hidden * width + 3 * width + hidden + 2 * hidden
    return _cost(parameters, 4 * length * hidden * width + 2 * length * length * width)


def _feed_forward_cost(config: BertConfig, neurons: int, length: int) -> Cost:
    hidden = config.hidden_size
    return _cost(2 * hidden * neurons + neurons + hidden + 2 * hidden, 2 * length * hidden * neurons)


def _cost(parameters: int, multiply_adds: int) -> Cost:
    return Cost(parameters, 4 * parameters, multiply_adds)


def _total(costs: Iterator[Cost]) -> Cost:
    return Cost(*map(sum, zip(*costs, strict=True)))


# --- Masking -----------------------------------------------------------------------------------


@contextmanager
def masked_heads(model: RanerModel, heads: Numbers) -> Iterator[None]:
    """Inside the context, `heads` contribute nothing. Same answers as removal, none of its speed."""
    with _masked(head_sites(model), heads):
        yield


@contextmanager
def masked_neurons(model: RanerModel, neurons: Numbers) -> Iterator[None]:
    """Inside the context, `neurons` of the feed-forward networks contribute nothing."""
    with _masked(neuron_sites(model), neurons):
        yield


@contextmanager
def _masked(sites: Sites, gone: Numbers) -> Iterator[None]:
    left = drop(sites.kept, gone, sites.width)
    gates = [
        torch.tensor([float(n in stay) for n in present])
        for present, stay in zip(sites.kept, map(set, left), strict=True)
    ]
    with gated(sites.projections, gates):
        yield


# --- Removing ----------------------------------------------------------------------------------


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

    Tags of texts made of these characters do not change; every other character is read as [UNK].
    """
    vocabulary = tokenizer.tokenizer.get_vocab()
    used = {i for character in set().union(*texts) for i in tokenizer.pieces(character)}
    rows = sorted(used | set(tokenizer.tokenizer.all_special_ids) | {model.config.pad_token_id})
    before = pruning_map(model.config)
    pruned = _keep(model, before._replace(tokens=[before.tokens[row] for row in rows]))
    tokens = sorted(vocabulary, key=vocabulary.get)
    smaller = {tokens[row]: number for number, row in enumerate(rows)}
    lower = tokenizer.tokenizer.do_lower_case
    return pruned, CharacterTokenizer(BertTokenizer(vocab=smaller, do_lower_case=lower))


def _keep(model: RanerModel, after: PruningMap) -> RanerModel:
    """The surgery: every matrix cut down to the rows and columns of what stays."""
    before, config = pruning_map(model.config), copy.deepcopy(model.config)
    tokens = _positions(before.tokens, after.tokens)
    config.pad_token_id = tokens.tolist().index(config.pad_token_id)
    _record(config, before, after)
    tensors = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
    words = "bert.embeddings.word_embeddings.weight"
    tensors[words] = tensors[words][tokens]
    for layer in range(config.num_hidden_layers):
        heads = _positions(before.heads[layer], after.heads[layer])
        neurons = _positions(before.neurons[layer], after.neurons[layer])
        _cut_layer(tensors, f"bert.encoder.layer.{layer}", heads, neurons, _head_size(config))
    return assemble(config, tensors)


def _head_size(config: BertConfig) -> int:
    return config.hidden_size // config.num_attention_heads


def _record(config: BertConfig, before: PruningMap, after: PruningMap) -> None:
    """Write to the config what changed; a part that was never pruned stays out of it."""
    for name in PruningMap._fields:
        if getattr(after, name) != getattr(before, name):
            setattr(config, f"kept_{name}", getattr(after, name))
    config.vocab_size = len(after.tokens)


def _positions(before: list[int], after: list[int]) -> Tensor:
    """Where the original numbers `after` stand in today's matrices."""
    place = {number: position for position, number in enumerate(before)}
    return torch.tensor([place[number] for number in after], dtype=torch.long)


def _cut_layer(tensors: dict[str, Tensor], name: str, heads: Tensor, neurons: Tensor, head_size: int) -> None:
    features = (heads[:, None] * head_size + torch.arange(head_size)).flatten()
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
    """
    zeroed = copy.deepcopy(model)
    with torch.no_grad():
        for weight in zeroed.bert.encoder.parameters():
            if weight.dim() == 2 and (count := round(ratio * weight.numel())):
                weight.view(-1)[weight.abs().flatten().argsort()[:count]] = 0
    return zeroed
