"""The command line of the course: run the notebooks, compare and report a run, tag a text.

    python -m utils.course run --quick
    python -m utils.course check runs/latest
    python -m utils.course tag "陈默在北京说。"
    python -m utils.course corpus path/to/corpus

`raner-course` is the same, from any folder. A run is a folder: executed notebooks, `artifacts/`, `ledger.json`,
`report.html`, and `run.json`, which says with which settings, on which machine, and how far it came. Exit codes:
0 all well, 1 a notebook failed or a comparison was breached, 2 the request itself is wrong, 3 a compression missed its
target, 130 interrupted, 141 nobody reads the output any more.
"""

import argparse
import shlex
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from utils.course import compress_command, listing, options, runs
from utils.course.compress_request import STATE
from utils.course.notebooks import NotebookError, build_notebook
from utils.course.runs import CourseError
from utils.files import RUNS
from utils.measure.memory import directory_bytes


def run(arguments: argparse.Namespace) -> int:
    """Run the notebooks in order, or go on with an interrupted run; print the table, write report.html."""
    resumed = _resuming("run", "course", arguments.out)
    advice = f"{resumed} goes on with it, with the same model and corpus; to change those, start a new run"
    _run_through(_run_folder(arguments), advice, arguments.keep)
    return 0


def edition(arguments: argparse.Namespace) -> int:
    """Run the course once, in full, and make that run's notebooks, ledger and tables the committed ones."""
    from utils.course.edition import begun, plain_notebooks, put_in_place

    with plain_notebooks() as notebooks:
        folder = begun(arguments.out, notebooks, arguments.resume, arguments.force)
        advice = f"{_resuming('edition', 'edition', arguments.out)} goes on with it, on this machine and commit"
        _run_through(folder, advice, arguments.keep, notebooks)
    put_in_place(folder)
    return 0


def _run_through(folder: Path, advice: str, keep: bool, notebooks: Path | None = None) -> None:
    """Execute what a run still lacks, report it, and tidy up unless all is to be kept."""
    with runs.held(folder):
        print(f"Run: {folder}", flush=True)
        try:
            runs.run_notebooks(folder, notebooks)
        except (NotebookError, KeyboardInterrupt):
            print(f"{folder} is kept. {advice}", file=sys.stderr)
            raise
        runs.write_report(folder)
        removed = 0 if keep else runs.tidy(folder)
    runs.print_table(folder)
    if removed:
        print(f"Removed from artifacts/: {listing.size(removed)} that no notebook needs (KEEP=1 or --keep keeps all)")
    print(f"Folder: it takes {listing.size(directory_bytes(folder))}, of which report and check need no artifacts/")
    print(f"All of {folder.parent}: {listing.size(directory_bytes(folder.parent))}")
    print(f"Report: {folder / 'report.html'}")


def _resuming(command: str, target: str, out: Path) -> str:
    """How to go on with the newest run in `out`."""
    typed, usual = f"{options.program_name()} {command} --resume", out.resolve() == RUNS
    return f"`{typed}` or `make {target} RESUME=1`" if usual else f"`{typed} --out {shlex.quote(str(out))}`"


def _run_folder(arguments: argparse.Namespace) -> Path:
    """A new run's folder, or with `--resume` the newest unfinished one's."""
    known = (*runs.DEFAULTS, *runs.FITTING)
    settings = {name: getattr(arguments, name) for name in known if hasattr(arguments, name)}
    if not arguments.resume:
        return runs.new_run(arguments.out, settings, arguments.notebooks)
    if given := [*settings, *(["notebooks"] if arguments.notebooks else [])]:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise CourseError(f"--resume goes on with the settings of the run; leave out {names}")
    return runs.unfinished_run(arguments.out)


def report(arguments: argparse.Namespace) -> int:
    """Write `report.html` again; keep the run as reference; write the READMEs' tables."""
    from utils.course import reference

    runs.write_report(arguments.run)
    runs.print_mark(arguments.run)
    print(f"Report: {arguments.run / 'report.html'}")
    if arguments.reference:
        reference.keep_as_reference(arguments.run)
    if arguments.readme:
        reference.write_readmes()
    return 0


def list_runs(arguments: argparse.Namespace) -> int:
    """List the runs that are kept: how far each came, with which settings, and what its folder takes."""
    from utils.course.tables import text_table

    print(text_table(listing.HEADER, listing.listed(arguments.out)))
    return 0


def check(arguments: argparse.Namespace) -> int:
    """Compare a run's ledger with the reference, or a compression's forms with its card: 1 where something strays.

    Of a part of the course, the part is compared. What is breached is printed, or with `--all` everything.
    """
    from utils.course import reference
    from utils.course.tables import text_table

    if (arguments.run / STATE).is_file():
        return _check_compression(arguments.run)
    found = reference.compare(arguments.run)
    lines = [
        [*c[:5], _short(c.old), _short(c.new), c.band, "ok" if c.ok else "BREACH"]
        for c in found
        if arguments.all or not c.ok
    ]
    if lines:
        print(text_table(("stage", "scale", "backend", "notebook", "metric", "old", "new", "band", "verdict"), lines))
    breaches = sum(not one.ok for one in found)
    print(f"{len(found)} comparisons, {breaches} breached{'' if arguments.all else ' (--all shows all)'}")
    return 1 if breaches else 0


def _check_compression(out: Path) -> int:
    from utils.course.compress_check import HEADER, check_forms
    from utils.course.tables import text_table

    forms, row = check_forms(out)
    card = f"{row['f1']:.1f} [{row['f1_low']:.1f}, {row['f1_high']:.1f}]"
    lines = [(f.folder, f"{f.megabytes:.1f}", f"{f.f1:.1f}", card, "ok" if f.ok else "BREACH") for f in forms]
    print(text_table(HEADER, lines))
    return 0 if all(form.ok for form in forms) else 1


def _short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def tag(arguments: argparse.Namespace) -> int:
    """Print the entities of a text as a JSON list; of a file's lines, or of standard input's, a JSON object a line."""
    from utils.course import tagging
    from utils.engines.variants import load_saved_tagger
    from utils.files import CheckpointError
    from utils.model.checkpoint import MINI_RANER
    from utils.text.entities import CorpusError

    try:
        for answer in tagging.answers(arguments.text, lambda: load_saved_tagger(arguments.model or MINI_RANER)):
            print(answer, flush=True)
    except (CheckpointError, CorpusError, FileNotFoundError) as error:
        raise CourseError(str(error)) from None
    return 0


def corpus(arguments: argparse.Namespace) -> int:
    """Print what a corpus holds, as the course reads it: formats, types, lengths, examples, and what looks wrong."""
    from utils.course import corpus_report
    from utils.text.entities import CorpusError

    try:
        for line in corpus_report.report(arguments.corpus, arguments.format):
            print(line)
    except CorpusError as error:
        raise CourseError(str(error)) from None
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
    parser = options.CommandParser(
        prog=options.program_name(), description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    options.of_run(
        _add(
            commands,
            run,
            "run",
            "run --quick --notebooks 00 01",
            "run --model path/to/raner --corpus msra --seed 2",
            "run --corpus resume --types NAME=PER,CONT=,EDU=,PRO=,RACE=,TITLE=",
            "run --corpus cluener --new-head",
            "run --resume",
        )
    )
    options.of_edition(_add(commands, edition, "edition", "edition --resume"))
    options.of_corpus(_add(commands, corpus, "corpus path/to/corpus", "corpus train.json --format cluener"))
    compress_command.add_options(
        _add(
            commands,
            compress_command.compress,
            "compress --dry-run",
            "compress --model path/to/raner --corpus path/to/corpus --speedup 8 --lose 1.0 --out small",
            "compress --model path/to/raner --corpus cluener --max-mb 30 --texts texts.txt --out small",
            "compress --resume --out small",
        )
    )
    options.of_build(_add(commands, build, "build", "build --notebooks 03"))
    options.of_runs(_add(commands, list_runs, "runs", "runs --out path/to/runs"))
    options.of_check(_add(commands, check, "check runs/latest", "check runs/20260131-093000Z --all", "check small"))
    options.of_report(_add(commands, report, "report runs/latest", "report runs/latest --reference --readme"))
    sources = 'tag "陈默在北京说。"', "tag texts.txt --model path/to/raner", "tag - < texts.txt"
    options.of_tag(_add(commands, tag, *sources))
    return parser


def _add(commands, function: Callable[[argparse.Namespace], int], *examples: str) -> argparse.ArgumentParser:
    summary = function.__doc__.splitlines()[0]
    command = commands.add_parser(
        function.__name__.removeprefix("list_"),
        help=summary,
        description=summary,
        epilog="\n".join(["examples:", *(f"  {options.program_name()} {example}" for example in examples)]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(function=function)
    return command


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says; returns the exit code."""
    arguments = command_line().parse_args(argv)
    try:
        return arguments.function(arguments)
    except (CourseError, NotebookError) as error:
        print(f"course: {' '.join(str(error).split())}", file=sys.stderr)
        return 2 if isinstance(error, CourseError) else 1
    except BrokenPipeError:
        raise
    except OSError as error:
        print(f"course: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("course: interrupted", file=sys.stderr)
        return 130
