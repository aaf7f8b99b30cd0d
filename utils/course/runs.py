"""The command line of the course: run the notebooks, compare and report a run, tag a text.

    python -m utils.course run --quick
    python -m utils.course check runs/latest
    python -m utils.course tag "陈默在北京说。"

A run is a folder: executed notebooks, `artifacts/`, `ledger.json`, `report.html`, and `run.json`, which
says with which settings, on which machine, and how far it came. Exit codes: 0 all well, 1 a notebook
failed or a comparison was breached, 2 the request itself is wrong, 130 interrupted.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from utils.course.notebooks import NotebookError, execute_notebook
from utils.files import ROOT, LockedError, locked, write_atomically, written_atomically

NOTEBOOKS = ROOT / "notebooks"


REFERENCE = ROOT / "data" / "reference"


READMES = {"en": ROOT / "README.md", "zh": ROOT / "README.zh-CN.md"}


DEFAULTS = {"model": "", "corpus": "", "seed": 1, "quick": False}


class CourseError(Exception):
    """A request that cannot be met: exit code 2."""


def run(arguments: argparse.Namespace) -> int:
    """Run the notebooks in order, or go on with an interrupted run; print the table, write report.html."""
    folder = _unfinished_run(arguments) if arguments.resume else _new_run(arguments)
    with _held(folder):
        print(f"Run: {folder}", flush=True)
        try:
            run_notebooks(folder, read_run(folder))
        except (NotebookError, KeyboardInterrupt):
            print(f"{folder} is kept; `make course RESUME=1` goes on with it", file=sys.stderr)
            raise
        write_report(folder)
    print_table(folder)
    print(f"Report: {folder / 'report.html'}")
    return 0


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Keep other processes out of a run's folder while it runs.

    Raises:
        CourseError: another process is running it.
    """
    try:
        with locked(folder / "run.json", 0):
            yield
    except LockedError:
        raise CourseError(f"{folder}: this run is still running, in another process; wait for it, or end it") from None


def _new_run(arguments: argparse.Namespace) -> Path:
    from utils.measure.machine import machine

    notebooks = select(NOTEBOOKS, "ipynb", arguments.notebooks)
    settings = {name: getattr(arguments, name, default) for name, default in DEFAULTS.items()}
    settings |= {name: _absolute(settings[name]) for name in ("model", "corpus")}
    check_inputs(settings["model"], settings["corpus"])
    started = datetime.now(UTC)
    state = {
        "state": "running",
        "started": started.isoformat(timespec="seconds"),
        "settings": settings,
        "machine": machine(),
        "notebooks": [{"name": path.stem, "state": "waiting", "minutes": None} for path in notebooks],
    }
    folder = _new_folder(arguments.out, started)
    _save(folder, state)
    return folder


def _new_folder(out: Path, started: datetime) -> Path:
    folder = out.resolve() / started.strftime("%Y%m%d-%H%M%SZ")
    try:
        (folder / "artifacts").mkdir(parents=True)
    except OSError as error:
        raise CourseError(f"--out {out}: {error.strerror}: {error.filename}") from None
    return folder


def _unfinished_run(arguments: argparse.Namespace) -> Path:
    if given := [f"--{name}" for name in (*DEFAULTS, "notebooks") if getattr(arguments, name, None) is not None]:
        raise CourseError(f"--resume goes on with the settings of the run; leave out {', '.join(given)}")
    folders = sorted(path.parent for path in arguments.out.resolve().glob("*Z/run.json"))
    runs = ((folder, read_run(folder)) for folder in reversed(folders))
    folder, state = next((pair for pair in runs if pair[1]["state"] != "finished"), (None, None))
    if folder is None:
        raise CourseError(f"{arguments.out}: no unfinished run to resume")
    select(NOTEBOOKS, "ipynb", [entry["name"][:2] for entry in state["notebooks"]])
    check_inputs(state["settings"]["model"], state["settings"]["corpus"])
    return folder


def select(folder: Path, suffix: str, numbers: Sequence[str] | None) -> list[Path]:
    """Files `NN_*.suffix` in order: all of them, or those of the given numbers.

    Raises:
        CourseError: there are none, or a number has no file.
    """
    known = {path.name[:2]: path for path in sorted(folder.glob(f"[0-9][0-9]_*.{suffix}"))}
    if not known:
        raise CourseError(f"{folder}: no file NN_*.{suffix} here")
    if unknown := [number for number in numbers or [] if number not in known]:
        raise CourseError(f"no notebook {', '.join(unknown)}; there are {', '.join(known)}")
    return [path for number, path in known.items() if numbers is None or number in numbers]


def check_inputs(model: str, corpus: str) -> None:
    """Load both once, so that a wrong one is known before anything heavy starts.

    Raises:
        CourseError: with the loader's own words.
    """
    from utils.files import CheckpointError
    from utils.model.checkpoint import MINI_RANER, load_raner
    from utils.text.corpus import DEFAULT_CORPUS, load_corpus
    from utils.text.entities import CorpusError

    try:
        load_corpus(corpus or DEFAULT_CORPUS)
        load_raner(model or MINI_RANER)
    except (CorpusError, CheckpointError, FileNotFoundError) as error:
        raise CourseError(str(error)) from None


def _absolute(source: str) -> str:
    return str(Path(source).resolve()) if source and Path(source).exists() else source


def run_notebooks(folder: Path, state: dict) -> None:
    """Execute what is not done yet; `run.json` is up to date after every notebook.

    Raises:
        NotebookError: a notebook failed; the later ones are left for another time.
    """
    _point_latest_to(folder)
    parameters = {"run_dir": str(folder), **state["settings"]}
    for entry in state["notebooks"]:
        if entry["state"] == "done":
            continue
        _save(folder, _in_state(state, entry, "running"))
        try:
            minutes = execute_notebook(NOTEBOOKS / f"{entry['name']}.ipynb", folder, parameters)
        except NotebookError:
            _save(folder, _in_state(state, entry, "failed"))
            raise
        entry |= {"state": "done", "minutes": round(minutes, 2)}
    _save(folder, state | {"state": "finished"})


def _in_state(state: dict, entry: dict, name: str) -> dict:
    state["state"] = entry["state"] = name
    return state


def _save(folder: Path, state: dict) -> None:
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


def write_report(folder: Path) -> None:
    """Write the run's `report.html`."""
    from utils.course.figures.results import results_figure
    from utils.course.report import html_report, png, versions

    rows, state = read_rows(folder), read_run(folder)
    write_atomically(folder / "report.html", html_report(rows, state, png(results_figure(versions(rows)))))


def print_table(folder: Path) -> None:
    """Print the article's versions, claimed and measured, and ours."""
    from utils.course.report import COMPARISON_HEADER, comparison
    from utils.course.tables import text_table

    print(text_table(COMPARISON_HEADER["en"], comparison(read_rows(folder))))


def keep_as_reference(folder: Path) -> None:
    """Copy ledger and `run.json` to `data/reference`, with which later runs are compared.

    Raises:
        CourseError: the run is not finished, or not one of the whole course with its own model and data.
    """
    state = read_run(folder)
    whole = [entry["name"] for entry in state["notebooks"]] == [p.stem for p in select(NOTEBOOKS, "ipynb", None)]
    if state["state"] != "finished" or _other_settings(state) or not whole:
        raise CourseError(f"{folder}: a reference is a finished run of all notebooks, embedded model and corpus, full")
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for name in ("ledger.json", "run.json"):
        shutil.copyfile(folder / name, REFERENCE / name)


def write_readmes() -> None:
    """Write results, picture and syllabus minutes of the reference run into both READMEs."""
    from utils.course.figures.results import results_figure
    from utils.course.report import filled_readme, png, versions

    rows, state = read_rows(REFERENCE), read_run(REFERENCE)
    write_atomically(REFERENCE / "results.png", png(results_figure(versions(rows))))
    for language, path in READMES.items():
        write_atomically(path, filled_readme(path.read_text("utf-8"), rows, state, language))
        print(f"Written: {path}")


def _executed(folder: Path) -> set[str] | None:
    """Numbers of the notebooks that a run is made of; None for a ledger that belongs to no run.

    Raises:
        CourseError: the run's model, corpus or sizes are not the reference's.
    """
    if not (folder / "run.json").exists():
        return None
    state = read_run(folder)
    if other := _other_settings(state):
        made = ", ".join(f"{name} = {value}" for name, value in other.items())
        raise CourseError(f"{folder}: made with {made}; only full runs of the embedded model and corpus are compared")
    return {entry["name"][:2] for entry in state["notebooks"]}


def _other_settings(state: dict) -> dict:
    """A run's settings that no reference has; its seed is free."""
    return {name: value for name, value in state["settings"].items() if name != "seed" and value != DEFAULTS.get(name)}
