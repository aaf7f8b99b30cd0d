"""Annotated sentences as padded tensors: what scores are computed on and models are trained on."""

from collections.abc import Sequence

import torch
from torch import Tensor

from utils.characters import CharacterTokenizer, segments
from utils.entities import Sentence, bioes_tags
from utils.raner import IGNORED_LABEL


def make_batches(
    sentences: Sequence[Sentence], tokenizer: CharacterTokenizer, labels: Sequence[str], batch_size: int = 32
) -> list[dict[str, Tensor]]:
    """Sentences, shortest first, as model inputs with labels.

    Neighbours in length share a batch, so little is padded. A text too long for the model is cut
    at sentence ends and its parts become rows of their own; empty texts are left out.

    Args:
        labels: tag names by index, BIOES or BIO (then E is written I, and S is written B).

    Returns:
        One dict a batch: `input_ids`, `attention_mask`, `labels`, each `(batch, length)` int64;
        `labels` is `IGNORED_LABEL` at [CLS], [SEP], padding and continuation pieces.

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
    return [(sentence.text[s:e], tags[s:e]) for s, e in segments(sentence.text) if e > s]


def _batch(parts: list[tuple[str, list[str]]], tokenizer: CharacterTokenizer, numbers: dict) -> dict[str, Tensor]:
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
