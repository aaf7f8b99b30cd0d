"""From the emissions of a batch to the entities of its texts, and how sure the CRF is of each of them, and of all.

The path is the best one, whatever the temperature. A temperature T changes what is said about it: all scores of the
field, emissions and moves, are divided by T before the probabilities are summed, so a sequence that had probability p
has one proportional to p ** (1 / T). At T = 1 nothing changes, above 1 the field is less sure of itself (Guo et al.
2017, "On Calibration of Modern Neural Networks", section 4.2, where T divides the logits of a softmax).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from utils.tagger.marginals import PathEvidence, path_evidence
from utils.tagger.viterbi import viterbi
from utils.text.entities import Entity, Span
from utils.text.tags import span_reader


class Tagged(NamedTuple):
    """Entities of a text in order of their start, and the probability of the least certain piece of its tags (0 to 1).

    A piece is one character's tag, or all tags of one entity. A text without characters is certain.
    """

    entities: list[Entity]
    certainty: float


class Decoder(NamedTuple):
    """Tags by number, the CRF's start, transition and end scores in nats, and the temperature of its confidence."""

    labels: Sequence[str]
    crf: tuple[np.ndarray, np.ndarray, np.ndarray]
    temperature: float = 1.0

    def decode(self, texts: Sequence[str], emissions: np.ndarray, label_mask: np.ndarray) -> list[Tagged]:
        """Entities of each text by the best path.

        Args:
            emissions: `(batch, length, tags)`.
            label_mask: `(batch, length)` bool, true at the first piece of each character.
        """
        rows, lengths = to_front(emissions, label_mask), label_mask.sum(1)
        paths = viterbi(rows, lengths, *self.crf)
        cooler = [scores / self.temperature for scores in (rows, *self.crf)]
        evidence = path_evidence(cooler[0], lengths, *cooler[1:], paths)
        spans_of = span_reader(self.labels)
        spans = [spans_of([self.labels[tag] for tag in path]) for path in paths]
        return [_tagged(*parts) for parts in zip(texts, spans, evidence, strict=True)]


def _tagged(text: str, spans: Sequence[Span], evidence: PathEvidence) -> Tagged:
    entities = [Entity(s, e, kind, text[s:e], _probability(evidence, s, e)) for s, e, kind in spans]
    least = float(np.exp((evidence.opening + evidence.closing).min(initial=0)))
    return Tagged(entities, min([least, *(entity.confidence for entity in entities)]))


def _probability(evidence: PathEvidence, start: int, end: int) -> float:
    return min(1.0, float(np.exp(evidence.opening[start] + evidence.closing[end - 1])))


def to_front(rows: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Rows where `mask` is true first, in order, shape unchanged (see `utils.model.crf.compact`)."""
    return np.take_along_axis(rows, np.argsort(~mask, axis=1, kind="stable")[..., None], axis=1)


class Part(NamedTuple):
    """A piece of a text that is read by itself: number of the text, first character there, the characters."""

    text: int
    start: int
    characters: str


def parts_of(texts: Sequence[str], ranges: Callable[[str], Iterable[tuple[int, int]]]) -> list[Part]:
    """Every text in the parts that `ranges` cuts it into, as `Tagger.ranges` does."""
    return [Part(i, start, text[start:end]) for i, text in enumerate(texts) for start, end in ranges(text)]


def join_parts(count: int, parts: Sequence[Part], tagged: Sequence[Tagged]) -> list[Tagged]:
    """What was said about parts of `count` texts, as said about the texts: offsets moved, the least certainty kept."""
    entities, least = [[] for _ in range(count)], [1.0] * count
    for part, found in zip(parts, tagged, strict=True):
        entities[part.text] += _moved(found.entities, part.start)
        least[part.text] = min(least[part.text], found.certainty)
    return [Tagged(sorted(e, key=lambda entity: entity.start), one) for e, one in zip(entities, least, strict=True)]


def _moved(entities: Sequence[Entity], by: int) -> Iterator[Entity]:
    return (Entity(e.start + by, e.end + by, e.type, e.text, e.confidence) for e in entities)
