"""Does the accuracy come back? The four cuts of `utils.compress.recipes`, pruned, recovered and tested on any corpus.

Each is held against the fair baseline, the unpruned model with the same training: where that gains too, the gain is
the training's and not the pruning's. The strongest cut has two controls, in which chance says which heads, or which
neurons, go.

    python -m utils.studies.recovery_bars --corpus DIR --out FILE.json

Corpora that take minutes a model are run once, and their file is kept in `data/reference`; of those that would
take hours, `--sentences` and `--test` take a part, equally spaced. An interrupted run goes on where it stopped
when the same command is given again.
"""

import argparse
import json
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from utils.compress.batches import make_batches
from utils.compress.importance.gradients import neuron_importance
from utils.compress.importance.registry import SCORES
from utils.compress.recipes import CUTS, STRONGEST, Cut, at_random, judge, left_after, prune_to
from utils.compress.recovery.distillation import Distillation, distil
from utils.compress.recovery.fine_tuning import fine_tune
from utils.compress.training import Schedule
from utils.files import DATA, RUNS, write_atomically
from utils.measure.evaluation import Evaluation, evaluate
from utils.measure.machine import machine
from utils.measure.verdict import f1_difference
from utils.model.checkpoint import MINI_RANER, load_raner
from utils.model.raner import RanerModel
from utils.model.torch_tagger import torch_tagger
from utils.tagger.tokenizer import CharacterTokenizer
from utils.text.corpus import evenly_spaced, load_corpus
from utils.text.entities import Corpus

STUDY = DATA / "reference" / "recovery-msra.json"
"""What was found on a large public corpus."""

AGAIN = "original, trained again"
"""Stage of the fair baseline: the unpruned model with the same training."""

SCORED_ON = 256
"""Training sentences that heads and neurons are scored on."""


class Trial(NamedTuple):
    """A cut, and which of its parts chance chooses: "heads", "neurons", or none where scores choose both."""

    cut: Cut
    by_chance: str = ""


TRIALS = {name: Trial(cut) for name, cut in CUTS.items()} | {
    f"{STRONGEST}, random {parts}": Trial(CUTS[STRONGEST], parts) for parts in ("heads", "neurons")
}
"""Stage -> what is tried there."""


@dataclass(frozen=True)
class Study:
    """The unpruned model, the corpus, and how long and how fast every recovery trains."""

    model: RanerModel
    tokenizer: CharacterTokenizer
    corpus: Corpus
    folder: Path
    schedule: Schedule

    @property
    def seed(self) -> int:
        return self.schedule.seed

    def evaluate(self, model: RanerModel) -> Evaluation:
        return evaluate(torch_tagger(model, self.tokenizer), self.corpus.test, self.seed)

    def fine_tune(self, model: RanerModel, name: str) -> RanerModel:
        return fine_tune(model, self.tokenizer, self.corpus, self.folder / name, self.schedule)

    @cached_property
    def again(self) -> tuple[Evaluation, float]:
        """The fair baseline, tested, and the seconds of its training; a finished training is not repeated."""
        start = time.monotonic()
        trained = self.fine_tune(self.model, "original-again")
        return self.evaluate(trained), time.monotonic() - start

    @cached_property
    def scores(self) -> tuple[Tensor, Tensor]:
        """Of heads `(layers, heads)` and of neurons `(layers, neurons)`, on the first training sentences."""
        sample = make_batches(self.corpus.train[:SCORED_ON], self.tokenizer, self.model.labels)
        return SCORES["Fisher"](self.model, sample), neuron_importance(self.model, sample)

    def prune(self, trial: Trial) -> RanerModel:
        chosen = zip(("heads", "neurons"), self.scores, strict=True)
        scores = [at_random(found, self.seed) if parts == trial.by_chance else found for parts, found in chosen]
        return prune_to(self.model, *scores, left_after(self.model, trial.cut))


def recover_cut(study: Study, stage: str) -> dict:
    """Prune, distil from the unpruned model, judge against the fair baseline: one row, F1 in points.

    `seconds` are those of the training by the wall, pauses included.
    """
    trial, (baseline, _) = TRIALS[stage], study.again
    pruned, start = study.prune(trial), time.monotonic()
    folder = study.folder / stage.replace(", ", "-").replace(" ", "-")
    lessons = Distillation(study.model, hidden=0)
    recovered = distil(pruned, study.tokenizer, study.corpus, folder, study.schedule, lessons)
    seconds, evaluation = time.monotonic() - start, study.evaluate(recovered)
    bar = judge(trial.cut, study.corpus.test, baseline, evaluation, study.seed)
    return {
        "stage": stage,
        **left_after(study.model, trial.cut)._asdict(),
        "parameters": recovered.num_parameters(),
        "f1_pruned": study.evaluate(pruned).scores.f1,
        "f1_recovered": evaluation.scores.f1,
        "difference": bar.estimate._asdict(),
        "allowed": bar.allowed,
        "verdict": bar.verdict,
        "seconds": seconds,
    }


def train_original(study: Study, original: Evaluation) -> dict:
    """The fair baseline against the untouched original: what training alone is worth."""
    found, seconds = study.again
    difference = f1_difference(study.corpus.test, original.predictions, found.predictions, study.seed)
    row = {"stage": AGAIN, "f1_recovered": found.scores.f1}
    return row | {"difference": difference._asdict(), "seconds": seconds}


def run_study(study: Study, out: Path, command: str) -> dict:
    """The fair baseline and all trials, one row each, written to `out` after every row; rows that are there are kept.

    Raises:
        ValueError: `out` holds the rows of another command.
    """
    original = study.evaluate(study.model)
    header = header_of(study, original, command) | {"baseline": AGAIN}
    jobs = {AGAIN: partial(train_original, study, original)}
    return keep_rows(out, header, jobs | {stage: partial(recover_cut, study, stage) for stage in TRIALS})


def header_of(study: Study, original: Evaluation, command: str) -> dict:
    """What stands above the rows: how, where and on what they were made, and F1 of the unpruned model in points."""
    return {
        "command": command,
        "machine": machine(),
        "sentences": {split: len(sentences) for split, sentences in study.corpus._asdict().items()},
        "original": {"f1": original.scores.f1, "f1_low": original.f1_low, "f1_high": original.f1_high},
    }


def keep_rows(out: Path, header: dict, jobs: dict[str, Callable[[], dict]]) -> dict:
    """`header` and one row a job, named by its `stage`; `out` is written after every row, rows in it are kept.

    Which stage begins, of how many, and the time to the end go to stderr.

    Raises:
        ValueError: `out` holds the rows of another command than the header's, or of one that wrote another header.
    """
    found = header | {"rows": _earlier_rows(out, header)}
    finished, start = {row["stage"] for row in found["rows"]}, time.monotonic()
    open_stages = [stage for stage in jobs if stage not in finished]
    for done, stage in enumerate(open_stages):
        place = f"stage {len(found['rows']) + 1} of {len(jobs)}: {stage}"
        left = time_left(time.monotonic() - start, done, len(open_stages) - done)
        print(f"{place} ({left})", file=sys.stderr, flush=True)
        found["rows"].append(jobs[stage]())
        write_atomically(out, json.dumps(found, indent=2))
    return found


def time_left(seconds: float, done: int, left: int) -> str:
    """In words, how long `left` more stages take, each as long as the mean of the `done` ones that took `seconds`."""
    if not done:
        return "how long the whole takes is known after this one"
    return f"about {math.ceil(seconds / done * left / 60)} min to the end"


def _earlier_rows(out: Path, header: dict) -> list[dict]:
    if not out.is_file():
        return []
    earlier = json.loads(out.read_text("utf-8"))
    rows = earlier.pop("rows")
    if earlier["command"] != header["command"] or earlier.keys() != header.keys():
        reason = f"was made by `{earlier['command']}`, perhaps by older code"
        raise ValueError(f"{out} {reason}: give another file, or delete this one")
    return rows


def command_line() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True, help="directory with train, dev and test")
    parser.add_argument("--out", type=Path, required=True, help="file for the rows, JSON")
    parser.add_argument("--model", type=Path, default=MINI_RANER)
    parser.add_argument("--sentences", type=at_least_one, help="at most so many of train and of dev, equally spaced")
    parser.add_argument("--test", type=at_least_one, help="at most so many of test, equally spaced")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument("--seed", type=int, default=1)
    return parser


def at_least_one(text: str) -> int:
    """A number of sentences, from the command line.

    Raises:
        ValueError: no whole number, or none above 0.
    """
    count = int(text)
    if count < 1:
        raise ValueError(f"{count} sentences: take at least one")
    return count


def part_of(corpus: Corpus, sentences: int | None, test: int | None) -> Corpus:
    """At most `sentences` of train and of dev and `test` of test, each equally spaced; None takes all."""
    most = {"train": sentences, "dev": sentences, "test": test}
    found = corpus._asdict()
    return Corpus(**{split: evenly_spaced(found[split], most[split] or len(found[split])) for split in most})


def command_of(given: argparse.Namespace) -> str:
    """The command as the file records it: every setting, and no folder of this machine."""
    words = {"corpus": given.corpus.name, "out": given.out.name}
    words |= {name: count for name in ("sentences", "test") if (count := getattr(given, name))}
    words |= {"epochs": given.epochs, "learning-rate": f"{given.learning_rate:g}", "seed": given.seed}
    if given.model != MINI_RANER:
        words["model"] = given.model.name
    return " ".join(["python -m utils.studies.recovery_bars", *(f"--{name} {word}" for name, word in words.items())])


def main() -> None:
    given = command_line().parse_args()
    folder = RUNS / "recovery-bars" / given.out.stem
    schedule = Schedule(given.epochs, given.learning_rate, given.seed)
    corpus = part_of(load_corpus(given.corpus), given.sentences, given.test)
    study = Study(*load_raner(given.model), corpus, folder, schedule)
    for row in run_study(study, given.out, command_of(given))["rows"]:
        bar = f", at most {row['allowed']} lost: {row['verdict']}" if "verdict" in row else ""
        print(f"{row['stage']}: {row['difference']['value']:+.2f} points{bar}")


if __name__ == "__main__":
    main()
