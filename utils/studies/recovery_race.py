"""What each step of a recovery brings back: training, with what a picture needs kept, the learning curve."""

import copy
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import safetensors.torch

from utils.compress.batches import Batch
from utils.compress.curves import Epoch, learning_curve
from utils.compress.recipes import Cut
from utils.compress.recovery.rescaling import rescale_heads
from utils.compress.training import Schedule, dev_f1
from utils.model.raner import RanerModel
from utils.tagger.tokenizer import CharacterTokenizer
from utils.text.entities import Corpus

BRUTAL = Cut(heads=0.80, neurons=0.85, allowed=100)
"""A cut without a promise: what is left has much to get back, and is quick to train."""


class Recovered(NamedTuple):
    """A recovered model, its learning curve, and the wall-clock of all that was done to it.

    `model` is that of the epoch that dev chose, `last` what the training ended with.
    """

    model: RanerModel
    curve: list[Epoch]
    seconds: float
    last: RanerModel


def run_recovery(
    method: Callable[..., RanerModel],
    model: RanerModel,
    tokenizer: CharacterTokenizer,
    corpus: Corpus,
    schedule: Schedule,
) -> Recovered:
    """Train a copy of `model` and keep the curve; checkpoints are thrown away.

    The curve begins at step 0 with the model as it came; its loss there is NaN, nobody measured it.

    Args:
        method: `(model, tokenizer, corpus, out, schedule) -> model`: `fine_tune`, or `distil` with a distillation.

    Raises:
        ValueError, DivergedError: the method's own.
    """
    first = Epoch(0, 0, math.nan, dev_f1(model, tokenizer, corpus), 0.0)
    start = time.monotonic()
    with TemporaryDirectory() as out:
        trained = method(model, tokenizer, corpus, out, schedule)
        seconds = time.monotonic() - start
        return Recovered(trained, [first, *learning_curve(out)], seconds, _last(trained, Path(out)))


def _last(trained: RanerModel, out: Path) -> RanerModel:
    """The model of the last checkpoint in `out`."""
    last = max(out.glob("checkpoint-*"), key=lambda folder: int(folder.name.split("-")[1]))
    found = copy.deepcopy(trained)
    found.load_state_dict(safetensors.torch.load_file(last / "model.safetensors"))
    return found


def run_rescaling(
    model: RanerModel, original: RanerModel, tokenizer: CharacterTokenizer, corpus: Corpus, batches: Sequence[Batch]
) -> Recovered:
    """`rescale_heads` as a recovery beside others: a curve of two points, before and after, both at step 0.

    Args:
        batches: what the original's outputs are compared on.

    Raises:
        ValueError: `rescale_heads`' own.
    """
    start = time.monotonic()
    rescaled = rescale_heads(model, original, batches)
    seconds = time.monotonic() - start
    pairs = ((0.0, model), (seconds, rescaled))
    curve = [Epoch(0, 0, math.nan, dev_f1(m, tokenizer, corpus), elapsed) for elapsed, m in pairs]
    return Recovered(rescaled, curve, seconds, rescaled)


def concatenate_curves(curves: Sequence[Sequence[Epoch]]) -> list[Epoch]:
    """Learning curves one after another: epochs, steps and seconds of each go on where the one before ended."""
    points, end = [], Epoch(0, 0, math.nan, math.nan, 0.0)
    for curve in curves:
        points += [
            p._replace(epoch=p.epoch + end.epoch, step=p.step + end.step, seconds=p.seconds + end.seconds)
            for p in curve
        ]
        end = points[-1]
    return points
