"""How long, on how much, and by which chance? One deep cut recovered again and again, each time with several seeds.

A notebook has time for one training of a kind. Here every budget of steps and every amount of data has its
seeds: another seed draws other training sentences, and another order.

    python -m utils.studies.recovery_seeds

An interrupted run goes on where it stopped when the same command is given again.
"""

import argparse
import json
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.stats import t

from utils.compress.batches import make_batches
from utils.compress.importance.gradients import michel_per_example, neuron_importance
from utils.compress.recipes import left_after, prune_to
from utils.compress.recovery.distillation import Distillation, distil
from utils.compress.recovery.fine_tuning import fine_tune
from utils.compress.training import Schedule
from utils.files import DATA
from utils.measure.bands import SPREAD
from utils.measure.evaluation import evaluate
from utils.measure.machine import machine
from utils.measure.run import open_run
from utils.measure.verdict import Estimate
from utils.model.raner import RanerModel
from utils.model.torch_tagger import torch_tagger
from utils.studies.recovery_bars import keep_rows
from utils.studies.recovery_race import BRUTAL, run_recovery
from utils.tagger.tokenizer import CharacterTokenizer
from utils.text.corpus import evenly_spaced
from utils.text.entities import Corpus

STUDY = DATA / "reference" / "recovery-seeds.json"
"""What was found on the embedded corpus."""

METHODS = ("fine-tuning", "distillation")

STEPS, SENTENCES = (10, 30, 90), (30, 100, 320, 1000)
"""Budgets that are tried with `USUAL_SENTENCES`, and amounts of data that are tried with `USUAL_STEPS`."""

USUAL_STEPS, USUAL_SENTENCES = 30, 320
"""As in notebook 05."""

SCORED_ON, DEV = 128, 100
"""Sentences of train that heads are scored on, and of dev that choose the epoch, as in notebook 05."""


class Trial(NamedTuple):
    """One training."""

    method: str
    steps: int
    sentences: int
    seed: int

    @property
    def stage(self) -> str:
        return f"{self.method}, {self.steps} steps, {self.sentences} sentences, seed {self.seed}"


class Lesson(NamedTuple):
    """Who is taught, by whom, on what."""

    pruned: RanerModel
    original: RanerModel
    tokenizer: CharacterTokenizer
    corpus: Corpus

    def f1(self, model: RanerModel) -> float:
        """On test, in points."""
        return evaluate(torch_tagger(model, self.tokenizer), self.corpus.test).scores.f1


def trials(seeds: Sequence[int]) -> list[Trial]:
    """Both methods with every budget, fine-tuning with every amount of data; what is in both is tried once."""
    budgets = [(method, steps, USUAL_SENTENCES) for method in METHODS for steps in STEPS]
    amounts = [("fine-tuning", USUAL_STEPS, sentences) for sentences in SENTENCES]
    return [Trial(*asked, seed) for asked in dict.fromkeys([*budgets, *amounts]) for seed in seeds]


def cut_brutally(model: RanerModel, tokenizer: CharacterTokenizer, corpus: Corpus) -> RanerModel:
    """The model after `recovery_race.BRUTAL`. No seed enters."""
    sample = make_batches(corpus.train[:SCORED_ON], tokenizer, model.labels)
    scores = michel_per_example(model, sample), neuron_importance(model, sample)
    return prune_to(model, *scores, left_after(model, BRUTAL))


def try_one(lesson: Lesson, trial: Trial) -> dict:
    """One row: F1 on test in points, and the seconds of the training."""
    order = np.random.default_rng(trial.seed).permutation(len(lesson.corpus.train))
    train = [lesson.corpus.train[i] for i in order[: trial.sentences]]
    corpus, schedule = lesson.corpus._replace(train=train), Schedule(seed=trial.seed, steps=trial.steps)
    method = _method(trial.method, lesson.original)
    found = run_recovery(method, lesson.pruned, lesson.tokenizer, corpus, schedule)
    f1, seconds = lesson.f1(found.model), found.seconds
    return {"stage": trial.stage} | trial._asdict() | {"f1": round(f1, 3), "seconds": round(seconds, 1)}


def _method(name: str, teacher: RanerModel) -> Callable[..., RanerModel]:
    taught = partial(distil, distillation=Distillation(teacher, hidden=0))
    return {"fine-tuning": fine_tune, "distillation": taught}[name]


def measure(lesson: Lesson, seeds: Sequence[int], out: Path, command: str) -> dict:
    """All trials, one row each, written to `out` after every row; rows that are there are kept.

    Raises:
        ValueError: `out` holds the rows of another command.
    """
    header = {"command": command, "machine": machine()}
    header |= {"original": round(lesson.f1(lesson.original), 3), "cut": round(lesson.f1(lesson.pruned), 3)}
    return keep_rows(out, header, {trial.stage: partial(try_one, lesson, trial) for trial in trials(seeds)})


def read_rows(path: Path = STUDY) -> list[dict]:
    """The rows of the stored study; none where it has not been made yet."""
    return json.loads(path.read_text("utf-8"))["rows"] if path.is_file() else []


def curves(rows: Sequence[Mapping], by: str) -> dict[str, dict[int, list[float]]]:
    """Method -> steps or sentences -> F1 of every seed, in points; the other of the two at its usual value.

    Args:
        by: "steps" or "sentences".
    """
    other, usual = {"steps": ("sentences", USUAL_SENTENCES), "sentences": ("steps", USUAL_STEPS)}[by]
    found: dict[str, dict[int, list[float]]] = {}
    for row in sorted((row for row in rows if row[other] == usual), key=lambda row: row[by]):
        found.setdefault(row["method"], {}).setdefault(row[by], []).append(row["f1"])
    return {method: curve for method, curve in found.items() if len(curve) > 1}


def distillation_ahead(rows: Sequence[Mapping]) -> dict[int, Estimate]:
    """Steps -> F1 of distillation minus F1 of fine-tuning with the same seed; the interval is over seeds, in points."""
    usual = [row for row in rows if row["sentences"] == USUAL_SENTENCES]
    taught = {(row["steps"], row["seed"]): row["f1"] for row in usual if row["method"] == "distillation"}
    gaps: dict[int, list[float]] = {}
    for row in (row for row in usual if row["method"] == "fine-tuning"):
        if (key := (row["steps"], row["seed"])) in taught:
            gaps.setdefault(row["steps"], []).append(taught[key] - row["f1"])
    return {steps: mean_estimate(found) for steps, found in gaps.items()}


def mean_estimate(samples: Sequence[float]) -> Estimate:
    """The mean, and its 95 % interval by Student's t: wide for few samples, as it should be.

    Raises:
        ValueError: fewer than two samples have no interval.
    """
    if len(samples) < 2:
        raise ValueError(f"{len(samples)} samples: an interval takes two")
    mean = statistics.fmean(samples)
    half = t.ppf(0.975, len(samples) - 1) * statistics.stdev(samples) / math.sqrt(len(samples))
    return Estimate(mean, mean - half, mean + half)


def seeds_of_cuts(path: Path = SPREAD) -> dict[str, list[float]]:
    """Cut -> F1 on test, in points, of its recoveries with several seeds, from `utils.studies.seed_spread`."""
    found: dict[str, list[float]] = {}
    for row in json.loads(path.read_text("utf-8"))["rows"]:
        found.setdefault(row["cut"], []).append(row["fp32"]["f1"])
    return found


def command_line() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument(
        "--out", type=Path, default=STUDY, help=f"file for the rows, JSON (data/reference/{STUDY.name})"
    )
    return parser


def command_of(given: argparse.Namespace) -> str:
    """The command as the file records it."""
    return f"python -m utils.studies.recovery_seeds --seeds {' '.join(map(str, given.seeds))}"


def main() -> None:
    given, run = command_line().parse_args(), open_run(seed=0)
    model, tokenizer = run.model()
    corpus = run.training._replace(dev=evenly_spaced(run.training.dev, DEV), test=run.test)
    lesson = Lesson(cut_brutally(model, tokenizer, corpus), model, tokenizer, corpus)
    for row in measure(lesson, given.seeds, given.out, command_of(given))["rows"]:
        print(f"{row['stage']}: F1 {row['f1']:.2f}")


if __name__ == "__main__":
    main()
