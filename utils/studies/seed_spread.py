"""How far do scores stray when nothing changes but the seed, or only the rounding? Measured, not guessed.

The course's one recovery, `utils.studies.pipeline.recovery_schedule`, is repeated with several seeds on the
mildest and the strongest cut of `utils.compress.recipes` and on the embedded corpus; each result is tested in
float32 and in INT8. `utils.measure.bands` makes the bands of `python -m utils.course check` of it.

    python -m utils.studies.seed_spread

An interrupted run goes on where it stopped when the same command is given again.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from utils.compress.batches import make_batches
from utils.compress.importance.gradients import michel_per_example, neuron_importance
from utils.compress.quantization.dynamic import quantize
from utils.compress.recipes import CUTS, STRONGEST, left_after, prune_to
from utils.files import RUNS
from utils.measure.bands import SPREAD
from utils.measure.machine import machine
from utils.measure.run import open_run
from utils.measure.scores import Scores
from utils.model.raner import RanerModel
from utils.studies.pipeline import recovery_schedule
from utils.studies.recovery_bars import SCORED_ON, Study, keep_rows

TRIED = ("heads-20", STRONGEST)
"""Cuts of `utils.compress.recipes`."""


def pruned_models(study: Study) -> dict[str, RanerModel]:
    """The cuts that are tried, as notebook 08 scores them. No seed enters."""
    sample = make_batches(study.corpus.train[:SCORED_ON], study.tokenizer, study.model.labels)
    scores = michel_per_example(study.model, sample), neuron_importance(study.model, sample)
    return {name: prune_to(study.model, *scores, left_after(study.model, CUTS[name])) for name in TRIED}


def try_seed(study: Study, stage: str, cut: str, pruned: RanerModel) -> dict:
    """One row: scores on test, in points, of the recovered model in float32 and in INT8, and what INT8 changed."""
    recovered = study.fine_tune(pruned, stage)
    fp32, int8 = (study.evaluate(model).scores for model in (recovered, quantize(recovered)))
    row = {"stage": stage, "cut": cut, "seed": study.seed, "fp32": rounded(fp32), "int8": rounded(int8)}
    return row | {"int8_minus_fp32": round(int8.f1 - fp32.f1, 3)}


def rounded(scores: Scores) -> dict:
    """Points to three decimals, as the file holds them."""
    points = {name: round(getattr(scores, name), 3) for name in ("precision", "recall", "f1")}
    return points | {"f1_by_type": {kind: round(found.f1, 3) for kind, found in scores.by_type.items()}}


def measure(study: Study, seeds: Sequence[int], out: Path, command: str) -> dict:
    """All cuts with all seeds, one row each, written to `out` after every row; rows that are there are kept.

    Raises:
        ValueError: `out` holds the rows of another command.
    """
    gold = study.evaluate(study.model).scores
    support = {kind: scores.support for kind, scores in gold.by_type.items()}
    header = {"command": command, "machine": machine(), "steps": study.schedule.steps}
    header |= {"entities": gold.support, "entities_by_type": support}
    pruned = pruned_models(study)
    tries = {f"{cut}, seed {seed}": (cut, seed) for cut in TRIED for seed in seeds}
    jobs = {stage: partial(try_seed, _seeded(study, s), stage, cut, pruned[cut]) for stage, (cut, s) in tries.items()}
    return keep_rows(out, header, jobs)


def _seeded(study: Study, seed: int) -> Study:
    return replace(study, schedule=replace(study.schedule, seed=seed))


def command_line() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--out", type=Path, default=SPREAD, help="file for the rows, JSON (data/reference/spread.json)")
    return parser


def command_of(given: argparse.Namespace) -> str:
    """The command as the file records it."""
    return f"python -m utils.studies.seed_spread --seeds {' '.join(map(str, given.seeds))}"


def main() -> None:
    given = command_line().parse_args()
    run = open_run(seed=0)
    study = Study(*run.model(), run.training, RUNS / "spread" / given.out.stem, recovery_schedule(run))
    for row in measure(study, given.seeds, given.out, command_of(given))["rows"]:
        print(f"{row['stage']}: F1 {row['fp32']['f1']:.2f}, in INT8 {row['int8_minus_fp32']:+.2f}")


if __name__ == "__main__":
    main()
