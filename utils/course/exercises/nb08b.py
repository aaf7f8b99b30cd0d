"""Notebook 08b asks: the most that heads could give, and which version to deploy."""

from collections.abc import Callable, Sequence

from transformers import BertConfig

from utils.compress.pruning.cost import cost_by_part
from utils.course.teaching import Checker, number
from utils.model.pruned_shape import pruning_map


def most_from_heads(config: BertConfig) -> Checker:
    """Multiplications of the whole encoder over those that remain without any head, at 502 positions."""
    parts = cost_by_part(config, pruning_map(config), 502)
    work, weights = ({n: getattr(p, of) for n, p in parts.items()} for of in ("multiply_adds", "parameters"))
    total, attention = sum(work.values()), work["attention"]
    stored = sum(weights.values())
    return number(
        total / (total - attention),
        {
            total / attention: "that would be the speed if only the heads were left",
            1 + attention / total: "a share of the work saved does not add up like that: divide by what is left",
            (total - attention) / total: "that is the time that is left; how many times as fast is that?",
            stored / (stored - weights["attention"]): "those are parameters; time follows the multiplications",
            attention / total: "that is the share of the work that heads do",
            0.2 * attention / total: "asked for is *all* heads gone, and as a ratio of times",
        },
        tolerance=0.004,
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

BARELY = 1e-9
"""What makes `less than` of `at most`."""

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
    if isinstance(answer(VERSIONS, ALLOWED[-1]), dict):
        return "that is the whole row; asked for is its `stage`"
    if _decides_as(answer, lambda rows, allowed: deploy([row for row in rows if not _gains(row)], allowed)):
        return "a version that gains loses nothing, however far its difference lies above 0"
    if _decides_as(answer, lambda rows, allowed: deploy(rows, allowed - BARELY)):
        return "one that surely loses exactly what is allowed is still allowed"
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
