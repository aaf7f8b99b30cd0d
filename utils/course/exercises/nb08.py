"""Notebook 08 asks: the smallest cut within the noise of the best, what 68.7 % less time is as a speed, the most that
heads could give, and which version to deploy.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from transformers import BertConfig

from utils.compress.pruning.cost import cost_by_part
from utils.course.teaching import Checker, number
from utils.model.pruned_shape import pruning_map
from utils.studies.cut_search import Candidate, best_within

Rule = Callable[[Sequence[Candidate], float, float], Candidate | None]
"""`(candidates, limit, noise) -> candidate`: which one to build, where `limit` ms are allowed."""

FOUND = (
    Candidate("torch", 1.0, 1.0, 20.0, 90.0),
    Candidate("ONNX INT8", 0.8, 0.8, 10.0, 79.0),
    Candidate("ONNX INT8", 0.1, 0.2, 5.0, 81.0),
    Candidate("ONNX INT8", 0.6, 0.4, 8.0, 80.0),
    Candidate("ONNX INT8", 0.4, 0.55, 8.5, 80.5),
    Candidate("torch", 0.3, 0.6, 9.5, 80.2),
    Candidate("torch", 0.5, 0.2, 9.0, 80.8),
    Candidate("ONNX INT8", 0.1, 0.1, 4.0, 70.0),
)
"""Candidates whose F1 says little, as on a small dev."""

CLEAR = (
    Candidate("torch", 0.8, 0.75, 9.0, 80.0),
    Candidate("torch", 0.7, 0.7, 8.0, 81.0),
    Candidate("torch", 0.2, 0.2, 5.0, 80.5),
)
"""The smallest cut, the best one, and the deepest."""

UNEVEN = Candidate("torch", 1.0, 0.3, 9.0, 80.0), Candidate("torch", 0.6, 0.6, 8.0, 80.5)
"""The one with the larger sum of shares, and the one with the larger product."""

PAIR = Candidate("torch", 0.6, 0.4, 8.0, 80.0), Candidate("torch", 0.4, 0.6, 8.5, 80.5)
"""Two cuts that leave as much."""

TWINS = Candidate("torch", 0.5, 0.5, 9.0, 80.0), Candidate("ONNX INT8", 0.5, 0.5, 7.0, 80.0)
"""One cut in two engines that answer alike."""


class Asked(NamedTuple):
    """A choice to make: of these candidates, within `limit` ms, where dev's noise is `noise` points of F1."""

    candidates: Sequence[Candidate]
    limit: float
    noise: float


ASKED = (
    Asked(FOUND, 9.9, 0.9),
    Asked(FOUND, 9.9, 1.5),
    Asked(FOUND, 10.0, 2.5),
    Asked(FOUND, 11.0, 2.0),
    Asked(FOUND, 30.0, 5.0),
    Asked(FOUND, 9.2, 0.3),
    Asked(CLEAR, 10.0, 2.0),
    Asked(UNEVEN, 10.0, 1.0),
)
"""Noise below and above what candidates differ by; a limit, and a noise, that are met exactly."""

TIES = Asked(PAIR, 10.0, 1.0), Asked(TWINS, 10.0, 1.0)


BARELY = 1e-9
"""What makes `less than` of `at most`."""


def _fitting(asked: Asked) -> list[Candidate]:
    return [c for c in asked.candidates if c.milliseconds <= asked.limit]


def _close(asked: Asked) -> list[Candidate]:
    """Those that fit, and that dev cannot tell from the best of them."""
    best = max(c.f1 for c in _fitting(asked))
    return [c for c in _fitting(asked) if c.f1 >= best - asked.noise]


def _left(candidate: Candidate) -> float:
    return candidate.heads + candidate.neurons


WRONG_RULES: dict[str, Callable[[Asked], Candidate | None]] = {
    "that is the highest F1, and noise has no say: of all that dev cannot tell from it, take the smallest cut": (
        lambda asked: max(_fitting(asked), key=lambda c: c.f1)
    ),
    "that is the fastest one: the budget says how fast it has to be, and nobody asked for more": (
        lambda asked: min(_fitting(asked), key=lambda c: c.milliseconds)
    ),
    "that is the *deepest* cut within the noise: the smallest cut is the one that leaves most": (
        lambda asked: min(_close(asked), key=_left)
    ),
    "that one leaves most of all that fit, however low its F1: is it within the noise of the best?": (
        lambda asked: max(_fitting(asked), key=_left)
    ),
    "that one takes longer than the limit: look only at candidates that fit": (
        lambda asked: max(_close(asked._replace(limit=math.inf)), key=_left)
    ),
    "the best is looked for among all, also those that take too long; then nothing that fits may come near it": (
        lambda asked: max(set(_fitting(asked)) & set(_close(asked._replace(limit=math.inf))), key=_left, default=None)
    ),
    "one that takes exactly the limit fits the budget": (
        lambda asked: max(_close(asked._replace(limit=asked.limit - BARELY)), key=_left)
    ),
    "one that lies exactly the noise below the best is still within it": (
        lambda asked: max(_close(asked._replace(noise=asked.noise - BARELY)), key=_left)
    ),
    "`at most` lets in what takes exactly the limit, and what lies exactly the noise below the best": (
        lambda asked: max(_close(asked._replace(limit=asked.limit - BARELY, noise=asked.noise - BARELY)), key=_left)
    ),
    "add the two shares: a product punishes a cut that is uneven": (
        lambda asked: max(_close(asked), key=lambda c: c.heads * c.neurons)
    ),
    "heads alone are half of what is left: add the neurons": lambda asked: max(_close(asked), key=lambda c: c.heads),
    "neurons alone are half of what is left: add the heads": lambda asked: max(_close(asked), key=lambda c: c.neurons),
}
"""Hint -> the rule of somebody who needs it."""


def smallest_within_noise(answer: object) -> str | None:
    """A function `(candidates, limit, noise) -> candidate`: `best_within` of the search, None where none fits."""
    if not callable(answer):
        return "a function of the candidates, of the limit in ms and of the noise in points is expected"
    try:
        chosen = [answer(*asked) for asked in ASKED]
        tied = [answer(*asked) for asked in TIES]
    except (ValueError, TypeError, IndexError, AttributeError) as error:
        return f"your function stopped with {type(error).__name__}, though some candidates fit here: {error}"
    if any(not isinstance(one, Candidate | None) for one in chosen):
        return "one of the candidates is expected, as it came"
    return _rule_hint(chosen) or _tie_hint(tied) or _none_hint(answer)


def _searched(asked: Asked) -> Candidate | None:
    return best_within(asked.candidates, asked.limit, noise=asked.noise)


def _rule_hint(chosen: Sequence[Candidate | None]) -> str | None:
    """What is wrong with the answers to `ASKED`."""
    right = list(map(_searched, ASKED))
    if chosen == right:
        return None
    if chosen == [None] * len(ASKED):
        return "None is for budgets that no candidate fits; here some do: do you `return` the one you found?"
    asked, mine = next((a, c) for a, c, r in zip(ASKED, chosen, right, strict=True) if c != r)
    other = (
        f"within {asked.limit:g} ms and with a noise of {asked.noise:g} points you take {mine}: which ones are close?"
    )
    return next((hint for hint, rule in WRONG_RULES.items() if chosen == list(map(rule, ASKED))), other)


def _tie_hint(tied: Sequence[Candidate | None]) -> str | None:
    """What is wrong with the answers to `TIES`."""
    hints = (
        "where two leave as much, take the one with the higher F1",
        "where two leave as much and have the same F1, take the faster one",
    )
    wrong = (hint for hint, mine, asked in zip(hints, tied, TIES, strict=True) if mine != _searched(asked))
    return next(wrong, None)


def _none_hint(answer: Rule) -> str | None:
    """What is wrong with an answer where nothing fits."""
    try:
        found = answer(FOUND, 1.0, 2.0)
    except (ValueError, IndexError, TypeError) as error:
        return f"where no candidate fits, the answer is None, not an error ({error})"
    return None if found is None else "where no candidate fits, the answer is None"


def speed_up() -> Checker:
    """How many times as fast 100 ms is as 320 ms."""
    before, after = 320, 100
    return number(
        before / after,
        {
            after / before: "the other way round: the new time in parts of the old one",
            1 - after / before: "that is the share of the time that was saved",
            100 * (1 - after / before): "that is the time saved, in percent, as the article has it",
            2 - after / before: "68.7 % less time is not 68.7 % more speed: divide the times",
        },
        tolerance=0.02,
    )


def most_from_heads(config: BertConfig) -> Checker:
    """Multiplications of the whole encoder over those that remain without any head, at 502 positions."""
    work = {name: cost.multiply_adds for name, cost in cost_by_part(config, pruning_map(config), 502).items()}
    total, attention = sum(work.values()), work["attention"]
    return number(
        total / (total - attention),
        {
            total / attention: "that would be the speed if only the heads were left",
            1 + attention / total: "a share of the work saved does not add up like that: divide by what is left",
            attention / total: "that is the share of the work that heads do",
            0.2 * attention / total: "asked for is *all* heads gone, and as a ratio of times",
        },
        tolerance=0.02,
    )


def version(stage: str, lost: tuple[float, float, float], times: tuple[float, float, float]) -> dict:
    """What a decision needs of a ledger's row; differences and ratios as value, low and high."""
    found = {"f1_difference": lost, "times_as_fast": times}
    named = {key: dict(zip(("value", "low", "high"), numbers, strict=True)) for key, numbers in found.items()}
    return {"stage": stage} | named


VERSIONS = (
    version("original", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    version("eight bits", (-0.2, -0.5, 0.1), (3.0, 2.9, 3.1)),
    version("a lucky cut", (0.1, -1.4, 1.6), (6.0, 5.5, 6.4)),
    version("a sure cut", (-0.6, -0.9, -0.3), (4.0, 3.8, 4.2)),
    version("a noisy clock", (-0.1, -0.4, 0.2), (5.0, 2.0, 8.0)),
    version("half known", (0.2, -4.0, 4.4), (7.0, 3.9, 10.0)),
    version("perhaps too much", (-1.5, -2.6, 0.5), (7.5, 7.2, 7.8)),
    version("too much", (-3.0, -3.6, -2.4), (9.0, 8.8, 9.2)),
    version("a surprise", (1.9, 1.2, 2.6), (2.0, 1.9, 2.1)),
)
"""Versions among which a decision by points and one by intervals differ."""

TOO_MUCH = [row for row in VERSIONS if row["stage"] == "too much"]

ALLOWED = (0.0, 0.6, 0.9, 1.0, 2.0, 5.0)
"""Points that may be lost, one decision each; one that a version loses exactly."""


def deploy(rows: Sequence[dict], allowed: float, end: str = "low", speed: str = "low") -> str | None:
    """The stage whose `speed` is highest among the rows whose F1 difference, at that `end`, is not below -allowed."""
    sure = [row for row in rows if row["f1_difference"][end] >= -allowed]
    return max(sure, key=lambda row: row["times_as_fast"][speed])["stage"] if sure else None


def decision(answer: object) -> str | None:
    """A function `(rows, allowed) -> stage`: surely within the loss, surely the fastest; None where none is."""
    if not callable(answer):
        return "a function of the rows and of the points that may be lost is expected"
    try:
        if answer(TOO_MUCH, 1.0) is not None:
            return "where every version loses too much the answer is None (a difference below 0 is a loss)"
    except (ValueError, IndexError) as error:
        return f"where every version loses too much the answer is None, not an error ({error})"
    if _decides_as(answer, deploy):
        return None
    hints = (
        (("value", "value"), "those are point estimates; may the truth not lie at the other end of the interval?"),
        (("value", "low"), "the loss is judged by its point estimate; *surely* at most means the whole interval"),
        (("high", "low"), "that asks whether the loss may be small enough; it has to be, over the whole interval"),
        (("low", "value"), "the loss is right; of the speeds compare what is sure, the low ends"),
        (("low", "high"), "the loss is right; the high end of a speed is a hope"),
    )
    if _decides_as(answer, lambda rows, allowed: deploy([row for row in rows if not _gains(row)], allowed)):
        return "a version that gains loses nothing, however far its difference lies above 0"
    known = (hint for ends, hint in hints if _decides_as(answer, lambda *asked, ends=ends: deploy(*asked, *ends)))
    return next(known, None) or _first_other(answer)


def _gains(row: dict) -> bool:
    return row["f1_difference"]["low"] > 0


def _first_other(answer: Callable) -> str:
    """Where an answer first decides otherwise."""
    allowed = next(points for points in ALLOWED if answer(VERSIONS, points) != deploy(VERSIONS, points))
    if (mine := answer(VERSIONS, allowed)) is None:
        return f"with {allowed:g} points to lose there are rows to choose from: compare the low ends of their speeds"
    return f"with {allowed:g} points to lose you take {mine!r}: which rows surely lose at most that?"


def _decides_as(answer: Callable, other: Callable) -> bool:
    return all(answer(VERSIONS, allowed) == other(VERSIONS, allowed) for allowed in ALLOWED)
