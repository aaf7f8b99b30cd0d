"""The reference run in `data/reference`: what later runs are compared with, and what both READMEs show."""

from pathlib import Path

from utils.course import runs
from utils.course.numbering import number_of
from utils.course.runs import CourseError, read_rows, read_run
from utils.files import DATA, ROOT, write_atomically
from utils.measure.comparison import Comparison, check_rows

REFERENCE = DATA / "reference"

WATERFALL = "waterfall.png"
"""In a run's `artifacts/` and in the reference: what each step gives, where a notebook drew it."""

READMES = {"en": ROOT / "README.md", "zh": ROOT / "README.zh-CN.md"}


def keep_as_reference(folder: Path) -> None:
    """Copy ledger, `run.json` and waterfall to `data/reference`, with which later runs are compared.

    Raises:
        CourseError: the run is not finished, or not one of the whole course with its own model and data.
    """
    state, notebooks = read_run(folder), runs.select(runs.NOTEBOOKS, "ipynb", None)
    whole = [entry["name"] for entry in state["notebooks"]] == [path.stem for path in notebooks]
    if state["state"] != "finished" or _other_settings(state) or not whole:
        raise CourseError(f"{folder}: a reference is a finished run of all notebooks, embedded model and corpus, full")
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for name in ("ledger.json", "run.json"):
        write_atomically(REFERENCE / name, (folder / name).read_bytes())
    if (drawn := folder / "artifacts" / WATERFALL).is_file():
        write_atomically(REFERENCE / WATERFALL, drawn.read_bytes())
    else:
        (REFERENCE / WATERFALL).unlink(missing_ok=True)


def compare(folder: Path) -> list[Comparison]:
    """A run's ledger beside the reference's, metric by metric; of a part of the course, that part.

    Raises:
        CourseError: one of the two has no rows, or the run's model, corpus or sizes are not the reference's.
    """
    new, old = read_rows(folder), read_rows(REFERENCE)
    for place, rows in ((folder, new), (REFERENCE, old)):
        if not rows:
            raise CourseError(f"{place}: no ledger.json with rows to compare")
    return check_rows(new, old, _executed(folder))


def _executed(folder: Path) -> set[str] | None:
    """Numbers of the notebooks that a run is made of; None for a ledger that belongs to no run."""
    if not (folder / "run.json").exists():
        return None
    state = read_run(folder)
    if other := _other_settings(state):
        made = ", ".join(f"{name} = {value}" for name, value in other.items())
        raise CourseError(f"{folder}: made with {made}; only full runs of the embedded model and corpus are compared")
    return {number_of(entry["name"]) for entry in state["notebooks"]}


def _other_settings(state: dict) -> dict:
    """A run's settings that no reference has; its seed is free."""
    own = runs.DEFAULTS
    return {name: value for name, value in state["settings"].items() if name != "seed" and value != own.get(name)}


def write_readmes() -> None:
    """Write results, pictures and syllabus minutes of the reference run into both READMEs, and the table beside LAC."""
    from utils.course.figures.results import results_figure
    from utils.course.lac_table import with_lac
    from utils.course.report import filled_readme, headline, png, versions

    rows, state = read_rows(REFERENCE), read_run(REFERENCE)
    write_atomically(REFERENCE / "results.png", png(results_figure(versions(headline(rows)))))
    waterfall = (REFERENCE / WATERFALL).is_file()
    for language, path in READMES.items():
        text = filled_readme(path.read_text("utf-8"), rows, state, language, waterfall)
        write_atomically(path, with_lac(text, language))
        print(f"Written: {path}")
