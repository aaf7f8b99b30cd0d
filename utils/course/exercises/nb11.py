"""Notebook 11 asks: a confidence at another temperature, what a cascade may cost, and the rule of an exit, built."""

import copy
from collections.abc import Callable, Sequence
from numbers import Integral

import numpy as np

from utils.course.teaching import Checker, listed, number

PATHS = {"S-PER O": 0.80, "B-PER E-PER": 0.15, "O S-LOC": 0.05}
"""All tag sequences of two characters that a small CRF thinks possible, with their probabilities."""

HEAT = 2.0


def warmed() -> Checker:
    """Probability of the first of `PATHS` when all scores are divided by `HEAT`."""
    p = np.array([*PATHS.values()])
    odds = p ** (1 / HEAT)
    cooled = p**HEAT / (p**HEAT).sum()
    return number(
        float(odds[0] / odds.sum()),
        {
            p[0]: "that is at temperature 1",
            p[0] / HEAT: "scores are divided, not probabilities: a score is the logarithm of a path's weight",
            odds[0]: "the root is right; now make the three sum to 1 again",
            cooled[0]: "squared: that is T = 1/2, where a sure field becomes surer",
            odds[1] / odds.sum(): "that is the second path",
            100 * odds[0] / odds.sum(): "right size, but asked for as a share, 0 to 1",
        },
    )


SMALL_COST, HANDED_ON = 0.4, 0.3
"""Of an imagined cascade: time of the small model, of the large one's; share of the sentences that go on."""


def cascade_gain() -> Checker:
    """How many times as fast as the large model alone the cascade is, on sentences that are all equally long."""
    time = SMALL_COST + HANDED_ON
    mixed = SMALL_COST * (1 - HANDED_ON) + HANDED_ON
    return number(
        1 / time,
        {
            1 / mixed: "a sentence that goes on was read by the small one first: that time is spent",
            1 / SMALL_COST: "that is the small model alone",
            1 / HANDED_ON: "that leaves out the small model",
            time: "that is the cascade's time as a share of the large model's; asked is how many times as fast",
            mixed: "that is a time, and one in which handed-on sentences cost the small model nothing",
            1 - time: "that is the share of the time saved; asked is how many times as fast",
        },
        tolerance=0.025,  # 1.4 is right, too
    )


Rule = Callable[[list[list[float]], list[list[float]], float], Sequence[int]]
"""`(characters, entities, threshold) -> numbers of the sentences that go on`."""

CHARACTERS = [
    [0.99, 0.98, 0.99],  # sure of everything
    [0.99, 0.60, 0.99],  # no name, one doubtful character
    [0.95, 0.94, 0.95],  # every character sure, the name as a whole less
    [],  # no character at all
    [0.90, 0.99],  # exactly at the threshold
    [0.92] * 20,  # many characters, none of them doubtful
    [0.70, 0.99, 0.99, 0.99, 0.99, 0.99, 0.99, 0.99],  # sure on average
]
"""For each sentence the probability of each character's tag."""

ENTITIES = [[0.98], [], [0.85, 0.94], [], [0.95], [0.92], [0.99]]
"""For each sentence the probability of each entity that was found."""

THRESHOLD = 0.9

_GO_ON = [1, 2, 6]


def exit_rule(answer: object) -> str | None:
    """A function `(characters, entities, threshold)` to the numbers of the sentences whose least certain piece is
    below the threshold, in order."""
    if not callable(answer):
        return "a function of the characters' probabilities, the entities' and the threshold is expected"
    characters, entities = copy.deepcopy(CHARACTERS), copy.deepcopy(ENTITIES)
    try:
        found = answer(characters, entities, THRESHOLD)
    except (ValueError, IndexError) as error:
        return f"{error}: one sentence has no character, several have no entity; nothing in them is doubtful"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    if (characters, entities) != (CHARACTERS, ENTITIES):
        return "the probabilities that it was given have changed: leave them alone"
    return _judged(found, answer)


def _judged(answer: object, rule: Rule) -> str | None:
    found = listed(answer)
    if found is None or not all(isinstance(n, Integral) for n in found):
        return "a list of sentence numbers is expected; return it"
    if any(isinstance(n, bool) for n in found) and len(found) == len(CHARACTERS):
        return "that says yes or no of each sentence; asked for are the numbers of those that go on"
    found = [int(n) for n in found]
    if found != _GO_ON:
        return _HINTS.get(tuple(found), f"sentences {found} go on, and {_GO_ON} should, counted from 0")
    return _elsewhere(rule)


def _elsewhere(rule: Rule) -> str | None:
    """The same rule at other thresholds."""
    loose, strict = (listed(rule(copy.deepcopy(CHARACTERS), copy.deepcopy(ENTITIES), at)) for at in (0.0, 0.999))
    if loose != []:
        return "at a threshold of 0 nothing goes on: is yours fixed somewhere?"
    right = [number for number, characters in enumerate(CHARACTERS) if characters]
    if strict == right:
        return None
    if [*dict.fromkeys(strict)] == right:
        return "at a threshold of 0.999 a sentence stands twice: one doubtful piece is enough"
    return "at a threshold of 0.999 all sentences with a character go on: is yours fixed somewhere?"


def _by(rule: Callable[[list[float], list[float]], bool]) -> tuple[int, ...]:
    pairs = enumerate(zip(CHARACTERS, ENTITIES, strict=True))
    return tuple(i for i, (characters, entities) in pairs if rule(characters, entities))


def _least(characters: list[float], entities: list[float]) -> float:
    return min(characters + entities, default=1.0)


_HINTS = {
    _by(lambda c, e: _least([], e) < THRESHOLD): (
        "you asked the entities only: a sentence where the small model found no name may be one where it missed one"
    ),
    _by(lambda c, e: _least(c, []) < THRESHOLD): (
        "you asked the characters only: a whole name is less certain than each of its characters"
    ),
    _by(lambda c, e: _least(c, e) <= THRESHOLD): "a sentence *at* the threshold is certain enough: it stays",
    _by(lambda c, e: bool(c) and float(np.mean(c + e)) < THRESHOLD): (
        "the mean: many easy characters hide the one that is wrong; the least certain piece decides"
    ),
    _by(lambda c, e: float(np.prod(c)) < THRESHOLD): (
        "a product over all characters: then every long sentence goes on; the least certain piece decides"
    ),
    _by(lambda c, e: max(c + e, default=1.0) < THRESHOLD): (
        "the *most* certain piece is below the threshold nowhere; the least certain one decides"
    ),
    _by(lambda c, e: _least(c, e) >= THRESHOLD): "those are the ones that stay",
    _by(lambda c, e: not c or _least(c, e) < THRESHOLD): (
        "a sentence without a character goes on in yours: what should the large model read there?"
    ),
}
"""Which sentences a wrong rule hands on -> what is wrong with it."""
