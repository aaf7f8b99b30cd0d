"""One number of the article: where it stands, how it is read off a run, and what a run says about it.

A claim has a direction (at least, at most, about) and a tolerance of its own, with the reason for it. Times and F1
are held against it with their interval, so the answer may be "cannot tell"; counts, bytes and memory are exact
numbers. Times are ratios within one measuring session, because the article's machine is another one, and name the
kind of CPU that they were measured on.
"""

import math
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import NamedTuple

from utils.measure.machine import cpu_class
from utils.measure.memory import MB
from utils.measure.row import ORIGINAL
from utils.measure.verdict import Estimate, HasInterval, Verdict, verdict

ANY, OWN, AVX512 = "any", "measured on", "AVX-512"
"""For which CPUs a verdict counts: for all; for the kind that the number was measured on; for those with AVX-512,
of which the article speaks."""

WITH_AVX512 = {"AMX", "AVX-512 VNNI", "AVX-512"}

NEUTRAL = {
    "times as fast": 1, "% less time": 0, "% of the original's memory": 100, "% of the unpruned one's memory": 100,
    "% fewer": 0, "% smaller": 0,
}  # fmt: skip
"""What "nothing has changed" is in a unit. No tolerance reaches that far: "adds memory" is not held up by less."""

Version = tuple[str, str]
"""Stage and backend."""


class Direction(StrEnum):
    AT_LEAST = "at least"
    AT_MOST = "at most"
    ABOUT = "about"


class Tolerance(NamedTuple):
    """By how much, in the claim's unit, a run may miss the claimed number, and why by so much."""

    amount: float
    reason: str


class Quote(NamedTuple):
    """The article's own words, and the number of the section that they stand in."""

    section: str
    text: str


class Measured(NamedTuple):
    """A number of a run with its interval (of no width where it was counted), and the kind of CPU."""

    value: float
    low: float
    high: float
    cpu: str


class Evidence(NamedTuple):
    """What claims are held against: the ledger's rows by scale, stage and backend, and a study's removals by stage."""

    rows: dict[tuple[str, str, str], list[dict]]
    removals: dict[str, dict]


class NotMeasured(LookupError):
    """The evidence lacks a claim's number; the message says why."""


Reading = Callable[[Evidence], Measured]
"""Reads a number off the evidence; raises NotMeasured."""


class Claim(NamedTuple):
    """One number of the article.

    `reading` is None where no notebook measures it; then `reason` says why not, else why it comes out as it does.
    `best` is what arithmetic allows at most (at least, for "at most") with a BERT-base, where it can be computed.
    """

    says: str
    quotes: tuple[Quote, ...]
    claimed: float
    unit: str
    direction: Direction
    tolerance: Tolerance
    reading: Reading | None
    reason: str
    cpu: str = ANY
    best: float | None = None

    @property
    def section(self) -> str:
        return ", ".join(sorted({quote.section for quote in self.quotes}))

    @property
    def impossible(self) -> bool:
        """Even the best that arithmetic allows misses it."""
        return self.best is not None and answer(self, Estimate(self.best, self.best, self.best)) is Verdict.NO


def answer(claim: Claim, measured: HasInterval) -> Verdict:
    """Does the claim hold, its tolerance granted? Never where the change goes the other way, or there is none."""
    found = set()
    if claim.direction is not Direction.AT_MOST:
        found.add(verdict(measured, _lowest(claim)))
    if claim.direction is not Direction.AT_LEAST:
        found.add(verdict(Estimate(math.nan, -measured.high, -measured.low), -_highest(claim)))
    return next(said for said in (Verdict.NO, Verdict.UNSURE, Verdict.YES) if said in found)


def _lowest(claim: Claim) -> float:
    neutral, limit = NEUTRAL.get(claim.unit, math.inf), claim.claimed - claim.tolerance.amount
    return max(limit, math.nextafter(neutral, math.inf)) if neutral < claim.claimed else limit


def _highest(claim: Claim) -> float:
    neutral, limit = NEUTRAL.get(claim.unit, -math.inf), claim.claimed + claim.tolerance.amount
    return min(limit, math.nextafter(neutral, -math.inf)) if neutral > claim.claimed else limit


def megabytes(version: Version) -> Reading:
    """Bytes on disk at article scale, in MB."""
    return lambda evidence: _exact(_rows(evidence, "article", version, "file_bytes")[0]["file_bytes"] / MB)


def fewer(column: str, version: Version) -> Reading:
    """By how many percent a count or a size of the untouched model falls."""

    def read(evidence: Evidence) -> Measured:
        left, whole = (_rows(evidence, "article", each, column)[0][column] for each in (version, ORIGINAL))
        return _exact(100 * (1 - left / whole))

    return read


def counted(count: Callable[[list[int]], int]) -> Reading:
    """A count over the untouched model's `heads_per_layer`, at article scale."""
    column = "heads_per_layer"
    return lambda evidence: _exact(count(_rows(evidence, "article", ORIGINAL, column)[0][column]))


def memory() -> Reading:
    """Peak memory of the untouched model, in MB."""

    def read(evidence: Evidence) -> Measured:
        row = _rows(evidence, "article", ORIGINAL, "rss_mb")[0]
        return _exact(row["rss_mb"], _cpu(row))

    return read


def memory_share(version: Version, base: Version = ORIGINAL) -> Reading:
    """Peak memory as a share of `base`'s, in percent."""

    def read(evidence: Evidence) -> Measured:
        row, whole = (_rows(evidence, "article", each, "rss_mb")[0] for each in (version, base))
        return _exact(100 * row["rss_mb"] / whole["rss_mb"], _cpu(row))

    return read


def speed_up(version: Version) -> Reading:
    """How many times as fast as the untouched model, at article scale, both timed in one session."""
    return lambda evidence: _ratio(_timed(evidence, version))


def time_saved(version: Version) -> Reading:
    """The same as percent of the untouched model's time that are gone."""

    def read(evidence: Evidence) -> Measured:
        *ratios, cpu = _ratio(_timed(evidence, version))
        return Measured(*(100 * (1 - 1 / ratio) for ratio in ratios), cpu)

    return read


def speed_up_over(base: Version, version: Version) -> Reading:
    """How many times as fast as `base`, where one session timed both.

    Each was compared with that session's first version; the interval goes from the worst case of both ratios
    to the best one, so it is rather too wide.
    """

    def read(evidence: Evidence) -> Measured:
        rows = ((a, b) for a in _rows(evidence, "article", base, "times_as_fast")
                for b in _rows(evidence, "article", version, "times_as_fast"))  # fmt: skip
        together = next(((a, b) for a, b in rows if a["session"] and a["session"] == b["session"]), None)
        if together is None:
            raise NotMeasured(f"no session timed both {_named(base)} and {_named(version)}")
        slow, fast = map(_ratio, together)
        return Measured(fast.value / slow.value, fast.low / slow.high, fast.high / slow.low, fast.cpu)

    return read


def f1_lost(version: Version) -> Reading:
    """Points of F1 below the original: the untouched one or, where the row is compared with that, the one that was
    trained as long. The mini's, whose function the twin computes.
    """

    def read(evidence: Evidence) -> Measured:
        for row in _rows(evidence, "mini", version, "f1_difference"):
            found = row["f1_difference"]
            if found["base"].startswith(ORIGINAL[0]):
                return Measured(-found["value"], -found["high"], -found["low"], _cpu(row))
        raise NotMeasured(f"F1 of {_named(version)} was not compared with the original's")

    return read


def extra_loss(layers: Iterable[int], others: Iterable[int]) -> Reading:
    """By how many points more F1 falls when the attention of one of `layers` is taken out than with one of `others`.

    Means over layers, numbered from 1; the interval adds up the worst cases of all of them, so it is rather too wide.
    """
    layers, others = list(layers), list(others)

    def read(evidence: Evidence) -> Measured:
        (value, low, high), (value2, low2, high2) = (_mean_loss(evidence, each) for each in (layers, others))
        return Measured(value - value2, low - high2, high - low2, ANY)

    return read


def _mean_loss(evidence: Evidence, layers: list[int]) -> tuple[float, float, float]:
    names = [f"attention of layer {layer}" for layer in layers]
    if missing := [name for name in names if name not in evidence.removals]:
        raise NotMeasured(f"the study of removals lacks {missing[0]} (python -m utils.studies.redundancy)")
    found = [evidence.removals[name]["difference"] for name in names]
    return tuple(-sum(each[bound] for each in found) / len(found) for bound in ("f1", "high", "low"))


def _timed(evidence: Evidence, version: Version) -> dict:
    """The latest row whose session began with the untouched model."""
    for row in _rows(evidence, "article", version, "times_as_fast"):
        if tuple(row["times_as_fast"]["base"].split("/")[:2]) == ORIGINAL:
            return row
    raise NotMeasured(f"{_named(version)} was not timed in turns with the original")


def _ratio(row: dict) -> Measured:
    found = row["times_as_fast"]
    return Measured(found["value"], found["low"], found["high"], _cpu(row))


def _rows(evidence: Evidence, scale: str, version: Version, column: str) -> list[dict]:
    """Rows of a version in which the column was measured, those of later notebooks first; at least one."""
    found = [row for row in evidence.rows.get((scale, *version), ()) if row.get(column) is not None]
    if not found:
        raise NotMeasured(f"{_named(version)} has no {column} in this ledger: run the notebook that measures it")
    return sorted(found, key=lambda row: row["notebook"], reverse=True)


def _cpu(row: dict) -> str:
    return cpu_class(row["machine"]["flags"]) if row["machine"] else "unknown"


def _named(version: Version) -> str:
    return ", ".join(version)


def _exact(number: float, cpu: str = ANY) -> Measured:
    return Measured(number, number, number, cpu)
