"""`report.html`: a run in three sentences, its verdicts, its promises kept and broken, then all its tables.

Each number comes with its interval, and each mark from a verdict on it. “–”: not measured in this run.
"""

import base64
from collections.abc import Sequence

from utils.course.report import (
    ARTICLE,
    COMPARISON_HEADER,
    OWN,
    QUICK,
    STAGES_HEADER,
    TableRow,
    comparison,
    machine_line,
    page_template,
    stages,
    versions,
)
from utils.course.tables import UNMEASURED
from utils.measure.claims import AUDIT_HEADER, MARKS, audit, audit_cells
from utils.measure.memory import MB
from utils.measure.verdict import Estimate, Verdict, verdict

HEADER = (
    "version",
    "times as fast [95 %]",
    "promised",
    "",
    "points of F1 [95 %]",
    "against",
    "promised",
    "",
    "file MB",
)

LOSS = 1.0
"""Points of F1 that the second sentence asks about."""

LOST = {
    Verdict.YES: f"less than {LOSS:g} point is lost",
    Verdict.NO: f"more than {LOSS:g} point is lost",
    Verdict.UNSURE: f"whether more than {LOSS:g} point is lost, the test set cannot tell",
}


def html_report(rows: Sequence[dict], run: dict, picture: bytes) -> str:
    """The whole report as one HTML page that needs nothing else but the notebooks beside it.

    Args:
        rows: the run's ledger.
        run: what `run.json` holds.
        picture: PNG.
    """
    settings = {name: value if value != "" else "embedded" for name, value in run["settings"].items()}
    return page_template("report.html").render(
        run=run,
        warning=QUICK if run["settings"]["quick"] else "",
        machine=machine_line(run["machine"]),
        settings=", ".join(f"{name}: {value}" for name, value in settings.items()),
        sentences=sentences(rows),
        headline_header=HEADER,
        headline=headline(rows),
        promises_header=AUDIT_HEADER,
        promises=audit_cells(audit(rows)),
        comparison_header=COMPARISON_HEADER["en"],
        comparison=comparison(rows),
        stages_header=STAGES_HEADER,
        stages=stages(rows),
        picture=base64.b64encode(picture).decode(),
    )


def headline(rows: Sequence[dict]) -> list[list[str]]:
    """The article's versions and ours that were measured, as cells below `HEADER`."""
    return [_cells(version, row) for version, row in _measured(rows)]


def _measured(rows: Sequence[dict]) -> list[tuple[TableRow, dict]]:
    found = {(row["stage"], row["backend"]): row for row in versions(rows)}
    named = ((version, found.get((version.stage, version.backend))) for version in (*ARTICLE, *OWN))
    return [(version, _with_difference(row, rows)) for version, row in named if row]


def _with_difference(row: dict, rows: Sequence[dict]) -> dict:
    """The row with the F1 difference of its stage and backend, at whichever scale that was measured."""
    alike = [r for r in rows if (r["stage"], r["backend"]) == (row["stage"], row["backend"])]
    return row | {"f1_difference": next((r["f1_difference"] for r in alike if r.get("f1_difference")), None)}


def _cells(version: TableRow, row: dict) -> list[str]:
    speed, difference = row.get("times_as_fast"), row["f1_difference"]
    milliseconds, f1 = (_number(text) for text in (version.milliseconds, version.f1))
    is_original = version == ARTICLE[0]
    times = None if milliseconds is None or is_original else _number(ARTICLE[0].milliseconds) / milliseconds
    points = None if f1 is None or is_original else f1 - _number(ARTICLE[0].f1)
    return [
        version.english,
        _spelled(speed, ".2f"),
        UNMEASURED if times is None else f"{times:.2f}",
        _mark(speed, times),
        _spelled(difference, "+.2f"),
        str(difference["base"]) if difference else UNMEASURED,
        UNMEASURED if points is None else f"{points:+.1f}",
        _mark(difference, points),
        UNMEASURED if row["file_bytes"] is None else f"{row['file_bytes'] / MB:.0f}",
    ]


def _number(text: str) -> float | None:
    """The number of a cell of the article such as `140 ± 8`."""
    return None if text == UNMEASURED else float(text.split()[0])


def _estimate(found: dict) -> Estimate:
    return Estimate(found["value"], found["low"], found["high"])


def _spelled(found: dict | None, form: str) -> str:
    return f"{found['value']:{form}} [{found['low']:{form}}, {found['high']:{form}}]" if found else UNMEASURED


def _mark(found: dict | None, promised: float | None) -> str:
    return "" if found is None or promised is None else verdict(_estimate(found), promised).mark


def sentences(rows: Sequence[dict]) -> list[str]:
    """What a manager wants to know: how fast, at what price, and whether the article was right."""
    measured = _measured(rows)
    fast = [pair for pair in measured if pair[0] != ARTICLE[0] and pair[1].get("times_as_fast")]
    if not fast:
        return ["How many times as fast a version is, this run did not measure.", _promised(rows)]
    version, row = max(fast, key=lambda pair: pair[1]["times_as_fast"]["value"])
    return [_speed(version, row, measured), _price(row), _promised(rows)]


def _speed(version: TableRow, row: dict, measured: Sequence[tuple[TableRow, dict]]) -> str:
    original = next((row for version, row in measured if version == ARTICLE[0]), row)
    sizes = [one["file_bytes"] for one in (row, original)]
    room = "" if None in sizes else f", in a file of {sizes[0] / MB:.0f} MB instead of {sizes[1] / MB:.0f}"
    times, base = _spelled(row["times_as_fast"], ".1f"), row["times_as_fast"]["base"]
    return f"The fastest version is “{version.english}”: {times} times as fast as {base} on this machine{room}."


def _price(row: dict) -> str:
    difference = row["f1_difference"]
    if not difference:
        return "What that costs in F1, this run did not measure."
    points, lost = _spelled(difference, "+.1f"), LOST[verdict(_estimate(difference), -LOSS)]
    return f"Its F1 differs from the fair baseline's ({difference['base']}) by {points} points: {lost}."


def _promised(rows: Sequence[dict]) -> str:
    marks = [MARKS[audited.verdict] for audited in audit(rows)]
    holds, fails, unsure, unmeasured = (marks.count(mark) for mark in "✓✗?–")
    return (
        f"Of the article's {len(marks)} promises {holds} hold here and {fails} do not; "
        f"of {unsure} this run cannot tell, and {unmeasured} it did not measure."
    )
