"""Notebook 05 asks: the scale of a head that is left, a step of distillation, which epoch to keep."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils import parameters_to_vector, vector_to_parameters
from transformers import BertConfig

from utils.compress.batches import Batch
from utils.compress.recovery.distillation import soft_loss
from utils.course.teaching import Checker, number
from utils.model.raner import IGNORED_LABEL, RanerModel

OUT = np.array([[2.0, 0.0], [1.0, 1.0], [0.0, -1.0], [1.0, 0.0]])
"""`(characters, features)`: what the one head that is left adds to each character."""

TARGET = np.array([[3.0, 1.0], [2.0, 1.0], [1.0, -2.0], [0.0, 1.0]])
"""`(characters, features)`: what all heads added before the cut."""


def head_scale() -> Checker:
    """The scale s of `OUT` that minimises || TARGET - s OUT ||^2."""
    both, own, theirs = (OUT * TARGET).sum(), (OUT * OUT).sum(), (TARGET * TARGET).sum()
    return number(
        both / own,
        {
            1: "a scale of 1 is what the cut left; a smaller error is possible",
            both / theirs: "that fits OUT by TARGET: divide by the square of what is *scaled*",
            np.sqrt(theirs / own): "that makes both equally long; least squares asks how far they point the same way",
            TARGET.sum() / OUT.sum(): "the sums agree then, not the single numbers; square the error first",
            both: "right above the line; now divide by the square of what is scaled",
            own / both: "the other way round",
        },
    )


TEMPERATURE = 2.0

TEACHER = np.array([4.0, 3.0, -1.0])
"""`(tags,)`: the teacher's emissions for one character."""

STUDENT = np.array([1.0, 3.0, 0.5])
"""`(tags,)`: the student's."""


Soft = Callable[[Tensor, Tensor, float], Tensor]
"""`(student, teacher, temperature) -> loss`; emissions are `(positions, tags)`."""


def _divergence(p: Tensor, q: Tensor, per: float = 1.0) -> Tensor:
    """KL(softmax(p) || softmax(q)) in nats, summed over positions, by their number and by `per`."""
    log_p, log_q = p.log_softmax(-1), q.log_softmax(-1)
    return (log_p.exp() * (log_p - log_q)).sum() / len(p) / per


WRONG_LOSSES: dict[str, Soft] = {
    "the factor T^2 is missing: gradients shrink without it": lambda s, t, T: _divergence(t / T, s / T),
    "the factor is T *squared*": lambda s, t, T: T * _divergence(t / T, s / T),
    "the other direction: the teacher's probabilities weigh": lambda s, t, T: T**2 * _divergence(s / T, t / T),
    "the student's emissions are divided by T as well": lambda s, t, T: T**2 * _divergence(t / T, s),
    "the teacher's emissions are divided by T as well": lambda s, t, T: T**2 * _divergence(t, s / T),
    "that is at temperature 1: divide the emissions by T before softmax": lambda s, t, T: T**2 * _divergence(t, s),
    "that is the sum over all positions; take their mean": lambda s, t, T: T**2 * len(s) * _divergence(t / T, s / T),
    "the mean is over positions; tags are summed": lambda s, t, T: T**2 * _divergence(t / T, s / T, per=s.shape[-1]),
    "that is the cross-entropy; the teacher's own entropy goes off": lambda s, t, T: (
        -(T**2) * ((t / T).softmax(-1) * (s / T).log_softmax(-1)).sum(-1).mean()
    ),
}
"""Hint -> the soft loss that somebody wrote who needs it."""


def soft_loss_function(answer: object) -> str | None:
    """A function `(student, teacher, temperature) -> loss`: `soft_loss` of emissions `(positions, tags)`."""
    if not callable(answer):
        return "a function of the student's emissions, of the teacher's and of the temperature is expected"
    student, teacher = (torch.tensor(np.stack([e, e[::-1]])) for e in (STUDENT, TEACHER))
    teacher[1] += torch.tensor([2.0, 0.0, 0.5])  # two positions, of which each has a divergence of its own
    found = [answer(student.clone(), teacher.clone(), temperature) for temperature in (TEMPERATURE, HOTTER)]
    if not all(isinstance(loss, Tensor) and loss.shape == () for loss in found):
        return "one number is expected, a tensor without dimensions: the mean over positions"
    if _gives(found, soft_loss, student, teacher):
        return None
    if torch.isclose(found[0].double(), soft_loss(student, teacher, TEMPERATURE), rtol=RTOL):
        return (
            f"right at T = {TEMPERATURE:g}, but not at {HOTTER:g}: the temperature is an argument, and its factor is T²"
        )
    known = (hint for hint, wrong in WRONG_LOSSES.items() if _gives(found, wrong, student, teacher))
    return next(known, "softmax of each, at temperature T; how far is the student's from the teacher's, by their KL?")


HOTTER = 3.0
"""A second temperature, at which T², 2 T and T + 2 are three numbers."""

RTOL = 1e-4


def _gives(found: list[Tensor], loss: Soft, student: Tensor, teacher: Tensor) -> bool:
    """Whether these are the losses at `TEMPERATURE` and at `HOTTER`, to float32's precision."""
    right = torch.stack([loss(student, teacher, temperature) for temperature in (TEMPERATURE, HOTTER)])
    return torch.allclose(torch.stack(found).double(), right, rtol=RTOL)


ALPHA = 0.3
"""Weight of the CRF loss; the soft loss has the rest."""

LARGEST_NORM = 0.1
"""To which a longer gradient is shortened; small, since tiny models have short ones. (Long trainings often take 1.)"""

RATE = 1.0
"""Of plain gradient descent in this exercise."""


class Lesson(NamedTuple):
    """Who learns, who teaches, and from what: one step a batch."""

    student: RanerModel
    teacher: RanerModel
    batches: list[Batch]


class Way(NamedTuple):
    """How a step of distillation is made, by default as it should be."""

    soft: Soft = soft_loss
    weights: tuple[float, float] = (ALPHA, 1 - ALPHA)
    padding: bool = False
    largest_norm: float = LARGEST_NORM
    zeroed: bool = True


WRONG_WAYS = {
    "padding was counted: compare emissions only where attention_mask is 1": Way(padding=True),
    "gradients add up: a step has to begin without those of the step before (zero_grad)": Way(zeroed=False),
    "the gradient is longer than LARGEST_NORM; shorten it before the optimizer's step": Way(largest_norm=math.inf),
    "the weights are the wrong way round: ALPHA belongs to the CRF loss": Way(weights=(1 - ALPHA, ALPHA)),
    "the soft loss weighs 1 - ALPHA, what the labels leave": Way(weights=(ALPHA, 1.0)),
    "the labels are not heard: where is the CRF loss?": Way(weights=(0.0, 1 - ALPHA)),
    "the teacher is not heard: where is the soft loss?": Way(weights=(ALPHA, 0.0)),
} | {hint: Way(soft=wrong) for hint, wrong in WRONG_LOSSES.items()}
"""Hint -> the way of somebody who needs it. (A cross-entropy has the gradient of the divergence, and teaches alike.)"""


def distillation_step(answer: object) -> str | None:
    """A function `(student, teacher, batch, optimizer) -> loss` that makes one step of distillation."""
    if not callable(answer):
        return "a function of the student, the teacher, a batch and the optimizer is expected"
    lesson = strangers()
    student, teacher, _ = lesson
    start, modes = parameters_to_vector(student.parameters()).detach().clone(), {student: [], teacher: []}
    for model, seen in modes.items():
        model.register_forward_pre_hook(lambda module, _, seen=seen: seen.append(module.training))
    found, losses = _steps_of(answer, lesson)
    if hint := _asked_wrongly(teacher, modes[teacher], modes[student]):
        return hint
    if torch.equal(found, start):
        return "no parameter of the student moved: backward only makes gradients, the optimizer makes the step"
    return _step_hint(found, losses) or _short_hint(answer)


def _asked_wrongly(teacher: RanerModel, taught: list[bool], learned: list[bool]) -> str | None:
    """What is wrong with how the two were asked: was it in training mode, each time?"""
    if not taught:
        return "nobody asked the teacher: what are its emissions for this batch?"
    if any(parameter.grad is not None for parameter in teacher.parameters()):
        return "the loss went back through the teacher, who has nothing to learn: ask under torch.no_grad()"
    if any(taught):
        return "the teacher was in training mode: its dropout makes every answer another one (eval)"
    if not all(learned):
        return "the student was in evaluation mode: it is the one that learns, and keeps its dropout"
    return None


def _step_hint(found: Tensor, losses: Tensor) -> str | None:
    """What is wrong with the student's parameters after two steps, or with the losses that were returned."""
    right, right_losses = steps_by_hand(Way(), strangers())
    wrong = {hint: steps_by_hand(way, strangers()) for hint, way in WRONG_WAYS.items()}
    if not _same(found, right):
        known = (hint for hint, (parameters, _) in wrong.items() if _same(found, parameters))
        return next(known, "after two steps the student has other parameters than it should have")
    if not _same(losses, right_losses):
        known = (hint for hint, (_, others) in wrong.items() if _same(losses, others))
        return next(known, "the student learned what it should; return the whole loss, so that one can watch it fall")
    return None


def _short_hint(answer: Callable) -> str | None:
    """What is wrong with a step whose gradient is short enough."""
    found, _ = _steps_of(answer, at_peace())
    right, _ = steps_by_hand(Way(), at_peace())
    if _same(found, right):
        return None
    return "a gradient that is shorter than LARGEST_NORM stays as it is; yours was changed"


def _same(a: Tensor, b: Tensor) -> bool:
    """Float noise is far below, every mistake of `WRONG_WAYS` far above."""
    return bool((a - b).norm() < 1e-4)


def _steps_of(answer: Callable, lesson: Lesson) -> tuple[Tensor, Tensor]:
    """The student's parameters, in one row, after a step with each batch, and the losses; NaN for none returned."""
    student, teacher, batches = lesson
    optimizer = torch.optim.SGD(student.parameters(), RATE)
    losses = [answer(student, teacher, dict(batch), optimizer) for batch in batches]
    numbers = [math.nan if loss is None else torch.as_tensor(loss).item() for loss in losses]
    return parameters_to_vector(student.parameters()).detach(), torch.tensor(numbers)


def steps_by_hand(way: Way, lesson: Lesson) -> tuple[Tensor, Tensor]:
    """The same without optimizer: parameters minus rate times gradient, after a step with each batch; the losses."""
    student, teacher, batches = lesson
    parameters, left, losses = list(student.parameters()), 0.0, []
    for batch in batches:
        loss = _loss_of(student, teacher.eval(), batch, way)
        gradient = parameters_to_vector(torch.autograd.grad(loss, parameters)) + left
        gradient = gradient * min(1.0, way.largest_norm / float(gradient.norm()))
        vector_to_parameters(parameters_to_vector(parameters).detach() - RATE * gradient, parameters)
        left = 0.0 if way.zeroed else gradient
        losses.append(loss.item())
    return parameters_to_vector(parameters).detach(), torch.tensor(losses)


def _loss_of(student: RanerModel, teacher: RanerModel, batch: Batch, way: Way) -> Tensor:
    counted = torch.ones_like(batch["attention_mask"]) if way.padding else batch["attention_mask"]
    with torch.no_grad():
        theirs = teacher(batch["input_ids"], batch["attention_mask"]).logits[counted.bool()]
    said = student(**batch)
    crf, soft = way.weights
    return crf * said.loss + soft * way.soft(said.logits[counted.bool()], theirs, TEMPERATURE)


def strangers() -> Lesson:
    """A student that agrees neither with its teacher nor with the labels: its gradients are long."""
    return Lesson(tiny_tagger(1, dropout=0.0), tiny_tagger(2, dropout=0.5), tiny_batches())


def at_peace() -> Lesson:
    """A student that agrees with its teacher and with the labels, and is sure of them: its gradient is short."""
    student, teacher, batch = tiny_tagger(1, dropout=0.0), tiny_tagger(1, dropout=0.5), tiny_batches()[0]
    with torch.no_grad():
        for model in (student, teacher):
            model.classifier.weight.mul_(14)
        answers = student(batch["input_ids"], batch["attention_mask"]).logits.argmax(-1)
    labelled = batch["labels"] != IGNORED_LABEL
    return Lesson(student, teacher, [batch | {"labels": answers.where(labelled, IGNORED_LABEL)}])


def tiny_tagger(seed: int, dropout: float) -> RanerModel:
    """One layer, random weights that are large enough to matter, in training mode, as every new model is."""
    config = BertConfig(
        vocab_size=20,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=16,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
        id2label=dict(enumerate(("O", "B-PER", "I-PER"))),
        label2id={"O": 0, "B-PER": 1, "I-PER": 2},
    )
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        model = RanerModel(config)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.4, generator=generator)
    return model.train()


def tiny_batches() -> list[Batch]:
    """Two batches of three random sentences of 8, 5 and 3 positions: [CLS], characters, [SEP], then padding."""
    generator = torch.Generator().manual_seed(3)
    ids = torch.randint(5, 20, (2, 3, 8), generator=generator)
    labels = torch.randint(0, 3, (2, 3, 8), generator=generator)
    places, lengths = torch.arange(8), torch.tensor([[8], [5], [3]])
    real = (places < lengths).long()
    inner = (places > 0) & (places < lengths - 1)
    rows = zip(ids * real, labels.where(inner, IGNORED_LABEL), strict=True)
    return [{"input_ids": i, "attention_mask": real, "labels": tags} for i, tags in rows]


COLUMNS = ("epoch", "training loss", "F1 on dev", "F1 on test")

CURVE = (
    (1, 0.31, 61.0, 60.2),
    (2, 0.14, 70.3, 68.9),
    (3, 0.06, 74.6, 73.1),
    (4, 0.02, 73.8, 74.0),
    (5, 0.01, 73.1, 72.4),
)
"""A training that nobody made: rows of `COLUMNS`."""


def kept_epoch(answer: object) -> str | None:
    """Which epoch of `CURVE` to keep, and which F1 to report: `[epoch, F1]`."""
    epoch, _, on_dev, on_test = max(CURVE, key=lambda row: row[2])
    try:
        mine, f1 = answer
    except (TypeError, ValueError):
        return "two numbers are expected: the epoch, and the F1 to report"
    wrong_epochs = {
        CURVE[-1][0]: "the last epoch has the lowest loss on sentences it knows; which knows others best?",
        max(CURVE, key=lambda row: row[3])[0]: "chosen by looking at test: then nothing is left to measure with",
        epoch - 1: "epochs count from 1 here",
    }
    if mine != epoch:
        return wrong_epochs.get(mine, "the epoch that does best on sentences that are neither trained on nor reported")
    if f1 == on_dev:
        return "right epoch; but it was chosen because dev likes it. Report what had no say in the choice"
    return None if f1 == on_test else f"right epoch; which F1 of epoch {epoch} had no say in the choice?"
