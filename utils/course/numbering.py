"""What a notebook is called: the number that its file's name begins with, such as 07, or 07b for one that was added.

Its sizes, predictions, solutions, ledger rows and minutes are kept under that number.
"""

from pathlib import Path

NUMBERED = "[0-9][0-9]*_*."
"""How the name of a notebook's file looks, up to its suffix."""


def number_of(name: str) -> str:
    """The number of a notebook: "07b" of "07b_reading" and of "07b_reading.ipynb"."""
    return name.partition("_")[0]


def numbered(folder: Path, suffix: str) -> dict[str, Path]:
    """Number -> file, of a folder's notebooks or their sources, in the order of the course: 07, 07b, 08."""
    return {number_of(path.name): path for path in sorted(folder.glob(f"{NUMBERED}{suffix}"))}
