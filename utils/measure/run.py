"""One run of the course: its settings, its folder of artifacts, its ledger.

A notebook that is opened alone, without a run, works in `runs/lab`.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from utils.files import DATA, RUNS, locked
from utils.measure.artifacts import code_digest, is_made, make, remove_leftovers, source_digest
from utils.measure.latency import Rounds
from utils.measure.ledger import Ledger
from utils.model.checkpoint import MINI_RANER, load_raner
from utils.model.raner import RanerModel
from utils.tagger.tokenizer import CharacterTokenizer
from utils.text.corpus import DEFAULT_CORPUS, evenly_spaced, load_corpus, load_unlabelled
from utils.text.entities import Corpus, Sentence
from utils.text.formats.bracketed import read_bracketed

TRAINED_ON = (2000, 400)
"""Sentences of train and of dev, at most."""

LONGEST_BUILD = 3600
"""Seconds to wait for another process that builds the same artifact: longer than the longest training."""


@dataclass(frozen=True)
class Run:
    """What every notebook of a run shares.

    `quick` shrinks sizes for tests, never the steps. `slow_rounds` are the most rounds of a measurement that
    takes long (`utils.measure.latency.Rounds`), for tests that look at what notebooks answer, not at how fast.
    """

    path: Path
    model_source: str
    corpus_source: str
    seed: int
    quick: bool
    slow_rounds: int | None = None

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
    def unlabelled(self) -> list[str]:
        """Texts beside the corpus that a teacher may read to a student; none of them is a sentence of `corpus.test`."""
        tested = {sentence.text for sentence in self.corpus.test}
        texts = [text for text in load_unlabelled(self.corpus_source) if text not in tested]
        return texts[:64] if self.quick else texts

    @cached_property
    def article(self) -> Sentence:
        return read_bracketed(DATA / "article.txt")[0]

    def model(self) -> tuple[RanerModel, CharacterTokenizer]:
        """A fresh copy of the run's original model."""
        return load_raner(self.model_source)

    def rounds(self, usual: int) -> Rounds:
        """So many rounds of a measurement in turns, or what the run allows where they take long."""
        return Rounds(usual, self.slow_rounds)

    @cached_property
    def identity(self) -> dict[str, object]:
        """What all artifacts of the run are made of: digests of model, corpus and code, the seed and the sizes."""
        return {
            "model": source_digest(self.model_source),
            "corpus": source_digest(self.corpus_source),
            "seed": self.seed,
            "quick": self.quick,
            "code": code_digest(),
        }

    def artifact(self, name: str, build: Callable[[Path], object], recipe: object = "") -> Path:
        """The artifact's path; where no notebook left it before, `build(path)` makes it, in one process only.

        One of that name that another model, corpus, seed, size, recipe or version of the code made is not handed
        out: it is made again, in its place.

        Args:
            recipe: what besides the run decides how it is made; its `str` is compared.

        Raises:
            LockedError: another process has been building it for more than `LONGEST_BUILD` seconds.
        """
        path, identity = self.artifacts / name, self.identity | {"recipe": str(recipe)}
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(path, LONGEST_BUILD):
            if not is_made(path, identity):
                make(path, identity, build)
        return path

    def has(self, name: str, recipe: object = "") -> bool:
        """Whether `artifact` would hand out what is there, and build nothing."""
        return is_made(self.artifacts / name, self.identity | {"recipe": str(recipe)})


def open_run(run_dir: str = "", model: str = "", corpus: str = "", seed: int = 1, quick: bool = False) -> Run:
    """The run a notebook's parameters describe; empty strings mean the embedded defaults. What dead processes left
    unfinished in its folder goes.

    Notebooks are started by others, with nothing but their parameters. So this is where the environment is read:
    `COURSE_REPEATS` becomes `Run.slow_rounds`.
    """
    slow_rounds = int(os.environ.get("COURSE_REPEATS", 0)) or None
    folder = Path(run_dir or RUNS / "lab")
    remove_leftovers(folder / "artifacts")
    return Run(folder, model or str(MINI_RANER), corpus or str(DEFAULT_CORPUS), seed, quick, slow_rounds)
