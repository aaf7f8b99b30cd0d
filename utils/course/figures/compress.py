"""Pictures of a compression: the way from the original to the result."""

from collections.abc import Sequence

from utils.course.figures.style import BLUE, GREY, Picture, picture, plain_axes, short
from utils.studies.waterfall import Factor


def waterfall_figure(steps: Sequence[Factor], base: int = 0) -> Picture:
    """The time after each change as a bar from zero, and how many times as fast it made, with its interval.

    Args:
        base: number of the step that all later ones are counted from; what stands above it is no gain.
    """
    figure = picture(11, 1.2 + 0.55 * len(steps))
    axes = figure.subplots()
    times = [step.milliseconds for step in steps]
    axes.barh(
        range(len(steps)), times, color=[GREY if place <= base else BLUE for place in range(len(steps))], height=0.6
    )
    for place, step in enumerate(steps):
        factor = " · {:.2f} times as fast [{:.2f}, {:.2f}]".format(*step.times) if place > base else ""
        label = f"{short(step.milliseconds)} ms{factor}{' · the base' if base and place == base else ''}"
        axes.annotate(label, (step.milliseconds, place), (4, 0), textcoords="offset points", va="center", fontsize=9.5)
    axes.set_yticks(range(len(steps)), [step.name for step in steps])
    axes.set_ylim(len(steps) - 0.45, -0.6)
    axes.set_xlim(0, 1.6 * max(times))
    axes.tick_params(axis="y", length=0)
    plain_axes(axes, "", "median time (ms)")
    return figure
