"""Annotated sentences as padded tensors: what scores are computed on and models are trained on."""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from transformers import BertPreTrainedModel

from utils.model.raner import IGNORED_LABEL
from utils.tagger.tokenizer import CharacterTokenizer
from utils.text.entities import Sentence
from utils.text.segmentation import whole
from utils.text.tags import Scheme, scheme_of, split_tag, tags_of

Batch = dict[str, Tensor]
"""`input_ids`, `attention_mask` and `labels`, each `(batch, length)` int64; see `make_batches`."""


def make_batches(
    sentences: Sequence[Sentence],
    tokenizer: CharacterTokenizer,
    labels: Sequence[str],
    batch_size: int = 32,
    limit: int | None = None,
    positions: int | None = None,
) -> list[Batch]:
    """Sentences, shortest first, as model inputs with labels.

    Neighbours in length share a batch, so little is padded. A text too long for the model is cut as in
    tagging, and its parts become rows of their own; empty texts are left out.

    Args:
        labels: tag names by index, in any scheme of `utils.text.tags`.
        limit: word pieces that the model reads at once, [CLS] and [SEP] not counted; None asks the tokenizer.
        positions: of a batch at most, padding included, roughly: long sentences make smaller batches. None: no bound.

    Returns:
        Batches whose `labels` are `IGNORED_LABEL` at [CLS], [SEP], padding and continuation pieces.

    Raises:
        ValueError: a sentence holds an entity type that `labels` does not name, or batches of no sentence.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size {batch_size}: a batch holds at least one sentence")
    scheme, longest = scheme_of(labels), tokenizer.limit if limit is None else limit
    parts = [part for sentence in sentences for part in _parts(sentence, tokenizer, scheme, longest)]
    parts.sort(key=lambda part: len(part[0]))
    numbers = _tag_numbers(labels, scheme)
    return [_batch(group, tokenizer, numbers) for group in _groups(parts, batch_size, positions or math.inf)]


def _groups(parts: list[tuple[str, list[str]]], most: int, positions: float) -> Iterator[list[tuple[str, list[str]]]]:
    """Neighbours, at most so many and, padded to the longest, of at most so many positions; one alone may have more."""
    group: list[tuple[str, list[str]]] = []
    for part in parts:
        if group and (len(group) == most or (len(group) + 1) * (len(part[0]) + 2) > positions):
            yield group
            group = []
        group.append(part)
    if group:
        yield group


def _tag_numbers(labels: Sequence[str], scheme: Scheme) -> dict[str, int]:
    """Number of each tag; where a type has no begin, or nothing for a single character, the next best tag stands in."""
    numbers = {label: number for number, label in enumerate(labels)}
    for kind in {split_tag(label)[1] for label in labels} - {""}:
        begin, inside, single = (f"{prefix}-{kind}" for prefix in (scheme.begin, scheme.inside, scheme.single))
        for tag, substitute in ((begin, inside), (single, begin)):
            if tag not in numbers and substitute in numbers:
                numbers[tag] = numbers[substitute]
    return numbers


def _parts(
    sentence: Sentence, tokenizer: CharacterTokenizer, scheme: Scheme, limit: int
) -> list[tuple[str, list[str]]]:
    text, tags = sentence.text, tags_of(sentence, scheme)
    return [(text[start:end], tags[start:end]) for start, end in tokenizer.ranges_within(text, limit, whole(text))]


def _batch(parts: list[tuple[str, list[str]]], tokenizer: CharacterTokenizer, numbers: dict) -> Batch:
    encoding = tokenizer.batch([text for text, _ in parts])
    tags = [tag for _, sentence_tags in parts for tag in sentence_tags]
    if unknown := {tag[2:] for tag in tags if tag not in numbers}:
        raise ValueError(f"the labels name no entity of type {', '.join(sorted(unknown))}")
    labels = torch.full(encoding.input_ids.shape, IGNORED_LABEL)
    labels[torch.from_numpy(encoding.label_mask)] = torch.tensor([numbers[tag] for tag in tags])
    return {
        "input_ids": torch.from_numpy(encoding.input_ids),
        "attention_mask": torch.from_numpy(encoding.attention_mask),
        "labels": labels,
    }


def on_device(model: BertPreTrainedModel, batches: Sequence[Batch]) -> Iterator[Batch]:
    """The batches, one by one, where the model is.

    Raises:
        ValueError: no batches.
    """
    if not batches:
        raise ValueError("no batches: make some of a few hundred sentences with utils.compress.batches.make_batches")
    return ({name: tensor.to(model.device) for name, tensor in batch.items()} for batch in batches)


def count_characters(batches: Sequence[Batch]) -> int:
    """Labelled characters: [CLS], [SEP], padding and continuation pieces do not count."""
    return sum(int((batch["labels"] != IGNORED_LABEL).sum()) for batch in batches)


def count_sentences(batches: Sequence[Batch]) -> int:
    """Rows of all batches."""
    return sum(len(batch["labels"]) for batch in batches)


def count_positions(batches: Sequence[Batch]) -> int:
    """Positions that the model reads, [CLS] and [SEP] included, padding not."""
    return sum(int(batch["attention_mask"].sum()) for batch in batches)
