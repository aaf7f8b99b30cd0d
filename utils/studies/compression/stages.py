"""A tagger made smaller to a target, from the fair baseline to the files that are deployed."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from utils.measure.ledger import Ledger
from utils.measure.verdict import Verdict
from utils.model.pruned_shape import Size
from utils.studies.compression.forms import ENGINES
from utils.studies.compression.learning import cut_and_learned, original_again
from utils.studies.compression.plan import Target
from utils.studies.compression.search import AIM, choose, search, tables
from utils.studies.compression.trial import Trial, tried
from utils.studies.compression.work import Work

MODEL = "model"
"""Folder of the result in float32; other forms lie in folders named after their backend."""

LESS = 4 / 3
"""By this much a limit grows where F1 suffered too much: so much of the target is given up."""


def compress(work: Work, begin: Callable[[str], None] = lambda stage: None) -> list[Trial]:
    """All stages in order; what an interrupted call made is not made again.

    Where the target is missed the next larger or smaller cut is trained, too, as often as the recipe allows.

    Args:
        begin: called with the name of each stage (`plan.STAGES`) that begins.

    Returns:
        What was tried, in order; `best` names the one to keep.
    """
    begin("baseline")
    again = original_again(work)
    begin("table")
    tables(work)
    begin("search")
    known = search(work)
    limit, trials = known.limit, []
    while limit is not None and len(trials) < work.recipe.tries:
        name = f"try-{len(trials) + 1}"
        begin("cut")
        choice = choose(work, known, name, limit)
        if any(choice.same_cut(trial.choice) for trial in trials):
            break
        model = cut_and_learned(work, name, Size(choice.heads, choice.neurons))
        begin("measure")
        trials.append(tried(work, name, choice, model, again))
        limit = next_limit(work.target, trials[-1])
    return trials


def next_limit(target: Target, trial: Trial) -> float | None:
    """The limit of the next search: lower where the trial is too slow (or large), higher where it lost too much F1.

    None where neither is so.
    """
    first, second = trial.verdicts(target)
    if first is Verdict.NO:
        return trial.choice.limit * trial.reached.value / AIM
    return trial.choice.limit * LESS if second is Verdict.NO else None


def best(target: Target, trials: Sequence[Trial]) -> Trial:
    """The trial that meets the target, or else the nearest: F1 comes first, then the rest, then what F1 is left."""

    def merit(trial: Trial) -> tuple:
        kept = trial.verdicts(target)[1] is not Verdict.NO
        return trial.verdict(target) is not Verdict.NO, kept, min(trial.reached.value, 1.0), trial.difference.value

    return max(trials, key=merit)


def folder_of(backend: str) -> str:
    """Where the result's form of a backend lies."""
    return MODEL if backend == "torch-fp32" else backend


def deliver(work: Work, trial: Trial, out: Path) -> list[str]:
    """Copy a trial's model, its forms and its rows of the ledger to `out`; returns the folders' names.

    What an interrupted call left half copied is copied again.
    """
    forms = work.run.artifacts / trial.name / "result"
    backends = dict.fromkeys(("torch-fp32", "onnx-int8", ENGINES[trial.choice.engine].backend))
    folders = {backend: folder_of(backend) for backend in backends}
    for backend, folder in folders.items():
        shutil.copytree(forms / backend, out / folder, dirs_exist_ok=True)
    for row in trial.rows:
        Ledger(out / "ledger.json").append(row)
    return list(folders.values())
