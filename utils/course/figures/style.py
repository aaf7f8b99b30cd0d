"""How every picture of the course looks: its font, its colours, its axes.

Colours are those of Okabe and Ito, told apart by all kinds of sight. Chinese text is drawn with a font of the
repository. Nothing here changes matplotlib's settings: a `Picture` has its font while it is drawn, and pictures
that others draw keep theirs.
"""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backend_bases import RendererBase
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from matplotlib.ticker import LogFormatter, ScalarFormatter
from matplotlib.transforms import Bbox

from utils.files import DATA

FONT = DATA / "fonts" / "NotoSansCJKsc-Course.otf"

FAMILY, FALLBACK = "Noto Sans CJK SC", "DejaVu Sans"
"""The family of `FONT`, and the one that comes with matplotlib, for what the first lacks."""

BLUE, ORANGE, GREEN, SKY, YELLOW, PURPLE = "#0072B2", "#D55E00", "#009E73", "#56B4E9", "#E69F00", "#CC79A7"

GREY = "#767676"

SERIES = (BLUE, YELLOW, GREEN, ORANGE, SKY, PURPLE)
"""Colours of lines and bars, in the order in which they are used."""

MARKERS = "os^Dv"

TYPE_COLOURS = {"PER": ORANGE, "LOC": SKY, "ORG": YELLOW}
"""The nearest that this palette has to the red, cyan and yellow of highlighted text."""

ENGINE_COLOURS = {"torch": ORANGE, "onnx": BLUE, "openvino": GREEN}


class Picture(Figure):
    """A figure that a notebook shows without pyplot, so that no state is left between cells."""

    def draw(self, renderer: RendererBase) -> None:
        """Draw with the fonts of the course."""
        with self._course_fonts():
            super().draw(renderer)

    def get_tightbbox(self, *args, **options) -> Bbox:
        """The box around all that is drawn, measured with the fonts of the course."""
        with self._course_fonts():
            return super().get_tightbbox(*args, **options)

    @contextmanager
    def _course_fonts(self) -> Iterator[None]:
        """For the texts that are there, and for the tick labels that drawing makes."""
        families = _known_families()
        for text in self.findobj(Text):
            text.set_fontfamily(families)
        with matplotlib.rc_context({"font.family": families, "axes.unicode_minus": False}):
            yield

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=110)
        return buffer.getvalue()


def _known_families() -> list[str]:
    """The families to draw with, made known to matplotlib; without `FONT`, the fallback alone."""
    if not FONT.is_file():
        return [FALLBACK]
    if FAMILY not in fontManager.get_font_names():
        fontManager.addfont(FONT)
    return [FAMILY, FALLBACK]


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


def panel_axes(count: int, height: float) -> tuple[Picture, list[Axes]]:
    """A figure of `count` small panels with common axes, four a row; places left over stay empty.

    Args:
        height: of a row, in inches.
    """
    columns = 4
    rows = -(-count // columns)
    figure = picture(12, height * rows)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel().tolist()
    for spare in panels[count:]:
        spare.axis("off")
    for axes in panels[max(count - columns, 0) : count]:
        axes.tick_params(labelbottom=True)
    return figure, panels[:count]


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


def crosses(axes: Axes, columns: np.ndarray, rows: np.ndarray) -> None:
    """Black crosses with a white rim: seen on every colour of a heatmap."""
    axes.scatter(
        columns + 0.5, rows + 0.5, marker="x", color="black", s=28, linewidths=1.3,
        path_effects=[withStroke(linewidth=3, foreground="white")],
    )  # fmt: skip


def label_heights(points: Sequence[tuple[float, float]], near: float, gap: float) -> list[float]:
    """Heights for the points' labels, in their order: each at its point, or `gap` above a neighbour's label.

    Args:
        points: `(x, y)`; labels of points less than `near` apart in x must not overlap.
    """
    heights: dict[int, float] = {}
    for i in sorted(range(len(points)), key=lambda i: points[i][1]):
        below = [heights[j] + gap for j in heights if abs(points[j][0] - points[i][0]) < near]
        heights[i] = max([points[i][1], *below])
    return [heights[i] for i in range(len(points))]


def short(value: float) -> str:
    """A number for a label: one decimal below 100, none above."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def ink(background: str) -> str:
    """Black or white, whichever reads better on a colour (WCAG 2.1 relative luminance)."""
    return "black" if luminance(background) > 0.18 else "white"


def luminance(colour: str) -> float:
    """Relative luminance of a colour, 0 (black) to 1 (white). Source: WCAG 2.1, "relative luminance"."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))
