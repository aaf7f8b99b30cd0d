"""What a cut broke, and what each second of a recovery brings back.

One F1 says how much is lost, not what. `damage` asks three times: which types, which kinds of error,
which names? A name that the training sentences show may be remembered; any other has to be recognised
by the words around it. `recover` trains, and keeps what a picture needs: the learning curve.
"""

import json
import math
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from IPython.display import Markdown

from utils.characters import CharacterTokenizer
from utils.corpus import DATA, Corpus
from utils.entities import Sentence
from utils.evaluation import Predictions, entity_scores, error_table
from utils.raner import RanerModel
from utils.recovery import rescale_heads
from utils.teaching import table
from utils.training import Batch, Epoch, dev_f1, learning_curve

KINDS = ("missed", "wrong boundary", "wrong type", "spurious")
"""Kinds of error, as `evaluation.error_table` names them."""
STUDY = DATA / "reference" / "recovery-msra.json"
"""What `utils.recovery_bars` found on a large public corpus."""

Name = tuple[str, str]
"""Text and type of an entity."""


# --- What broke --------------------------------------------------------------------------------


def names_of(sentences: Sequence[Sentence]) -> set[Name]:
    """All names that are annotated there."""
    return {(entity.text, entity.type) for sentence in sentences for entity in sentence.entities}


def damage(
    sentences: Sequence[Sentence], predictions: Predictions, known: Collection[Name]
) -> dict[str, dict[str, float]]:
    """Panels for `plots_recovery.damage_figure`: title -> group -> value.

    F1 of each annotated type in points; errors of each of `KINDS` for every 100 annotated entities;
    the share of known and of new names that are found, in percent.

    Args:
        known: names that the training sentences show, `names_of` them.

    Raises:
        ValueError: there is no sentence, or not one prediction list a sentence.
    """
    scores = entity_scores(sentences, predictions)
    errors = Counter(row.kind for row in error_table(sentences, predictions))
    return {
        "F1 by type (points)": {kind: s.f1 for kind, s in scores.by_type.items() if s.support},
        "errors for every 100 names": {kind: 100 * errors[kind] / max(scores.support, 1) for kind in KINDS},
        "names found (%)": found_names(sentences, predictions, known),
    }


def found_names(sentences: Sequence[Sentence], predictions: Predictions, known: Collection[Name]) -> dict[str, float]:
    """Recall in percent of the names that are `known` and of those that are not; a group without names is left out."""
    hits = {"seen in train": [], "new": []}
    for sentence, entities in zip(sentences, predictions, strict=True):
        found = {entity.span for entity in entities}
        for entity in sentence.entities:
            group = "seen in train" if (entity.text, entity.type) in known else "new"
            hits[group].append(entity.span in found)
    return {group: 100 * sum(found) / len(found) for group, found in hits.items() if found}


# --- What comes back ---------------------------------------------------------------------------


class Recovered(NamedTuple):
    """A recovered model, its learning curve, and the wall-clock of all that was done to it."""

    model: RanerModel
    curve: list[Epoch]
    seconds: float


def recover(
    method: Callable[..., RanerModel], model: RanerModel, tokenizer: CharacterTokenizer, corpus: Corpus, **settings
) -> Recovered:
    """Train a copy of `model` and keep the curve; checkpoints are thrown away.

    The curve begins at 0 seconds with the model as it came; its loss there is NaN, nobody measured it.

    Args:
        method: `recovery.fine_tune` or `recovery.distil`.
        settings: the method's other arguments; without `seconds` its default decides how long it takes.

    Raises:
        ValueError, DivergedError: the method's own.
    """
    first = Epoch(0, 0, math.nan, dev_f1(model, tokenizer, corpus))
    start = time.monotonic()
    with TemporaryDirectory() as out:
        trained = method(model, tokenizer=tokenizer, corpus=corpus, out=out, **settings)
        curve = learning_curve(out)
    return Recovered(trained, [first, *curve], time.monotonic() - start)


def rescale(
    model: RanerModel, original: RanerModel, tokenizer: CharacterTokenizer, corpus: Corpus, batches: Sequence[Batch]
) -> Recovered:
    """`rescale_heads` as a recovery beside others: a curve of two points, before and after.

    Args:
        batches: what the original's outputs are compared on; see `recovery.rescale_heads`.

    Raises:
        ValueError: `rescale_heads`' own.
    """
    start = time.monotonic()
    rescaled = rescale_heads(model, original, batches)
    seconds = time.monotonic() - start
    pairs = ((0.0, model), (seconds, rescaled))
    curve = [Epoch(0, elapsed, math.nan, dev_f1(m, tokenizer, corpus)) for elapsed, m in pairs]
    return Recovered(rescaled, curve, seconds)


def joined(curves: Sequence[Sequence[Epoch]]) -> list[Epoch]:
    """Learning curves one after another: epochs and seconds of each go on where the one before ended."""
    points, epoch, seconds = [], 0.0, 0.0
    for curve in curves:
        points += [p._replace(epoch=p.epoch + epoch, seconds=p.seconds + seconds) for p in curve]
        epoch, seconds = points[-1].epoch, points[-1].seconds
    return points


# --- The study on a large corpus ---------------------------------------------------------------


def study_table(path: Path = STUDY) -> Markdown:
    """The rows of a study by `utils.recovery_bars`, or one sentence where there is no such file."""
    if not path.is_file():
        return Markdown(f"`data/reference/{path.name}` is not there: this study has not been made yet.")
    study = json.loads(path.read_text("utf-8"))
    original = study["original"]
    start = ("original", "", "", "", f"{original['f1']:.1f}", "", "", "")
    header = ("", "heads", "neurons", "F1 after the cut", "F1 recovered", "difference", "95 % interval", "bar")
    return table(header, [start, *map(_study_row, study["rows"])])


def _study_row(row: dict) -> tuple:
    d, cut = row["difference"], f"{row['f1_pruned']:.1f}" if "f1_pruned" in row else ""
    bar = f"-{row['allowed']} {'✓' if row['holds'] else '✗'}" if "holds" in row else ""
    interval = f"{d['low']:+.2f} to {d['high']:+.2f}"
    counts = (row["stage"], row.get("heads", ""), row.get("neurons", ""))
    return (*counts, cut, f"{row['f1_recovered']:.1f}", f"{d['f1']:+.2f}", interval, bar)
