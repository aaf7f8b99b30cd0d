"""The runs that are kept: how far each came, with which settings, and what its folder takes."""

from pathlib import Path

from utils.course.runs import DEFAULTS, CourseError, read_run
from utils.files import LockedError, locked
from utils.measure.memory import MB, directory_bytes

HEADER = ("run", "state", "notebooks", "settings", "takes")


def listed(out: Path) -> list[list[str]]:
    """What `out` holds, newest last, as cells below `HEADER`; the last row is the sum.

    Folders that are no run, such as that of notebooks opened alone, are listed for what they take.
    """
    folders = sorted(path for path in out.glob("*") if path.is_dir() and not path.is_symlink())
    taken = [directory_bytes(folder) for folder in folders]
    rows = [[folder.name, *_progress(folder), size(count)] for folder, count in zip(folders, taken, strict=True)]
    return [*rows, ["", "", "", "", size(sum(taken))]]


def _progress(folder: Path) -> tuple[str, str, str]:
    """State, notebooks done, and settings of a run; empty for another folder."""
    if not (folder / "run.json").is_file():
        return "", "", ""
    try:
        state = read_run(folder)
    except CourseError:
        return "run.json is broken", "", ""
    done = sum(entry["state"] == "done" for entry in state["notebooks"])
    settings = [f"{name} {value}" for name, value in state["settings"].items() if value != DEFAULTS.get(name)]
    return _state_now(folder, state), f"{done} of {len(state['notebooks'])}", ", ".join(settings)


def _state_now(folder: Path, state: dict) -> str:
    """A process that was killed could not write that its run is not running any more."""
    if state["state"] != "running":
        return state["state"]
    try:
        with locked(folder / "run.json", 0):
            return "interrupted"
    except LockedError:
        return "running"


def size(count: int) -> str:
    """Bytes as people say them, in MB of 10^6 or in GB of 10^9."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / MB:.1f} MB"
