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
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from utils.files import write_atomically
from utils.notebooks import NotebookError, build_notebook, execute_notebook

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
RUNS = ROOT / "runs"
REFERENCE = ROOT / "data" / "reference"
READMES = {"en": ROOT / "README.md", "zh": ROOT / "README.zh-CN.md"}
DEFAULTS = {"model": "", "corpus": "", "seed": 1, "quick": False}


class CourseError(Exception):
    """A request that cannot be met: exit code 2."""


def run(arguments: argparse.Namespace) -> int:
    """Run the notebooks in order, or go on with an interrupted run; print the table, write report.html."""
    folder, state = _unfinished_run(arguments) if arguments.resume else _new_run(arguments)
    print(f"Run: {folder}", flush=True)
    try:
        run_notebooks(folder, state)
    except (NotebookError, KeyboardInterrupt):
        print(f"{folder} is kept; `make course RESUME=1` goes on with it", file=sys.stderr)
        raise
    write_report(folder)
    print_table(folder)
    print(f"Report: {folder / 'report.html'}")
    return 0


def _new_run(arguments: argparse.Namespace) -> tuple[Path, dict]:
    from utils.benchmark import machine

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
    return folder, state


def _new_folder(out: Path, started: datetime) -> Path:
    folder = out.resolve() / started.strftime("%Y%m%d-%H%M%SZ")
    try:
        (folder / "artifacts").mkdir(parents=True)
    except OSError as error:
        raise CourseError(f"--out {out}: {error.strerror}: {error.filename}") from None
    return folder


def _unfinished_run(arguments: argparse.Namespace) -> tuple[Path, dict]:
    if given := [f"--{name}" for name in (*DEFAULTS, "notebooks") if getattr(arguments, name, None) is not None]:
        raise CourseError(f"--resume goes on with the settings of the run; leave out {', '.join(given)}")
    folders = sorted(path.parent for path in arguments.out.resolve().glob("*Z/run.json"))
    runs = ((folder, read_run(folder)) for folder in reversed(folders))
    folder, state = next((pair for pair in runs if pair[1]["state"] != "finished"), (None, None))
    if folder is None:
        raise CourseError(f"{arguments.out}: no unfinished run to resume")
    select(NOTEBOOKS, "ipynb", [entry["name"][:2] for entry in state["notebooks"]])
    check_inputs(state["settings"]["model"], state["settings"]["corpus"])
    return folder, state


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
    from utils.corpus import DEFAULT_CORPUS, CorpusError, load_corpus
    from utils.raner import MINI_RANER, CheckpointError, load_raner

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
    partial = folder.parent / ".latest.partial"
    partial.unlink(missing_ok=True)
    try:
        partial.symlink_to(folder.name, target_is_directory=True)
        os.replace(partial, folder.parent / "latest")
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
    from utils.ledger import Ledger, LedgerError

    try:
        return Ledger(folder / "ledger.json").rows()
    except LedgerError as error:
        raise CourseError(str(error)) from None


def write_report(folder: Path) -> None:
    """Write the run's `report.html`."""
    from utils.plots import results_figure
    from utils.report import html_report, png, versions

    rows, state = read_rows(folder), read_run(folder)
    write_atomically(folder / "report.html", html_report(rows, state, png(results_figure(versions(rows)))))


def print_table(folder: Path) -> None:
    """Print the article's versions, claimed and measured, and ours."""
    from utils.report import COMPARISON_HEADER, comparison, text_table

    print(text_table(COMPARISON_HEADER["en"], comparison(read_rows(folder))))


def report(arguments: argparse.Namespace) -> int:
    """Write `report.html` again; keep the run as reference; write the READMEs' tables."""
    folder = arguments.run
    write_report(folder)
    print(f"Report: {folder / 'report.html'}")
    if arguments.reference:
        keep_as_reference(folder)
    if arguments.readme:
        write_readmes()
    return 0


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
    from utils.plots import results_figure
    from utils.report import filled_readme, png, versions

    rows, state = read_rows(REFERENCE), read_run(REFERENCE)
    write_atomically(REFERENCE / "results.png", png(results_figure(versions(rows))))
    for language, path in READMES.items():
        write_atomically(path, filled_readme(path.read_text("utf-8"), rows, state, language))
        print(f"Written: {path}")


def check(arguments: argparse.Namespace) -> int:
    """Compare a run's ledger with the reference: 1 where a metric leaves its band. Of a part, the part is compared."""
    from utils.ledger import check_rows
    from utils.report import text_table

    new, old = read_rows(arguments.run), read_rows(REFERENCE)
    for folder, rows in ((arguments.run, new), (REFERENCE, old)):
        if not rows:
            raise CourseError(f"{folder}: no ledger.json with rows to compare")
    verdicts = check_rows(new, old, _executed(arguments.run))
    lines = [
        [v.stage, v.scale, v.backend, v.metric, _short(v.old), _short(v.new), v.band, "ok" if v.ok else "BREACH"]
        for v in verdicts
    ]
    print(text_table(("stage", "scale", "backend", "metric", "old", "new", "band", "verdict"), lines))
    breaches = sum(not verdict.ok for verdict in verdicts)
    print(f"{len(verdicts)} comparisons, {breaches} breached")
    return 1 if breaches else 0


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


def _short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def tag(arguments: argparse.Namespace) -> int:
    """Print the entities of a text as a JSON list."""
    from utils.raner import MINI_RANER, CheckpointError, load_tagger

    try:
        arguments.text.encode()
        tagger = load_tagger(arguments.model or MINI_RANER)
    except UnicodeEncodeError:
        raise CourseError("the text is not valid UTF-8") from None
    except (CheckpointError, FileNotFoundError) as error:
        raise CourseError(str(error)) from None
    entities = tagger.predict([arguments.text])[0]
    print(json.dumps([asdict(entity) for entity in entities], ensure_ascii=False, indent=1))
    return 0


def build(arguments: argparse.Namespace) -> int:
    """Execute the sources in `notebooks/source/` into the committed notebooks.

    Building all of them starts from nothing: artifacts in `runs/lab` may have been made by older code.
    """
    if not arguments.notebooks:
        shutil.rmtree(RUNS / "lab", ignore_errors=True)
    for source in select(NOTEBOOKS / "source", "py", arguments.notebooks):
        build_notebook(source, NOTEBOOKS / f"{source.stem}.ipynb")
    return 0


def command_line() -> argparse.ArgumentParser:
    """All commands with their options and examples."""
    parser = argparse.ArgumentParser(
        prog="python -m utils.course", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_run(commands)
    _add_build(commands)
    command = _add(commands, check, "check runs/latest", "check runs/20260131-093000Z")
    _add_folder(command)
    _add_report(commands)
    _add_tag(commands)
    return parser


def _add(commands, function: Callable[[argparse.Namespace], int], *examples: str) -> argparse.ArgumentParser:
    summary = function.__doc__.splitlines()[0]
    command = commands.add_parser(
        function.__name__,
        help=summary,
        description=summary,
        epilog="\n".join(["examples:", *(f"  python -m utils.course {example}" for example in examples)]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(function=function)
    return command


def _add_run(commands) -> None:
    command = _add(
        commands,
        run,
        "run",
        "run --quick --notebooks 00 01",
        "run --model path/to/raner --corpus msra --seed 2",
        "run --resume",
    )
    only_if_given = {"default": argparse.SUPPRESS}
    command.add_argument(
        "--model", metavar="PATH_OR_ID", help="model directory or hub id (the embedded mini-RaNER)", **only_if_given
    )
    command.add_argument(
        "--corpus",
        metavar="PATH_OR_ID",
        help="directory with train, dev and test, a data set id, msra, weibo, resume or cluener (the embedded corpus)",
        **only_if_given,
    )
    command.add_argument("--seed", type=int, metavar="N", help="seed of everything random (1)", **only_if_given)
    command.add_argument(
        "--quick", action="store_true", help="small sizes: all steps, no meaningful numbers", **only_if_given
    )
    _add_numbers(command)
    command.add_argument("--out", type=Path, default=RUNS, metavar="DIR", help="where the run's folder is made (runs)")
    command.add_argument(
        "--resume", action="store_true", help="go on with the newest unfinished run in --out, with its settings"
    )


def _add_build(commands) -> None:
    _add_numbers(_add(commands, build, "build", "build --notebooks 03"))


def _add_report(commands) -> None:
    command = _add(commands, report, "report runs/latest", "report runs/latest --reference --readme")
    _add_folder(command)
    command.add_argument(
        "--reference", action="store_true", help="keep RUN in data/reference, to compare later runs with"
    )
    command.add_argument(
        "--readme", action="store_true", help="write results, picture and minutes of data/reference into both READMEs"
    )


def _add_tag(commands) -> None:
    command = _add(commands, tag, 'tag "陈默在北京说。"', 'tag "陈默在北京说。" --model path/to/raner')
    command.add_argument("text", metavar="TEXT", help="any text, of any length")
    command.add_argument(
        "--model", metavar="PATH_OR_ID", default="", help="model directory or hub id (the embedded mini-RaNER)"
    )


def _add_folder(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "run", nargs="?", type=Path, default=RUNS / "latest", metavar="RUN", help="a run's folder (runs/latest)"
    )


def _add_numbers(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--notebooks", nargs="+", metavar="NN", help="only the notebooks of these numbers, such as 03 04"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says; returns the exit code."""
    arguments = command_line().parse_args(argv)
    try:
        return arguments.function(arguments)
    except (CourseError, NotebookError) as error:
        print(f"course: {' '.join(str(error).split())}", file=sys.stderr)
        return 2 if isinstance(error, CourseError) else 1
    except KeyboardInterrupt:
        print("course: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
