"""How much of a model is there twice? Layers, heads and neurons are taken out, before and after a recovery.

A pre-trained model notices what is gone; one that grew by copying its own layers does not, and would make
every pruning look cheap. Beside it, the channels that are far larger than others in the layers' inputs: they
are what makes eight bits hard (Dettmers et al. 2022, "LLM.int8()", section 3).

    python -m utils.studies.redundancy --model DIR --out FILE.json

An interrupted run goes on where it stopped when the same command is given again.
"""

import argparse
import copy
import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import mean

import torch
from torch import Tensor, nn

from utils.compress.batches import Batch, make_batches, on_device
from utils.compress.gates import observed
from utils.compress.importance.gradients import neuron_importance
from utils.compress.importance.registry import SCORES
from utils.compress.pruning.remove import prune_heads, prune_neurons
from utils.compress.pruning.select import select_globally
from utils.compress.recipes import at_random
from utils.compress.training import Schedule
from utils.files import DATA, RUNS
from utils.measure.bootstrap import paired_bootstrap
from utils.measure.evaluation import Evaluation
from utils.measure.verdict import Estimate
from utils.model.checkpoint import MINI_RANER, load_raner
from utils.model.modes import evaluating
from utils.model.raner import RanerModel
from utils.studies.recovery_bars import SCORED_ON, Study, header_of, keep_rows
from utils.text.corpus import DEFAULT_CORPUS, load_corpus

SHARES = {"heads": (0.2, 0.5, 0.8), "neurons": (0.1, 0.33, 0.67)}
"""Of all heads, and of all neurons, that go."""

DRAWS = 5
"""Random choices of each share."""

REDUNDANCY = DATA / "reference" / "redundancy.json"
PREDECESSORS = DATA / "reference" / "redundancy-mini-raner-1.json"
"""What was found in the embedded model, and in the one before it, which grew by copying its own layers."""

STUDIES = {"mini-RaNER": REDUNDANCY, "its predecessor": PREDECESSORS}

REMOVE = {"heads": prune_heads, "neurons": prune_neurons}


def without_layers(model: RanerModel, layers: Collection[int]) -> RanerModel:
    """A copy whose encoder skips these layers, numbered from 0, for tagging only."""
    shorter = copy.deepcopy(model)
    stay = (layer for number, layer in enumerate(shorter.bert.encoder.layer) if number not in layers)
    shorter.bert.encoder.layer = nn.ModuleList(stay)
    return shorter


def largest_channels(model: RanerModel, batches: Sequence[Batch]) -> list[dict]:
    """Of each layer's input: the channel that reaches furthest from 0 at any character, and the median channel.

    Returns:
        One row a layer: `channel`, `largest` and `median`, the last two being maxima of absolute values.
    """
    reaches = [torch.zeros(model.config.hidden_size) for _ in model.bert.encoder.layer]
    with evaluating(model.modules()), torch.no_grad():
        for batch in on_device(model, batches):
            inside = batch["attention_mask"].bool()

            def widen(layer: int, arguments: tuple, *_: object, inside: Tensor = inside) -> None:
                highest = arguments[0][inside].abs().amax(0).cpu()
                reaches[layer] = torch.maximum(reaches[layer], highest)

            with observed(model.bert.encoder.layer, widen):
                model(batch["input_ids"], batch["attention_mask"])
    return [
        {"channel": int(reach.argmax()), "largest": float(reach.max()), "median": float(reach.median())}
        for reach in reaches
    ]


def removals(study: Study, sample: Sequence[Batch]) -> dict[str, tuple[Callable[[], RanerModel], bool]]:
    """What is taken out, by name: how to make the rest, and whether it is worth a recovery.

    Args:
        sample: what heads and neurons are scored on.
    """
    model, layers = study.model, range(study.model.config.num_hidden_layers)
    heads = range(model.config.num_attention_heads)
    found = {f"layer {n + 1}": (partial(without_layers, model, {n}), False) for n in layers}
    found["upper half of the layers"] = (partial(without_layers, model, set(layers[len(layers) // 2 :])), False)
    found |= {f"attention of layer {n + 1}": (partial(prune_heads, model, {n: list(heads)}), False) for n in layers}
    for kind, scores in (("heads", SCORES["Fisher"](model, sample)), ("neurons", neuron_importance(model, sample))):
        for share in SHARES[kind]:
            found |= _cuts_of_a_share(model, kind, share, scores)
    return found


def _cuts_of_a_share(model: RanerModel, kind: str, share: float, scores: Tensor) -> dict:
    """By score, and at random; the first random cut is recovered too, so that one sees what choosing is worth."""
    chosen = {"by score": (scores, True)}
    for draw in range(1, DRAWS + 1):
        chosen[f"at random, draw {draw}"] = (at_random(scores, draw), draw == 1)
    count = round(share * int((~scores.isnan()).sum()))
    return {
        f"{share:.0%} of the {kind}, {way}": (partial(_cut, model, kind, score, count), recovered)
        for way, (score, recovered) in chosen.items()
    }


def _cut(model: RanerModel, kind: str, scores: Tensor, count: int) -> RanerModel:
    return REMOVE[kind](model, select_globally(scores, count))


def removal_row(study: Study, stage: str, make: Callable[[], RanerModel], recovers: bool, original: Evaluation) -> dict:
    """F1 in points of what is left, and its paired difference to the whole model; both again after a fine-tuning."""
    smaller = make()
    row = {"stage": stage} | _judged(study, smaller, original)
    if recovers:
        recovered = study.fine_tune(smaller, "-".join(re.findall(r"\w+", stage)))
        row["recovered"] = _judged(study, recovered, original)
    return row


def _judged(study: Study, model: RanerModel, original: Evaluation) -> dict:
    found = study.evaluate(model)
    difference = paired_bootstrap(study.corpus.test, original.predictions, found.predictions, study.seed)
    return {"f1": found.scores.f1, "difference": difference._asdict()}


def measure_redundancy(study: Study, out: Path, command: str) -> dict:
    """All removals, one row each, written to `out` after every row; rows that are there are kept.

    Raises:
        ValueError: `out` holds the rows of another command.
    """
    sample = make_batches(study.corpus.train[:SCORED_ON], study.tokenizer, study.model.labels)
    original = study.evaluate(study.model)
    channels = largest_channels(study.model, sample)
    header = header_of(study, original, command) | {"largest_channels": channels}
    jobs = {
        stage: partial(removal_row, study, stage, make, recovers, original)
        for stage, (make, recovers) in removals(study, sample).items()
    }
    return keep_rows(out, header, jobs)


def read_studies() -> dict[str, dict]:
    """What `measure_redundancy` wrote into the files of `STUDIES`, by name, as far as they are there."""
    return {name: json.loads(path.read_text("utf-8")) for name, path in STUDIES.items() if path.is_file()}


def lost_without_layers(study: Mapping) -> dict[str, Estimate]:
    """Points of F1 that are lost without each single layer, all else in place."""
    return {
        row["stage"]: Estimate(-row["difference"]["f1"], -row["difference"]["high"], -row["difference"]["low"])
        for row in study["rows"]
        if re.fullmatch(r"layer \d+", row["stage"])
    }


def loss_panels(studies: Mapping[str, Mapping]) -> dict[str, dict[str, dict[float, float]]]:
    """Percent of the whole model's F1 that is lost, by the share of the heads or neurons that went.

    Returns:
        What went and when it was judged -> study and way of choosing -> share (0 to 1) -> percent.
    """
    return {
        f"{kind}, {when}": {
            f"{name}, {way}": _lost_by_share(study, kind, way, recovered)
            for name, study in studies.items()
            for way in ("by score", "at random")
        }
        for when, recovered in (("nothing trained", False), ("recovered", True))
        for kind in SHARES
    }


def _lost_by_share(study: Mapping, kind: str, way: str, recovered: bool) -> dict[float, float]:
    """Random choices of one share count as their mean."""
    lost = {}
    for share in SHARES[kind]:
        rows = [row for row in study["rows"] if row["stage"].startswith(f"{share:.0%} of the {kind}, {way}")]
        if recovered:
            rows = [row["recovered"] for row in rows if "recovered" in row]
        if rows:
            lost[share] = -100 * mean(row["difference"]["f1"] for row in rows) / study["original"]["f1"]
    return lost


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=MINI_RANER, help="directory of the model")
    parser.add_argument("--corpus", type=Path, default=DEFAULT_CORPUS, help="directory with train, dev and test")
    parser.add_argument("--out", type=Path, required=True, help="file for the rows, JSON")
    parser.add_argument("--learning-rate", type=float, default=1e-4, help="of the one epoch of recovery (0.0001)")
    given = parser.parse_args()
    schedule = Schedule(epochs=1, learning_rate=given.learning_rate)
    study = Study(*load_raner(given.model), load_corpus(given.corpus), RUNS / "redundancy" / given.out.stem, schedule)
    command = f"python -m utils.studies.redundancy --model {given.model.name} --learning-rate {given.learning_rate:g}"
    for row in measure_redundancy(study, given.out, command)["rows"]:
        after = f", recovered {row['recovered']['f1']:.1f}" if "recovered" in row else ""
        print(f"without {row['stage']}: F1 {row['f1']:.1f}{after}")


if __name__ == "__main__":
    main()
