"""From text to entities, whatever does the arithmetic.

A `Tagger` owns the vocabulary, the labels and the CRF scores. Its backend is any callable
`(input_ids, attention_mask) -> emissions` over numpy arrays, int64 in, float32
`(batch, length, tags)` out: torch, ONNX Runtime or another engine. Everything here is numpy, so a
process that serves another engine than torch does not load torch.

How it reads is part of a tagger, too: `cut` says which parts of a text are read apart, `batches` which
parts share a batch. `by_sentence` and `packed` make a new tagger that reads otherwise.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence

import numpy as np

from utils.tagger.batching import (
    USUAL,
    Backend,
    BatchPlan,
    Reading,
    cheapest_batches,
    even_batches,
    packing_backend,
)
from utils.tagger.decoding import Decoder, Tagged, join_parts, parts_of
from utils.tagger.tokenizer import CharacterTokenizer, check_texts
from utils.text.entities import Entity
from utils.text.segmentation import TextCut, sentence_ranges, whole


@dataclasses.dataclass(frozen=True, eq=False)
class Tagger:
    """Finds entities in texts of any length.

    Args:
        backend: input ids and attention mask, both `(batch, length)` int64, to emissions
            `(batch, length, tags)` float32.
        labels: the tags by number, in any scheme of `utils.text.tags`.
        crf: start `(tags,)`, transition `(tags, tags)` and end `(tags,)` scores, in nats.
        limit: word pieces that the model reads at once, [CLS] and [SEP] not counted.
        cut: a text to the ranges of it that are read apart.
        batches: the sorted lengths of those parts, and how many a batch may hold, to one range a batch.
        eight_bits: whether activations are rounded to eight bits; who shares a batch may then change an answer.
        temperature: above 0; what confidences are computed at (`utils.tagger.decoding`). Entities do not depend on it.

    Raises:
        ValueError: a temperature that is not above 0, or not finite.
    """

    backend: Backend
    tokenizer: CharacterTokenizer
    labels: Sequence[str]
    crf: tuple[np.ndarray, np.ndarray, np.ndarray]
    limit: int
    cut: TextCut = whole
    batches: BatchPlan = cheapest_batches
    eight_bits: bool = False
    temperature: float = 1.0

    def __post_init__(self):
        if not 0 < self.temperature < math.inf:
            raise ValueError(f"temperature {self.temperature}: a number above 0 is wanted")

    @property
    def reading(self) -> Reading:
        """How the tagger reads a text."""
        if self.cut is whole:
            return "whole"
        return "packed" if self.batches is even_batches else "by sentence"

    def predict(self, texts: Sequence[str], batch_size: int = USUAL) -> list[list[Entity]]:
        """Entities of each text, in order of their start, in code points.

        A text over `limit` characters is cut at sentence ends and its parts are tagged apart.
        Parts of similar length share a batch of at most `batch_size`. In float32 the answer does not
        depend on who shares a batch, but for rounding; an INT8 engine that scales activations by the
        whole batch may answer otherwise.

        `confidence` is the CRF's probability, at the tagger's temperature, that all characters of the entity have
        these tags (`utils.tagger.marginals`). ModelScope reports another number: the softmax of the emissions.

        Raises:
            TypeError: one text instead of a list of texts.
            ValueError: batches of no text.
        """
        return [found.entities for found in self.tag(texts, batch_size)]

    def tag(self, texts: Sequence[str], batch_size: int = USUAL) -> list[Tagged]:
        """`predict`, with the probability of each text's least certain piece; a cascade asks for it."""
        check_texts(texts)
        if batch_size < 1:
            raise ValueError(f"batch_size {batch_size}: a batch holds at least one text")
        parts = sorted(parts_of(texts, self.ranges), key=lambda part: len(part.characters))
        found: list[Tagged] = []
        for first, end in self.batches([len(part.characters) for part in parts], batch_size):
            found += self._tag([part.characters for part in parts[first:end]])
        return join_parts(len(texts), parts, found)

    def ranges(self, text: str) -> Iterator[tuple[int, int]]:
        """Non-empty ranges whose word pieces fit the model, however many a character takes."""
        return self.tokenizer.ranges_within(text, self.limit, self.cut(text))

    def _tag(self, texts: list[str]) -> list[Tagged]:
        encoding = self.tokenizer.batch(texts)
        emissions = self.backend(encoding.input_ids, encoding.attention_mask)
        return Decoder(self.labels, self.crf, self.temperature).decode(texts, emissions, encoding.label_mask)


def by_sentence(tagger: Tagger) -> Tagger:
    """The same tagger, but the sentences of a text are read apart, several in one batch.

    Attention compares every character with every other one of its row, so short rows are less work
    than a long one. What it costs is context: no sentence knows of its neighbours. Offsets are those
    of the whole text, in code points.
    """
    return dataclasses.replace(tagger, cut=sentence_ranges)


def packed(tagger: Tagger) -> Tagger:
    """The same tagger, reading the sentences of all texts apart and packed into rows.

    Only for backends that run a graph of `utils.engines.onnx_export`: others take any number but 0 for 1.
    """
    return dataclasses.replace(by_sentence(tagger), backend=packing_backend(tagger.backend), batches=even_batches)


def emissions_of(tagger: Tagger, text: str) -> np.ndarray:
    """`(characters, tags)` float32: what the network says about each character before the CRF decides.

    A text that the model cannot read at once is cut as in `Tagger.predict`.
    """
    parts = [tagger.tokenizer.batch([text[start:end]]) for start, end in sorted(tagger.ranges(text))]
    rows = [tagger.backend(part.input_ids, part.attention_mask)[part.label_mask] for part in parts]
    return np.concatenate([np.empty((0, len(tagger.labels)), np.float32), *rows])
