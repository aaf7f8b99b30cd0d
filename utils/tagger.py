"""From text to entities, whatever does the arithmetic.

A `Tagger` owns the vocabulary, the labels and the CRF scores. Its backend is any callable
`(input_ids, attention_mask) -> emissions` over numpy arrays, int64 in, float32
`(batch, length, tags)` out: torch, ONNX Runtime or another engine.

torch is imported only by the functions that use it: a process that serves another engine does not
pay for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from utils.characters import MAX_CHARACTERS, CharacterTokenizer, segments
from utils.decoding import viterbi
from utils.entities import Entity, spans_from_bio, spans_from_bioes

if TYPE_CHECKING:
    from utils.raner import RanerModel

Backend = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Tagger:
    """Finds entities in texts of any length."""

    def __init__(
        self,
        backend: Backend,
        tokenizer: CharacterTokenizer,
        labels: Sequence[str],
        crf: tuple[np.ndarray, np.ndarray, np.ndarray],
        limit: int = MAX_CHARACTERS,
    ):
        self.backend, self.tokenizer, self.labels, self.crf, self.limit = backend, tokenizer, list(labels), crf, limit
        bioes = any(label[0] in "ES" for label in labels)
        self._spans = spans_from_bioes if bioes else spans_from_bio

    def predict(self, texts: Sequence[str], batch_size: int = 16) -> list[list[Entity]]:
        """Entities of each text, in order of their start, in code points.

        A text over `limit` characters is cut at sentence ends and its parts are tagged apart.
        Parts of similar length share a batch; the answer does not depend on `batch_size`.
        `confidence` is the softmax of the first character's emission, as ModelScope gives it.
        """
        parts = [(i, start, text[start:end]) for i, text in enumerate(texts) for start, end in self._ranges(text)]
        parts.sort(key=lambda part: len(part[2]))
        found: list[list[Entity]] = [[] for _ in texts]
        for first in range(0, len(parts), batch_size):
            batch = parts[first : first + batch_size]
            for (i, offset, _), entities in zip(batch, self._tag([p[2] for p in batch]), strict=True):
                found[i] += [Entity(s + offset, e + offset, k, t, c) for s, e, k, t, c in entities]
        return [sorted(entities, key=lambda entity: entity.start) for entities in found]

    def _ranges(self, text: str) -> Iterator[tuple[int, int]]:
        """Non-empty ranges whose word pieces fit the model, however many a character takes."""
        pending, limit = [(0, len(text))], self.limit
        while pending:
            start, end = pending.pop()
            if end - start <= limit and len(self.tokenizer.encode(text[start:end])[0]) <= self.limit + 2:
                if end > start:
                    yield start, end
                continue
            shorter = limit if end - start > limit else max(1, (end - start) // 2)
            pending += [(start + s, start + e) for s, e in segments(text[start:end], shorter)]

    def _tag(self, texts: list[str]) -> Iterator[Iterator[tuple[int, int, str, str, float]]]:
        encoding = self.tokenizer.batch(texts)
        emissions = self.backend(encoding.input_ids, encoding.attention_mask)
        rows = _front(emissions, encoding.label_mask)
        paths = viterbi(rows, encoding.label_mask.sum(1), *self.crf)
        for text, row, path in zip(texts, rows, paths, strict=True):
            confidence = _softmax(row[: len(path)])
            yield (
                (start, end, kind, text[start:end], float(confidence[start, path[start]]))
                for start, end, kind in self._spans([self.labels[tag] for tag in path])
            )


def _front(rows: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Rows where `mask` is true first, in order, shape unchanged (see `utils.crf.compact`)."""
    return np.take_along_axis(rows, np.argsort(~mask, axis=1, kind="stable")[..., None], axis=1)


def _softmax(rows: np.ndarray) -> np.ndarray:
    odds = np.exp(rows - rows.max(-1, keepdims=True, initial=-np.inf))
    return odds / odds.sum(-1, keepdims=True)


def torch_backend(model: RanerModel) -> Backend:
    """Emissions by torch, without gradients; the model is put in evaluation mode."""
    import torch

    model.eval()

    @torch.inference_mode()
    def emissions(input_ids: np.ndarray, attention_mask: np.ndarray) -> np.ndarray:
        return model(torch.from_numpy(input_ids), torch.from_numpy(attention_mask)).logits.float().numpy()

    return emissions


def torch_tagger(model: RanerModel, tokenizer: CharacterTokenizer) -> Tagger:
    """A tagger on a model in memory."""
    limit = model.config.max_position_embeddings - 2
    return Tagger(torch_backend(model), tokenizer, model.labels, model.crf.scores(), limit)
