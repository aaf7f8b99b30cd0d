"""`report.html` of a compression: what was reached, where the time went, how it was searched and learned."""

import base64
from collections.abc import Sequence
from itertools import dropwhile, takewhile
from pathlib import Path
from typing import NamedTuple

from IPython.display import Markdown

from utils.compress.curves import Epoch
from utils.course.figures.base import recovery_figure
from utils.course.figures.compress import waterfall_figure
from utils.course.figures.nb08 import search_figure
from utils.course.figures.style import SERIES, Picture
from utils.course.report import STAGES_HEADER, machine_line, page_template, png, stages
from utils.files import DATA
from utils.studies.compression.card import promises
from utils.studies.compression.search import search
from utils.studies.compression.trial import Trial
from utils.studies.compression.work import Work
from utils.studies.recovery_race import concatenate_curves

SHIPPED = DATA / "models" / "mini-raner-compressed"
"""The embedded model as the command `compress` made it smaller: its forms, its card and its ledger."""


class Shown(NamedTuple):
    """A picture of the page: PNG in base64, below its title and above its caption."""

    title: str
    caption: str
    data: str


def compression_report(work: Work, trials: Sequence[Trial], trial: Trial, state: dict) -> str:
    """The whole report as one HTML page that needs nothing else.

    Args:
        trials: all that were trained; `trial` is the one that was delivered.
        state: what `compress.json` holds.
    """
    return page_template("compress_report.html").render(
        name=Path(state["settings"]["model"] or "mini-RaNER").name,
        state=state,
        machine=machine_line(state["machine"]),
        article=len(work.run.article.text),
        promises=promises(work.target, trial),
        stages_header=STAGES_HEADER,
        stages=stages(trial.rows),
        pictures=_pictures(work, trial),
        trials=[_cells(work, other) for other in trials],
    )


def first_table(card: Path = SHIPPED / "README.md") -> Markdown:
    """The first table of a compressed model's card: what was asked, what was measured, and the verdicts."""
    found = dropwhile(lambda line: not line.startswith("|"), card.read_text("utf-8").splitlines())
    return Markdown("\n".join(takewhile(lambda line: line.startswith("|"), found)))


def _cells(work: Work, trial: Trial) -> list[str]:
    difference = "{:+.2f} [{:+.2f}, {:+.2f}]".format(*trial.difference)
    engine, heads, neurons, _ = trial.choice
    return [engine, str(heads), str(neurons), f"{trial.times.value:.2f}", difference, trial.verdict(work.target).mark]


def _pictures(work: Work, trial: Trial) -> list[Shown]:
    known, engines = search(work), work.recipe.engines[-len(SERIES) :]
    budgets = {} if work.target.megabytes else {work.target.words: known.limit}
    curves = {"fair baseline": _curve(work, "original-again-{}"), "result": _curve(work, trial.name + "/step-{}")}
    learned = {name: curve for name, curve in curves.items() if curve}
    return [
        _shown("Where the time went", "Each bar is a version, faster than the one above by so many times.",
               waterfall_figure(trial.waterfall)),
        _shown("The search", "F1 on dev before any training, over predicted time, engine by engine.",
               search_figure([c for c in known.found if c.engine in engines], budgets)),
        _shown("Learning", "F1 on dev after each pass; the result is cut before each of its parts.",
               recovery_figure(learned, {})),
    ]  # fmt: skip


def _shown(title: str, caption: str, figure: Picture) -> Shown:
    return Shown(title, caption, base64.b64encode(png(figure)).decode())


def _curve(work: Work, names: str) -> list[Epoch]:
    """The learning curves of a training's parts, one behind the other."""
    parts = [work.curve(names.format(step)) for step in range(1, len(work.recipe.steps) + 1)]
    return concatenate_curves([part for part in parts if part])
