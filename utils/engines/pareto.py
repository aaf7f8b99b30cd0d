"""Several engines on the same texts: which of them are worth a thought, and which to pick."""

from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeVar

from utils.measure.latency import Latency
from utils.measure.memory import MB
from utils.measure.verdict import HasInterval, Verdict, times_as_fast, verdict


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

Key = TypeVar("Key", bound=Hashable)


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


def fastest(latencies: Mapping[Key, Latency]) -> list[Key]:
    """The one of the lowest median, and after it those that are not surely slower; by median.

    Raises:
        ValueError: they do not come from one `measure_latency`.
    """
    ordered = sorted(latencies, key=lambda name: latencies[name].p50)
    return [
        name for name in ordered if verdict(times_as_fast(latencies[ordered[0]], latencies[name]), 1) is not Verdict.NO
    ]


def pick(latencies: Mapping[Key, Latency], differences: Mapping[Key, HasInterval], margin: float) -> list[Key]:
    """The `fastest` of those that surely lose at most `margin` points of F1; more than one: nobody can tell them apart.

    Args:
        differences: of each version, its F1 minus that of the model it is compared with, on the same sentences.

    Raises:
        ValueError: the times do not come from one `measure_latency`.
    """
    good = (name for name, difference in differences.items() if verdict(difference, -margin) is Verdict.YES)
    return fastest({name: latencies[name] for name in good})


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
