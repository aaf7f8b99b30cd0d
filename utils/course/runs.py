"""A run of the course: its folder, its settings, its notebooks one after another, its report.

The folder holds executed notebooks, `artifacts/`, `ledger.json`, `predictions.json`, `report.html`, and `run.json`,
which says with which settings, on which machine, and how far the run came.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from utils.course.notebooks import NotebookError, execute_notebook
from utils.course.numbering import number_of, numbered
from utils.files import ROOT, LockedError, locked, write_atomically, written_atomically

NOTEBOOKS = ROOT / "notebooks"

DEFAULTS = {"model": "", "corpus": "", "seed": 1, "quick": False}
"""Settings of a run: the embedded model and corpus, full sizes."""

LARGEST = 10**9
"""Bytes of a run that stay when it is done."""

FITTING = ("types", "new_head")
"""Settings that a run has only where they were given: how model and corpus are made to fit (`prepare`)."""

PREPARED = ("corpus", "new-head")
"""Artifacts that `prepare` made of them: asked for, so they stay."""


class CourseError(Exception):
    """A request that cannot be met: exit code 2."""


def new_run(
    out: Path, settings: Mapping[str, object], numbers: Sequence[str] | None, notebooks: Path | None = None
) -> Path:
    """Make the folder of a run that is about to begin, with its `run.json`.

    Args:
        out: where the folder is made.
        settings: what differs from `DEFAULTS`, and those of `FITTING` that are wanted.
        numbers: of the notebooks, such as "03" or "07b"; None takes all.
        notebooks: where they are; None: `NOTEBOOKS`.

    Raises:
        CourseError: model, corpus, a number or `out` cannot be used, or model and corpus do not fit; then
            nothing is left behind.
    """
    chosen_notebooks = select(notebooks or NOTEBOOKS, "ipynb", numbers)
    chosen = {**DEFAULTS, **settings}
    chosen |= {name: absolute(chosen[name]) for name in ("model", "corpus")}
    _check_inputs(chosen, [number_of(path.name) for path in chosen_notebooks])
    started = datetime.now(UTC)
    folder = _new_folder(out, started)
    write_run(folder, _new_state(started, chosen, chosen_notebooks))
    return folder


def _new_state(started: datetime, settings: dict, notebooks: Sequence[Path]) -> dict:
    from utils.measure.machine import machine

    return {
        "state": "running",
        "started": started.isoformat(timespec="seconds"),
        "settings": settings,
        "machine": machine(),
        "notebooks": [{"name": path.stem, "state": "waiting", "minutes": None} for path in notebooks],
    }


def _new_folder(out: Path, started: datetime) -> Path:
    folder = out.resolve() / started.strftime("%Y%m%d-%H%M%SZ")
    try:
        (folder / "artifacts").mkdir(parents=True)
    except OSError as error:
        raise CourseError(f"--out {out}: {error.strerror}: {error.filename}") from None
    return folder


def unfinished_run(out: Path) -> Path:
    """The folder of the newest run in `out` that is not finished.

    Raises:
        CourseError: there is none, or its model, corpus or notebooks are not there any more.
    """
    folders = sorted(path.parent for path in out.resolve().glob("*Z/run.json"))
    runs = ((folder, read_run(folder)) for folder in reversed(folders))
    folder, state = next((pair for pair in runs if pair[1]["state"] != "finished"), (None, None))
    if folder is None:
        raise CourseError(f"{out}: no unfinished run to resume")
    numbers = [number_of(entry["name"]) for entry in state["notebooks"]]
    select(NOTEBOOKS, "ipynb", numbers)
    _check_inputs(state["settings"], numbers)
    return folder


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep other processes out of a run's folder while it runs.

    Raises:
        CourseError: another process is running it.
    """
    try:
        with locked(folder / "run.json", 0):
            yield
    except LockedError:
        raise CourseError(f"{folder}: this run is still running, in another process; wait for it, or end it") from None


def select(folder: Path, suffix: str, numbers: Sequence[str] | None) -> list[Path]:
    """Files `NN_*.suffix` in order: all of them, or those of the given numbers.

    Raises:
        CourseError: there are none, or a number has no file.
    """
    known = numbered(folder, suffix)
    if not known:
        raise CourseError(f"{folder}: no file NN_*.{suffix} here")
    if unknown := [number for number in numbers or [] if number not in known]:
        raise CourseError(f"no notebook {', '.join(unknown)}; there are {', '.join(known)}")
    return [path for number, path in known.items() if numbers is None or number in numbers]


def _check_inputs(settings: Mapping[str, object], numbers: Sequence[str]) -> None:
    """Load model and corpus once, so that what does not fit is known before anything heavy starts.

    Raises:
        CourseError: with the words of the loader or of `start_check`.
    """
    from utils.course import start_check
    from utils.files import CheckpointError
    from utils.model.checkpoint import MINI_RANER, load_raner
    from utils.text.corpus import DEFAULT_CORPUS, load_corpus
    from utils.text.entities import CorpusError

    try:
        types = start_check.parse_types(settings.get("types", ""))
        corpus = load_corpus(settings["corpus"] or DEFAULT_CORPUS)
        model, _ = load_raner(settings["model"] or MINI_RANER)
        corpus = start_check.fitted(corpus, model.labels, types, settings.get("new_head", False))
        start_check.check_size(corpus, numbers, settings["quick"])
        start_check.check_model(model, numbers)
    except (CorpusError, CheckpointError, FileNotFoundError) as error:
        raise CourseError(str(error)) from None


def absolute(source: str) -> str:
    return str(Path(source).resolve()) if source and Path(source).exists() else source


def run_notebooks(folder: Path, notebooks: Path | None = None) -> None:
    """Make what model and corpus need to fit, then execute what is not done yet; `run.json` is kept up to date.

    When all is done, `latest` leads to the run.

    Args:
        notebooks: where they are; None: `NOTEBOOKS`.

    Raises:
        NotebookError: a notebook failed; the later ones are left for another time.
        KeyboardInterrupt: Ctrl-C was pressed; likewise.
    """
    from utils.course.prepare import prepared

    state = read_run(folder)
    parameters = prepared(folder, state["settings"])
    for entry in state["notebooks"]:
        if entry["state"] == "done":
            continue
        write_run(folder, _in_state(state, entry, "running"))
        try:
            minutes = execute_notebook((notebooks or NOTEBOOKS) / f"{entry['name']}.ipynb", folder, parameters)
        except (NotebookError, KeyboardInterrupt) as error:
            write_run(folder, _in_state(state, entry, "failed" if isinstance(error, NotebookError) else "interrupted"))
            raise
        entry |= {"state": "done", "minutes": round(minutes, 2)}
    write_run(folder, state | {"state": "finished"})
    _point_latest_to(folder)


def _in_state(state: dict, entry: dict, name: str) -> dict:
    state["state"] = entry["state"] = name
    return state


def write_run(folder: Path, state: dict) -> None:
    """Write `run.json`."""
    write_atomically(folder / "run.json", json.dumps(state, ensure_ascii=False, indent=1) + "\n")


def _point_latest_to(folder: Path) -> None:
    try:
        with written_atomically(folder.parent / "latest") as partial:
            partial.symlink_to(folder.name, target_is_directory=True)
    except OSError as error:  # Windows without developer mode has no symlinks; the run does not need one
        print(f"{folder.parent / 'latest'} was not updated: {error}", file=sys.stderr)


def read_run(folder: Path) -> dict:
    """What `run.json` says.

    Raises:
        CourseError: it is absent or broken.
    """
    try:
        return json.loads((folder / "run.json").read_text("utf-8"))
    except OSError:
        raise CourseError(f"{folder}: not a run (it has no run.json that can be read)") from None
    except ValueError as error:
        raise CourseError(f"{folder / 'run.json'}: {error}") from None


def read_rows(folder: Path) -> list[dict]:
    """The rows of a run's ledger; none where no notebook wrote any yet.

    Raises:
        CourseError: the ledger is broken.
    """
    from utils.measure.ledger import Ledger
    from utils.measure.row import LedgerError

    try:
        return Ledger(folder / "ledger.json").rows()
    except LedgerError as error:
        raise CourseError(str(error)) from None


def tidy(folder: Path) -> int:
    """Remove what no notebook needs any more from a run that is done, until it takes no more than `LARGEST` bytes;
    returns the bytes that went.
    """
    from utils.measure.artifacts import trim
    from utils.measure.memory import directory_bytes

    artifacts = folder / "artifacts"
    others = directory_bytes(folder) - directory_bytes(artifacts)
    return trim(artifacts, LARGEST - others, kept=PREPARED)


def write_report(folder: Path) -> None:
    """Write the run's `report.html`."""
    from utils.course.figures.results import results_figure
    from utils.course.report import png, versions
    from utils.course.report_page import html_report

    rows, state = read_rows(folder), read_run(folder)
    write_atomically(folder / "report.html", html_report(rows, state, png(results_figure(versions(rows)))))


def print_table(folder: Path) -> None:
    """Print the article's versions, claimed and measured, and ours; of a quick run, what not to make of them."""
    from utils.course.report import COMPARISON_HEADER, comparison
    from utils.course.tables import text_table

    print_mark(folder)
    print(text_table(COMPARISON_HEADER["en"], comparison(read_rows(folder))))


def print_mark(folder: Path) -> None:
    """Print of a quick run that its numbers mean nothing."""
    from utils.course.report import QUICK

    if read_run(folder)["settings"]["quick"]:
        print(QUICK)
