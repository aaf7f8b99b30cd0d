"""Checkers of notebook 05 against answers known to be right, and against the mistakes that they name."""

from itertools import combinations

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from scipy.stats import entropy
from torch.nn.functional import cross_entropy, kl_div

from utils.compress.recovery.distillation import soft_loss
from utils.course.exercises import nb05


def test_head_scale():
    out, target = nb05.OUT, nb05.TARGET
    checker = nb05.head_scale()
    best = minimize_scalar(lambda s: ((target - s * out) ** 2).sum()).x
    assert checker(best) is None and checker(np.float32(best)) is None
    assert "possible" in checker(1.0) and "now divide" in checker((out * target).sum())
    assert "*scaled*" in checker((out * target).sum() / (target**2).sum())
    assert "equally long" in checker(np.linalg.norm(target) / np.linalg.norm(out))
    assert "sums agree" in checker(target.sum() / out.sum())
    assert "other way" in checker(1 / best)


def my_soft_loss(student, teacher, temperature):
    q, log_p = (student / temperature).log_softmax(-1), (teacher / temperature).log_softmax(-1)
    return temperature**2 * (log_p.exp() * (log_p - q)).sum(-1).mean()


def test_soft_loss_function():
    assert nb05.soft_loss_function(my_soft_loss) is None and nb05.soft_loss_function(soft_loss) is None
    assert nb05.soft_loss_function(lambda s, t, T: my_soft_loss(s.float(), t.float(), T)) is None
    t = nb05.TEMPERATURE
    by_scipy = t**2 * entropy(softmax(nb05.TEACHER / t), softmax(nb05.STUDENT / t))
    emissions = [torch.tensor(emissions)[None] for emissions in (nb05.STUDENT, nb05.TEACHER)]
    assert my_soft_loss(*emissions, t).item() == pytest.approx(by_scipy)


WRONG_LOSSES = {
    "T^2 is missing": lambda s, t, T: kl_div((s / T).log_softmax(-1), (t / T).softmax(-1), reduction="batchmean"),
    "*squared*": lambda s, t, T: my_soft_loss(s, t, T) / T,
    "other direction": lambda s, t, T: my_soft_loss(t, s, T),
    "the student's emissions are": lambda s, t, T: my_soft_loss(s * T, t, T),
    "the teacher's emissions are": lambda s, t, T: my_soft_loss(s, t * T, T),
    "at temperature 1": lambda s, t, T: T**2 * my_soft_loss(s, t, 1),
    "sum over all positions": lambda s, t, T: my_soft_loss(s, t, T) * len(s),
    "tags are summed": lambda s, t, T: T**2 * kl_div((s / T).log_softmax(-1), (t / T).softmax(-1), reduction="mean"),
    "cross-entropy": lambda s, t, T: T**2 * cross_entropy(s / T, (t / T).softmax(-1)),
}


@pytest.mark.filterwarnings("ignore:reduction. 'mean'")
@pytest.mark.parametrize("words", WRONG_LOSSES)
def test_a_wrong_soft_loss_gets_its_hint_alone_and_in_a_step(words):
    assert words in nb05.soft_loss_function(WRONG_LOSSES[words])
    assert words in nb05.distillation_step(step_with(soft=WRONG_LOSSES[words]))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (3.0, "a function"),
        (lambda s, t, T: 3.0, "a tensor"),
        (lambda s, t, T: s, "one number"),
        (lambda s, t, T: s.sum(), "softmax of each"),
        (lambda s, t, T: my_soft_loss(s, t, nb05.TEMPERATURE), "an argument"),
        (lambda s, t, T: 2 * T * my_soft_loss(s, t, T) / T**2, "factor is T²"),
        (lambda s, t, T: my_soft_loss(s[:1], t[:1], T), "softmax of each"),
        (lambda s, t, T: my_soft_loss(s[1:], t[1:], T), "softmax of each"),
    ],
)
def test_other_losses_get_a_hint_too(answer, words):
    assert words in nb05.soft_loss_function(answer)


def shortened(parameters):
    torch.nn.utils.clip_grad_norm_(parameters, nb05.LARGEST_NORM)


def scaled(parameters):
    """Also a gradient that is short enough gets the largest norm."""
    longest = torch.nn.utils.get_total_norm([parameter.grad for parameter in parameters])
    for parameter in parameters:
        parameter.grad.mul_(nb05.LARGEST_NORM / longest)


def step_with(soft=my_soft_loss, ask=None, real=None, total=None, zero=True, clip=shortened, move=True, answers=True):
    """A step of distillation, right but for what is given."""

    def under_no_grad(teacher, batch):
        teacher.eval()
        with torch.no_grad():
            return teacher(batch["input_ids"], batch["attention_mask"]).logits

    def step(student, teacher, batch, optimizer):
        theirs, said = (ask or under_no_grad)(teacher, batch), student(**batch)
        counted = batch["attention_mask"].bool() if real is None else real(batch)
        found = soft(said.logits[counted], theirs[counted], nb05.TEMPERATURE)
        loss = total(said.loss, found) if total else nb05.ALPHA * said.loss + (1 - nb05.ALPHA) * found
        if zero:
            optimizer.zero_grad()
        loss.backward()
        clip(list(student.parameters()))
        if move:
            optimizer.step()
        return loss.item() if answers else None

    return step


def in_training_mode(teacher, batch):
    with torch.no_grad():
        return teacher(batch["input_ids"], batch["attention_mask"]).logits


def nobody_learns(student, teacher, batch, optimizer):
    return step_with()(student.eval(), teacher, batch, optimizer)


def with_gradient(teacher, batch):
    return teacher.eval()(batch["input_ids"], batch["attention_mask"]).logits


WRONG_STEPS = {
    "has nothing to learn": step_with(ask=with_gradient),
    "training mode": step_with(ask=in_training_mode),
    "it is the one that learns": nobody_learns,
    "nobody asked": step_with(ask=lambda _, batch: torch.zeros(*batch["labels"].shape, 3)),
    "padding was counted": step_with(real=lambda batch: batch["attention_mask"] >= 0),
    "zero_grad": step_with(zero=False),
    "is longer than LARGEST_NORM": step_with(clip=lambda parameters: None),
    "is shorter than LARGEST_NORM": step_with(clip=scaled),
    "the optimizer makes": step_with(move=False),
    "wrong way round": step_with(total=lambda crf, soft: (1 - nb05.ALPHA) * crf + nb05.ALPHA * soft),
    "weighs 1 - ALPHA": step_with(total=lambda crf, soft: nb05.ALPHA * crf + soft),
    "where is the CRF loss": step_with(total=lambda crf, soft: (1 - nb05.ALPHA) * soft),
    "where is the soft loss": step_with(total=lambda crf, soft: nb05.ALPHA * crf),
    "return the whole loss": step_with(answers=False),
    "other parameters": step_with(total=lambda crf, soft: crf * soft),
    "a function": 3,
}


def test_a_step_of_distillation():
    assert nb05.distillation_step(step_with()) is None
    assert nb05.distillation_step(step_with(soft=soft_loss)) is None
    detached = step_with(ask=lambda teacher, batch: with_gradient(teacher, batch).detach())
    assert nb05.distillation_step(detached) is None


@pytest.mark.parametrize("words", WRONG_STEPS)
def test_a_wrong_step_gets_its_hint(words):
    assert words in nb05.distillation_step(WRONG_STEPS[words])


def test_every_mistake_moves_the_student_elsewhere_and_some_gradient_is_too_long():
    found = [nb05.steps_by_hand(way, nb05.strangers()) for way in (nb05.Way(), *nb05.WRONG_WAYS.values())]
    for (one, losses), (other, others) in combinations(found, 2):
        assert (one - other).norm() > 1e-3 or (losses - others).norm() > 1e-2


def test_a_student_at_peace_has_a_short_gradient_and_is_moved_by_it():
    before = torch.nn.utils.parameters_to_vector(nb05.at_peace().student.parameters()).detach()
    after, _ = nb05.steps_by_hand(nb05.Way(), nb05.at_peace())
    moved = (after - before).norm() / nb05.RATE
    assert 1e-3 < moved < nb05.LARGEST_NORM / 2


def test_exercises_leave_the_random_numbers_of_others_alone():
    state = torch.get_rng_state()
    nb05.distillation_step(step_with())
    assert torch.equal(torch.get_rng_state(), state)


def test_kept_epoch():
    epochs, losses, dev, test = map(list, zip(*nb05.CURVE, strict=True))
    best = int(np.argmax(dev))
    assert len({best, int(np.argmax(test)), len(epochs) - 1}) == 3 and losses == sorted(losses, reverse=True)
    assert nb05.kept_epoch([epochs[best], test[best]]) is None
    assert "lowest loss" in nb05.kept_epoch([epochs[-1], test[-1]])
    assert "looking at test" in nb05.kept_epoch([epochs[int(np.argmax(test))], max(test)])
    assert "from 1" in nb05.kept_epoch([best, test[best]])
    assert "neither" in nb05.kept_epoch([1, test[0]])
    assert "dev likes it" in nb05.kept_epoch((epochs[best], dev[best]))
    assert "right epoch" in nb05.kept_epoch((epochs[best], 0.0))
    assert "two numbers" in nb05.kept_epoch(3) == nb05.kept_epoch([3])
