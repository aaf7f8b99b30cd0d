"""How long a workshop takes: measured run minutes, and an estimate of everything else.

The minutes that a notebook runs are measured, by `make course`. Reading and exercises are estimated by the rule
below; a group is faster or slower than any rule.
"""

import ast
import json
import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbformat import NotebookNode

from utils.course.numbering import number_of
from utils.course.tables import markdown_table

WORDS_A_MINUTE = 120

CELL_MINUTES = 0.5

EXERCISE_MINUTES = 5

PREDICTION_MINUTES = 1

ROUNDED_TO = 5

FIRST_START = 9 * 60

PLANS = {
    "half day": (
        (("teaching", 105), ("break", 15), ("teaching", 105)),
        ("00", "02", "08", "01"),
    ),
    "full day": (
        (("teaching", 105), ("break", 15), ("teaching", 90), ("lunch", 60), ("teaching", 105), ("break", 15),
         ("teaching", 90)),
        ("00", "02", "08", "04", "06", "07", "07b", "01", "03", "05", "10", "09", "11"),
    ),
}  # fmt: skip
"""Plan -> its sessions in minutes, and the notebooks in order of importance: those that fit are taught."""

RULE = f"""# Minutes of the workshop

*Run* is measured, by one run of the whole course on the machine that `README.md` names. A notebook opened alone
first rebuilds what earlier ones would have left, which takes longer: run `make course` beforehand.

*Reading* and *exercises* are an **estimate**, not a measurement: {WORDS_A_MINUTE} words of text a minute,
{CELL_MINUTES} minutes for each code cell with its output, {EXERCISE_MINUTES} minutes for an exercise,
{PREDICTION_MINUTES} for a prediction. *Planned* is the sum, rounded up to {ROUNDED_TO} minutes; a notebook without
a measured run is not planned."""


class TimingError(Exception):
    """Minutes that cannot be known; the message says what to do."""


class Minutes(NamedTuple):
    """One notebook's minutes: `run` is measured (None: not yet), the others are estimated."""

    name: str
    run: float | None
    reading: float
    exercises: float

    @property
    def total(self) -> int:
        """All of it, rounded up to `ROUNDED_TO` minutes."""
        return ROUNDED_TO * math.ceil(((self.run or 0) + self.reading + self.exercises) / ROUNDED_TO)


class TimetableBlock(NamedTuple):
    """A line of a plan; `start` in minutes since midnight."""

    start: int
    minutes: int
    what: str


def measured_minutes(file: Path) -> dict[str, float]:
    """Notebook -> minutes, of a finished run's `run.json`.

    Raises:
        TimingError: the file is absent, broken, or of a run that did not finish.
    """
    remedy = "make a finished run the reference: python -m utils.course report --reference"
    try:
        run = json.loads(file.read_text("utf-8"))
        minutes = {entry["name"]: float(entry["minutes"]) for entry in run["notebooks"]}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise TimingError(f"{file}: no minutes can be read ({type(error).__name__}: {error}); {remedy}") from None
    if run.get("state") != "finished" or not all(0 <= value < math.inf for value in minutes.values()):
        raise TimingError(f"{file}: not a finished run with minutes for every notebook; {remedy}")
    return minutes


def notebook_minutes(path: Path, measured: dict[str, float]) -> Minutes:
    """Measured and estimated minutes of one notebook."""
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    reading = _words(notebook) / WORDS_A_MINUTE + CELL_MINUTES * len(code)
    exercises = sum(bool(re.search(r"^exercise\(", cell.source, re.M)) for cell in code)
    predictions = max(0, sum(map(_is_open, code)) - exercises)
    minutes = EXERCISE_MINUTES * exercises + PREDICTION_MINUTES * predictions
    return Minutes(path.stem, measured.get(path.stem), reading, minutes)


def _words(notebook: NotebookNode) -> int:
    """Words of the Markdown cells; a Chinese character counts as one."""
    text = " ".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    return len(re.findall(r"[A-Za-z0-9'’-]*[A-Za-z0-9][A-Za-z0-9'’-]*|[\u4e00-\u9fff]", text))


def _is_open(cell: NotebookNode) -> bool:
    return any(isinstance(node, ast.Constant) and node.value is ... for node in ast.walk(ast.parse(cell.source)))


def plan(
    sessions: Sequence[tuple[str, int]], order: Iterable[str], notebooks: Iterable[Minutes]
) -> list[TimetableBlock]:
    """A day: the notebooks of `order` that fit, taught by number, split where a pause falls; the rest is for questions.

    Only notebooks that were measured are planned.
    """
    known = {number_of(minutes.name): minutes for minutes in notebooks if minutes.run is not None}
    waiting = _chosen([known[number] for number in order if number in known], _teaching(sessions))
    blocks, clock = [], FIRST_START
    for kind, length in sessions:
        parts = _fill(waiting, length) if kind == "teaching" else [(kind, length)]
        for what, minutes in parts:
            blocks.append(TimetableBlock(clock, minutes, what))
            clock += minutes
    return blocks


def _chosen(notebooks: Iterable[Minutes], available: int) -> list[list]:
    """`[name, minutes]` of those that fit into the available minutes, first come first served, sorted by name."""
    taken = []
    for minutes in notebooks:
        if minutes.total <= available:
            available -= minutes.total
            taken.append([minutes.name, minutes.total])
    return sorted(taken)


def _teaching(sessions: Sequence[tuple[str, int]]) -> int:
    return sum(minutes for kind, minutes in sessions if kind == "teaching")


def _fill(waiting: list[list], length: int) -> list[tuple[str, int]]:
    """Take `length` minutes from the front of `waiting`; what is missing in the end becomes questions."""
    parts = []
    while waiting and length:
        name, minutes = waiting[0]
        spent = min(minutes, length)
        parts.append((name, spent))
        length -= spent
        waiting[0] = [_continued(name), minutes - spent]
        if spent == minutes:
            waiting.pop(0)
    return parts + ([("questions", length)] if length else [])


def _continued(name: str) -> str:
    return f"{name.removesuffix(', continued')}, continued"


def sheet(notebooks: Sequence[Minutes]) -> str:
    """`TIMING.md`: the rule, every notebook's minutes, and the plans."""
    plans = [_plan_text(name, plan(sessions, order, notebooks)) for name, (sessions, order) in PLANS.items()]
    return "\n\n".join([RULE, _table(notebooks), *plans]) + "\n"


def _table(notebooks: Sequence[Minutes]) -> str:
    rows = [
        [entry.name, "–" if entry.run is None else f"{entry.run:.1f}", f"{entry.reading:.0f}", f"{entry.exercises:.0f}",
         "–" if entry.run is None else str(entry.total)]
        for entry in notebooks
    ]  # fmt: skip
    return markdown_table(("notebook", "run, measured", "reading, estimated", "exercises, estimated", "planned"), rows)


def _plan_text(name: str, blocks: Sequence[TimetableBlock]) -> str:
    rows = [[_clock(block.start), block.what, str(block.minutes)] for block in blocks]
    rows.append([_clock(blocks[-1].start + blocks[-1].minutes), "end", str(sum(block.minutes for block in blocks))])
    return f"## {name.capitalize()}\n\n{markdown_table(('from', 'what', 'minutes'), rows)}"


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
