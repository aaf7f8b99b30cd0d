"""One run of the course: its settings, its folder of artifacts, its ledger.

A notebook that is opened alone, without a run, works in `runs/lab`.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from utils.files import DATA, RUNS
from utils.measure.ledger import Ledger
from utils.model.checkpoint import MINI_RANER, load_raner
from utils.model.raner import RanerModel
from utils.tagger.tokenizer import CharacterTokenizer
from utils.text.corpus import DEFAULT_CORPUS, evenly_spaced, load_corpus
from utils.text.entities import Corpus, Sentence
from utils.text.formats.bracketed import read_bracketed

TRAINED_ON = (2000, 400)
"""Sentences of train and of dev, at most."""


@dataclass(frozen=True)
class Run:
    """What every notebook of a run shares; `quick` shrinks sizes for tests, never the steps."""

    path: Path
    model_source: str
    corpus_source: str
    seed: int
    quick: bool

    @property
    def artifacts(self) -> Path:
        return self.path / "artifacts"

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger(self.path / "ledger.json")

    @cached_property
    def corpus(self) -> Corpus:
        return load_corpus(self.corpus_source)

    @property
    def test(self) -> list[Sentence]:
        """The sentences that a score is read on: the whole test split, in a quick run the first 60 of it."""
        return self.corpus.test[:60] if self.quick else self.corpus.test

    @cached_property
    def training(self) -> Corpus:
        """As much of the corpus as a training of a minute or two can read; `test` is whole."""
        for_train, for_dev = (128, 32) if self.quick else TRAINED_ON
        train, dev = evenly_spaced(self.corpus.train, for_train), evenly_spaced(self.corpus.dev, for_dev)
        return self.corpus._replace(train=train, dev=dev)

    @cached_property
    def article(self) -> Sentence:
        return read_bracketed(DATA / "article.txt")[0]

    def model(self) -> tuple[RanerModel, CharacterTokenizer]:
        """A fresh copy of the run's original model."""
        return load_raner(self.model_source)

    def artifact(self, name: str, build: Callable[[Path], object]) -> Path:
        """The artifact's path; where an earlier notebook did not leave it, `build(path)` makes it."""
        path = self.artifacts / name
        if not path.exists():
            unfinished = path.with_name(f"{path.name}.unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.parent.mkdir(parents=True, exist_ok=True)
            build(unfinished)
            unfinished.rename(path)
        return path


def open_run(run_dir: str = "", model: str = "", corpus: str = "", seed: int = 1, quick: bool = False) -> Run:
    """The run a notebook's parameters describe; empty strings mean the embedded defaults."""
    return Run(Path(run_dir or RUNS / "lab"), model or str(MINI_RANER), corpus or str(DEFAULT_CORPUS), seed, quick)
