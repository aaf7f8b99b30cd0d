"""What a notebook says to its learner: predictions compared, claims that hold or fail, answers checked.

An open question is the value `...`: a cell that still holds it runs, and says so.
"""

import json
import math
from collections.abc import Callable, Mapping
from numbers import Real

import numpy as np
from IPython.display import Markdown

from utils.files import DATA
from utils.measure.verdict import Verdict

REFERENCE_RUN = DATA / "reference" / "run.json"

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


def reveal(guess: object, measured: float | str, unit: str = "") -> None:
    """Print a learner's prediction beside what came out."""
    said = "no prediction yet" if guess is ... else f"you said {_spelled(guess, unit)}"
    print(f"{said}; it is {_spelled(measured, unit)}")


def _spelled(value: object, unit: str) -> str:
    number = f"{value:.4g}" if isinstance(value, float) else str(value)
    return f"{number} {unit}".strip()


def exercise(answer: object, checker: Checker) -> None:
    """Print what `checker` finds: right, a hint, or `not attempted yet` while a `...` is left in the answer."""
    if _is_open(answer):
        print("… not attempted yet")
    else:
        hint = checker(answer)
        print("✓ right" if hint is None else f"✗ {hint}")


def _is_open(answer: object) -> bool:
    return answer is ... or (isinstance(answer, list | tuple) and any(part is ... for part in answer))


def number(expected: float, hints: Mapping[float, str], tolerance: float = 0.01) -> Checker:
    """A checker for one number.

    Args:
        hints: wrong value -> the misconception that leads to it.
        tolerance: relative, for the right value and for the wrong ones.
    """

    def checker(answer: object) -> str | None:
        if isinstance(answer, bool) or not isinstance(answer, Real) or not math.isfinite(answer):
            return f"a number is expected, not {answer!r}"
        if math.isclose(answer, expected, rel_tol=tolerance):
            return None
        known = (hint for value, hint in hints.items() if math.isclose(answer, value, rel_tol=tolerance))
        return next(known, "too small" if answer < expected else "too large")

    return checker


def show_minutes(number: str) -> Markdown:
    """How long notebook `number` took in the reference run, when and where that ran; or that nobody measured it yet."""
    return Markdown(minutes_in(json.loads(REFERENCE_RUN.read_text("utf-8")) if REFERENCE_RUN.is_file() else {}, number))


def minutes_in(run: Mapping, number: str) -> str:
    """The same of a run, as Markdown; `run` is what its `run.json` holds."""
    known = {entry["name"][:2]: entry["minutes"] for entry in run.get("notebooks", [])}
    if known.get(number) is None:
        return "**Minutes:** not measured yet"
    machine, code = run["machine"], f", code {run['commit'][:7]}" if "commit" in run else ""
    place = f"{machine['cpu']}, {machine['cores']} cores, {' '.join(machine['flags']) or 'no vector flags seen'}"
    return (
        f"**Minutes:** {known[number]:.1f} to run; reading comes on top. "
        f"Measured in the reference run of {run['started'][:10]}{code}, on {place}."
    )
