"""The pieces of a compression: each is made whole or not at all, so that an interrupted one goes on where it stopped.

Under `accelerate launch` or `torchrun` all processes do the same: they train together, and what is not a training
the first one makes while the others wait. The folder must be one that all of them see.
"""

import copy
import json
import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path

import torch
from accelerate import PartialState

from utils.compress.curves import Epoch, learning_curve
from utils.compress.pruning.remove import prune_vocabulary
from utils.compress.recovery.distillation import Distillation
from utils.measure.run import Run
from utils.model.checkpoint import load_raner, save_raner
from utils.model.raner import RanerModel, piece_limit
from utils.studies.compression.forms import write_forms
from utils.studies.compression.plan import Recipe, Sizes, Target
from utils.studies.pipeline import TAUGHT_HIDDEN, TAUGHT_LAYERS
from utils.tagger.tokenizer import CharacterTokenizer
from utils.text.corpus import evenly_spaced
from utils.text.entities import Corpus, Sentence

LONGEST_WAIT = timedelta(hours=6)
"""For how long a process waits for the first one, which searches and measures alone."""

CURVE = "curve.json"

SENTENCES_A_STEP = 32
"""Of a training, where `POSITIONS` allows as many; to foretell its time."""

POSITIONS = 3072
"""Of a batch at most, padding included: what a model of base size learns from in a few gigabytes."""

CALIBRATED = 64
"""Texts that OpenVINO sees before it quantises."""


@dataclass(frozen=True)
class Work:
    """One compression: what is made smaller, on what, to which target, and the run's folder that its pieces lie in.

    `texts` have no labels; the original answers to them. None of them is a sentence of the corpus's test split.
    """

    run: Run
    model: RanerModel
    tokenizer: CharacterTokenizer
    corpus: Corpus
    texts: tuple[str, ...]
    target: Target
    recipe: Recipe

    @cached_property
    def training(self) -> Corpus:
        """What trainings learn from, and choose an epoch by."""
        train, dev = (
            evenly_spaced(self.corpus.train, self.recipe.train),
            evenly_spaced(self.corpus.dev, self.recipe.dev),
        )
        return self.corpus._replace(train=train, dev=dev)

    @cached_property
    def unlabelled(self) -> list[str]:
        """The texts that trainings read besides."""
        return evenly_spaced(self.texts, self.recipe.texts)

    @cached_property
    def lessons(self) -> Distillation:
        """What the original says to all that is learned from, for every training: it reads each text once."""
        depth = {"hidden": TAUGHT_HIDDEN, "layers": TAUGHT_LAYERS}
        return Distillation(accelerated(self.model), self.unlabelled, positions=POSITIONS, **depth)

    @cached_property
    def known(self) -> list[str]:
        """Texts whose characters stay in the vocabulary: of train, of dev, and without labels; test has no say."""
        return [sentence.text for sentence in (*self.corpus.train, *self.corpus.dev)] + list(self.texts)

    def in_vocabulary(self, model: RanerModel) -> tuple[RanerModel, CharacterTokenizer]:
        """The model with the characters that are `known`, where megabytes are the target; else with all of them.

        A large table is looked up as quickly as a small one, and each character that is gone costs F1 on new texts.
        """
        if self.target.megabytes is None:
            return model, self.tokenizer
        return prune_vocabulary(model, self.tokenizer, self.known)

    @cached_property
    def sizes(self) -> Sizes:
        """Characters that the stages read."""
        splits = self.training.train, self.training.dev, self.scored, self.read_along, self.searched, self.corpus.test
        learned, *others = (sum(len(sentence.text) for sentence in split) for split in splits)
        learned, read = learned + sum(map(len, self.unlabelled)), len(splits[0]) + len(self.unlabelled)
        return Sizes(learned, SENTENCES_A_STEP * learned // read, *others, len(self.run.article.text))

    @cached_property
    def scored(self) -> list[Sentence]:
        """Training sentences that heads and neurons are scored on."""
        return evenly_spaced(self.corpus.train, self.recipe.scored)

    @cached_property
    def read_along(self) -> list[Sentence]:
        """What a cut model and the original read side by side, where the one is mended after the other."""
        texts = [*(sentence.text for sentence in self.training.train), *self.unlabelled]
        return [Sentence(text) for text in evenly_spaced(texts, self.recipe.mended)]

    @cached_property
    def searched(self) -> list[Sentence]:
        """Dev sentences that cuts are tried on."""
        return evenly_spaced(self.corpus.dev, self.recipe.searched)

    def artifact(self, name: str, build: Callable[[Path], object]) -> Path:
        """The path of a piece; where it is not there, the first process builds it, and it appears when it is whole.

        `build` must not ask for another piece.
        """
        if is_first():
            self.run.artifact(name, build)
        processes().wait_for_everyone()
        return self.run.artifacts / name

    def found(self, name: str, find: Callable[[], dict]) -> dict:
        """What `find` found, kept as JSON."""
        path = self.artifact(f"{name}.json", lambda path: path.write_text(json.dumps(find(), indent=1), "utf-8"))
        return json.loads(path.read_text("utf-8"))

    def saved(self, name: str, make: Callable[[], RanerModel]) -> RanerModel:
        """The model that `make` makes."""
        return load_raner(self.artifact(name, lambda path: save_raner(make(), self.tokenizer, path)))[0]

    def trained(self, name: str, train: Callable[[Path], RanerModel]) -> RanerModel:
        """The model that a training leaves, its learning curve beside it; its checkpoints go when it is there.

        Args:
            train: a directory for checkpoints -> the trained model.
        """
        path, checkpoints = self.run.artifacts / name, self.run.artifacts / f"{name}-checkpoints"
        if not self.run.has(name):
            model = train(checkpoints)
            self.artifact(name, lambda path: self._save(model, checkpoints, path))
        if is_first():
            shutil.rmtree(checkpoints, ignore_errors=True)
        return load_raner(path)[0]

    def _save(self, model: RanerModel, checkpoints: Path, path: Path) -> None:
        save_raner(model, self.tokenizer, path)
        (path / CURVE).write_text(json.dumps(learning_curve(checkpoints)), "utf-8")

    def curve(self, name: str) -> list[Epoch]:
        """How the training of that name went; nothing where there was none."""
        path = self.run.artifacts / name / CURVE
        return [Epoch(*point) for point in json.loads(path.read_text("utf-8"))] if path.is_file() else []

    def forms(
        self, name: str, model: RanerModel, tokenizer: CharacterTokenizer, backends: Collection[str]
    ) -> dict[str, Path]:
        """Directories of a model by backend."""
        path = self.artifact(name, lambda path: self.write_forms(model, tokenizer, backends, path))
        return {backend: path / backend for backend in backends}

    def write_forms(
        self, model: RanerModel, tokenizer: CharacterTokenizer, backends: Collection[str], folder: Path
    ) -> None:
        """`forms.write_forms`, ranges of activations found on training sentences that the model reads at once."""
        longest, texts = piece_limit(model.config), [sentence.text for sentence in self.corpus.train]
        short = [text for text in texts if text and sum(map(len, map(tokenizer.pieces, text))) <= longest]
        write_forms(model, tokenizer, backends, folder, evenly_spaced(short, CALIBRATED))


def processes() -> PartialState:
    """The processes that work on this together; one, where nobody launched more."""
    return PartialState(timeout=LONGEST_WAIT)


def is_first() -> bool:
    """Whether this process is the one that writes and speaks."""
    return processes().is_main_process


def accelerated(model: RanerModel) -> RanerModel:
    """The model on this process's GPU; where torch sees none, the model itself."""
    if not torch.cuda.is_available():
        return model
    return copy.deepcopy(model).to(processes().device)
