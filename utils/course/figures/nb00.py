"""Picture of notebook 00: the course as a line of stations."""

from collections.abc import Collection

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from utils.course.figures.style import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, YELLOW, Picture, ink, picture

STOPS = (
    ("00", "Start here", "Which promises break\nunder arithmetic?", "look"),
    ("01", "RaNER and\nits data", "What does it find,\nwhat does it miss?", "look"),
    ("02", "Measuring\nfairly", "When is a difference\na difference?", "look"),
    ("03", "Head\nimportance", "Which heads matter?", "cut"),
    ("04", "Pruning", "What does taking\nthem out save?", "cut"),
    ("05", "Recovery", "Can the accuracy\ncome back?", "recover"),
    ("06", "Dynamic\nquantisation", "What do 8 bits\ncost and give?", "translate"),
    ("07", "ONNX Runtime", "Is another engine\nfaster?", "translate"),
    ("07b", "Reading", "Whole, by sentence\nor packed?", "read"),
    ("08", "The whole\npipeline", "What is left of\nthe article's table?", "deliver"),
    ("09", "Serving", "Does it hold under\nfifty typists?", "deliver"),
    ("10", "Distillation", "Would a small student\nhave been better?", "go further"),
    ("11", "Adaptive\ncomputation", "Can easy sentences\ncost less?", "go further"),
)
"""Number, title, question and phase of every notebook."""

IN_A_ROW = 7

PHASES = {
    "look": ("know it, measure it", BLUE),
    "cut": ("fewer heads", ORANGE),
    "recover": ("train what is left", YELLOW),
    "translate": ("fewer bits, another engine", GREEN),
    "read": ("cut the text", SKY),
    "deliver": ("in use", PURPLE),
    "go further": ("other roads", GREY),
}
"""Phase -> what is done there, and its colour."""


def course_map(present: Collection[str], here: str = "") -> Picture:
    """The notebooks as stations of one line, and what each hands to the next.

    Args:
        present: numbers of the notebooks that are there; the others are drawn hollow.
        here: number of the notebook that shows the map.
    """
    figure = picture(13.5, 4.9)
    axes = figure.subplots()
    places = [(i % IN_A_ROW, 1 - i // IN_A_ROW) for i in range(len(STOPS))]
    end = IN_A_ROW - 0.38
    line = [*places[:IN_A_ROW], (end, 1), (end, 0.5), (-0.55, 0.5), (-0.55, 0), *places[IN_A_ROW:]]
    axes.plot(*zip(*line, strict=True), color="#c8c8c8", linewidth=5, zorder=0, solid_joinstyle="round")
    for (x, y), (number, title, question, phase) in zip(places, STOPS, strict=True):
        _station(axes, x, y, number, PHASES[phase][1], number in present)
        axes.text(x, y + 0.13, title, ha="center", va="bottom", fontsize=12)
        axes.text(x, y - 0.13, question, ha="center", va="top", fontsize=9.5, color="#333333")
    if here:
        x, y = places[[stop[0] for stop in STOPS].index(here)]
        axes.annotate("you are here", (x + 0.1, y + 0.03), (x + 0.2, y + 0.06), fontsize=9, color=BLUE)
    _phase_legend(axes)
    axes.set(xlim=(-0.75, IN_A_ROW - 0.2), ylim=(-0.62, 1.45))
    axes.axis("off")
    return figure


def _station(axes: Axes, x: float, y: float, number: str, colour: str, present: bool) -> None:
    face, text = (colour, ink(colour)) if present else ("white", colour)
    axes.plot(x, y, "o", markersize=30, markerfacecolor=face, markeredgecolor=colour, markeredgewidth=2.5)
    axes.text(x, y, number, ha="center", va="center", color=text)


def _phase_legend(axes: Axes) -> None:
    handles = [Rectangle((0, 0), 1, 1, color=colour) for _, colour in PHASES.values()]
    names = [f"{phase}: {what}" for phase, (what, _) in PHASES.items()]
    axes.legend(handles, names, loc="lower center", ncols=4, frameon=False, fontsize=9.5)
