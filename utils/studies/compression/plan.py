"""What a compression is asked for, how much work it may take, and about how long: said before it begins."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch

from utils.compress.batches import count_positions, make_batches, on_device
from utils.files import CheckpointError
from utils.measure.latency import Latency
from utils.measure.verdict import Estimate, median_estimate, times_as_fast
from utils.model.pruned_shape import Size, size_of
from utils.model.raner import RanerModel, piece_limit
from utils.tagger.tokenizer import CharacterTokenizer
from utils.text.corpus import evenly_spaced
from utils.text.entities import Sentence

PEAK_RATE, ITS_WIDTH = 5e-4, 192
"""Learning rate for an encoder of that hidden size; a wider one gets less, in proportion.

(Yang et al. 2022, "Tensor Programs V", table 3: Adam's rate for hidden matrices goes with 1 / width.)
"""

PACED = 16
"""Sentences on which the model's pace is taken."""


STAGES = {
    "baseline": "the fair baseline: the original, trained as long on the same sentences, nothing cut",
    "table": "how long a layer takes on this machine, in each engine",
    "search": "which heads and neurons matter, and which cut costs least on dev",
    "cut": "prune in steps, and learn again from the original",
    "measure": "original, baseline and result: time in turns, F1 on test, memory",
}
"""The stages by name, in order. The last two come again where the target was missed."""


@dataclass(frozen=True)
class Target:
    """What the result must be: so many times as fast, or within so many ms, or MB; and what it may lose.

    Args:
        speedup: 1 or more, against the faster of the original's ways of reading a text, whole or by sentence.
        milliseconds: for the course's article of 500 characters, text to entities.
        megabytes: of the directory that is deployed, of 10^6 bytes.
        lose: points of F1 against the original that was trained as long, 0 or more.

    Raises:
        ValueError: not one of the first three, or a number out of its range.
    """

    speedup: float | None = None
    milliseconds: float | None = None
    megabytes: float | None = None
    lose: float = 1.0

    def __post_init__(self):
        given = [value for value in (self.speedup, self.milliseconds, self.megabytes) if value is not None]
        if len(given) != 1:
            raise ValueError(f"{len(given)} targets: wanted is one, a speed-up, or milliseconds, or megabytes")
        if self.speedup is not None and not 1 <= self.speedup < math.inf:
            raise ValueError(f"a speed-up of {self.speedup:g}: wanted is 1 or more, such as 8 for 8 times as fast")
        if not 0 < given[0] < math.inf:
            raise ValueError(f"{self.words}: wanted is more than 0")
        if not 0 <= self.lose <= 100:
            raise ValueError(f"{self.lose:g} points of F1 to lose: wanted is 0 to 100, such as 1.0")

    @property
    def words(self) -> str:
        """The first part of the target, as a sentence says it."""
        if self.speedup is not None:
            return f"{self.speedup:g} times as fast"
        if self.milliseconds is not None:
            return f"at most {self.milliseconds:g} ms"
        return f"at most {self.megabytes:g} MB"

    def reached(self, original: Latency, result: Latency, megabytes: float) -> Estimate:
        """How much of the first part is reached: 1 or more where it is met, twice as fast (or as small) as asked is 2.

        Args:
            original, result: of one `measure_latency`.
            megabytes: of the result.
        """
        if self.speedup is not None:
            return Estimate(*(times / self.speedup for times in times_as_fast(original, result)))
        if self.milliseconds is not None:
            value, low, high = median_estimate(result.samples)
            return Estimate(self.milliseconds / value, self.milliseconds / high, self.milliseconds / low)
        return Estimate(*3 * [self.megabytes / megabytes])


@dataclass(frozen=True)
class Recipe:
    """How much is read, tried and repeated. Budgets are steps and rounds: a fast and a slow machine do the same.

    Args:
        train, dev: sentences, at most, that a training learns from, and that its best pass is chosen by.
        texts: texts without labels, at most.
        steps: of the optimizer, after each part of the gradual cut; the fair baseline takes as many without a cut.
        scored: training sentences that heads and neurons are scored on.
        mended: sentences and texts that a cut model is reconstructed on.
        searched: dev sentences that cuts are tried on.
        kept: shares of heads, and of neurons, that are tried there; ascending, the last is 1.
        shares: of a layer's heads, and of its neurons, that are timed; ascending, from 0 to 1.
        table_rounds, rounds: how often each version is timed, for the table and for a verdict.
        fits: cuts that are timed, at most, before one of them is trained.
        tries: cuts that are trained, at most.
        engines: names of `forms.ENGINES` that the result may run in.
    """

    train: int = 2000
    dev: int = 400
    texts: int = 4000
    steps: tuple[int, ...] = (32, 128)
    scored: int = 256
    mended: int = 800
    searched: int = 150
    kept: tuple[float, ...] = (0.1, 0.25, 0.5, 1.0)
    shares: tuple[float, ...] = (0.0, 1 / 3, 1.0)
    table_rounds: int = 5
    rounds: int = 11
    fits: int = 4
    tries: int = 3
    engines: tuple[str, ...] = (
        "torch", "torch, sentences", "torch INT8", "ONNX INT8", "ONNX INT8, sentences",
        "OpenVINO INT8", "OpenVINO INT8, sentences",
    )  # fmt: skip


def check_unpruned(model: RanerModel) -> None:
    """The model has all its heads and neurons: what is left of a pruned one has nothing whole to be compared with.

    Raises:
        CheckpointError: some are gone.
    """
    config, have = model.config, size_of(model)
    whole = Size(*(config.num_hidden_layers * n for n in (config.num_attention_heads, config.intermediate_size)))
    if have != whole:
        left = f"{have.heads} of {whole.heads} heads and {have.neurons} of {whole.neurons} neurons are left"
        raise CheckpointError(f"the model is pruned already: {left}; give the model that it was made from")


def peak_rate(hidden_size: int) -> float:
    """Peak learning rate for a model of this width."""
    return PEAK_RATE * min(1.0, ITS_WIDTH / hidden_size)


class Pace(NamedTuple):
    """Seconds that one character takes: to be read on the CPU, and to be learned from, on the GPU if there is one."""

    reading: float
    learning: float


def measure_pace(
    model: RanerModel, trained: RanerModel, tokenizer: CharacterTokenizer, sentences: Sequence[Sentence]
) -> Pace:
    """The pace of a model on some of these sentences; takes a few times as long as one training step.

    Args:
        trained: the same model where it is trained.
    """
    sample = evenly_spaced(sentences, PACED)
    batches = make_batches(sample, tokenizer, model.labels, limit=piece_limit(model.config))

    def read() -> None:
        with torch.inference_mode():
            for batch in on_device(model, batches):
                model(batch["input_ids"], batch["attention_mask"])

    def learn() -> None:
        for batch in on_device(trained, batches):
            with torch.autocast(trained.device.type, torch.bfloat16, enabled=trained.device.type == "cuda"):
                loss = trained(**batch).loss
            loss.backward()
        trained.zero_grad(set_to_none=True)

    positions = count_positions(batches)
    return Pace(*(_seconds(call) / positions for call in (read, learn)))


def _seconds(call: Callable[[], None]) -> float:
    """Of the second of two calls."""
    call()
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


class Sizes(NamedTuple):
    """Characters that are read: in a pass over all that is learned from and in a step of it, to choose a pass, to
    score, to mend, to search, to test, to time."""

    learned: int
    step: int
    chosen: int
    scored: int
    mended: int
    searched: int
    tested: int
    timed: int


class Step(NamedTuple):
    """A stage that is to come: its name, what happens in it, and about how many seconds it takes."""

    name: str
    words: str
    seconds: float


def planned(recipe: Recipe, target: Target, sizes: Sizes, pace: Pace, parameters: int) -> list[Step]:
    """The stages in order. Seconds are a guess from the pace: half as long or twice as long is no surprise.

    Args:
        parameters: of the original.
    """
    read, learn = pace
    written, article = 4 + 0.2 * parameters / 1e6, sizes.timed * read
    parts = len(recipe.steps)
    trained = sum(recipe.steps) * sizes.step * learn + parts * 3 * sizes.chosen * read
    probes, engines, cuts = 2 * len(recipe.shares), len(recipe.engines), len(recipe.kept) ** 2
    scored, fitted = 2 * sizes.scored * learn, written + recipe.rounds * 2.5 * article
    left = min(1.0, 4 / target.speedup) if target.speedup else 0.5
    seconds = {
        "baseline": sizes.learned * read + trained,
        "table": probes * (written / 3 + (recipe.table_rounds + 2) * engines * article / 8),
        "search": scored + (cuts / 2 + engines) * sizes.searched * read + 1.5 * written,
        "cut": 2 * fitted + parts * (scored + 3 * sizes.mended * read) + left * trained,
        "measure": 2 * written + (recipe.rounds + 2) * 4 * article + 3 * sizes.tested * read + 15,
    }
    return [Step(name, STAGES[name], seconds[name]) for name in STAGES]


class Progress:
    """Says which stage begins and how long all that is left will take, corrected by how long the stages so far took.

    Args:
        say: prints a line.
    """

    def __init__(self, steps: Sequence[Step], say: Callable[[str], None] = print):
        self.steps, self.say = {step.name: step for step in steps}, say
        self.foretold, self.taken = 0.0, 0.0
        self.now, self.since = "", time.monotonic()

    def begin(self, name: str) -> None:
        """A stage begins; the one before is done."""
        self._count()
        names = list(self.steps)
        place, self.now = names.index(name), name
        factor = self.taken / self.foretold if self.foretold else 1.0
        left = [factor * self.steps[later].seconds for later in names[place:]]
        times = f"{duration(left[0])}, {duration(sum(left))} to the end"
        self.say(f"[{place + 1}/{len(names)}] {self.steps[name].words}: {times}")

    def _count(self) -> None:
        """What the last stage took; one that an interrupted call had made before takes nothing, and says nothing."""
        now = time.monotonic()
        taken, self.since = now - self.since, now
        if self.now and taken > 0.1 * self.steps[self.now].seconds:
            self.foretold, self.taken = self.foretold + self.steps[self.now].seconds, self.taken + taken


def duration(seconds: float) -> str:
    """`about 40 s`, `about 25 min`, `about 1.5 h`."""
    if seconds < 150:
        return f"about {max(5, 5 * round(seconds / 5))} s"
    return f"about {seconds / 60:.0f} min" if seconds < 90 * 60 else f"about {seconds / 3600:.1f} h"
