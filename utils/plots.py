"""Pictures of the course: numbers in, a figure out.

Colours are those of Okabe and Ito, told apart by all kinds of sight. Chinese text is drawn with a
font of the repository. An axis of costs starts at zero; a score is a point with its interval.
"""

import io
from collections.abc import Callable, Collection, Mapping, Sequence

import matplotlib
import numpy as np
import seaborn
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.ticker import LogFormatter, MaxNLocator, ScalarFormatter
from numpy.typing import ArrayLike

from utils.benchmark import MB, Latency, Memory
from utils.corpus import DATA

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


# --- Results of a run --------------------------------------------------------------------------


def results_figure(rows: Sequence[dict]) -> Picture:
    """Latency, size, memory and F1 of ledger rows, small multiples with one line a row.

    Costs are bars from zero; F1 is a point with its 95 % interval on an axis that does not start at
    zero. What was not measured is said in words.
    """
    figure = picture(12, 1.3 + 0.62 * max(len(rows), 1))
    time, size, memory, f1 = figure.subplots(1, 4, sharey=True)
    _costs(time, rows, "median time (ms)", lambda row: row["latency_ms"] and row["latency_ms"]["p50"])
    _costs(size, rows, "file size (MB)", lambda row: row["file_bytes"] and row["file_bytes"] / MB)
    _costs(memory, rows, "peak memory (MB)", lambda row: row["rss_mb"])
    intervals = [None if row["f1"] is None else (row["f1"], row["f1_low"], row["f1_high"]) for row in rows]
    _intervals(f1, intervals, ORANGE)
    plain_axes(f1, "F1 (points, 95 % interval)")
    time.set_yticks(range(len(rows)), [f"{row['stage']}\n{row['backend']}" for row in rows])
    time.set_ylim(max(len(rows), 1) - 0.45, -0.6)
    return figure


def _costs(axes: Axes, rows: Sequence[dict], title: str, value: Callable[[dict], float | None]) -> None:
    values = [value(row) for row in rows]
    axes.barh(range(len(rows)), [v or 0 for v in values], color=BLUE, height=0.55)
    for place, cost in enumerate(values):
        text, colour = ("not measured", GREY) if cost is None else (_short(cost), "black")
        axes.annotate(text, (cost or 0, place), (4, 0), textcoords="offset points", va="center", color=colour)
    axes.set_xlim(0, 1.35 * max((v for v in values if v), default=1))
    axes.tick_params(axis="y", length=0)
    plain_axes(axes, title)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _intervals(axes: Axes, intervals: Sequence[tuple | None], colour: str) -> None:
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


# --- 00: the course ----------------------------------------------------------------------------

STOPS = (
    ("00", "Start here", "Which promises break\nunder arithmetic?", "look"),
    ("01", "RaNER and\nits data", "What does it find,\nwhat does it miss?", "look"),
    ("02", "Measuring\nfairly", "When is a difference\na difference?", "look"),
    ("03", "Head\nimportance", "Which heads matter?", "cut"),
    ("04", "Pruning", "What does taking\nthem out save?", "cut"),
    ("05", "Recovery", "Can the accuracy\ncome back?", "cut"),
    ("06", "Dynamic\nquantisation", "What do 8 bits\ncost and give?", "translate"),
    ("07", "ONNX Runtime", "Is another engine\nfaster?", "translate"),
    ("08", "The whole\npipeline", "What is left of\nthe article's table?", "deliver"),
    ("09", "Serving", "Does it hold under\nfifty typists?", "deliver"),
    ("10", "Distillation", "Would a small student\nhave been better?", "deliver"),
)
"""Number, title, question and phase of every notebook."""
PHASES = {"look": BLUE, "cut": ORANGE, "translate": GREEN, "deliver": PURPLE}


def course_map(present: Collection[str], here: str = "") -> Picture:
    """The notebooks as stations of one line, and what each hands to the next.

    Args:
        present: numbers of the notebooks that are there; the others are drawn hollow.
        here: number of the notebook that shows the map.
    """
    figure = picture(12, 4.6)
    axes = figure.subplots()
    places = [(i % 6, 1 - i // 6) for i in range(len(STOPS))]
    line = [*places[:6], (5.62, 1), (5.62, 0.5), (-0.55, 0.5), (-0.55, 0), *places[6:]]
    axes.plot(*zip(*line, strict=True), color="#c8c8c8", linewidth=5, zorder=0, solid_joinstyle="round")
    for (x, y), (number, title, question, phase) in zip(places, STOPS, strict=True):
        _station(axes, x, y, number, PHASES[phase], number in present)
        axes.text(x, y + 0.13, title, ha="center", va="bottom", fontsize=12)
        axes.text(x, y - 0.13, question, ha="center", va="top", fontsize=9.5, color="#333333")
    if here:
        x, y = places[[stop[0] for stop in STOPS].index(here)]
        axes.annotate("you are here", (x + 0.1, y + 0.03), (x + 0.2, y + 0.06), fontsize=9, color=BLUE)
    _phase_legend(axes)
    axes.set(xlim=(-0.75, 5.8), ylim=(-0.5, 1.45))
    axes.axis("off")
    return figure


def _station(axes: Axes, x: float, y: float, number: str, colour: str, present: bool) -> None:
    face, text = (colour, "white") if present else ("white", colour)
    axes.plot(x, y, "o", markersize=30, markerfacecolor=face, markeredgecolor=colour, markeredgewidth=2.5)
    axes.text(x, y, number, ha="center", va="center", color=text)


def _phase_legend(axes: Axes) -> None:
    handles = [Rectangle((0, 0), 1, 1, color=colour) for colour in PHASES.values()]
    names = ["look: know it, measure it", "cut: fewer heads", "translate: fewer bits", "deliver: in use"]
    axes.legend(handles, names, loc="lower right", frameon=False, fontsize=9.5)


# --- 01: model and corpus ----------------------------------------------------------------------


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
                axes.text(left + share / 2, place, label, ha="center", va="center", color=_ink(colour), fontsize=9.5)
            left += share
    plain_axes(axes, "", "share (%)")
    axes.set(yticks=range(len(parts)), yticklabels=list(parts), xlim=(0, 100))
    axes.invert_yaxis()
    names = list(next(iter(parts.values())))
    handles = [Rectangle((0, 0), 1, 1, color=colour) for colour, _ in zip(SERIES, names, strict=False)]
    axes.legend(handles, names, ncols=len(names), loc="lower left", bbox_to_anchor=(0, 1), frameon=False)
    return figure


def _ink(background: str) -> str:
    """Black or white, whichever reads better on a colour (WCAG 2.1 relative luminance)."""
    return "black" if luminance(background) > 0.18 else "white"


def luminance(colour: str) -> float:
    """Relative luminance of a colour, 0 (black) to 1 (white). Source: WCAG 2.1, "relative luminance"."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def corpus_figure(
    types_by_domain: Mapping[str, Mapping[str, int]],
    lengths: Sequence[int],
    traps: Mapping[str, int],
    unseen: Mapping[str, float],
) -> Picture:
    """Four looks at a corpus.

    Args:
        types_by_domain: domain -> entity type -> number of entities.
        lengths: characters of each sentence.
        traps: trap -> number of sentences.
        unseen: entity type -> percent of the test's entities whose text the training split never shows.
    """
    figure = picture(12, 7)
    domains, sentences, trapped, new = figure.subplots(2, 2, width_ratios=(1.2, 1)).ravel()
    _stacked(domains, types_by_domain)
    plain_axes(domains, "What is named in which domain", "entities")
    sentences.hist(lengths, bins=range(0, max(lengths) + 5, 5), color=BLUE, edgecolor="white")
    sentences.axvline(np.median(lengths), color=ORANGE, linestyle="--")
    plain_axes(sentences, "How long the sentences are (dashed: median)", "characters", "sentences")
    _counts(trapped, traps, "{:.0f}")
    plain_axes(trapped, "What makes a sentence hard", "sentences")
    _counts(new, unseen, "{:.0f} %", [TYPE_COLOURS.get(name, BLUE) for name in unseen])
    new.set_xlim(0, 109)
    plain_axes(new, "Test entities whose text training never showed", "percent")
    return figure


def _stacked(axes: Axes, counts: Mapping[str, Mapping[str, int]]) -> None:
    types = sorted({name for row in counts.values() for name in row})
    left = np.zeros(len(counts))
    for name, spare in zip(types, SERIES * len(types), strict=False):
        width = np.array([row.get(name, 0) for row in counts.values()])
        axes.barh(list(counts), width, left=left, label=name, color=TYPE_COLOURS.get(name, spare), edgecolor="white")
        left += width
    axes.invert_yaxis()
    axes.legend(ncols=len(types), frameon=False, fontsize=9, loc="upper center", bbox_to_anchor=(0.75, 1.12))


def _counts(axes: Axes, counts: Mapping[str, float], label: str, colours: Sequence[str] | str = BLUE) -> None:
    bars = axes.barh(list(counts), list(counts.values()), color=colours)
    axes.bar_label(bars, [label.format(value) for value in counts.values()], padding=3)
    axes.margins(x=0.12)
    axes.invert_yaxis()


def transition_heatmap(labels: Sequence[str], transitions: np.ndarray, legal: np.ndarray) -> Picture:
    """CRF scores of every move from tag to tag; moves that the tag scheme forbids bear a cross.

    Args:
        transitions: `(tags, tags)`, from row to column.
        legal: `(tags, tags)` bool.
    """
    figure = picture(8.2, 6.6)
    axes = figure.subplots()
    limit = float(np.abs(transitions).max()) or 1.0
    seaborn.heatmap(
        transitions, vmin=-limit, vmax=limit, cmap="PuOr_r", square=True, ax=axes, linewidths=0.5,
        xticklabels=labels, yticklabels=labels, cbar_kws={"label": "score of the move", "shrink": 0.8},
    )  # fmt: skip
    rows, columns = np.nonzero(~legal)
    _crosses(axes, columns, rows)
    axes.tick_params(axis="x", rotation=90)
    axes.tick_params(axis="y", rotation=0)
    axes.set(xlabel="to", ylabel="from")
    axes.set_title("What the CRF thinks of each move (× = forbidden by BIOES)", fontsize=10.5, loc="left")
    return figure


def _crosses(axes: Axes, columns: np.ndarray, rows: np.ndarray) -> None:
    """Black crosses with a white rim: seen on every colour of a heatmap."""
    axes.scatter(
        columns + 0.5, rows + 0.5, marker="x", color="black", s=28, linewidths=1.3,
        path_effects=[withStroke(linewidth=3, foreground="white")],
    )  # fmt: skip


def head_grid(scores: ArrayLike, chosen: Mapping[int, Collection[int]], title: str) -> Picture:
    """A score of every head, layers from bottom to top as in the model; chosen heads bear a cross.

    Args:
        scores: `(layers, heads)`; NaN where a head is gone already.
        chosen: layer -> head numbers, both from 0.
    """
    grid = np.asarray(scores, float)
    figure = picture(7.6, 1.2 + 0.42 * len(grid))
    axes = figure.subplots()
    names = [range(1, size + 1) for size in grid.shape]
    seaborn.heatmap(
        grid, cmap="cividis_r", square=True, ax=axes, linewidths=0.5, xticklabels=names[1], yticklabels=names[0],
        cbar_kws={"label": "score"},
    )  # fmt: skip
    crossed = [(head, layer) for layer, heads in chosen.items() for head in heads]
    _crosses(axes, *np.reshape(crossed, (-1, 2)).T)
    axes.invert_yaxis()
    axes.tick_params(axis="y", rotation=0)
    axes.set(xlabel="head", ylabel="layer")
    axes.set_title(title, fontsize=10.5, loc="left")
    return figure


def f1_figure(groups: Mapping[str, Mapping[str, tuple[float, float, float]]]) -> Picture:
    """F1 with its interval for several ways to divide a test set, side by side on one axis.

    Args:
        groups: title -> name -> `(f1, low, high)` in points.
    """
    figure = picture(11, 1.2 + 0.45 * max(map(len, groups.values())))
    panels = figure.subplots(1, len(groups), sharex=True, squeeze=False)[0]
    for axes, (title, intervals) in zip(panels, groups.items(), strict=True):
        _intervals(axes, list(intervals.values()), BLUE)
        axes.set_yticks(range(len(intervals)), intervals)
        axes.set_ylim(len(intervals) - 0.5, -0.7)
        axes.grid(axis="x", color="#e4e4e4")
        plain_axes(axes, title, "F1 (points, 95 % interval)")
    return figure


# --- 02: measuring -----------------------------------------------------------------------------


def samples_figure(samples: Sequence[float], title: str) -> Picture:
    """One call after another, and how the calls spread, with median and mean.

    Args:
        samples: milliseconds, in the order in which they were taken.
    """
    figure = picture(11, 3.2)
    order, spread = figure.subplots(1, 2, width_ratios=(1.6, 1))
    order.plot(range(1, len(samples) + 1), samples, "o", color=BLUE, markersize=3.5, alpha=0.8)
    plain_axes(order, title, "call", "ms")
    order.set_ylim(0, 1.08 * max(samples))
    spread.hist(samples, bins=30, color=SKY, edgecolor="white")
    median, mean = np.median(samples), np.mean(samples)
    spread.axvline(median, color=ORANGE, label=f"median {median:.2f} ms")
    spread.axvline(mean, color="black", linestyle="--", label=f"mean {mean:.2f} ms")
    spread.legend(frameon=False)
    plain_axes(spread, "the same calls, sorted into bins", "ms", "calls")
    return figure


def latency_figure(latencies: Mapping[str, Latency]) -> Picture:
    """Every sample of every variant as a dot, the median as a line."""
    figure = picture(10, 1.1 + 0.6 * len(latencies))
    axes = figure.subplots()
    for place, latency in enumerate(latencies.values()):
        jitter = np.linspace(-0.18, 0.18, len(latency.samples))
        axes.plot(latency.samples, place + jitter, "o", color=BLUE, alpha=0.6, markersize=4)
        axes.plot([latency.p50] * 2, [place - 0.32, place + 0.32], color=ORANGE, linewidth=3)
        text = f"{_short(latency.p50)} ms"
        axes.annotate(text, (latency.p50, place - 0.34), (0, 2), textcoords="offset points", ha="center", fontsize=9.5)
    axes.set_yticks(range(len(latencies)), latencies)
    axes.set_ylim(len(latencies) - 0.5, -0.75)
    axes.set_xlim(left=0)
    plain_axes(axes, "dots: calls; line: median", "ms")
    return figure


def memory_figure(memories: Mapping[str, Memory]) -> Picture:
    """Peak memory of each variant's own process, split into what the imports held and the rest."""
    figure = picture(10, 1.2 + 0.55 * len(memories))
    axes = figure.subplots()
    names, base = list(memories), [memory.baseline for memory in memories.values()]
    rest = [memory.peak - memory.baseline for memory in memories.values()]
    axes.barh(names, base, color="#bdbdbd", label="Python and libraries", height=0.55)
    bars = axes.barh(names, rest, left=base, color=BLUE, label="model and its work", height=0.55)
    axes.bar_label(bars, [f"{memory.peak:,.0f} MB" for memory in memories.values()], padding=4)
    axes.margins(x=0.14)
    axes.invert_yaxis()
    axes.legend(frameon=False, ncols=2, loc="lower left", bbox_to_anchor=(0, 1.02))
    plain_axes(axes, "", "peak memory of a fresh process (MB)")
    return figure


def bootstrap_figure(samples: Mapping[str, np.ndarray], unit: str, zero: bool = False) -> Picture:
    """Histograms of resampled statistics under each other, each with its 95 % interval.

    Args:
        samples: name -> resampled values in `unit`.
        zero: draw a line at 0, for differences.
    """
    figure = picture(10, 0.7 + 1.5 * len(samples))
    panels = figure.subplots(len(samples), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (name, values), colour in zip(panels, samples.items(), SERIES, strict=False):
        low, high = np.percentile(values, [2.5, 97.5])
        axes.hist(values, bins=40, color=colour, alpha=0.85)
        axes.axvspan(low, high, color=colour, alpha=0.15)
        if zero:
            axes.axvline(0, color="black", linewidth=1)
        plain_axes(axes, f"{name}: 95 % within [{low:.2f}, {high:.2f}], width {high - low:.2f}", y="resamples")
    axes.set_xlabel(unit)
    return figure


# --- 03: head importance -----------------------------------------------------------------------


def score_grids(scores: Mapping[str, ArrayLike]) -> Picture:
    """How each score ranks the heads: one small grid a score, layers from bottom to top, dark is high.

    Ranks, because scores have different units: only the order decides which head goes.

    Args:
        scores: name -> `(layers, heads)`; NaN, a head that is gone already, stays white.
    """
    figure, panels = _panels(len(scores), 2.5)
    for axes, (name, grid) in zip(panels, scores.items(), strict=False):
        ranks = _ranks(np.asarray(grid, float))
        layers, heads = ranks.shape
        extent = (0.5, heads + 0.5, 0.5, layers + 0.5)
        image = axes.imshow(ranks, cmap="cividis_r", vmin=0, vmax=100, origin="lower", extent=extent, aspect="auto")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_title(name, fontsize=10.5, loc="left")
    figure.supxlabel("head", fontsize=10)
    figure.supylabel("layer", fontsize=10)
    figure.colorbar(image, ax=panels, label="percent of the heads that score lower", shrink=0.6, aspect=30)
    return figure


def _panels(count: int, height: float, columns: int = 4) -> tuple[Picture, list[Axes]]:
    """A figure of `count` small panels with common axes, row by row; places left over stay empty."""
    rows = -(-count // columns)
    figure = picture(12, height * rows)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel().tolist()
    for spare in panels[count:]:
        spare.axis("off")
    for axes in panels[max(count - columns, 0) : count]:
        axes.tick_params(labelbottom=True)
    return figure, panels[:count]


def _ranks(grid: np.ndarray) -> np.ndarray:
    """Percent of the other heads that score lower, 0 to 100; NaN stays NaN."""
    present = ~np.isnan(grid)
    ranks = np.full(grid.shape, np.nan)
    ranks[present] = 100 * grid[present].argsort().argsort() / max(present.sum() - 1, 1)
    return ranks


def agreement_figure(
    agreement: Mapping[str, Mapping[str, float]],
    chance: Mapping[str, tuple[float, float]],
    itself: Mapping[str, float],
) -> Picture:
    """How well scores agree with the oracle, by several measures; the best of the first measure on top.

    Args:
        agreement: measure -> score -> value.
        chance: measure -> lowest and highest value of random scores, drawn as a grey band.
        itself: measure -> agreement of the oracle's own two halves, drawn as a dashed line.
    """
    first = next(iter(agreement.values()))
    names = sorted(first, key=first.get)
    figure = picture(11, 1.3 + 0.3 * len(names))
    panels = figure.subplots(1, len(agreement), sharey=True, squeeze=False)[0]
    for axes, (measure, values) in zip(panels, agreement.items(), strict=True):
        axes.axvspan(*chance[measure], color="#d9d9d9", label="random scores")
        axes.axvline(itself[measure], color="black", linestyle="--", linewidth=1, label="the oracle's two halves")
        axes.plot([values[name] for name in names], names, "o", color=BLUE, markersize=7)
        axes.grid(axis="y", color="#eeeeee")
        plain_axes(axes, "", measure)
    panels[0].legend(frameon=False, ncols=2, loc="lower left", bbox_to_anchor=(0, 1), fontsize=9.5)
    return figure


def contest_figure(
    ratios: Sequence[float], f1: Mapping[str, Sequence[float]], random: ArrayLike, oracle: Sequence[float]
) -> Picture:
    """F1 along the pruning curve of each score, one panel a score, over the band of random choices.

    Args:
        ratios: share of the heads that are gone at each point, 0 to 1.
        f1: score -> F1 in points at each of `ratios`.
        random: `(seeds, ratios)` F1 of random choices.
        oracle: F1 of the oracle at each of `ratios`.
    """
    figure, panels = _panels(len(f1), 2.1)
    percent, random = 100 * np.asarray(ratios), np.asarray(random)
    for axes, (name, values) in zip(panels, f1.items(), strict=True):
        axes.fill_between(percent, random.min(0), random.max(0), color="#cccccc", linewidth=0, label="random")
        axes.plot(percent, oracle, color="black", linestyle="--", linewidth=1, label="oracle")
        axes.plot(percent, values, "o-", color=BLUE, markersize=4, label="this score")
        axes.set(ylim=(0, 100), xlim=(0, 100))
        plain_axes(axes, name)
    panels[0].legend(frameon=False, fontsize=8.5, loc="lower left")
    figure.supxlabel("heads masked (%)", fontsize=10)
    figure.supylabel("F1 (points)", fontsize=10)
    return figure


def attention_figure(maps: Mapping[str, ArrayLike], characters: Sequence[str], named: Collection[int]) -> Picture:
    """Which position each position looks at, one panel a head; positions inside a name are drawn in orange.

    Args:
        maps: title -> `(length, length)` attention weights, from the row to the column.
        characters: what stands at each position.
        named: positions that belong to an entity.
    """
    size = min(1.2 + 0.23 * len(characters), 7.2)
    figure = picture(2 * size, size)
    panels = figure.subplots(1, len(maps), squeeze=False)[0]
    for axes, (title, weights) in zip(panels, maps.items(), strict=True):
        image = axes.imshow(np.asarray(weights), cmap="Blues", vmin=0, vmax=1)
        _name_positions(axes, characters, named)
        axes.set_xlabel("is looked at")
        axes.set_title(title, fontsize=10.5, loc="left")
    panels[0].set_ylabel("looks")
    figure.colorbar(image, ax=panels, shrink=0.7, label="attention")
    return figure


def _name_positions(axes: Axes, characters: Sequence[str], named: Collection[int]) -> None:
    places = range(len(characters))
    axes.set_xticks(places, characters, fontsize=9)
    axes.set_yticks(places, characters, fontsize=9)
    axes.tick_params(length=0)
    for place, x, y in zip(places, axes.get_xticklabels(), axes.get_yticklabels(), strict=True):
        colour = ORANGE if place in named else "black"
        x.set(color=colour, rotation=90 if len(characters[place]) > 1 else 0)
        y.set(color=colour)


def survivors_figure(gone: Mapping[str, Mapping[int, Collection[int]]], layers: int, heads: int) -> Picture:
    """Which heads are left, one small grid a choice, layers from bottom to top; blue is left, white is gone.

    Args:
        gone: title -> layer -> head numbers, both from 0.
    """
    figure, panels = _panels(len(gone), 2.6)
    edges = np.arange(heads + 1) + 0.5, np.arange(layers + 1) + 0.5
    for axes, (title, choice) in zip(panels, gone.items(), strict=True):
        left = np.ones((layers, heads))
        for layer, numbers in choice.items():
            left[layer, list(numbers)] = 0
        axes.pcolormesh(*edges, left, cmap="Blues", vmin=0, vmax=1.3, edgecolors="#dddddd")
        axes.set_title(title, fontsize=9.5, loc="left")
    figure.supxlabel("head", fontsize=10)
    figure.supylabel("layer", fontsize=10)
    return figure


# --- 04: pruning -------------------------------------------------------------------------------


def savings_figure(
    savings: Mapping[str, Mapping[str, Mapping[float, float]]], promised: Mapping[str, float]
) -> Picture:
    """What goes with a growing share of each part of a model; dashed: what somebody promised.

    Args:
        savings: title of a panel -> part -> percent of that part removed -> percent of the model saved.
        promised: title of a panel -> percent of the model.
    """
    figure = picture(11, 3.9)
    panels = figure.subplots(1, len(savings), sharey=True, squeeze=False)[0]
    for axes, (title, parts) in zip(panels, savings.items(), strict=True):
        _curves(axes, parts)
        axes.axhline(promised[title], color="black", linestyle="--", linewidth=1)
        axes.annotate("promised", (100, promised[title]), (0, 3), textcoords="offset points", ha="right", fontsize=9)
        plain_axes(axes, title, "of that part removed (%)", "saved (%)")
    panels[0].set_ylim(bottom=0)
    panels[0].legend(frameon=False)
    return figure


MARKERS = "os^Dv"


def _curves(axes: Axes, curves: Mapping[str, Mapping[float, float]]) -> None:
    for colour, marker, (name, curve) in zip(SERIES, MARKERS, curves.items(), strict=False):
        axes.plot(list(curve), list(curve.values()), marker=marker, markersize=4.5, color=colour, label=name)


def f1_curves(curves: Mapping[str, Mapping[float, tuple[float, float, float]]], marked: Mapping[str, float]) -> Picture:
    """F1 along pruning curves, each with the band of its 95 % interval.

    Args:
        curves: what is removed -> ratio (0 to 1) -> `(f1, low, high)` in points.
        marked: name -> ratio, drawn as a vertical line.
    """
    figure = picture(12, 3.9)
    axes = figure.subplots()
    for colour, marker, (name, curve) in zip(SERIES, MARKERS, curves.items(), strict=False):
        percent, (f1, low, high) = 100 * np.array(list(curve)), np.array(list(curve.values())).T
        axes.plot(percent, f1, marker=marker, markersize=5, color=colour, label=name)
        axes.fill_between(percent, low, high, color=colour, alpha=0.18, linewidth=0)
    for style, (name, ratio) in zip(("--", ":", "-."), marked.items(), strict=False):
        axes.axvline(100 * ratio, color="black", linestyle=style, linewidth=1, label=f"{name}: {100 * ratio:.0f} %")
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    plain_axes(axes, "without retraining (band: 95 % interval)", "removed (%)", "F1 (points)")
    return figure


def left_figure(left: Mapping[str, Mapping[str, Mapping[float, float]]]) -> Picture:
    """What is left of each cost along a pruning curve.

    Args:
        left: title of a panel -> curve -> ratio (0 to 1) -> percent of the unpruned model.
    """
    figure = picture(12, 3.6)
    panels = figure.subplots(1, len(left), sharey=True, squeeze=False)[0]
    for axes, (title, curves) in zip(panels, left.items(), strict=True):
        _curves(axes, {name: {100 * ratio: v for ratio, v in curve.items()} for name, curve in curves.items()})
        plain_axes(axes, title, "heads removed (%)", "left (%)")
    panels[0].set_ylim(bottom=0)
    panels[0].legend(frameon=False, loc="lower left")
    return figure
