"""Notebook 04 asks: which heads go, what dropout does to a comparison, where heads stand today, what 18 % takes."""

import copy
from collections.abc import Mapping

import torch

from utils.compress.importance.weights import normalize_layers
from utils.compress.pruning.select import select_globally, select_per_layer
from utils.course.exercises.published import published_parameters, published_parts
from utils.course.teaching import Checker, number
from utils.model.raner import RanerModel

RANKED = torch.tensor([[0.9, 0.8, 0.7, 0.6], [0.1, 0.2, 0.3, 0.5], [0.4, 1.0, 0.95, 0.85]])
"""`(layers, heads)`: scores of a small network, half of whose heads are to go."""

_HALF = RANKED.numel() // 2


def global_choice(answer: object) -> str | None:
    """The weaker half of the heads of `RANKED`, wherever they are: layer -> heads."""
    if not isinstance(answer, dict) or not all(isinstance(heads, list | tuple | set) for heads in answer.values()):
        return "a dict is expected, from layer to a list of heads"
    mine = {layer: sorted(heads) for layer, heads in answer.items() if heads}
    right = select_globally(RANKED, _HALF)
    hints = (
        (select_per_layer(RANKED, 0.5), "that is half of every layer; asked for is the weaker half of the network"),
        (select_globally(-RANKED, _HALF), "those are the strongest heads; the lowest scores go"),
        (select_globally(normalize_layers(RANKED), _HALF), "that divides by the layer's norm first; rank the scores"),
        ({layer + 1: [n + 1 for n in heads] for layer, heads in right.items()}, "layers and heads count from 0"),
    )
    if mine == right:
        return None
    known = next((hint for choice, hint in hints if mine == choice), None)
    return known or f"{sum(map(len, mine.values()))} heads are named, {_HALF} have to go: sort all scores in one list"


def emission_difference(model: RanerModel, batch: Mapping[str, torch.Tensor]) -> Checker:
    """A function `(model a, model b, batch) -> largest absolute difference of their emissions`."""
    noisy, shifted = (copy.deepcopy(model).train() for _ in range(2))
    with torch.no_grad():
        shifted.classifier.bias[0] += 1  # one tag of all: a mean would dilute it

    def checker(answer: object) -> str | None:
        if not callable(answer):
            return "a function of two models and a batch is expected"
        with torch.no_grad():
            itself = float(answer(noisy.train(), copy.deepcopy(noisy), batch))
            up, down = (float(answer(a, b, batch)) for a, b in ((noisy, shifted), (shifted, noisy)))
        if itself > 1e-6:
            return f"a model differs from its own copy by {itself:.2g}: dropout is on. Who calls eval(), on both?"
        if abs(up - down) > 1e-3:
            return "it matters which model comes first: take the absolute value before the maximum"
        return None if abs(up - 1) < 1e-3 else f"one emission moved by 1, you report {up:.2g}: take the largest"

    return checker


LEFT_AFTER_FIRST_CUT = (0, 1, 3, 4, 6, 7, 8, 9, 10, 11)
"""Original numbers of the heads of a layer that has lost heads 2 and 5."""

SECOND_CUT = (3, 7)
"""Original numbers of the heads that go next."""


def places_today(answer: object) -> str | None:
    """Where the heads of `SECOND_CUT` stand among `LEFT_AFTER_FIRST_CUT`, counted from 0."""
    places = [LEFT_AFTER_FIRST_CUT.index(head) for head in SECOND_CUT]
    naive = [LEFT_AFTER_FIRST_CUT[place] for place in SECOND_CUT]
    mine = list(answer) if isinstance(answer, list | tuple) else []
    if mine == places:
        return None
    if mine == list(SECOND_CUT):
        return f"those are original numbers; at these places stand heads {naive[0]} and {naive[1]} today"
    if mine == [places[0], places[1] - 1]:
        return "you counted again after the first of the two was gone; both places are asked for as they are now"
    if mine == naive:
        return "that is what a script cuts that takes the old numbers for places; where do 3 and 7 stand?"
    if mine == [place + 1 for place in places]:
        return "count from 0"
    return "two places are expected: line up the heads that are left, and count"


def neurons_besides_heads() -> Checker:
    """Percent of the neurons that have to go besides 20 % of the heads to save 18 % of all parameters."""
    parts, total = published_parts(), published_parameters()
    attention, feed_forward = (100 * parts[name] / total for name in ("attention", "feed-forward"))
    rest = 18 - 0.2 * attention
    return number(
        100 * rest / feed_forward,
        {
            100 * 18 / feed_forward: "that is neurons alone; 20 % of the heads go as well",
            rest: "that is in percent of the whole model; what share of the *neurons* is it?",
            rest / feed_forward: "right size, but asked for in percent",
            0.2 * attention: "that is what the heads save; the neurons have to save the rest of 18 %",
            rest * feed_forward / 100: "divide by the share of the feed-forward networks, do not multiply",
        },
        tolerance=0.02,
    )
