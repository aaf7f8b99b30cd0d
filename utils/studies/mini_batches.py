"""What mini-RaNER learns from: its vocabulary, and batches that any interrupted training can go on with."""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from utils.model.raner import IGNORED_LABEL
from utils.text.augmentation import NamePool, name_pool, swap_entities
from utils.text.entities import Sentence, Span, annotate
from utils.text.segmentation import segments
from utils.text.tags import RANER_LABELS, bioes_tags

SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")

BUCKETS = (16, 32, 48, 64, 96, 128)
"""Widths of a batch, in positions."""

TOKENS_A_BATCH = 3072
"""Positions of a batch, padding included."""

HALF_WIDTH = {code: code - 0xFEE0 for code in [*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B)]}
"""Full-width digits and Latin letters to ASCII: MSRA writes one, people type the other."""


@dataclass(frozen=True)
class Stage:
    """One depth of the growing model; `own_copies` says how often our train split is repeated."""

    layers: int
    steps: int
    learning_rate: float
    warmup: int
    schedule: str
    mlm_weight: float
    own_copies: int


def build_vocabulary(texts: list[str]) -> list[str]:
    """Specials, ASCII, the common characters of GB 2312 (rows 1-9, 16-55), and all that the texts hold."""
    rows = [*range(0xA1, 0xAA), *range(0xB0, 0xD8)]
    codes = [bytes((row, cell)).decode("gb2312", "ignore") for row in rows for cell in range(0xA1, 0xFF)]
    common = {c for c in [*map(chr, range(33, 127)), *codes, *"—…“”‘’·㎡℃"] if c.strip()}
    used = {c for text in texts for c in set(text.lower()) if c.isprintable() and c.strip()}
    return [*SPECIALS, *sorted({c.lower() for c in common | used if len(c.lower()) == 1})]


class TrainingBatches(Dataset):
    """Item i is the whole i-th batch: drawn, augmented and masked by `(seed, i)` alone, so resumable."""

    def __init__(self, sentences, unlabelled, tokenizer, stage: Stage, seed: int):
        self.sentences = [p for s in sentences for p in pieces(s)]
        self.labelled = len(self.sentences)
        if stage.mlm_weight:
            self.sentences += [p for text in unlabelled for p in pieces(Sentence(text))]
        self.tokenizer, self.stage, self.seed = tokenizer, stage, seed
        self.names = name_pool(sentences)
        self.plan = self._plan(random.Random(seed))

    def _plan(self, rng: random.Random) -> list[tuple[int, list[int]]]:
        by_width, plan = group_by_width([sentence.text for sentence in self.sentences]), []
        while len(plan) < self.stage.steps:
            plan += draw_epoch(by_width, rng)
        return plan[: self.stage.steps]

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, step: int) -> dict[str, Tensor]:
        rng = random.Random(self.seed * 1_000_003 + step)
        width, members = self.plan[step]
        chosen = [varied(self.sentences[i], self.names, width - 2, rng) for i in members]
        encoding = self.tokenizer.batch([s.text for s in chosen], width)
        labels = np.full(encoding.input_ids.shape, IGNORED_LABEL)
        for row, (index, sentence) in enumerate(zip(members, chosen, strict=True)):
            if index < self.labelled:
                labels[row, encoding.label_mask[row]] = [RANER_LABELS.index(tag) for tag in bioes_tags(sentence)]
        return self._mask(encoding, labels, np.random.default_rng(rng.getrandbits(32)))

    def _mask(self, encoding, labels: np.ndarray, rng: np.random.Generator) -> dict[str, Tensor]:
        vocabulary = self.tokenizer.tokenizer
        draw = rng.random(labels.shape)
        hidden = (draw < 0.15) & encoding.label_mask if self.stage.mlm_weight else np.zeros(labels.shape, bool)
        dropped = (draw > 0.97) & encoding.label_mask
        ids = np.where(dropped, vocabulary.unk_token_id, encoding.input_ids)
        ids = np.where(hidden, vocabulary.mask_token_id, ids)
        targets = np.where(hidden, encoding.input_ids, IGNORED_LABEL)
        arrays = {"input_ids": ids, "attention_mask": encoding.attention_mask, "labels": labels, "targets": targets}
        return {name: torch.from_numpy(array) for name, array in arrays.items()}


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
