"""The edition: all that is committed and was measured, from one run of one machine.

Notebooks with outputs, the reference in `data/reference`, and the tables of both READMEs.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat

from utils.course import reference, runs
from utils.course.notebooks import plain_notebook, with_outputs, write_notebook
from utils.course.numbering import number_of
from utils.course.runs import CourseError, read_run, write_run
from utils.course.teaching import minutes_in
from utils.files import ROOT

PRODUCTS = (
    "notebooks/*.ipynb",
    "data/reference/ledger.json",
    "data/reference/run.json",
    "data/reference/*.png",
    "README.md",
    "README.zh-CN.md",
)
"""What an edition writes. Changes there are no reason to refuse one: an interrupted edition leaves some."""

NAMED = 3
"""Changed files that a refusal names."""

SAME = ("cpu", "flags", "cores", "versions")
"""What makes a machine the same one, as `utils.measure.machine.machine` answers."""


@contextmanager
def plain_notebooks(solved: bool = False) -> Iterator[Path]:
    """A folder with the notebooks as their sources have them, without outputs, for as long as the block runs.

    Args:
        solved: with the solutions.
    """
    with TemporaryDirectory() as folder:
        for source in _sources():
            write_notebook(plain_notebook(source, solved), Path(folder, f"{source.stem}.ipynb"))
        yield Path(folder)


def _sources() -> list[Path]:
    return runs.select(runs.NOTEBOOKS / "source", "py", None)


def begun(out: Path, notebooks: Path, resume: bool, forced: bool) -> Path:
    """The folder of a new run in full, or of the newest one of this commit, also where that is finished.

    Args:
        out: where the folder is, or is made.
        notebooks: where the plain notebooks are.
        forced: on a CPU without VNNI, too.

    Raises:
        CourseError: something is not committed, the CPU has no VNNI, or there is nothing to resume on this machine.
    """
    from utils.measure.machine import VNNI, machine

    here, commit = machine(), _commit()
    if not forced and not set(VNNI) & set(here["flags"]):
        raise CourseError(
            f"{here['cpu']} has no VNNI, so eight bits would gain little, and the tables would say so to all readers; "
            "make the edition elsewhere, or with --force (FORCE=1)"
        )
    if resume:
        return _resumed(out, commit, here)
    folder = runs.new_run(out, {}, None, notebooks)
    write_run(folder, read_run(folder) | {"commit": commit})
    return folder


def _commit() -> str:
    """The commit that is checked out.

    Raises:
        CourseError: files differ from it, or there is none.
    """
    changes = _git("status", "--porcelain", "--", ".", *(f":(exclude,glob){path}" for path in PRODUCTS))
    if changed := [line[3:] for line in changes.splitlines()]:
        more = f" and {len(changed) - NAMED} more" if len(changed) > NAMED else ""
        raise CourseError(f"not committed: {', '.join(changed[:NAMED])}{more}; an edition names the commit it is of")
    return _git("rev-parse", "HEAD").strip()


def _git(*words: str) -> str:
    try:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=True, encoding="utf-8").stdout
    except (OSError, subprocess.CalledProcessError) as error:
        reason = getattr(error, "stderr", None) or error
        raise CourseError(f"an edition is made in a git checkout, and git says: {reason}") from None


def _resumed(out: Path, commit: str, here: dict) -> Path:
    folders = sorted((path.parent for path in out.resolve().glob("*Z/run.json")), reverse=True)
    folder = next((folder for folder in folders if read_run(folder).get("commit") == commit), None)
    if folder is None:
        raise CourseError(f"{out}: no edition of commit {commit[:7]} to go on with")
    if any(read_run(folder)["machine"][key] != here[key] for key in SAME):
        raise CourseError(f"{folder}: begun on another machine or with other libraries; start a new edition")
    return folder


def put_in_place(folder: Path) -> None:
    """Make a finished run the committed one: its notebooks, its ledger, the tables and pictures of both READMEs.

    Notebooks that have no source any more go.
    """
    state, sources = read_run(folder), _sources()
    for source in sources:
        notebook = with_outputs(plain_notebook(source), nbformat.read(folder / f"{source.stem}.ipynb", 4))
        _write_minutes(notebook, minutes_in(state, number_of(source.name)))
        write_notebook(notebook, runs.NOTEBOOKS / f"{source.stem}.ipynb")
    for built in runs.select(runs.NOTEBOOKS, "ipynb", None):
        if built.stem not in {source.stem for source in sources}:
            built.unlink()
    reference.keep_as_reference(folder)
    reference.write_readmes()
    print("The edition is in place; look at `git diff --stat`, then commit it")


def _write_minutes(notebook: nbformat.NotebookNode, line: str) -> None:
    """The head was executed before anyone knew the minutes: it shows those of this run, not of the one before."""
    for cell in notebook.cells:
        if cell.cell_type == "code" and "show_minutes(" in cell.source:
            for output in cell.outputs:
                if "text/markdown" in output.get("data", {}):
                    output.data["text/markdown"] = line
