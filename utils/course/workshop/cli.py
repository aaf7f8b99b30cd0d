"""Everything for a workshop, in `dist/workshop/`; and on each laptop, whether it is ready.

    python -m utils.workshop build            the handouts, the timing sheet, the offline bundle
    python -m utils.workshop build --wheels   with the libraries: hundreds of megabytes, fetched once
    python -m utils.workshop verify FOLDER    does the copied bundle have all its bytes?
    python -m utils.workshop preflight        is this laptop ready?

Everything is made from the last commit. Exit codes: 0 all well, 1 a check failed, 2 the request cannot be met.
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from utils.course.workshop import bundle
from utils.course.workshop.bundle import BundleError
from utils.files import ROOT

DIST = ROOT / "dist"


class WorkshopError(Exception):
    """A request that cannot be met; the message says what to do."""


def build(arguments: argparse.Namespace) -> int:
    """Build `dist/workshop/` from the last commit: handouts, slides, timing sheet, bundle."""
    partial, target = arguments.out / ".workshop.partial", arguments.out / "workshop"
    shutil.rmtree(partial, ignore_errors=True)
    course = partial / "bundle" / "course"
    course.mkdir(parents=True)
    commit = bundle.last_commit(ROOT, course)
    print(f"Workshop from commit {commit}; {bundle.uncommitted(ROOT)} uncommitted files are not in it", flush=True)
    _write_handouts(course, partial)
    _write_bundle(partial, arguments.out / "wheels" if arguments.wheels else None)
    bundle.replace_folder(partial, target)
    print(f"Written: {target}")
    return 0


def _write_handouts(course: Path, folder: Path) -> None:
    """Notebooks for students and instructor, slides, and the timing sheet.

    Raises:
        WorkshopError: the reference run's minutes cannot be read.
    """
    from utils.course.workshop import handouts, timetable

    notebooks = sorted((course / "notebooks").glob("[0-9]*.ipynb"))
    try:
        measured = timetable.measured_minutes(course / "data" / "reference" / "run.json")
    except timetable.TimingError as error:
        raise WorkshopError(str(error)) from None
    minutes = [timetable.notebook_minutes(path, measured) for path in notebooks]
    print("Handouts and slides:", flush=True)
    handouts.write_handouts(notebooks, folder)
    (folder / "TIMING.md").write_text(timetable.sheet(minutes), "utf-8")


def _write_bundle(folder: Path, wheels: Path | None) -> None:
    """Complete `bundle/`: student notebooks in the course, wheels if there is a folder for them, checksums."""
    target = folder / "bundle"
    shutil.copytree(folder / "student", target / "course" / "student")
    if wheels:
        print(f"Collecting wheels in {wheels} ...", flush=True)
        bundle.collect_wheels(target / "course" / "requirements.txt", wheels)
        shutil.copytree(wheels, target / "wheels")
    said = bundle.WITH_WHEELS.format(platform=_platform()) if wheels else bundle.WITHOUT_WHEELS
    (target / "INSTALL.md").write_text(bundle.INSTALL.format(wheels=said), "utf-8")
    print(f"Bundle: {bundle.write_checksums(target)} files, each with its checksum", flush=True)


def _platform() -> str:
    from platform import machine, python_version, system

    return f"{system()} {machine()}, Python {python_version()}"


def verify(arguments: argparse.Namespace) -> int:
    """Compare a bundle with its checksums: 1 where a file is changed or missing."""
    faults = bundle.verify_checksums(arguments.folder)
    for fault in faults:
        print(fault)
    print(f"{len(faults)} files differ; copy the bundle again" if faults else "The bundle is whole")
    return 1 if faults else 0


def preflight(arguments: argparse.Namespace) -> int:
    """Look at this laptop, in one screen: 1 where the course would not run."""
    try:
        from utils.course.workshop.readiness import check_laptop
    except ImportError as error:
        raise WorkshopError(f"{error}; install the libraries first: make, or pip install -r requirements.txt") from None
    findings = check_laptop()
    width = max(len(finding.what) for finding in findings)
    for finding in findings:
        mark = "✓" if not finding.advice else "✗" if finding.required else "!"
        print(f"{mark} {finding.what:{width}}  {finding.found}" + (f": {finding.advice}" if finding.advice else ""))
    missing = [finding.what for finding in findings if finding.required and finding.advice]
    print(f"Not ready: {', '.join(missing)}" if missing else "Ready")
    return 1 if missing else 0


def command_line() -> argparse.ArgumentParser:
    """The three commands."""
    parser = argparse.ArgumentParser(
        prog="python -m utils.workshop", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = _add(commands, build)
    command.add_argument("--wheels", action="store_true", help="put the libraries into the bundle, for this platform")
    command.add_argument("--out", type=Path, default=DIST, metavar="DIR", help="where `workshop` is made (dist)")
    command = _add(commands, verify)
    command.add_argument("folder", nargs="?", type=Path, default=DIST / "workshop" / "bundle", metavar="FOLDER")
    _add(commands, preflight)
    return parser


def _add(commands, function) -> argparse.ArgumentParser:
    summary = function.__doc__.splitlines()[0]
    command = commands.add_parser(function.__name__, help=summary, description=summary)
    command.set_defaults(function=function)
    return command


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says; returns the exit code."""
    arguments = command_line().parse_args(argv)
    try:
        return arguments.function(arguments)
    except (BundleError, WorkshopError, OSError) as error:
        print(f"workshop: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("workshop: interrupted; the last complete dist/workshop is untouched", file=sys.stderr)
        return 130
