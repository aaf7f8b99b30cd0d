"""Learning curves: how a finished training went, read from what it left in its directory."""

import json
from pathlib import Path
from typing import NamedTuple


class Epoch(NamedTuple):
    """One point of a learning curve, after so many epochs and optimizer steps.

    `loss` is the mean on train since the point before, `f1` that on dev in points, `seconds` what the steps took
    so far, without scoring on dev.
    """

    epoch: float
    step: int
    loss: float
    f1: float
    seconds: float


def learning_curve(out: str | Path) -> list[Epoch]:
    """How the finished training in `out` went, epoch by epoch.

    Raises:
        FileNotFoundError: no training has finished there.
    """
    rows = json.loads((Path(out) / "trainer_state.json").read_text("utf-8"))["log_history"]
    losses = {row["step"]: row["loss"] for row in rows if "loss" in row}
    scored = [row for row in rows if "eval_f1" in row]
    return [
        Epoch(row["epoch"], row["step"], losses[row["step"]], row["eval_f1"], row["eval_seconds"]) for row in scored
    ]
