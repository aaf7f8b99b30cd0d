"""What a notebook says to its learner: predictions compared, claims that hold or fail, answers checked.

An open question is the value `...`: a cell that still holds it runs, and says so.
"""

import json
import math
import re
import reprlib
import sysconfig
import textwrap
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from IPython.display import Markdown

from utils.course.numbering import number_of
from utils.course.tables import UNMEASURED, table
from utils.files import DATA, ROOT, locked, write_atomically
from utils.measure.verdict import Estimate, Verdict

if TYPE_CHECKING:
    from utils.measure.run import Run

REFERENCE_RUN = DATA / "reference" / "run.json"

WAIT = 60
"""Seconds to wait for another notebook that is writing its predictions to the same file."""

NOTHING_REVEALED = "Nothing is revealed yet: run the cells with the answers, then this one."

NOT_THEIRS = (str(ROOT / "utils"), sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"))
"""Where a line of a traceback stands that no learner wrote."""

LONGEST_SAID = 200
"""Characters of an error's message that a hint repeats."""

COLOUR = re.compile(r"\x1b\[[\d;]*m")
"""What colours a terminal's text."""

Checker = Callable[[object], str | None]
"""An answer -> None if it is right, else a hint at what went wrong."""


def check(claim: str, holds: bool | np.bool_ | Verdict) -> None:
    """Print the lesson as one line: `✓ claim`, `✗ claim` where it does not hold, `? claim (cannot tell)` in between.

    Raises:
        TypeError: `holds` is neither a bool nor a verdict: a number is no answer to "is it so?".
    """
    if not isinstance(holds, bool | np.bool_ | Verdict):
        raise TypeError(f"a bool or a Verdict says whether a claim holds, not {holds!r}")
    found = holds if isinstance(holds, Verdict) else Verdict.YES if holds else Verdict.NO
    print(f"{found.mark} {claim}{f' ({found})' if found is Verdict.UNSURE else ''}")


def _spelled(value: object, unit: str, interval: Sequence[float] | None = None) -> str:
    number = f"{value:.4g}" if isinstance(value, float) else str(value)
    ends = "[{:.3g}, {:.3g}]".format(*interval) if interval else ""
    return " ".join(filter(None, (number, ends, unit)))


def predictions(run: "Run", number: str) -> "Predictions":
    """Where notebook `number` of a run keeps what its learner predicted."""
    return Predictions(run.path / "predictions.json", number)


@dataclass(frozen=True)
class Predictions:
    """A notebook's part of a run's `predictions.json`: notebook -> question -> guess, what was measured, unit, and the
    interval of an estimate.

    A guess is None while it is open. Notebooks that write at the same time wait for each other.
    """

    path: Path
    notebook: str

    def reveal(self, name: str, guess: object, measured: object, unit: str = "") -> None:
        """Print what was measured, beside the learner's guess if there is one, and keep both under the question.

        Args:
            measured: an `Estimate` where there is one: a guess inside its interval cannot be told from right.

        Raises:
            ValueError: the file is broken.
            LockedError: another notebook has kept it for `WAIT` seconds.
        """
        entry = {"guess": None if guess is ... else _plain(guess), "unit": unit, **_measured(measured)}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with locked(self.path, WAIT):
            everything = self._read()
            everything.setdefault(self.notebook, {})[name] = entry
            write_atomically(self.path, json.dumps(everything, ensure_ascii=False, indent=1) + "\n")
        said = "" if guess is ... else f"you said {_spelled(entry['guess'], unit)}; "
        print(f"{said}measured: {_spelled(entry['measured'], unit, entry['interval'])}")

    def review(self) -> Markdown:
        """A table of this notebook's questions, what was measured, and the predictions that were made.

        Raises:
            ValueError: the file is broken.
        """
        entries = self._read().get(self.notebook, {})
        if not entries:
            return Markdown(NOTHING_REVEALED)
        header = ("question", "your guess", "measured", "how far off")
        return table(header, [_reviewed(name, **entry) for name, entry in entries.items()])

    def _read(self) -> dict:
        try:
            return json.loads(self.path.read_text("utf-8")) if self.path.is_file() else {}
        except ValueError as error:
            raise ValueError(f"{self.path}: {error}; delete the file to begin anew") from None


def _measured(value: object) -> dict[str, object]:
    if isinstance(value, Estimate):
        return {"measured": float(value.value), "interval": [float(value.low), float(value.high)]}
    return {"measured": _plain(value), "interval": None}


def _plain(value: object) -> float | str:
    """A number as Python has it, anything else as a text in one line."""
    if isinstance(value, Real | np.number) and not isinstance(value, bool):
        return int(value) if float(value).is_integer() and not isinstance(value, float) else float(value)
    return " ".join(str(value).split())


def _reviewed(
    name: str, guess: float | str | None, measured: float | str, unit: str, interval: Sequence[float] | None = None
) -> tuple[str, ...]:
    said = UNMEASURED if guess is None else _spelled(guess, unit)
    return name, said, _spelled(measured, unit, interval), _distance(guess, measured, interval)


def _distance(guess: float | str | None, measured: float | str, interval: Sequence[float] | None) -> str:
    """Of two numbers, how much too high or too low the guess is; to four digits, as they are spelled."""
    if isinstance(guess, str | None) or isinstance(measured, str):
        return UNMEASURED
    if interval and interval[0] <= guess <= interval[1]:
        return "inside the interval"
    if _spelled(guess, "") == _spelled(measured, "") or guess == measured:
        return "right"
    return f"{abs(guess - measured):.4g} too {'high' if guess > measured else 'low'}"


def exercise(answer: object, checker: Checker) -> None:
    """Print what `checker` finds: right, a hint, or `not attempted yet` while a `...` is left in the answer."""
    if _is_open(answer):
        print("… not attempted yet")
    else:
        hint = _hint(answer, checker)
        print("✓ right" if hint is None else f"✗ {hint}")


def _hint(answer: object, checker: Checker) -> str | None:
    """What `checker` says, also of an answer with which it stops: nobody learns from a page of traceback."""
    try:
        return checker(answer)
    except Exception as error:
        return _stopped(error)


def _stopped(error: Exception) -> str:
    """In one line, what a learner's function stopped with, and at which line of theirs, if it was one of theirs."""
    said = shortened(f"{type(error).__name__}: {error}".rstrip(": "))
    theirs = [line for line in traceback.extract_tb(error.__traceback__) if not line.filename.startswith(NOT_THEIRS)]
    if not theirs:
        return f"this answer cannot be judged ({said})"
    return f"your function stopped with {said} (line {theirs[-1].lineno}: `{theirs[-1].line}`)"


def shortened(text: str) -> str:
    """A text on one line, without a terminal's colours, and no longer than `LONGEST_SAID` characters."""
    return textwrap.shorten(COLOUR.sub("", text), LONGEST_SAID, placeholder=" …")


def attempted(*answers: object) -> bool:
    """Whether all of these exercises were attempted; if not, say so. What builds on their answers waits until then."""
    open_ones = any(map(_is_open, answers))
    if open_ones:
        print("… not attempted yet")
    return not open_ones


def _is_open(answer: object) -> bool:
    parts = answer.values() if isinstance(answer, dict) else answer if isinstance(answer, list | tuple) else [answer]
    return any(part is ... for part in parts)


def listed(answer: object) -> list | None:
    """What a list, a tuple, a range, or an array or tensor of one dimension holds; None of anything else."""
    if isinstance(answer, list | tuple | range):
        return list(answer)
    return answer.tolist() if getattr(answer, "ndim", None) == 1 else None


def number(expected: float, hints: Mapping[float, str], tolerance: float = 0.01) -> Checker:
    """A checker for one number; an array or a tensor of one number is one.

    Args:
        hints: wrong value -> the misconception that leads to it.
        tolerance: relative, for the right value and for the wrong ones.
    """

    def checker(answer: object) -> str | None:
        answer = _alone(answer)
        if isinstance(answer, bool) or not isinstance(answer, Real) or not math.isfinite(answer):
            return f"a number is expected, not {_named(answer)}"
        if math.isclose(answer, expected, rel_tol=tolerance):
            return None
        known = (hint for value, hint in hints.items() if math.isclose(answer, value, rel_tol=tolerance))
        return next(known, "too small" if answer < expected else "too large")

    return checker


def _alone(answer: object) -> object:
    """The number in an array or a tensor of one; everything else as it came."""
    return answer.item() if math.prod(getattr(answer, "shape", (0,))) == 1 else answer


def _named(answer: object) -> str:
    """An answer in a few words, however large it is."""
    shape = getattr(answer, "shape", None)
    return reprlib.repr(answer) if shape is None else f"an array of shape {tuple(shape)}"


def show_minutes(number: str) -> Markdown:
    """How long notebook `number` took in the reference run, when and where that ran; or that nobody measured it yet."""
    return Markdown(minutes_in(json.loads(REFERENCE_RUN.read_text("utf-8")) if REFERENCE_RUN.is_file() else {}, number))


def minutes_in(run: Mapping, number: str) -> str:
    """The same of a run, as Markdown; `run` is what its `run.json` holds."""
    known = {number_of(entry["name"]): entry["minutes"] for entry in run.get("notebooks", [])}
    if known.get(number) is None:
        return "**Minutes:** not measured yet"
    machine, code = run["machine"], f", code {run['commit'][:7]}" if "commit" in run else ""
    place = f"{machine['cpu']}, {machine['cores']} cores, {' '.join(machine['flags']) or 'no vector flags seen'}"
    return (
        f"**Minutes:** {known[number]:.1f} to run; reading comes on top. "
        f"Measured in the reference run of {run['started'][:10]}{code}, on {place}."
    )
