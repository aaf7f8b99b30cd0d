"""How much each notebook reads, repeats and sweeps: in full, and in the small sizes of a quick run.

A quick run takes every step of a notebook and gives no number that means anything.
"""

from types import SimpleNamespace

SIZES = {
    "01": {"every": (1, 5)},
    "02": {"calls": (100, 40), "rounds": (15, 5), "twin_rounds": (7, 3), "every": (1, 5)},
    "03": {
        "scored": (92, 14),
        "compared": (69, 13),
        "batch": (16, 8),
        "ratios": ((0.2, 0.5, 0.7, 0.8, 0.9), (0.5, 0.8)),
        "every": (1, 10),
    },
    "04": {
        "scored": (256, 64),
        "rounds": (25, 5),
        "ratios": ((0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95), (0, 0.2, 0.5, 0.95)),
        "timed_ratios": ((0, 0.2, 0.5, 0.8), (0, 0.5)),
        "neuron_ratios": ((0, 0.25, 0.5, 0.75), (0, 0.5)),
        "mini_rounds": (9, 3),
        "twin_rounds": (5, 2),
    },
    "05": {"train": (1000, 320), "dev": (400, 32), "seconds": (10, 2), "long_seconds": (18, 3), "scored": (256, 64)},
    "06": {
        "sample": (120, 30),
        "calibration": (128, 32),
        "train": (320, 64),
        "dev": (100, 16),
        "lengths": ((32, 100, 250, 500), (32, 128)),
        "mini_rounds": (7, 2),
        "twin_rounds": (3, 2),
        "rounds": (7, 3),
    },
    "07": {
        "calibration": (32, 8),
        "rounds": (9, 3),
        "grid_rounds": (7, 3),
        "lengths": ((32, 64, 128, 256, 500), (32, 500)),
        "batches": ((1, 2, 4, 8), (1, 8)),
    },
    "08": {
        "scored": (256, 64),
        "epochs": (4, 1),
        "shares": ((0.0, 1 / 3, 1.0), (0.0, 1.0)),
        "table_rounds": (5, 3),
        "searched": (70, 14),
        "kept": ((0.1, 0.25, 0.5, 1.0), (0.1, 1.0)),
        "own_epochs": (8, 1),
    },
    "09": {
        "edits": (30, 10),
        "typists": ((10, 30, 60), (5, 20)),
        "seconds": (3, 2),
        "clients": (8, 4),
        "requests": (30, 10),
        "trial_seconds": (5, 2),
    },
    "10": {
        "train": (1000, 320),
        "dev": (400, 32),
        "seconds": (12, 2),
        "depths": ((1, 2, 3, 4, 6), (1, 3)),
        "mini_rounds": (9, 3),
        "twin_rounds": (5, 2),
        "scored": (256, 64),
        "match_rounds": (7, 2),
        "tries": (4, 2),
        "final_rounds": (15, 3),
        "final_twin_rounds": (9, 2),
    },
}
"""Notebook -> name of a size -> (full, quick)."""


def sizes_of(notebook: str, quick: bool) -> SimpleNamespace:
    """The sizes of a notebook, by name.

    Raises:
        KeyError: that notebook has none.
    """
    return SimpleNamespace(**{name: pair[quick] for name, pair in SIZES[notebook].items()})
