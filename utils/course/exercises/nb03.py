"""Notebook 03 asks: Michel's score by hand, the same from gates in a network, what two choices share by chance,
a correlation of ranks.
"""

import copy
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from transformers import BertConfig

from utils.compress.batches import Batch, count_characters, count_sentences
from utils.compress.gates import head_sites
from utils.compress.importance.gradients import gate_gradients, michel_per_example
from utils.course.teaching import Checker, number
from utils.model.raner import IGNORED_LABEL, RanerModel
from utils.text.tags import RANER_LABELS

SLOPES = np.array([[3, -1, -1], [-2, 1, 0], [1, -2, -2]])
"""dL/dxi of one head: a row a sentence, a column a character."""


def michel_by_hand() -> Checker:
    """The head's score with the absolute value taken sentence by sentence, per labelled character."""
    sums, characters = SLOPES.sum(1), SLOPES.size
    of_columns = np.abs(SLOPES.sum(0)).sum()
    running = np.abs(sums.cumsum()).sum()
    return number(
        np.abs(sums).sum() / characters,
        {
            np.abs(SLOPES).sum() / characters: "that is the absolute value of each character: nothing cancels any more",
            abs(sums.sum()) / characters: "that is the absolute value of the whole sum: sentences cancel each other",
            sums.sum() / characters: "without an absolute value, sentences cancel each other",
            of_columns / characters: "those are sums of columns: a sentence is a row",
            running / characters: "that is the bug above: each sum still holds the ones before",
            np.abs(sums).sum() / len(sums): "divide by the characters, of which a sentence has three",
            np.abs(sums).sum(): "the sum is right; divide it by the number of characters",
        },
    )


LAYERS, HEADS = 2, 4
"""Of the small tagger."""

LENGTHS = ((4, 6, 7), (5, 8, 9), (4, 7, 8))
"""Of the sentences of each small batch, [CLS] and [SEP] included."""


OTHER = 3, 2
"""Layers and heads of a tagger for which a function is right that asks the model for its sizes, and no other."""


def small_tagger(layers: int = LAYERS, heads: int = HEADS) -> RanerModel:
    """A random RaNER, as a training leaves it: in training mode, with dropout."""
    config = BertConfig(
        vocab_size=60,
        hidden_size=24,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=32,
        num_labels=len(RANER_LABELS),
    )
    with torch.random.fork_rng():
        torch.manual_seed(5)
        model = RanerModel(config)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.4)
    return model.train()


def small_batches() -> list[Batch]:
    """Random sentences with random tags; the first and the last position of each have none, as [CLS] and [SEP]."""
    random = torch.Generator().manual_seed(17)
    return [_random_batch(torch.tensor(lengths), random) for lengths in LENGTHS]


def _random_batch(lengths: Tensor, random: torch.Generator) -> Batch:
    shape = len(lengths), int(lengths.max())
    places = torch.arange(shape[1])
    inside = places < lengths[:, None]
    labelled = (places > 0) & (places < lengths[:, None] - 1)
    ids, labels = (torch.randint(low, high, shape, generator=random) for low, high in ((5, 60), (0, len(RANER_LABELS))))
    return {
        "input_ids": ids * inside,
        "attention_mask": inside.long(),
        "labels": torch.where(labelled, labels, IGNORED_LABEL),
    }


def gate_scores(answer: object) -> str | None:
    """A function `(model, batches) -> (layers, heads)`: the mean over characters of |dL_i/dxi_h|, by sentence."""
    if not callable(answer):
        return "a function of a model and a list of batches is expected"
    model, batches = small_tagger(), small_batches()
    found = [answer(copy.deepcopy(model), batches) for _ in range(2)]
    if not all(isinstance(scores, Tensor) for scores in found):
        return "a tensor of numbers is expected: a score for each head"
    mine, again = (scores.detach().double() for scores in found)
    if mine.shape != (LAYERS, HEADS):
        return f"{LAYERS} layers of {HEADS} heads are expected, (layers, heads), not {tuple(mine.shape)}"
    if not mine.isfinite().all():
        return "some scores are no numbers: is something divided by zero?"
    if not torch.allclose(mine, again, rtol=1e-4):
        return "asked twice, it gives two answers: dropout is on, as a training leaves it. Who calls eval()?"
    return _fault_of(mine, model, batches) or _elsewhere(answer)


def _elsewhere(answer: Callable) -> str | None:
    """The same of a model and of batches of other sizes."""
    model, batches = small_tagger(*OTHER), [{key: rows[1:] for key, rows in batch.items()} for batch in small_batches()]
    right = michel_per_example(model, batches)
    try:
        found = answer(copy.deepcopy(model), batches).detach().float()
    except (RuntimeError, ValueError, IndexError):
        return _FIXED
    return None if found.shape == right.shape and torch.allclose(found, right, rtol=1e-3, atol=1e-6) else _FIXED


_FIXED = (
    f"right for {LAYERS} layers of {HEADS} heads and three sentences, but for no others: "
    "take the sizes from the model and from the batch"
)


def _fault_of(mine: Tensor, model: RanerModel, batches: Sequence[Batch]) -> str | None:
    """What went wrong: in which direction the scores point says where, their size how they were averaged."""
    gradients = [found.double() for found in gate_gradients(model, batches, head_sites(model))]
    slopes = [found.sum(1) for found in gradients]  # a batch: (sentences, layers, heads)
    right = torch.cat(slopes).abs().sum(0)
    if _same_direction(mine, right):
        return _fault_of_mean(float(mine.norm() / right.norm()), count_characters(batches), count_sentences(batches))
    by_token = sum(found.abs().sum((0, 1)) for found in gradients)
    known = (hint for wrong, hint in [*_wrong_sums(slopes), (by_token, _BY_TOKEN)] if _same_direction(mine, wrong))
    return next(known, "these are not the scores: one gate a sentence and head, one backward pass, then |gradient|")


_BY_TOKEN = "every character had a gate of its own, so nothing cancels: one gate a sentence, (sentences, 1, heads)"


def _wrong_sums(slopes: Sequence[Tensor]) -> Iterator[tuple[Tensor, str]]:
    """Scores up to a factor, and the mistake that leads to them."""
    each, of_batches = torch.cat(slopes), torch.stack([batch.sum(0) for batch in slopes])
    signed = "the absolute value is missing: sentences that pull up cancel those that pull down"
    yield each.sum(0), signed
    yield -each.sum(0), signed
    yield each.sum(0).abs(), "the absolute value comes last, when all sentences have cancelled each other already"
    yield (
        of_batches.abs().sum(0),
        "the absolute value is taken batch by batch: take it sentence by sentence, before you add them up",
    )
    grown = "gradients add up: a batch came on top of the ones before. New gates each time, or `torch.autograd.grad`"
    for running in (torch.stack(list(slopes)), each, of_batches):
        yield running.cumsum(0).abs().flatten(0, -3).sum(0), grown


def _fault_of_mean(factor: float, characters: int, sentences: int) -> str | None:
    """The sum's factor: 1 / characters is right."""
    hints = {
        1 / characters: None,
        1.0: "the order is right, but that is the sum: divide by the number of labelled characters",
        1 / sentences: "that is the mean over sentences: divide by the number of labelled characters instead",
    }
    known = (hint for value, hint in hints.items() if abs(factor / value - 1) < 1e-3)
    return next(known, "the order is right, the size is not: divide the sum once by the number of labelled characters")


def _same_direction(a: Tensor, b: Tensor) -> bool:
    return torch.allclose(a / a.norm(), b / b.norm(), atol=1e-4)


def shared_by_chance(count: int, heads: int) -> Checker:
    """How many heads two random choices of `count` out of `heads` have in common on average."""
    return number(
        count * count / heads,
        {
            count: "that would be the same choice twice",
            count / 2: "half would be shared if every second head were chosen",
            count / heads: "that is the chance that *one* head of the first choice is in the second; there are more",
            100 * count / heads: "that is the share in percent; how many heads are that?",
            (count / heads) ** 2: "that is the chance that one given head is in both; how many heads are there?",
        },
        tolerance=0.02,
    )


def rank_correlation(a: np.ndarray, b: np.ndarray) -> Checker:
    """Spearman's correlation of two scores without ties.

    Args:
        a, b: `(heads,)`.
    """
    first, second = a.argsort(), b.argsort()
    return number(
        _correlation(first.argsort(), second.argsort()),
        {
            _correlation(a, b): "that is Pearson's, of the values; Spearman asks about the ranks",
            _correlation(first, second): "`argsort` lists who comes first, second, ...; its own `argsort` is the rank",
        },
    )


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a, b)[0, 1])
