"""Annotated sentences as padded tensors: what scores are computed on and models are trained on."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from transformers import BertPreTrainedModel

from utils.model.raner import IGNORED_LABEL
from utils.tagger.tokenizer import MAX_CHARACTERS, CharacterTokenizer
from utils.text.entities import Sentence
from utils.text.segmentation import segments
from utils.text.tags import bioes_tags

Batch = dict[str, Tensor]
"""`input_ids`, `attention_mask` and `labels`, each `(batch, length)` int64; see `make_batches`."""


def make_batches(
    sentences: Sequence[Sentence], tokenizer: CharacterTokenizer, labels: Sequence[str], batch_size: int = 32
) -> list[Batch]:
    """Sentences, shortest first, as model inputs with labels.

    Neighbours in length share a batch, so little is padded. A text too long for the model is cut
    at sentence ends and its parts become rows of their own; empty texts are left out.

    Args:
        labels: tag names by index, BIOES or BIO (then E is written I, and S is written B).

    Returns:
        Batches whose `labels` are `IGNORED_LABEL` at [CLS], [SEP], padding and continuation pieces.

    Raises:
        ValueError: a sentence holds an entity type that `labels` does not name.
    """
    numbers = _tag_numbers(labels)
    parts = [part for sentence in sentences for part in _parts(sentence)]
    parts.sort(key=lambda part: len(part[0]))
    groups = [parts[i : i + batch_size] for i in range(0, len(parts), batch_size)]
    return [_batch(group, tokenizer, numbers) for group in groups]


def _tag_numbers(labels: Sequence[str]) -> dict[str, int]:
    """Number of each BIOES tag; in a BIO label list, E counts as I and S as B."""
    numbers = {label: number for number, label in enumerate(labels)}
    bio = {"S-" + label[2:]: n for label, n in numbers.items() if label.startswith("B-")}
    bio |= {"E-" + label[2:]: n for label, n in numbers.items() if label.startswith("I-")}
    return bio | numbers


def _parts(sentence: Sentence) -> list[tuple[str, list[str]]]:
    tags = bioes_tags(sentence)
    return [(sentence.text[s:e], tags[s:e]) for s, e in segments(sentence.text, MAX_CHARACTERS) if e > s]


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
