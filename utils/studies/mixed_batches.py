"""What the embedded model learns from: annotated sentences and news, in batches that a training can resume."""

import lzma
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from utils.model.raner import IGNORED_LABEL
from utils.studies.fixed_shapes import BUCKETS, draw_epoch, group_by_width, pieces, varied
from utils.studies.lexical_teacher import LexicalTeacher
from utils.tagger.tokenizer import CharacterTokenizer
from utils.text.augmentation import name_pool
from utils.text.entities import Sentence
from utils.text.segmentation import segments
from utils.text.tags import RANER_LABELS, bioes_tags

MASKED = 0.15
"""Share of the characters of a news text that are hidden."""

FORGOTTEN = 0.02
"""Share of the characters of an annotated sentence that become [UNK], so that one strange character is no surprise."""

SHORTEST_NEWS = 12
"""Characters; what is shorter is a caption or the rest of a long sentence."""


@dataclass(frozen=True)
class Mixture:
    """How long, how fast, and what weighs how much.

    Args:
        steps, warm_up, decay: of all, of the rise at the start and of the fall at the end.
        body_rate, head_rate: peak learning rate of the encoder, and of what lies on top of it.
        own_copies: how often our train split is read for each time that MSRA's is.
        news_every, news_until: every n-th batch is news, up to this step; then all are annotated.
        plain: share of the sentences without a name that are read in each pass; they teach least.
        lexical, masked: weights of the losses on news; the tagging loss has weight 1.
        averaging: share of the average that stays at each step.
        pretrained: whether the encoder starts from the base, or from nothing.
    """

    steps: int = 2600
    warm_up: int = 150
    decay: int = 1500
    body_rate: float = 2.5e-4
    head_rate: float = 1.5e-3
    own_copies: int = 6
    news_every: int = 2
    news_until: int = 1000
    plain: float = 0.5
    lexical: float = 0.5
    masked: float = 0.2
    averaging: float = 0.998
    pretrained: bool = True
    seed: int = 1

    def share_of_peak(self, step: int) -> float:
        """Learning rate of a step, from 0, as a share of its peak."""
        return min(1.0, (step + 1) / self.warm_up, (self.steps - step) / self.decay)


class News(NamedTuple):
    """Texts without annotation, and the lexical teacher's tag of each of their characters."""

    texts: list[str]
    tags: list[np.ndarray]


class MixedBatches(Dataset):
    """Item i is the whole i-th batch: drawn, varied and masked by `(seed, i)` alone, so resumable.

    Every batch has `input_ids`, `attention_mask`; annotated ones `labels`, news `lexical` and `masked`. All are
    `(batch, width)` int64, `IGNORED_LABEL` where there is nothing to learn.
    """

    def __init__(self, sentences: Sequence[Sentence], news: News, tokenizer: CharacterTokenizer, mixture: Mixture):
        self.sentences = [piece for sentence in sentences for piece in pieces(sentence) if piece.text]
        self.news, self.tokenizer, self.mixture = news, tokenizer, mixture
        self.names = name_pool(sentences)
        self.plan = self._plan(random.Random(mixture.seed))

    def _plan(self, rng: random.Random) -> list[tuple[bool, int, list[int]]]:
        """Of each step: whether it reads news, its width, and which texts."""
        waiting: dict[bool, list] = {True: [], False: []}
        plan = []
        for step in range(self.mixture.steps):
            of_news = step < self.mixture.news_until and (step + 1) % self.mixture.news_every == 0
            waiting[of_news] = waiting[of_news] or self._pass(of_news, rng)
            plan.append((of_news, *waiting[of_news].pop()))
        return plan

    def _pass(self, of_news: bool, rng: random.Random) -> list[tuple[int, list[int]]]:
        """Batches of one pass over the news, or over the annotated sentences."""
        if of_news:
            return draw_epoch(group_by_width(self.news.texts), rng)
        read = [i for i, s in enumerate(self.sentences) if s.spans or rng.random() < self.mixture.plain]
        by_width = group_by_width([self.sentences[i].text for i in read])
        return draw_epoch({width: [read[i] for i in members] for width, members in by_width.items()}, rng)

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, step: int) -> dict[str, Tensor]:
        of_news, width, members = self.plan[step]
        rng = random.Random(self.mixture.seed * 1_000_003 + step)
        arrays = (self._of_news if of_news else self._annotated)(members, width, rng)
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def _annotated(self, members: list[int], width: int, rng: random.Random) -> dict[str, np.ndarray]:
        chosen = [varied(self.sentences[i], self.names, width - 2, rng) for i in members]
        encoding = self.tokenizer.batch([sentence.text for sentence in chosen], width)
        tags = [[RANER_LABELS.index(tag) for tag in bioes_tags(sentence)] for sentence in chosen]
        draw = np.random.default_rng(rng.getrandbits(32)).random(encoding.label_mask.shape)
        forgotten = (draw < FORGOTTEN) & encoding.label_mask
        ids = np.where(forgotten, self.tokenizer.tokenizer.unk_token_id, encoding.input_ids)
        labels = _placed(tags, encoding.label_mask)
        return {"input_ids": ids, "attention_mask": encoding.attention_mask, "labels": labels}

    def _of_news(self, members: list[int], width: int, rng: random.Random) -> dict[str, np.ndarray]:
        encoding = self.tokenizer.batch([self.news.texts[i] for i in members], width)
        draw = np.random.default_rng(rng.getrandbits(32)).random(encoding.label_mask.shape)
        hidden = (draw < MASKED) & encoding.label_mask
        return {
            "input_ids": np.where(hidden, self.tokenizer.tokenizer.mask_token_id, encoding.input_ids),
            "attention_mask": encoding.attention_mask,
            "lexical": _placed([self.news.tags[i] for i in members], encoding.label_mask),
            "masked": np.where(hidden, encoding.input_ids, IGNORED_LABEL),
        }


def _placed(tags: Sequence[Sequence[int]], mask: np.ndarray) -> np.ndarray:
    """Tags of each text at the positions where `mask` is true."""
    labels = np.full(mask.shape, IGNORED_LABEL)
    labels[mask] = np.concatenate(tags)
    return labels


def read_news(path: Path, characters: int, teacher: LexicalTeacher, seed: int) -> News:
    """As many `characters` of an .xz file with a text a line, lines in random order, cut to fit a batch, and tagged."""
    with lzma.open(path, "rt", encoding="utf-8") as file:
        lines = [line.strip() for line in file]
    random.Random(seed).shuffle(lines)
    texts: list[str] = []
    for line in lines:
        parts = (line[start:end].strip() for start, end in segments(line, BUCKETS[-1] - 2))
        texts += [part for part in parts if len(part) >= SHORTEST_NEWS]
        characters -= len(line)
        if characters <= 0:
            break
    return News(texts, teacher.tags(texts))
