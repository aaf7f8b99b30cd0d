"""What a pruned model will cost: parameters, bytes and multiply-adds by arithmetic alone, before anything is cut."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from transformers import BertConfig

from utils.compress.checks import check_count, check_share
from utils.model.pruned_shape import PruningMap, head_size, pruning_map


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

    Raises:
        ValueError: a `length` below 0.
    """
    check_count("length", length)
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


def attention_products(config: BertConfig, kept: PruningMap, length: int) -> int:
    """Those multiply-adds of `predict_cost` that have no weight: queries by keys, and shares by values.

    Both are length x length. Engines leave them in float32 where all else has eight bits.
    """
    return sum(_products(len(heads) * head_size(config), length) for heads in kept.heads)


def _products(width: int, length: int) -> int:
    return 2 * length * length * width


def _attention_cost(config: BertConfig, heads: int, length: int) -> Cost:
    """Query, key, value and output matrices and LayerNorm, and the products without a weight."""
    hidden = config.hidden_size
    width = heads * head_size(config)
    parameters = 4 * hidden * width + 3 * width + hidden + 2 * hidden
    return _cost(parameters, 4 * length * hidden * width + _products(width, length))


def _feed_forward_cost(config: BertConfig, neurons: int, length: int) -> Cost:
    hidden = config.hidden_size
    return _cost(2 * hidden * neurons + neurons + hidden + 2 * hidden, 2 * length * hidden * neurons)


def _cost(parameters: int, multiply_adds: int) -> Cost:
    return Cost(parameters, 4 * parameters, multiply_adds)


def _total(costs: Iterator[Cost]) -> Cost:
    return Cost(*map(sum, zip(*costs, strict=True)))


def cost_of_shares(
    config: BertConfig, length: int, heads: float = 1.0, neurons: float = 1.0, tokens: float = 1.0
) -> Cost:
    """Predicted cost when these shares (0 to 1) of all heads, neurons and characters are **left**.

    Which ones stay makes no difference to the arithmetic: all of a kind are equally large.

    Raises:
        ValueError: a share that is not from 0 to 1, or a `length` below 0.
    """
    for name, share in (("heads", heads), ("neurons", neurons), ("tokens", tokens)):
        check_share(name, share)
    whole = pruning_map(config)
    kept = PruningMap(_first(whole.heads, heads), _first(whole.neurons, neurons), *_first([whole.tokens], tokens))
    return predict_cost(config, kept, length)


def _first(rows: Sequence[Sequence[int]], share: float) -> list[list[int]]:
    """The first `share` of all numbers, row by row."""
    left, kept = round(share * sum(map(len, rows))), []
    for row in rows:
        kept.append(list(row[:left]))
        left -= len(kept[-1])
    return kept
