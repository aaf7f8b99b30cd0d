"""The article's numbers held against a run: claimed, measured here, a verdict and its reason.

A claim *holds* here, it does *not hold* here, or the run *cannot tell*; it *cannot hold* where arithmetic alone
rules it out, on any machine and for any choice of heads. What was not measured has no verdict, but a reason.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from utils.files import DATA
from utils.measure.claim import ANY, AVX512, WITH_AVX512, Claim, Evidence, Measured, NotMeasured, answer
from utils.measure.claim_list import CLAIMS
from utils.measure.verdict import Verdict

HOLDS, FAILS, UNSURE, CANNOT, UNKNOWN = "holds", "does not hold", "cannot tell", "cannot hold", "not measured"

SAID = {Verdict.YES: HOLDS, Verdict.NO: FAILS, Verdict.UNSURE: UNSURE}

MARKS = {HOLDS: "✓", FAILS: "✗", UNSURE: "?", CANNOT: "✗", UNKNOWN: "–"}

REMOVALS = DATA / "reference" / "redundancy.json"
"""What each layer is worth: measured once, with the embedded model (python -m utils.studies.redundancy)."""

AUDIT_HEADER = ("§", "the article says", "claimed", "measured here", "", "CPU", "verdict", "because")


class Audited(NamedTuple):
    """A claim beside what a run measured; `measured` is None where that is missing. `cpu` is the kind of CPU that
    the verdict counts for.
    """

    claim: Claim
    measured: Measured | None
    verdict: str
    because: str

    @property
    def cpu(self) -> str:
        return self.claim.cpu if self.measured is None else self.measured.cpu


def kept_removals() -> list[dict]:
    """The rows of the study that comes with the course; none where it is not there."""
    return json.loads(REMOVALS.read_text("utf-8"))["rows"] if REMOVALS.is_file() else []


def audit(rows: Iterable[dict], removals: Iterable[dict] | None = None) -> list[Audited]:
    """Every claim beside what the ledger's rows say, and the rows of a study of removals (None: the kept one)."""
    removals = kept_removals() if removals is None else removals
    found = defaultdict(list)
    for row in rows:
        found[row["scale"], row["stage"], row["backend"]].append(row)
    evidence = Evidence(found, {row["stage"]: row for row in removals})
    return [_audited(claim, evidence) for claim in CLAIMS]


def _audited(claim: Claim, evidence: Evidence) -> Audited:
    without = CANNOT if claim.impossible else UNKNOWN
    if claim.reading is None:
        return Audited(claim, None, without, claim.reason)
    try:
        measured = claim.reading(evidence)
    except NotMeasured as lack:
        return Audited(claim, None, without, claim.reason if claim.impossible else str(lack))
    if claim.cpu == AVX512 and measured.cpu not in WITH_AVX512:
        return Audited(claim, measured, UNKNOWN, f"said of {AVX512}, measured on {measured.cpu}")
    found = SAID[answer(claim, measured)]
    return Audited(claim, measured, CANNOT if found == FAILS and claim.impossible else found, claim.reason)


def audit_cells(audited: Sequence[Audited]) -> list[tuple[str, ...]]:
    """Cells below `AUDIT_HEADER`: claimed with its direction, measured with its interval where it has one."""
    return [
        (a.claim.section, a.claim.says, f"{a.claim.direction} {a.claim.claimed:.3g}", _spelled(a.measured),
         a.claim.unit, a.cpu if a.measured or a.cpu == ANY else "–", f"{MARKS[a.verdict]} {a.verdict}", a.because)
        for a in audited
    ]  # fmt: skip


def _spelled(measured: Measured | None) -> str:
    if measured is None:
        return "–"
    interval = f" [{measured.low:.3g}, {measured.high:.3g}]" if measured.low < measured.high else ""
    return f"{measured.value:.3g}{interval}"
