"""The course's own versions, *compressed* and *compressed-more*: how they are made, and how their cuts were chosen.

Notebook 08 makes them, and any other cut, alike: the weakest heads and neurons go, what is left is reconstructed,
and learns from the original. This command makes a row of cuts, one deeper than the other, and asks of each how many
points it loses against the fair baseline on dev; `utils.compress.recipes.COMPRESSED` holds the cuts that `chosen`
finds in its rows. The dev split of another corpus, where one is named, is asked too and has no say: it shows what
becomes of a cut on other texts than those that it learned from. Test is not looked at.

    python -m utils.studies.own_versions --beside path/or/id
"""

import argparse
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from torch import Tensor

from utils.compress.batches import make_batches
from utils.compress.recipes import COMPRESSED, Cut, left_after, prune_to
from utils.compress.recovery.distillation import Distillation, distil
from utils.compress.recovery.reconstruction import reconstruct
from utils.compress.training import Schedule
from utils.files import DATA, RUNS
from utils.measure.evaluation import Evaluation, evaluate
from utils.measure.machine import machine
from utils.measure.run import Run, open_run
from utils.measure.verdict import f1_difference
from utils.model.checkpoint import load_raner, save_raner
from utils.model.pruned_shape import Size
from utils.model.raner import RanerModel, piece_limit
from utils.model.torch_tagger import torch_tagger
from utils.studies.compression.plan import Recipe, Target
from utils.studies.compression.search import scores
from utils.studies.compression.work import Work
from utils.studies.pipeline import RECOVERY_RATE, TAUGHT_HIDDEN, TAUGHT_LAYERS, TAUGHT_RATE
from utils.studies.recovery_bars import keep_rows
from utils.tagger.tokenizer import CharacterTokenizer
from utils.text.corpus import evenly_spaced, load_corpus
from utils.text.entities import Corpus, Sentence

STUDY = DATA / "reference" / "own-cuts.json"

STEPS, LABELLED, TEXTS, MENDED = (64, 4), (800, 32), (1200, 32), (500, 32)
"""Steps of the optimizer, sentences and texts that are learned from, and texts that a cut is reconstructed on: in
full, and in a quick run."""

SCORED = 128
"""Training sentences that heads and neurons are scored on."""

TRIED = ((0.4, 0.5), (0.5, 0.6), (0.5, 0.67), (0.55, 0.7), (0.6, 0.7), (0.67, 0.75))
"""Shares of heads and of neurons that go, from mild to deep."""

RESERVE = 0.5
"""So much of what is allowed may be lost on dev: the sentences that choose a cut are kind to it."""

BESIDE = 1000
"""Sentences of another corpus's dev split, at most."""


@dataclass(frozen=True)
class School:
    """Everything that a cut model learns with: the original, its scores, and what it says to the run's texts.

    `scores` are of heads `(layers, heads)` and of neurons `(layers, neurons)`.
    """

    run: Run
    original: RanerModel
    tokenizer: CharacterTokenizer
    scores: tuple[Tensor, Tensor]

    @cached_property
    def labelled(self) -> Corpus:
        """What is learned from with labels; dev chooses the best pass."""
        train = evenly_spaced(self.run.training.train, LABELLED[self.run.quick])
        return self.run.training._replace(train=train)

    @cached_property
    def lessons(self) -> Distillation:
        """The original teaches, on the labelled sentences and on plain texts."""
        texts = evenly_spaced(self.run.unlabelled, TEXTS[self.run.quick])
        return Distillation(self.original, texts, hidden=TAUGHT_HIDDEN, layers=TAUGHT_LAYERS)

    def student(self, size: Size) -> RanerModel:
        """The original, cut to a size and reconstructed on plain texts; it has not learned yet."""
        plain = self.lessons.texts or [sentence.text for sentence in self.labelled.train]
        texts = evenly_spaced(plain, MENDED[self.run.quick])
        sentences, limit = [Sentence(text) for text in texts], piece_limit(self.original.config)
        batches = make_batches(sentences, self.tokenizer, self.original.labels, limit=limit)
        return reconstruct(prune_to(self.original, *self.scores, size), self.original, batches)

    def taught(self, name: str, student: RanerModel, rate: float = TAUGHT_RATE) -> RanerModel:
        """The student after its lessons; it is the artifact `mini/{name}-seed{seed}`, made once a run."""
        build = partial(self._save_taught, student, rate)
        return load_raner(self.run.artifact(f"mini/{name}-seed{self.run.seed}", build))[0]

    def fair_baseline(self) -> RanerModel:
        """The original with the same lessons; its teacher is itself."""
        return self.taught("original-again-own", self.original, RECOVERY_RATE)

    def _save_taught(self, student: RanerModel, rate: float, path: Path) -> None:
        checkpoints = path.with_name(f"{path.name}-checkpoints")
        how = Schedule(learning_rate=rate, seed=self.run.seed, steps=STEPS[self.run.quick])
        save_raner(distil(student, self.tokenizer, self.labelled, checkpoints, how, self.lessons), self.tokenizer, path)
        shutil.rmtree(checkpoints)


def chosen(rows: Sequence[Mapping], allowed: float) -> tuple[float, float] | None:
    """Shares of the deepest cut that loses no more than `RESERVE` of what is allowed on dev; None if all do.

    To choose, the point has to do: hardly any cut would be refused by the interval of some hundred sentences. Whether
    the promise holds is for test to say.

    Args:
        rows: of `STUDY`, from mild to deep; each with `heads`, `neurons`, and by corpus the points of the `difference`,
            with the ends of its interval.
    """
    held = [(row["heads"], row["neurons"]) for row in rows if row["difference"]["dev"][0] >= -RESERVE * allowed]
    return held[-1] if held else None


def name_of(heads: float, neurons: float) -> str:
    """What is gone, as a name for files."""
    return f"{100 * heads:.0f}-of-100-heads-{100 * neurons:.0f}-of-100-neurons-gone"


def try_cut(
    school: School, asked: Mapping[str, Sequence[Sentence]], fair: Mapping[str, Evaluation], gone: tuple[float, float]
) -> dict:
    """One row: F1 of a cut minus the fair baseline's on each of these lists of sentences, in points.

    Args:
        gone: shares of heads and of neurons.
    """
    name = name_of(*gone)
    model = school.taught(name, school.student(left_after(school.original, Cut(*gone, allowed=0.0))))
    found = {
        where: f1_difference(sentences, fair[where].predictions, _read(school, model, sentences).predictions)
        for where, sentences in asked.items()
    }
    return {
        "stage": name,
        "heads": gone[0],
        "neurons": gone[1],
        "difference": {where: [round(points, 2) for points in estimate] for where, estimate in found.items()},
    }


def _read(school: School, model: RanerModel, sentences: Sequence[Sentence]) -> Evaluation:
    return evaluate(torch_tagger(model, school.tokenizer), sentences, school.run.seed)


def measure(school: School, beside: Sequence[Sentence], out: Path, command: str) -> dict:
    """A row for each of `TRIED`, written to `out` after every row; rows that are there are kept.

    Raises:
        ValueError: `out` holds the rows of another command.
    """
    asked = {"dev": school.run.corpus.dev} | ({"beside": beside} if beside else {})
    again = school.fair_baseline()
    fair = {where: _read(school, again, sentences) for where, sentences in asked.items()}
    counts = {where: len(sentences) for where, sentences in asked.items()}
    header = {"command": command, "machine": machine(), "steps": STEPS[False], "sentences": counts}
    jobs = {name_of(*gone): partial(try_cut, school, asked, fair, gone) for gone in TRIED}
    return keep_rows(out, header, jobs)


def school_of(run: Run) -> School:
    """The run's own model and texts, heads and neurons scored as notebook 08 does."""
    original, tokenizer = run.model()
    work = Work(run, original, tokenizer, run.corpus, (), Target(speedup=8.0), Recipe(scored=SCORED))
    return School(run, original, tokenizer, scores(work, "scores", original))


def command_line() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--beside", default="", help="another corpus, whose dev split is asked too: a path or an id")
    parser.add_argument(
        "--out", type=Path, default=STUDY, help="file for the rows, JSON (data/reference/own-cuts.json)"
    )
    return parser


def main() -> None:
    given = command_line().parse_args()
    beside = evenly_spaced(load_corpus(given.beside).dev, BESIDE) if given.beside else []
    name = Path(given.beside).name
    command = "python -m utils.studies.own_versions" + (f" --beside {name}" if name else "")
    school = school_of(open_run(str(RUNS / "own-versions")))
    rows = measure(school, beside, given.out, command)["rows"]
    for row in rows:
        print(f"{row['stage']}: {row['difference']}")
    for name, cut in COMPRESSED.items():
        print(f"{name} may lose {cut.allowed:g} points; the deepest cut that does: {chosen(rows, cut.allowed)}")


if __name__ == "__main__":
    main()
