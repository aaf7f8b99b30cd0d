"""Notebook 10 asks: a softened answer, how gradients shrink, which layers a student copies; it has one built."""

import re
from collections.abc import Callable, Mapping, Sequence
from numbers import Real

import numpy as np
import torch
from scipy.special import softmax
from torch import Tensor
from transformers import BertConfig

from utils.compress.recovery.distillation import matching_layers, student_of
from utils.course.teaching import Checker, listed, number
from utils.model.raner import RanerModel
from utils.text.tags import RANER_LABELS

Weights = Mapping[str, Tensor]
"""A state dict: the tensors of a model by name."""

EMISSIONS = np.array([5.0, 3.0, -1.0])
"""`(tags,)`: what a teacher says about one character."""

TAGS = ("B-PER", "B-ORG", "O")

TEMPERATURE = 2.0


def softened() -> Checker:
    """Probability of the second of `TAGS` at `TEMPERATURE`."""
    t, second = TEMPERATURE, 1
    cold, soft = softmax(EMISSIONS), softmax(EMISSIONS / t)
    powers = cold ** (1 / t)
    return number(
        float(soft[second]),
        {
            cold[second]: "that is at temperature 1",
            cold[second] / t: "you divided the probability; then they no longer sum to 1. Divide the emissions",
            softmax(EMISSIONS * t)[second]: "multiplied by T: that makes a sure answer surer. Divide",
            np.exp(EMISSIONS / t)[second]: "above 1: divide by the sum over the three tags",
            (EMISSIONS / t)[second]: "that is the emission divided by T; softmax comes next",
            (EMISSIONS / EMISSIONS.sum())[second]: "softmax takes shares of exp(emission), not of the emission",
            powers[second]: "the root of the probability is right, but for the sum: divide by it",
            soft[0]: "that is the first tag",
            100 * soft[second]: "right size, but asked for as a share, 0 to 1",
        },
    )


HOT = 100.0


def shrinkage() -> Checker:
    """How many times as small the gradient of the bare KL divergence gets from T = `HOT` to twice that.

    For high T it is (z - v) / (n T^2) (Hinton, Vinyals and Dean 2015, equation 4).
    """
    return number(
        4,
        {
            2: "one T comes from the chain rule; a second one, because the softened answers come closer to each other",
            8: "one T too many: the chain rule gives one, answers that come closer give the other",
            0.25: "the other way round: how many times as *small*",
            1: "that is what it is with T squared in front; here it is left out",
            HOT**2: "that is how T squared grows from 1 to T; asked is from T to twice T",
        },
        tolerance=0.05,
    )


DEEP, SHALLOW = 12, 4


def copied_layers(answer: object) -> str | None:
    """Which of `DEEP` layers, from 0, a student of `SHALLOW` copies by relative depth."""
    right, found = matching_layers(SHALLOW, DEEP), listed(answer) or []
    if len(found) != SHALLOW or not all(isinstance(layer, Real) for layer in found):
        return f"a list of {SHALLOW} layer numbers is expected"
    step = DEEP // SHALLOW
    steps = np.linspace(0, DEEP - 1, SHALLOW)
    hints = {
        tuple(
            range(SHALLOW)
        ): "the first ones: worth a try, as below; but relative depth is asked for, and these had more layers above",
        tuple(
            range(DEEP - SHALLOW, DEEP)
        ): "the last ones: relative depth is asked for, and none of these ever saw bare embeddings",
        tuple(
            range(0, DEEP, step)
        ): "the *first* of each group: worth a try, as below; but here the last stands for the last, and is left out",
        tuple(n + 1 for n in right): "right layers, counted from 1; count from 0",
    } | dict.fromkeys(
        (tuple(steps), tuple(steps.round()), tuple(steps.astype(int))),
        "first to last in even steps: but layer 1 of the student does the work of a whole group, and should end where "
        "the group ends",
    )
    if found == right:
        return None
    return hints.get(tuple(found), f"each stands for {step} layers of the teacher, and should end where those end")


ASKED = [1, 4, 11]
"""Layers of `small_teacher`, from 0, that a student is built of."""

ALSO_ASKED = [2, 0]
"""Other layers, in another order: who renames in place overwrites the second one before it is read."""


def small_teacher() -> RanerModel:
    """A random tagger of twelve layers, four features wide: quick to look at, the same on every machine."""
    sizes = {"vocab_size": 9, "hidden_size": 4, "num_attention_heads": 2, "intermediate_size": 4}
    labels = {"id2label": dict(enumerate(RANER_LABELS)), "label2id": {tag: i for i, tag in enumerate(RANER_LABELS)}}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = RanerModel(BertConfig(num_hidden_layers=DEEP, max_position_embeddings=8, **sizes, **labels)).eval()
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.4)
    return model


def built_student(answer: object) -> str | None:
    """A function `(state dict, layers) -> state dict` of a student: those layers, from 0, and all else, copied."""
    if not callable(answer):
        return "a function of a state dict and a list of layers is expected"
    teacher = small_teacher()
    before = {name: tensor.clone() for name, tensor in teacher.state_dict().items()}
    state = dict(teacher.state_dict())
    try:
        student = answer(state, list(ASKED))
    except (KeyError, IndexError, ValueError, TypeError, RuntimeError) as error:
        return f"your function stopped with {type(error).__name__}: {error}"
    if not isinstance(student, Mapping) or not all(isinstance(tensor, Tensor) for tensor in student.values()):
        return "a dictionary from names to tensors is expected: do you `return` it?"
    if state.keys() != before.keys() or any(not torch.equal(state[name], before[name]) for name in before):
        return "the teacher's dictionary has changed: begin a new one"
    hint = _wrong_names(student) or _wrong_tensors(student, before) or _shared(student, state)
    return hint or _other_layers(answer, before)


def _other_layers(answer: Callable, teacher: Weights) -> str | None:
    """Whether an answer that is right for `ASKED` is so for other layers, and for the order they are asked for in."""
    try:
        student = answer({name: tensor.clone() for name, tensor in teacher.items()}, list(ALSO_ASKED))
    except (KeyError, IndexError, ValueError, TypeError, RuntimeError) as error:
        return f"right for {ASKED}, but for {ALSO_ASKED} it stopped with {type(error).__name__}: {error}"
    expected = student_of(small_teacher(), ALSO_ASKED).state_dict()
    if student.keys() == expected.keys() and all(torch.equal(student[name], expected[name]) for name in expected):
        return None
    if _overwritten(student, teacher):
        return f"right for {ASKED}; for {ALSO_ASKED} layer 0 was overwritten before it was read: begin a new dictionary"
    return f"right for {ASKED}, not for {ALSO_ASKED}: `layers` says which ones, and the first named becomes layer 0"


def _overwritten(student: Weights, teacher: Weights) -> bool:
    """Whether all layers of a student of `ALSO_ASKED` are the first one: it took the place of one still to be read."""
    names = [name for name in student if ".layer." in name]
    return bool(names) and all(
        torch.equal(student[name], teacher[_source(name, ALSO_ASKED[:1] * DEEP)]) for name in names
    )


def _wrong_names(student: Weights) -> str | None:
    """What the names of a student of `ASKED` say about how it was built."""
    expected = student_of(small_teacher(), ASKED).state_dict().keys()
    missing, layers = expected - student.keys(), _layers_in(student)
    for part in ("crf", "classifier", "embeddings"):
        if any(part in name and ".layer." not in name for name in missing):
            return f"the {part} is missing: all that is in no layer is kept, too"
    if any(re.search(r"\.layer\.0\d", name) for name in student):
        return "layer.11 begins like layer.1: look for the number with both its dots, '.layer.1.'"
    if layers == set(ASKED):
        return "the keys have the teacher's numbers: a student of three layers has 0, 1 and 2"
    if layers == {1, 2, 3}:
        return "the student's layers are numbered from 1: state dicts number from 0"
    if len(layers) != len(ASKED):
        return f"{len(ASKED)} layers were asked for, here are {len(layers)}"
    if extra := student.keys() - expected:
        return f"no RaNER of {len(ASKED)} layers has a tensor named {min(extra)}"
    return f"{len(missing)} tensors are missing, such as {min(missing)}" if missing else None


def _layers_in(student: Weights) -> set[int]:
    return {int(found[1]) for name in student if (found := re.search(r"\.layer\.(\d+)\.", name))}


def _wrong_tensors(student: Weights, teacher: Weights) -> str | None:
    """Whose tensors stand under the right names."""
    hints = (
        (ASKED, None),
        ([layer - 1 for layer in ASKED], "those are the layers before: the list counts from 0, as the names do"),
        (range(len(ASKED)), f"those are the first {len(ASKED)} layers: `layers` says which ones are asked for"),
        (range(DEEP - len(ASKED), DEEP), f"those are the last {len(ASKED)} layers: `layers` says which are asked for"),
        (ASKED[::-1], "those are the layers in reverse: the first asked for becomes layer 0"),
        ([ASKED[-1]] * len(ASKED), "each layer is a copy of the last one asked for"),
    )
    for chosen, hint in hints:
        if all(torch.equal(student[name], teacher[_source(name, chosen)]) for name in student):
            return hint
    wrong = [name for name in student if not torch.equal(student[name], teacher[_source(name, ASKED)])]
    return f"{wrong[0]} is not the teacher's {_source(wrong[0], ASKED)}"


def _source(name: str, chosen: Sequence[int]) -> str:
    """The teacher's name of what a student of the `chosen` layers calls `name`."""
    return re.sub(r"(\.layer\.)(\d+)", lambda found: f"{found[1]}{chosen[int(found[2])]}", name)


def _shared(student: Weights, teacher: Weights) -> str | None:
    owned = {tensor.data_ptr() for tensor in teacher.values()}
    if any(tensor.data_ptr() in owned for tensor in student.values()):
        return "right numbers, but they lie in the teacher's memory: training the student would change it. clone()"
    return None


def apart(
    student: Sequence[Tensor], teacher: Sequence[Tensor], layers: Sequence[int], shift: int = 1, power: int = 2
) -> Tensor:
    """Mean difference to a `power` of a student's layer outputs and those of the teacher's `layers`.

    Args:
        student, teacher: what comes out of the embeddings, then of each layer, `(sentences, positions, features)`.
        shift: where the output of layer 0 stands.
    """
    pairs = zip(student[1:], (teacher[layer + shift] for layer in layers), strict=True)
    return torch.stack([(ours - theirs).abs().pow(power).mean() for ours, theirs in pairs]).mean()


def matched_states(answer: object) -> str | None:
    """A function `(student states, teacher states, layers) -> mean squared difference`, as L_hidden has it."""
    if not callable(answer):
        return "a function of the student's states, the teacher's states and a list of layers is expected"
    draw = torch.Generator().manual_seed(0)
    deep, flat = (tuple(torch.randn(size, 2, 5, 4, generator=draw)) for size in (DEEP + 1, len(ASKED) + 1))
    found = answer(flat, deep, list(ASKED))
    if found is None:
        return "your function returns nothing: is there a `return`?"
    right = apart(flat, deep, ASKED)
    embeddings = (flat[0] - deep[0]).square().mean()
    early = "the embeddings come first in the student's list as well: begin at student[1]"
    hints = {
        apart(flat, deep, ASKED, shift=0): "state 0 is what comes out of the embeddings; layer n gives state n + 1",
        apart(flat, deep, range(len(ASKED))): "those are the teacher's first layers: which ones does `layers` name?",
        right * len(ASKED): "a mean over the layers, too: else a deep student would be judged more harshly",
        apart(flat, deep, ASKED, power=1): "the *squared* difference is asked for",
        right * deep[0].numel(): "a mean over sentences, positions and features, not their sum",
        right**0.5: "no root: the mean of the squares is the loss",
        (right * len(ASKED) + embeddings) / (len(ASKED) + 1): "leave the embeddings out, the student copied them",
        apart(flat[:1] + flat[-1:], deep, ASKED[-1:]): "that is the last layer alone; compare every one",
        apart(flat[:1] + flat[:-1], deep, ASKED): early,
        apart(flat[:1] + flat[:-1], deep, ASKED, shift=0): early,
    }
    return number(float(right), {float(value): hint for value, hint in hints.items()}, tolerance=1e-4)(found)
