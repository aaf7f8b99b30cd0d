"""A local leaderboard: what was chosen to meet a budget, built and measured, in a JSON file beside the runs.

Who tries often finds by luck what the hidden sentences like. So each try is a row of its own, and stays one.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from IPython.display import Markdown

from utils.course.tables import table
from utils.files import locked, text_digest, write_atomically
from utils.measure.run import Run
from utils.measure.verdict import Estimate, Verdict, verdict
from utils.studies.compression.plan import Target

SEARCH, LEARNER = "the search", "you"
"""Who may have chosen."""

FILE = "leaderboard.json"

WAIT = 60
"""Seconds to wait for another notebook that is writing to the same file."""

HEADER = (
    "chosen by", "engine", "heads left", "neurons left", "ms", "times as fast", "fast enough",
    "F1 against its baseline", "good enough",
)  # fmt: skip


class Entry(NamedTuple):
    """A choice that was built and measured.

    `heads` and `neurons` are the shares that are left (0 to 1), `times` says how many times as fast as the original,
    `difference` how many points of F1 above the fair baseline on the hidden sentences.
    """

    by: str
    engine: str
    heads: float
    neurons: float
    milliseconds: float
    times: Estimate
    difference: Estimate

    def same_try(self, other: "Entry") -> bool:
        """Whether a learner chose the same again, or the search searched again: it has one row, its last."""
        return self[:4] == other[:4] or self.by == other.by == SEARCH

    def verdicts(self, target: Target) -> tuple[Verdict, Verdict]:
        """Is it as many times as fast as asked? Does it lose no more F1 than allowed?"""
        return verdict(self.times, target.speedup), verdict(self.difference, -target.lose)


@dataclass(frozen=True)
class Leaderboard:
    """The tries at one task, in the order in which they first came: same model, corpus, seed, sizes and target."""

    path: Path
    task: str
    target: Target

    def enter(self, entry: Entry) -> None:
        """Add a try; one that was measured before is measured anew, and stays the same try.

        Raises:
            ValueError: the file is broken.
            LockedError: another notebook has kept it for `WAIT` seconds.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with locked(self.path, WAIT):
            everything = self._read()
            entries = [_entry(row) for row in everything.get(self.task, [])]
            if any(map(entry.same_try, entries)):
                entries = [entry if entry.same_try(other) else other for other in entries]
            else:
                entries.append(entry)
            everything[self.task] = [each._asdict() for each in entries]
            write_atomically(self.path, json.dumps(everything, indent=1) + "\n")

    def entries(self) -> list[Entry]:
        """All tries, in order.

        Raises:
            ValueError: the file is broken.
        """
        return [_entry(row) for row in self._read().get(self.task, [])]

    def show(self, by: str) -> Markdown:
        """The tries as a table: first those that meet the target, then those of which nobody can tell, then the others;
        of two alike the one with more F1 left comes first.

        Args:
            by: who looks. Where a learner has chosen nothing yet, the search's row stands alone.
        """
        seen = [entry for entry in _numbered(self.entries()) if by == LEARNER or entry.by == SEARCH]
        return table(HEADER, [_cells(e, self.target) for e in sorted(seen, key=lambda e: _merit(e, self.target))])

    def _read(self) -> dict:
        try:
            return json.loads(self.path.read_text("utf-8")) if self.path.is_file() else {}
        except ValueError as error:
            raise ValueError(f"{self.path}: {error}; delete the file to begin anew") from None


def leaderboard(run: Run, target: Target) -> Leaderboard:
    """The tries at `target` with this run's model and corpus, of all runs in the same folder.

    Args:
        target: a speed-up, and the points of F1 that may be lost.
    """
    made_of = {name: run.identity[name] for name in ("model", "corpus", "seed", "quick")}
    task = text_digest(json.dumps([made_of, target.speedup, target.lose]))
    return Leaderboard(run.path.resolve().parent / FILE, task, target)


def _entry(row: dict) -> Entry:
    return Entry(**row | {name: Estimate(*row[name]) for name in ("times", "difference")})


def _numbered(entries: Sequence[Entry]) -> list[Entry]:
    """A learner's tries with their numbers: `you, try 2`."""
    number, found = 0, []
    for entry in entries:
        number += entry.by == LEARNER
        found.append(entry._replace(by=f"{LEARNER}, try {number}") if entry.by == LEARNER else entry)
    return found


def _merit(entry: Entry, target: Target) -> tuple[int, float]:
    order = (Verdict.YES, Verdict.UNSURE, Verdict.NO)
    return max(map(order.index, entry.verdicts(target))), -entry.difference.value


def _cells(entry: Entry, target: Target) -> list[str]:
    fast, good = (f"{found.mark} {found}" for found in entry.verdicts(target))
    return [
        entry.by, entry.engine, f"{entry.heads:.0%}", f"{entry.neurons:.0%}", f"{entry.milliseconds:.1f}",
        "{:.2f} [{:.2f}, {:.2f}]".format(*entry.times), fast,
        "{:+.2f} [{:+.2f}, {:+.2f}] points".format(*entry.difference), good,
    ]  # fmt: skip
