"""The article's numbers held against a run: claimed, measured here, a verdict and its reason.

A claim is a number of the article and a way to read the same number off a ledger. Times and memory
are read as ratios to the same run's untouched model, because the article's machine is another one.
Three verdicts: it *holds* here, it does *not hold* here, or it *cannot hold*, where arithmetic alone
rules it out, on any machine and for any choice of heads. A stage that was not measured has no verdict.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from utils.measure.memory import MB
from utils.measure.row import ORIGINAL

HOLDS, FAILS, CANNOT, UNKNOWN = "holds", "does not hold", "cannot hold", "not measured"

TORCH8, BOTH8, ONNX8 = ("quantized", "torch-int8"), ("pruned-quantized", "torch-int8"), ("quantized", "onnx-int8")
LINEAR8, CUT = ("quantized-linear", "torch-int8"), ("heads-20", "torch-fp32")

TOLERANCE = 0.1
"""Share by which a measured cost may miss the claimed one: the spread that the article gives for its times, doubled."""

Rows = dict[tuple[str, str, str], dict]
"""Scale, stage and backend -> row."""

Version = tuple[str, str]
"""Stage and backend."""


class Claim(NamedTuple):
    """One number of the article.

    `measure` reads it off the ledger's rows (KeyError or TypeError: not measured), `holds` compares
    (claimed, measured), `impossible` marks what arithmetic rules out, and `reason` is one line.
    """

    says: str
    claimed: float
    unit: str
    measure: Callable[[Rows], float]
    holds: Callable[[float, float], bool]
    reason: str
    impossible: bool = False


class Audited(NamedTuple):
    """A claim beside what a run measured; `measured` is None where a row is missing."""

    claim: Claim
    measured: float | None
    verdict: str


def at_least(claimed: float, measured: float) -> bool:
    """As much as claimed, or more; less by `TOLERANCE` passes."""
    return measured >= claimed * (1 - TOLERANCE)


def at_most(claimed: float, measured: float) -> bool:
    """As much as claimed, or less; more by `TOLERANCE` passes."""
    return measured <= claimed * (1 + TOLERANCE)


def close(claimed: float, measured: float) -> bool:
    """As much as claimed, more or less by `TOLERANCE`."""
    return at_least(claimed, measured) and at_most(claimed, measured)


def megabytes(version: Version) -> Callable[[Rows], float]:
    """Bytes on disk at article scale, in MB."""
    return lambda rows: rows["article", *version]["file_bytes"] / MB


def speed_up(version: Version, base: Version = ORIGINAL) -> Callable[[Rows], float]:
    """How many times as fast as `base`, medians at article scale."""
    return lambda rows: _median(rows, base) / _median(rows, version)


def memory_share(version: Version, base: Version = ORIGINAL) -> Callable[[Rows], float]:
    """Peak memory as a share of `base`'s, in percent."""
    return lambda rows: 100 * rows["article", *version]["rss_mb"] / rows["article", *base]["rss_mb"]


def f1_lost(version: Version) -> Callable[[Rows], float]:
    """Points of F1 below the untouched model; the mini's, whose function the twin computes."""
    return lambda rows: rows["mini", *ORIGINAL]["f1"] - rows["mini", *version]["f1"]


def fewer(column: str, version: Version) -> Callable[[Rows], float]:
    """By how many percent a count or a size of the untouched model falls."""
    return lambda rows: 100 * (1 - rows["article", *version][column] / rows["article", *ORIGINAL][column])


def _median(rows: Rows, version: Version) -> float:
    return rows["article", *version]["latency_ms"]["p50"]


CLAIMS = (
    Claim("the original's file", 420, "MB", megabytes(ORIGINAL), close, "four bytes a parameter, no surprise"),
    Claim(
        "INT8 of the linear layers: the file", 110, "MB", megabytes(LINEAR8), at_most,
        "the word embedding stays in float32; only with it in INT8 too does the file get there", impossible=True,
    ),
    Claim(
        "INT8 with torch", 320 / 140, "times as fast", speed_up(TORCH8), at_least,
        "bytes are quick where the CPU has instructions to multiply them (VNNI), and only there",
    ),
    Claim("INT8 with torch: F1 lost", 0.8, "points", f1_lost(TORCH8), at_most, "one byte a weight is enough here"),
    Claim(
        "INT8 with torch: peak memory", 100 * 310 / 820, "% of the original's", memory_share(TORCH8), at_most,
        "importing torch and its libraries is most of what is left",
    ),
    Claim(
        "a fifth of the heads gone: parameters", 18, "% fewer", fewer("parameters", CUT), at_least,
        "all heads together hold 28 % of BERT-base's parameters", impossible=True,
    ),
    Claim(
        "a fifth of the heads gone: time", 1.35, "times as fast", speed_up(CUT), at_least,
        "heads do a part of the work, and a fifth of a part is small",
    ),
    Claim(
        "pruned by a fifth, quantised: F1 lost", 94.3 - 93.1, "points", f1_lost(BOTH8), at_most,
        "fine-tuning gives more than the pruning took; the original was not fine-tuned",
    ),
    Claim(
        "pruned and quantised: the file", 78.6, "% smaller", fewer("file_bytes", BOTH8), at_least,
        "needs the embedding in INT8, which the article's code leaves alone",
    ),
    Claim(
        "pruned and quantised", 320 / 100, "times as fast", speed_up(BOTH8), at_least,
        "nearly all of it is the quantisation's: with that it stands or falls",
    ),
    Claim(
        "pruned and quantised: peak memory", 100 * 330 / 820, "% of the original's", memory_share(BOTH8), at_most,
        "the libraries again",
    ),
    Claim(
        "pruning adds memory to the quantised model", 100 * 330 / 310, "% of it", memory_share(BOTH8, TORCH8),
        at_least, "fewer weights do not take more room",
    ),
    Claim(
        "INT8 with ONNX Runtime", 320 / 85, "times as fast", speed_up(ONNX8), at_least,
        "the same instructions, and one operator for each layer's attention",
    ),
    Claim(
        "ONNX Runtime against torch, both INT8", 140 / 85, "times as fast", speed_up(ONNX8, TORCH8), at_least,
        "the same arithmetic; what differs is what happens between the products",
    ),
    Claim(
        "INT8 with ONNX Runtime: peak memory", 100 * 290 / 820, "% of the original's", memory_share(ONNX8), at_most,
        "no torch in the process",
    ),
    Claim("INT8 with ONNX Runtime: F1 lost", 94.3 - 93.3, "points", f1_lost(ONNX8), at_most, "as with torch"),
)  # fmt: skip

AUDIT_HEADER = ("the article says", "claimed", "measured here", "", "verdict", "because")


def audit(rows: Iterable[dict]) -> list[Audited]:
    """Every claim beside what the ledger's rows say."""
    found = {(row["scale"], row["stage"], row["backend"]): row for row in rows}
    return [_audited(claim, found) for claim in CLAIMS]


def _audited(claim: Claim, rows: Rows) -> Audited:
    try:
        measured = claim.measure(rows)
    except (KeyError, TypeError):
        return Audited(claim, None, UNKNOWN)
    if claim.holds(claim.claimed, measured):
        return Audited(claim, measured, HOLDS)
    return Audited(claim, measured, CANNOT if claim.impossible else FAILS)


def audit_cells(audited: Sequence[Audited]) -> list[tuple[str, ...]]:
    """Cells below `AUDIT_HEADER`."""
    return [
        (a.claim.says, f"{a.claim.claimed:.3g}", "–" if a.measured is None else f"{a.measured:.3g}", a.claim.unit,
         a.verdict, a.claim.reason if a.measured is not None else "run the notebook that measures it")
        for a in audited
    ]  # fmt: skip
