"""Does a run say what the reference said? Row by row, metric by metric, within the bands of `utils.measure.bands`."""

import math
from collections.abc import Collection, Sequence
from typing import NamedTuple

from utils.measure.bands import FACTORS, MATCHED, MATCHED_FACTOR, score_band
from utils.measure.row import ORIGINAL, key_of, preferred, version_of

EXACT = ("heads_per_layer", "ffn_per_layer", "vocabulary", "parameters")
"""Counts that a second run must reproduce to the last unit."""


class Comparison(NamedTuple):
    """One comparison of a new row with its reference; `band` says in words what was allowed."""

    stage: str
    scale: str
    backend: str
    notebook: str
    metric: str
    old: object
    new: object
    band: str
    ok: bool


def check_rows(
    new: Sequence[dict], reference: Sequence[dict], executed: Collection[str] | None = None
) -> list[Comparison]:
    """Compare a run with a reference run, metric by metric, within the bands of `utils.measure.bands`.

    Metrics: those of `EXACT`, precision, recall, F1 and that of each type (`f1 LOC`), file bytes, how many
    times as fast as the base of its own session and what that base is, and the memory as a share of the
    same run's `ORIGINAL` on the same scale: another machine, and another hour, has other milliseconds. A row
    or a value that only one side has is a breach; so is a memory without an original to compare it with.
    Shown and not judged are times and memory of runs on different CPUs, for which engines choose other
    kernels and pack weights in other ways, and where the cuts of `MATCHED` stages fell.

    Args:
        executed: numbers of the run's notebooks, such as "04" or "07b"; rows that other notebooks have in the
            reference may be absent. None: all must be there.
    """
    new_rows, old_rows = ({key_of(row): row for row in rows} for rows in (new, reference))
    compared: list[Comparison] = []
    for key in {**old_rows, **new_rows}:
        if key in new_rows and key in old_rows:
            metrics = [_metrics(rows[key], rows.values()) for rows in (old_rows, new_rows)]
            same_cpu = _kind_of_cpu(old_rows[key]) == _kind_of_cpu(new_rows[key])
            compared += _compare(key, *metrics, same_cpu)
        elif executed is None or key in new_rows or old_rows[key]["notebook"] in executed:
            compared.append(Comparison(*key, "row", key in old_rows, key in new_rows, "in both runs", False))
    return compared


def _metrics(row: dict, rows: Collection[dict]) -> dict[str, object]:
    fast = row["times_as_fast"] or {}
    direct = {key: row[key] for key in (*EXACT, "precision", "recall", "f1", "file_bytes")}
    by_type = {f"f1 {kind}": f1 for kind, f1 in (row["f1_by_type"] or {}).items()}
    times = {"base": fast.get("base"), "times_as_fast": fast.get("value")}
    return direct | by_type | times | {"memory_ratio": _memory_ratio(row, rows)}


def _memory_ratio(row: dict, rows: Collection[dict]) -> float | None:
    """Share of the original's, of the same notebook if it has one; None if unmeasured, NaN (which no band admits)
    without an original.
    """
    if row["rss_mb"] is None:
        return None
    stage, backend = ORIGINAL
    originals = [r for r in rows if version_of(r) == (stage, row["scale"], backend) and r["rss_mb"]]
    own = [r for r in originals if r["notebook"] == row["notebook"]]
    return next((row["rss_mb"] / r["rss_mb"] for r in preferred(own or originals)), math.nan)


def _kind_of_cpu(row: dict) -> tuple:
    machine = row["machine"] or {}
    return machine.get("cpu"), machine.get("flags")


def _compare(key: tuple, old: dict[str, object], new: dict[str, object], same_cpu: bool) -> list[Comparison]:
    pairs = {metric: (old.get(metric), new.get(metric)) for metric in {**old, **new}}
    return [
        Comparison(*key, metric, *pair, *_judge(key, metric, *pair, same_cpu))
        for metric, pair in pairs.items()
        if pair != (None, None)
    ]


def _judge(key: tuple, metric: str, old: object, new: object, same_cpu: bool) -> tuple[str, bool]:
    """The band in words, and whether `new` lies in it."""
    both = old is not None and new is not None
    if metric in ("times_as_fast", "memory_ratio") and not same_cpu:
        return "another CPU: not judged", both and not math.isnan(old * new)
    if key[0] in MATCHED and metric in ("heads_per_layer", "ffn_per_layer"):
        return "cut by the clock: not judged", both
    if (band := _factor(key[0], metric)) is not None:
        return f"×÷ {band:g}", both and old / band <= new <= old * band
    if metric in (*EXACT, "base"):
        return "equal", old == new
    (stage, _, backend, _), (score, _, kind) = key, metric.partition(" ")
    band = score_band(stage, backend, score, kind)
    return f"±{band:g} points", both and abs(new - old) <= band + 1e-9


def _factor(stage: str, metric: str) -> float | None:
    """By what factor a metric may stray; None where a factor is not its measure."""
    if stage in MATCHED and metric in ("parameters", "file_bytes"):
        return MATCHED_FACTOR
    return FACTORS.get(metric)
