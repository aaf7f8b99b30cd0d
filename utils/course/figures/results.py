"""The results of a run in one picture: for notebooks, `report.html` and the READMEs."""

from collections.abc import Callable, Sequence

from matplotlib.axes import Axes

from utils.course.figures.style import BLUE, GREY, ORANGE, Picture, draw_intervals, picture, plain_axes, short
from utils.measure.memory import MB


def results_figure(rows: Sequence[dict]) -> Picture:
    """Latency, size, memory and F1 of ledger rows, small multiples with one line a row.

    Costs are bars from zero; F1 is a point with its 95 % interval on an axis that does not start at
    zero. What was not measured is said in words; where no row has an F1, there is no panel for it.
    """
    figure = picture(12, 1.3 + 0.62 * max(len(rows), 1))
    scored = any(row["f1"] is not None for row in rows)
    time, size, memory, *f1 = figure.subplots(1, 4 if scored else 3, sharey=True)
    _costs(time, rows, "median time (ms)", lambda row: row["latency_ms"] and row["latency_ms"]["p50"])
    _costs(size, rows, "file size (MB)", lambda row: row["file_bytes"] and row["file_bytes"] / MB)
    _costs(memory, rows, "peak memory (MB)", lambda row: row["rss_mb"])
    measured = [None if row["f1"] is None else (row["f1"], row["f1_low"], row["f1_high"]) for row in rows]
    for axes in f1:
        draw_intervals(axes, measured, ORANGE)
        plain_axes(axes, "F1 (points, 95 % interval)")
    time.set_yticks(range(len(rows)), [f"{row['stage']}\n{row['backend']}" for row in rows])
    time.set_ylim(max(len(rows), 1) - 0.45, -0.6)
    return figure


def _costs(axes: Axes, rows: Sequence[dict], title: str, value: Callable[[dict], float | None]) -> None:
    values = [value(row) for row in rows]
    axes.barh(range(len(rows)), [v or 0 for v in values], color=BLUE, height=0.55)
    for place, cost in enumerate(values):
        text, colour = ("not measured", GREY) if cost is None else (short(cost), "black")
        axes.annotate(text, (cost or 0, place), (4, 0), textcoords="offset points", va="center", color=colour)
    axes.set_xlim(0, 1.35 * max((v for v in values if v), default=1))
    axes.tick_params(axis="y", length=0)
    plain_axes(axes, title)
