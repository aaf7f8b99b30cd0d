"""Annotated sentences in batches of few shapes, which is what makes a training fast: cut, grouped by width, varied."""

import random
from collections import defaultdict
from collections.abc import Sequence

from utils.text.augmentation import NamePool, swap_entities
from utils.text.entities import Sentence, Span, annotate
from utils.text.segmentation import segments

BUCKETS = (16, 32, 48, 64, 96, 128)
"""Widths of a batch, in positions."""

TOKENS_A_BATCH = 3072
"""Positions of a batch, padding included."""

HALF_WIDTH = {code: code - 0xFEE0 for code in [*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B)]}
"""Full-width digits and Latin letters to ASCII: MSRA writes one, people type the other."""


def group_by_width(texts: Sequence[str]) -> dict[int, list[int]]:
    """Numbers of the texts by the narrowest of `BUCKETS` that holds them."""
    by_width = defaultdict(list)
    for number, text in enumerate(texts):
        by_width[next(width for width in BUCKETS if len(text) + 2 <= width)].append(number)
    return by_width


def draw_epoch(by_width: dict[int, list[int]], rng: random.Random) -> list[tuple[int, list[int]]]:
    """Every text in one batch of its width, in random order; what fills no batch is left out this time."""
    epoch = []
    for width, members in by_width.items():
        rng.shuffle(members)
        size = TOKENS_A_BATCH // width
        full = len(members) - len(members) % size
        epoch += [(width, members[i : i + size]) for i in range(0, full, size)]
    rng.shuffle(epoch)
    return epoch


def varied(sentence: Sentence, names: NamePool, limit: int, rng: random.Random) -> Sentence:
    """A sentence with other names half of the time, in half-width letters half of the time, cut at `limit`."""
    if rng.random() < 0.5:
        sentence = swap_entities(sentence, names, rng)
    if rng.random() < 0.5:
        sentence = annotate(sentence.text.translate(HALF_WIDTH), sentence.spans)
    return sentence if len(sentence.text) <= limit else annotate(sentence.text[:limit], _inside(sentence, limit))


def pieces(sentence: Sentence) -> list[Sentence]:
    """Parts of a sentence that fit the widest bucket; a cut through an entity drops that entity."""
    parts = []
    for start, end in segments(sentence.text, BUCKETS[-1] - 2):
        spans = [Span(s - start, e - start, k) for s, e, k in sentence.spans if start <= s and e <= end]
        parts.append(annotate(sentence.text[start:end], spans))
    return parts


def _inside(sentence: Sentence, limit: int) -> list[Span]:
    return [span for span in sentence.spans if span.end <= limit]
