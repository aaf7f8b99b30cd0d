"""How much each notebook reads, repeats and sweeps: in full, and in the small sizes of a quick run.

A quick run takes every step of a notebook and gives no number that means anything.
"""

from types import SimpleNamespace

from utils.measure.latency import Rounds
from utils.measure.run import Run

SIZES = {
    "01": {"every": (1, 5)},
    "02": {
        "calls": (100, 40),
        "rounds": (Rounds(15), Rounds(5)),
        "pairs": (Rounds(20), Rounds(6)),
        "twin_rounds": (Rounds(7), Rounds(3)),
        "every": (1, 5),
    },
    "03": {
        "scored": (128, 14),
        "tried": (72, 14),
        "compared": (80, 13),
        "batch": (16, 8),
        "ratios": ((0.2, 0.35, 0.5, 0.65, 0.8), (0.5, 0.8)),
    },
    "04": {
        "scored": (256, 64),
        "swept": (340, 60),
        "rounds": (Rounds(25), Rounds(5)),
        "ratios": ((0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95), (0, 0.2, 0.5, 0.95)),
        "timed_ratios": ((0, 0.2, 0.5, 0.8), (0, 0.5)),
        "neuron_ratios": ((0, 0.25, 0.5, 0.75), (0, 0.5)),
        "mini_rounds": (Rounds(9), Rounds(3)),
        "twin_rounds": (Rounds(5), Rounds(2)),
    },
    "05": {"train": (320, 128), "dev": (100, 32), "steps": (30, 12), "scored": (128, 64), "plain": (400, 40)},
    "06": {
        "sample": (40, 20),
        "bits": ((8, 7, 6, 5, 4, 3, 2), (8, 4, 2)),
        "calibration": (96, 32),
        "train": (256, 64),
        "dev": (64, 16),
        "lengths": ((32, 128, 500), (32, 128)),
        "mini_rounds": (Rounds(7), Rounds(2)),
        "twin_rounds": (Rounds(3), Rounds(2)),
        "rounds": (Rounds(7), Rounds(3)),
    },
    "07": {"rounds": (Rounds(9), Rounds(3))},
    "07b": {
        "rounds": (Rounds(9), Rounds(3)),
        "twin_rounds": (Rounds(7), Rounds(2)),
        "grid_rounds": (Rounds(5), Rounds(3)),
        "lengths": ((32, 100, 250, 500), (32, 500)),
        "batches": ((1, 2, 4, 8), (1, 8)),
    },
    "08": {
        "scored": (256, 64),
        "search": (
            {"scored": 128, "searched": 100, "kept": (0.2, 0.4, 0.7, 1.0), "shares": (0.0, 0.5, 1.0)},
            {"scored": 32, "searched": 12, "kept": (0.2, 1.0), "shares": (0.0, 1.0), "table_rounds": 2},
        ),
        "long": (200, 30),
        "rounds": (Rounds(7), Rounds(2)),
    },
    "09": {
        "edits": (30, 10),
        "typists": ((30, 45, 60), (5, 20)),
        "seconds": (4, 2),
        "clients": (8, 4),
        "requests": (24, 10),
        "trial_seconds": (5, 2),
    },
    "10": {
        "train": (800, 320),
        "dev": (400, 32),
        "steps": (48, 6),
        "try_steps": (13, 2),
        "depths": ((1, 2, 3, 4, 6), (1, 3)),
        "depth_rounds": (Rounds(7), Rounds(2)),
        "scored": (256, 64),
        "match_rounds": (Rounds(7), Rounds(2)),
        "tries": (4, 2),
        "final_rounds": (Rounds(15), Rounds(3)),
        "final_twin_rounds": (Rounds(9), Rounds(2)),
    },
    "11": {
        "dev": (1000, 32),
        "student_steps": (96, 4),
        "exit_train": (2000, 64),
        "exit_steps": (800, 6),
        "thresholds": (21, 6),
        "simulated": (300, 20),
        "timed": (30, 5),
        "mini_rounds": (Rounds(9), Rounds(2)),
        "twin_rounds": (Rounds(7), Rounds(2)),
    },
}
"""Notebook -> name of a size -> (full, quick)."""


def sizes_of(notebook: str, run: Run) -> SimpleNamespace:
    """The sizes of a notebook, by name; rounds of a measurement as the run allows them.

    Raises:
        KeyError: that notebook has none.
    """
    return SimpleNamespace(**{name: _allowed(run, pair[run.quick]) for name, pair in SIZES[notebook].items()})


def _allowed(run: Run, size: object) -> object:
    return run.rounds(size.usual) if isinstance(size, Rounds) else size
