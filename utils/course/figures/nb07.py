"""Pictures of notebook 07: the plot for a decision memo, and where the time of a graph goes."""

from collections.abc import Collection, Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.patches import Patch

from utils.course.figures.style import (
    BLUE,
    ENGINE_COLOURS,
    GREY,
    ORANGE,
    SKY,
    Picture,
    label_heights,
    picture,
    plain_axes,
    short,
)
from utils.engines.onnx_profile import Profile
from utils.engines.pareto import Choice

SMALL = 1
"""Operators that take less than so many percent of a call share a bar."""

WITH_BYTES = {"MatMulInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul", "QLinearMatMul"}
WITH_FLOATS = {"Attention", "FusedMatMul", "MatMul"}
"""Operators that multiply matrices."""

KINDS = {"products of bytes": BLUE, "products in float32": ORANGE, "no products": SKY, "in no operator": GREY}


def decision_figure(choices: Sequence[Choice], chosen: Collection[Choice] = ()) -> Picture:
    """Time over size, one point an engine with its F1; lower left is better. Chosen ones have a ring."""
    figure = picture(11, 5.6)
    axes = figure.subplots()
    top, right = 1.15 * max(c.milliseconds for c in choices), 1.45 * max(c.megabytes for c in choices)
    axes.set(xlabel="file size (MB)", ylabel="median time (ms)", xlim=(0, right), ylim=(0, top))
    heights = label_heights([(c.megabytes, c.milliseconds) for c in choices], right / 8, top / 20)
    for choice, height in zip(choices, heights, strict=True):
        _engine_name(axes, choice, (choice.megabytes + right / 50, height))
    for choice in chosen:
        axes.plot(choice.megabytes, choice.milliseconds, "o", markersize=17, fillstyle="none", color=GREY)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _engine_name(axes: Axes, choice: Choice, label: tuple[float, float]) -> None:
    point = (choice.megabytes, choice.milliseconds)
    f1 = "F1 not measured" if choice.f1 is None else f"F1 {choice.f1:.1f}"
    axes.plot(*point, "o", color=ENGINE_COLOURS[choice.backend.split("-")[0]], markersize=8)
    line = {"arrowstyle": "-", "color": GREY, "linewidth": 0.6, "relpos": (0, 0.5)}
    axes.annotate(f"{choice.name}: {f1}", point, label, va="center", fontsize=9, arrowprops=line)


def operators_figure(profile: Profile, lines: Mapping[str, float]) -> Picture:
    """Where the time of a call goes: each bar begins where the one above ends, and the last ends with the call.

    Args:
        lines: name -> ms, drawn across all bars.
    """
    bars = _bars(profile)
    figure = picture(11, 1.5 + 0.36 * len(bars))
    axes, start = figure.subplots(), 0.0
    end = sum(milliseconds for _, _, milliseconds in bars)
    for place, (_, kind, milliseconds) in enumerate(bars):
        axes.barh(place, milliseconds, left=start, color=KINDS[kind], height=0.7)
        start += milliseconds
        label = f"  {short(milliseconds)} ms, {100 * milliseconds / end:.0f} %"
        axes.text(start, place, label, va="center", fontsize=9)
    for row, (name, milliseconds) in enumerate(lines.items()):
        axes.axvline(milliseconds, color="black", linestyle="--", linewidth=0.9)
        axes.text(milliseconds, 1.01 + 0.05 * row, name, transform=axes.get_xaxis_transform(), ha="center", fontsize=9)
    plain_axes(axes, "", "ms of a call, one operator after the other")
    axes.set_yticks(range(len(bars)), [name for name, _, _ in bars])
    axes.set_xlim(0, 1.12 * max([end, *lines.values()]))
    axes.invert_yaxis()
    patches = [Patch(color=colour, label=kind) for kind, colour in KINDS.items()]
    axes.legend(handles=patches, frameon=False, fontsize=9, loc="upper right")
    return figure


def _bars(profile: Profile) -> list[tuple[str, str, float]]:
    """Label, kind and ms of each bar; small operators together."""
    large = [row for row in profile.operators if row.share >= SMALL]
    small = profile.operators[len(large) :]
    bars = [(f"{row.operator} × {row.nodes}", _kind(row.operator), row.milliseconds) for row in large]
    rest = sum(row.milliseconds for row in small)
    outside = [("between the operators", profile.between), ("outside of the graph", profile.outside)]
    bars += [(f"{len(small)} small operators", "no products", rest)] if small else []
    return bars + [(name, "in no operator", milliseconds) for name, milliseconds in outside]


def _kind(operator: str) -> str:
    if operator in WITH_BYTES:
        return "products of bytes"
    return "products in float32" if operator in WITH_FLOATS else "no products"
