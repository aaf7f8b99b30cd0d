"""Several engines on the same texts: which of them are worth a thought, and which to pick."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeVar

from utils.measure.memory import MB
from utils.measure.row import ORIGINAL


class Choice(NamedTuple):
    """One engine in numbers: ms, and MB on disk and in memory, at article scale; F1 in points (None: not measured)."""

    stage: str
    backend: str
    milliseconds: float
    megabytes: float
    memory: float
    f1: float | None

    @property
    def name(self) -> str:
        return f"{self.backend}, {self.stage}"


class _HasTimeAndF1(Protocol):
    milliseconds: float
    f1: float | None


Timed = TypeVar("Timed", bound=_HasTimeAndF1)


def choices(rows: Sequence[dict], notebook: str) -> list[Choice]:
    """What a notebook measured at article scale, fastest first; F1 is the mini's, whose function the twin has."""
    own = [row for row in rows if row["notebook"] == notebook]
    f1 = {(row["stage"], row["backend"]): row["f1"] for row in own if row["scale"] == "mini"}
    found = [
        Choice(
            row["stage"],
            row["backend"],
            row["latency_ms"]["p50"],
            row["file_bytes"] / MB,
            row["rss_mb"],
            f1.get((row["stage"], row["backend"])),
        )
        for row in own
        if row["scale"] == "article"
    ]
    return sorted(found, key=lambda choice: choice.milliseconds)


def pick(found: Sequence[Choice], margin: float) -> Choice:
    """The fastest one that loses at most `margin` points of F1 against the untouched model.

    Raises:
        ValueError: the untouched model is not among them, so nothing can be compared.
    """
    original = next((c for c in found if (c.stage, c.backend) == ORIGINAL and c.f1 is not None), None)
    if original is None:
        raise ValueError(f"no F1 of {'/'.join(ORIGINAL)} to compare with")
    return min(
        (c for c in found if c.f1 is not None and c.f1 >= original.f1 - margin), key=lambda choice: choice.milliseconds
    )


def front(found: Sequence[Timed]) -> list[Timed]:
    """The Pareto front, fastest first: those that no other one beats in time or in F1 without losing in the other.

    Args:
        found: anything with `milliseconds` and `f1`; where F1 is None it was not measured, and cannot be compared.
    """
    scored = sorted((c for c in found if c.f1 is not None), key=lambda c: (c.milliseconds, -c.f1))
    best, kept = float("-inf"), []
    for choice in scored:
        if choice.f1 > best:
            best, kept = choice.f1, [*kept, choice]
    return kept
