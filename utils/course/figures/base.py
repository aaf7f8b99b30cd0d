"""TODO course.figures.base."""

import io
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import LogFormatter, ScalarFormatter

from utils.files import DATA
from utils.measure.latency import Latency

FONT = DATA / "fonts" / "NotoSansCJKsc-Course.otf"


BLUE, ORANGE, GREEN, SKY, YELLOW, PURPLE = "#0072B2", "#D55E00", "#009E73", "#56B4E9", "#E69F00", "#CC79A7"


GREY = "#767676"


SERIES = (BLUE, YELLOW, GREEN, ORANGE, SKY, PURPLE)


TYPE_COLOURS = {"PER": ORANGE, "LOC": SKY, "ORG": YELLOW}
"""The nearest that this palette has to the red, cyan and yellow of highlighted text."""


if FONT.is_file():
    font_manager.fontManager.addfont(FONT)
    matplotlib.rcParams["font.family"] = ["Noto Sans CJK SC", "DejaVu Sans"]


matplotlib.rcParams["axes.unicode_minus"] = False


class Picture(Figure):
    """A figure that a notebook shows without pyplot, so that no state is left between cells."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=110)
        return buffer.getvalue()


def picture(width: float, height: float) -> Picture:
    """An empty picture of that many inches, laid out so that no text is cut off."""
    return Picture(figsize=(width, height), layout="constrained")


def plain_axes(axes: Axes, title: str, x: str = "", y: str = "") -> None:
    """Title on the left, names of the axes, no frame above and to the right."""
    axes.set_title(title, fontsize=10.5, loc="left")
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.spines[["top", "right"]].set_visible(False)


def plain_logarithm(axis: Axis) -> None:
    """A logarithmic axis says 100 and not 10², and some numbers between the powers where there is room."""
    axis.set_major_formatter(ScalarFormatter())
    axis.set_minor_formatter(LogFormatter(minor_thresholds=(3, 1)))


def draw_intervals(axes: Axes, intervals: Sequence[tuple | None], colour: str) -> None:
    """One `(value, low, high)` a line, from the top; low and high may be None."""
    for place, interval in enumerate(intervals):
        if interval is None:
            axes.text(0.5, place, "not measured", transform=axes.get_yaxis_transform(), color=GREY, va="center")
            continue
        value, low, high = (interval[0] if part is None else part for part in interval)
        axes.plot([low, high], [place, place], color=colour, linewidth=2.5, solid_capstyle="butt")
        axes.plot(value, place, "o", color=colour, markersize=7)
        axes.annotate(f"{value:.1f}", (value, place), (0, 6), textcoords="offset points", ha="center")
    axes.tick_params(axis="y", length=0)
    axes.margins(x=0.12)
    if not any(intervals):
        axes.set_xticks([])


def shares_figure(parts: Mapping[str, Mapping[str, float]], unit: str) -> Picture:
    """Each model a bar of length 100 %, cut into its parts; absolute sizes are written inside.

    Args:
        parts: model -> part -> size in `unit`.
    """
    figure = picture(11, 1.1 + 0.75 * len(parts))
    axes = figure.subplots()
    for place, sizes in enumerate(parts.values()):
        left, total = 0.0, sum(sizes.values())
        for colour, size in zip(SERIES, sizes.values(), strict=False):
            share = 100 * size / total
            axes.barh(place, share, left=left, color=colour, edgecolor="white", height=0.62)
            if share > 6:
                label = f"{share:.1f} %\n{size:,.2f} {unit}"
                axes.text(left + share / 2, place, label, ha="center", va="center", color=ink(colour), fontsize=9.5)
            left += share
    plain_axes(axes, "", "share (%)")
    axes.set(yticks=range(len(parts)), yticklabels=list(parts), xlim=(0, 100))
    axes.invert_yaxis()
    names = list(next(iter(parts.values())))
    handles = [Rectangle((0, 0), 1, 1, color=colour) for colour, _ in zip(SERIES, names, strict=False)]
    axes.legend(handles, names, ncols=len(names), loc="lower left", bbox_to_anchor=(0, 1), frameon=False)
    return figure


def ink(background: str) -> str:
    """Black or white, whichever reads better on a colour (WCAG 2.1 relative luminance)."""
    return "black" if luminance(background) > 0.18 else "white"


def luminance(colour: str) -> float:
    """Relative luminance of a colour, 0 (black) to 1 (white). Source: WCAG 2.1, "relative luminance"."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def f1_figure(groups: Mapping[str, Mapping[str, tuple[float, float, float]]]) -> Picture:
    """F1 with its interval for several ways to divide a test set, side by side on one axis.

    Args:
        groups: title -> name -> `(f1, low, high)` in points.
    """
    figure = picture(11, 1.2 + 0.45 * max(map(len, groups.values())))
    panels = figure.subplots(1, len(groups), sharex=True, squeeze=False)[0]
    for axes, (title, intervals) in zip(panels, groups.items(), strict=True):
        draw_intervals(axes, list(intervals.values()), BLUE)
        axes.set_yticks(range(len(intervals)), intervals)
        axes.set_ylim(len(intervals) - 0.5, -0.7)
        axes.grid(axis="x", color="#e4e4e4")
        plain_axes(axes, title, "F1 (points, 95 % interval)")
    return figure


def latency_figure(latencies: Mapping[str, Latency]) -> Picture:
    """Every sample of every variant as a dot, the median as a line."""
    figure = picture(10, 1.1 + 0.6 * len(latencies))
    axes = figure.subplots()
    for place, latency in enumerate(latencies.values()):
        jitter = np.linspace(-0.18, 0.18, len(latency.samples))
        axes.plot(latency.samples, place + jitter, "o", color=BLUE, alpha=0.6, markersize=4)
        axes.plot([latency.p50] * 2, [place - 0.32, place + 0.32], color=ORANGE, linewidth=3)
        text = f"{short(latency.p50)} ms"
        axes.annotate(text, (latency.p50, place - 0.34), (0, 2), textcoords="offset points", ha="center", fontsize=9.5)
    axes.set_yticks(range(len(latencies)), latencies)
    axes.set_ylim(len(latencies) - 0.5, -0.75)
    axes.set_xlim(left=0)
    plain_axes(axes, "dots: calls; line: median", "ms")
    return figure


def panel_axes(count: int, height: float, columns: int = 4) -> tuple[Picture, list[Axes]]:
    """A figure of `count` small panels with common axes, row by row; places left over stay empty."""
    rows = -(-count // columns)
    figure = picture(12, height * rows)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel().tolist()
    for spare in panels[count:]:
        spare.axis("off")
    for axes in panels[max(count - columns, 0) : count]:
        axes.tick_params(labelbottom=True)
    return figure, panels[:count]


MARKERS = "os^Dv"


def short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
