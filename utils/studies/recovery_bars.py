"""Does the accuracy come back? The four cuts of `utils.compress.recipes`, pruned, recovered and tested on any corpus.

Beside them stands the unpruned model with the same training: where it gains too, the gain is the
training's and not the pruning's.

    python -m utils.studies.recovery_bars --corpus DIR --out FILE.json

Corpora that take minutes a model are run once, and their file is kept in `data/reference`. An
interrupted run goes on where it stopped when the same command is given again.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from utils.compress.batches import make_batches
from utils.compress.importance.gradients import neuron_importance
from utils.compress.importance.registry import SCORES
from utils.compress.recipes import CUTS, judge, left_after, prune_to
from utils.compress.recovery.distillation import Distillation, distil
from utils.compress.recovery.fine_tuning import fine_tune
from utils.compress.training import Schedule
from utils.files import DATA, RUNS, write_atomically
from utils.measure.bootstrap import paired_bootstrap
from utils.measure.evaluation import Evaluation, evaluate
from utils.measure.machine import machine
from utils.model.checkpoint import MINI_RANER, load_raner
from utils.model.raner import RanerModel
from utils.model.torch_tagger import torch_tagger
from utils.tagger.tokenizer import CharacterTokenizer
from utils.text.corpus import load_corpus
from utils.text.entities import Corpus

STUDY = DATA / "reference" / "recovery-msra.json"
"""What was found on a large public corpus."""

AGAIN = "original, trained again"
"""Stage of the unpruned model with the same training."""

SCORED_ON = 256
"""Training sentences that heads and neurons are scored on."""


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


def recover_cut(study: Study, name: str, original: Evaluation) -> dict:
    """Prune, distil from the unpruned model, judge: one row, F1 in points; `seconds` by the wall, pauses included."""
    sample = make_batches(study.corpus.train[:SCORED_ON], study.tokenizer, study.model.labels)
    scores = SCORES["Fisher"](study.model, sample), neuron_importance(study.model, sample)
    target = left_after(study.model, CUTS[name])
    pruned, start = prune_to(study.model, *scores, target), time.monotonic()
    lessons = Distillation(study.model, hidden=0)
    recovered = distil(pruned, study.tokenizer, study.corpus, study.folder / name, study.schedule, lessons)
    seconds, evaluation = time.monotonic() - start, study.evaluate(recovered)
    verdict = judge(CUTS[name], study.corpus.test, original, evaluation, study.seed)
    return {
        "stage": name,
        "heads": target.heads,
        "neurons": target.neurons,
        "parameters": recovered.num_parameters(),
        "f1_pruned": study.evaluate(pruned).scores.f1,
        "f1_recovered": evaluation.scores.f1,
        "difference": verdict.difference._asdict(),
        "allowed": verdict.allowed,
        "holds": verdict.holds,
        "seconds": seconds,
    }


def train_original(study: Study, original: Evaluation) -> dict:
    """The unpruned model, trained on as long: what training alone is worth."""
    start = time.monotonic()
    trained = study.fine_tune(study.model, "original-again")
    seconds, evaluation = time.monotonic() - start, study.evaluate(trained)
    difference = paired_bootstrap(study.corpus.test, original.predictions, evaluation.predictions, study.seed)
    row = {"stage": AGAIN, "f1_recovered": evaluation.scores.f1}
    return row | {"difference": difference._asdict(), "seconds": seconds}


def run_study(study: Study, out: Path, command: str) -> dict:
    """All cuts, one row each, written to `out` after every row; rows that are there are kept.

    Raises:
        ValueError: `out` holds the rows of another command.
    """
    original = study.evaluate(study.model)
    header = header_of(study, original, command)
    jobs = {name: partial(recover_cut, study, name, original) for name in CUTS}
    return keep_rows(out, header, jobs | {AGAIN: partial(train_original, study, original)})


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

    Raises:
        ValueError: `out` holds the rows of another command than the header's.
    """
    found = header | {"rows": _earlier_rows(out, header["command"])}
    finished = {row["stage"] for row in found["rows"]}
    for job in (job for stage, job in jobs.items() if stage not in finished):
        found["rows"].append(job())
        write_atomically(out, json.dumps(found, indent=2))
    return found


def _earlier_rows(out: Path, command: str) -> list[dict]:
    if not out.is_file():
        return []
    earlier = json.loads(out.read_text("utf-8"))
    if earlier["command"] != command:
        raise ValueError(f"{out} was made by `{earlier['command']}`: give another file, or delete this one")
    return earlier["rows"]


def command_line() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True, help="directory with train, dev and test")
    parser.add_argument("--out", type=Path, required=True, help="file for the rows, JSON")
    parser.add_argument("--model", type=Path, default=MINI_RANER)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--learning-rate", type=float, default=2e-4)
    parser.add_argument("--seed", type=int, default=1)
    return parser


def command_of(given: argparse.Namespace) -> str:
    """The command as the file records it: every setting, and no folder of this machine."""
    words = {"corpus": given.corpus.name, "out": given.out.name, "epochs": given.epochs}
    words |= {"learning-rate": f"{given.learning_rate:g}", "seed": given.seed}
    if given.model != MINI_RANER:
        words["model"] = given.model.name
    return " ".join(["python -m utils.studies.recovery_bars", *(f"--{name} {word}" for name, word in words.items())])


def main() -> None:
    given = command_line().parse_args()
    folder = RUNS / "recovery-bars" / given.out.stem
    schedule = Schedule(given.epochs, given.learning_rate, given.seed)
    study = Study(*load_raner(given.model), load_corpus(given.corpus), folder, schedule)
    for row in run_study(study, given.out, command_of(given))["rows"]:
        print(f"{row['stage']}: {row['difference']['f1']:+.2f} points", "" if row.get("holds", True) else "(too many)")


if __name__ == "__main__":
    main()
