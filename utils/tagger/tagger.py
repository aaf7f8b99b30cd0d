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
from utils.tagger.marginals import path_evidence
from utils.tagger.tokenizer import CharacterTokenizer, check_texts
from utils.tagger.viterbi import viterbi
from utils.text.entities import Entity
from utils.text.segmentation import TextCut, sentence_ranges, whole
from utils.text.tags import span_reader


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
    """

    backend: Backend
    tokenizer: CharacterTokenizer
    labels: Sequence[str]
    crf: tuple[np.ndarray, np.ndarray, np.ndarray]
    limit: int
    cut: TextCut = whole
    batches: BatchPlan = cheapest_batches
    eight_bits: bool = False

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

        `confidence` is the CRF's probability that all characters of the entity have these tags
        (`utils.tagger.marginals`). ModelScope reports another number: the softmax of the emissions.

        Raises:
            TypeError: one text instead of a list of texts.
            ValueError: batches of no text.
        """
        check_texts(texts)
        if batch_size < 1:
            raise ValueError(f"batch_size {batch_size}: a batch holds at least one text")
        parts = [(i, start, text[start:end]) for i, text in enumerate(texts) for start, end in self.ranges(text)]
        parts.sort(key=lambda part: len(part[2]))
        found: list[list[Entity]] = [[] for _ in texts]
        for first, end in self.batches([len(part[2]) for part in parts], batch_size):
            batch = parts[first:end]
            for (i, offset, _), entities in zip(batch, self._tag([p[2] for p in batch]), strict=True):
                found[i] += [Entity(s + offset, e + offset, k, t, c) for s, e, k, t, c in entities]
        return [sorted(entities, key=lambda entity: entity.start) for entities in found]

    def ranges(self, text: str) -> Iterator[tuple[int, int]]:
        """Non-empty ranges whose word pieces fit the model, however many a character takes."""
        return self.tokenizer.ranges_within(text, self.limit, self.cut(text))

    def _tag(self, texts: list[str]) -> Iterator[Iterator[tuple[int, int, str, str, float]]]:
        encoding = self.tokenizer.batch(texts)
        emissions = self.backend(encoding.input_ids, encoding.attention_mask)
        rows = _front(emissions, encoding.label_mask)
        lengths = encoding.label_mask.sum(1)
        paths = viterbi(rows, lengths, *self.crf)
        evidence, spans_of = path_evidence(rows, lengths, *self.crf, paths), span_reader(self.labels)
        for text, path, (opening, closing) in zip(texts, paths, evidence, strict=True):
            yield (
                (start, end, kind, text[start:end], min(1.0, float(np.exp(opening[start] + closing[end - 1]))))
                for start, end, kind in spans_of([self.labels[tag] for tag in path])
            )


def _front(rows: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Rows where `mask` is true first, in order, shape unchanged (see `utils.model.crf.compact`)."""
    return np.take_along_axis(rows, np.argsort(~mask, axis=1, kind="stable")[..., None], axis=1)


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
