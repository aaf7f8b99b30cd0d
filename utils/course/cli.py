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
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from utils.course import runs
from utils.course.notebooks import NotebookError, build_notebook
from utils.course.runs import CourseError
from utils.files import RUNS


def run(arguments: argparse.Namespace) -> int:
    """Run the notebooks in order, or go on with an interrupted run; print the table, write report.html."""
    folder = _run_folder(arguments)
    with runs.held(folder):
        print(f"Run: {folder}", flush=True)
        try:
            runs.run_notebooks(folder)
        except (NotebookError, KeyboardInterrupt):
            print(f"{folder} is kept; `make course RESUME=1` goes on with it", file=sys.stderr)
            raise
        runs.write_report(folder)
    runs.print_table(folder)
    print(f"Report: {folder / 'report.html'}")
    return 0


def _run_folder(arguments: argparse.Namespace) -> Path:
    """A new run's folder, or with `--resume` the newest unfinished one's."""
    settings = {name: getattr(arguments, name) for name in runs.DEFAULTS if hasattr(arguments, name)}
    if not arguments.resume:
        return runs.new_run(arguments.out, settings, arguments.notebooks)
    if given := [*settings, *(["notebooks"] if arguments.notebooks else [])]:
        names = ", ".join(f"--{name}" for name in given)
        raise CourseError(f"--resume goes on with the settings of the run; leave out {names}")
    return runs.unfinished_run(arguments.out)


def report(arguments: argparse.Namespace) -> int:
    """Write `report.html` again; keep the run as reference; write the READMEs' tables."""
    from utils.course import reference

    runs.write_report(arguments.run)
    print(f"Report: {arguments.run / 'report.html'}")
    if arguments.reference:
        reference.keep_as_reference(arguments.run)
    if arguments.readme:
        reference.write_readmes()
    return 0


def check(arguments: argparse.Namespace) -> int:
    """Compare a run's ledger with the reference: 1 where a metric leaves its band. Of a part, the part is compared."""
    from utils.course import reference
    from utils.course.tables import text_table

    found = reference.compare(arguments.run)
    lines = [
        [c.stage, c.scale, c.backend, c.metric, _short(c.old), _short(c.new), c.band, "ok" if c.ok else "BREACH"]
        for c in found
    ]
    print(text_table(("stage", "scale", "backend", "metric", "old", "new", "band", "verdict"), lines))
    breaches = sum(not one.ok for one in found)
    print(f"{len(found)} comparisons, {breaches} breached")
    return 1 if breaches else 0


def _short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def tag(arguments: argparse.Namespace) -> int:
    """Print the entities of a text as a JSON list."""
    from utils.files import CheckpointError
    from utils.model.checkpoint import MINI_RANER
    from utils.model.torch_tagger import load_tagger

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
    for source in runs.select(runs.NOTEBOOKS / "source", "py", arguments.notebooks):
        build_notebook(source, runs.NOTEBOOKS / f"{source.stem}.ipynb")
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
