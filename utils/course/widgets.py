"""Entities in colour, and widgets: a box to type into, a browser of errors, an explorer of pruned heads.

Every type is written out beside its colour: who cannot tell the colours apart reads the label. All
text is escaped; nothing that a user types becomes markup.
"""

from collections.abc import Mapping, Sequence
from html import escape

import ipywidgets
from IPython.display import HTML
from torch import Tensor

from utils.compress.pruning.select import select_globally
from utils.measure.error_analysis import ErrorRow, error_table
from utils.model.pruned_shape import Numbers
from utils.tagger.tagger import Tagger
from utils.text.entities import Entity, Sentence

COLOURS = {"PER": ("#b3261e", "#ffffff"), "LOC": ("#22d3ee", "#000000"), "ORG": ("#fde047", "#000000")}
"""Type -> (background, text): the article's red, cyan and yellow, each with a contrast above 4.5."""

OTHER = ("#6b21a8", "#ffffff")

ALL = "all"


def highlighted(text: str, entities: Sequence[Entity]) -> str:
    """HTML of a text with its entities marked; the confidence, where there is one, shows on hover."""
    parts, cursor = [], 0
    for entity in sorted(entities, key=lambda entity: entity.start):
        parts += [escape(text[cursor : entity.start]), _mark(entity)]
        cursor = entity.end
    body = "".join([*parts, escape(text[cursor:])]).replace("\n", "<br>")
    return f'<div style="line-height:2.1;font-size:16px">{body}</div>'


def _mark(entity: Entity) -> str:
    background, colour = COLOURS.get(entity.type, OTHER)
    hover = "" if entity.confidence is None else f' title="confidence {entity.confidence:.2f}"'
    style = f"background:{background};color:{colour};padding:2px 4px;border-radius:4px"
    label = f'<sub style="font-size:10px;color:{colour};margin-left:3px">{escape(entity.type)}</sub>'
    return f'<mark style="{style}"{hover}>{escape(entity.text)}{label}</mark>'


def show(text: str, entities: Sequence[Entity]) -> HTML:
    """A text with its entities marked, for the end of a cell."""
    return HTML(highlighted(text, entities))


def compared(sentence: Sentence, predicted: Sequence[Entity]) -> str:
    """HTML of a sentence twice: as annotated, and as tagged."""
    rows = (("annotated", sentence.entities), ("tagged", predicted))
    return "".join(f"<p><b>{name}</b></p>{highlighted(sentence.text, entities)}" for name, entities in rows)


def tagging_box(tagger: Tagger, text: str) -> ipywidgets.VBox:
    """A text area that starts with `text`; what is typed is tagged when the field is left."""
    area = ipywidgets.Textarea(text, continuous_update=False, layout={"width": "100%", "height": "80px"})
    result = ipywidgets.HTML()

    def update(_=None) -> None:
        result.value = highlighted(area.value, tagger.predict([area.value])[0])

    area.observe(update, "value")
    update()
    return ipywidgets.VBox([area, result])


def error_browser(sentences: Sequence[Sentence], predictions: Sequence[Sequence[Entity]]) -> ipywidgets.VBox:
    """Step through the sentences with errors, filtered by kind of error and by trap."""
    rows = error_table(sentences, predictions)
    kind = _choice("error", [row.kind for row in rows])
    trap = _choice("trap", [row.trap for row in rows])
    place = ipywidgets.BoundedIntText(1, 1, 1, description="sentence")
    result = ipywidgets.HTML()

    def update(_=None) -> None:
        wrong = wrong_sentences(rows, kind.value, trap.value)
        place.max = max(len(wrong), 1)
        number = wrong[place.value - 1] if wrong else None
        result.value = f"<p>{place.value if wrong else 0} of {len(wrong)}</p>" + (
            "" if number is None else compared(sentences[number], predictions[number])
        )

    for control in (kind, trap, place):
        control.observe(update, "value")
    update()
    return ipywidgets.VBox([ipywidgets.HBox([kind, trap, place]), result])


def _choice(name: str, values: Sequence[str]) -> ipywidgets.Dropdown:
    return ipywidgets.Dropdown(options=[ALL, *sorted(set(values) - {""})], description=name)


def wrong_sentences(rows: Sequence[ErrorRow], kind: str = ALL, trap: str = ALL) -> list[int]:
    """Numbers of the sentences that have an error of that kind under that trap, each once, in order."""
    return sorted({row.sentence for row in rows if kind in (ALL, row.kind) and trap in (ALL, row.trap)})


def head_explorer(
    scores: Mapping[str, Tensor], counts: Sequence[int], f1: Mapping[str, Sequence[float]]
) -> ipywidgets.VBox:
    """Choose a score and how many heads go: which ones are left, and the F1 that was measured there.

    Args:
        scores: name -> `(layers, heads)`.
        counts: how many heads may go.
        f1: name -> F1 in points for each of `counts`.
    """
    total = next(iter(scores.values())).numel()
    steps = [(f"{100 * count / total:.0f} %", place) for place, count in enumerate(counts)]
    score = ipywidgets.Dropdown(options=list(scores), description="score")
    step = ipywidgets.SelectionSlider(options=steps, description="masked")
    result = ipywidgets.HTML()

    def update(_=None) -> None:
        grid, count = scores[score.value], counts[step.value]
        said = f"{total - count} of {total} heads are left; F1 {f1[score.value][step.value]:.1f}"
        result.value = f"<p>{said}</p>" + survivors(select_globally(grid, count), *grid.shape)

    for control in (score, step):
        control.observe(update, "value")
    update()
    return ipywidgets.VBox([ipywidgets.HBox([score, step]), result])


def survivors(gone: Numbers, layers: int, heads: int) -> str:
    """HTML of the grid of heads, the last layer on top: blue with its number if left, a cross if gone."""
    rows = (
        f'<tr><th style="padding-right:8px">layer {layer + 1}</th>'
        + "".join(_cell(head, head in gone.get(layer, ())) for head in range(heads))
        for layer in reversed(range(layers))
    )
    return f'<table style="border-collapse:separate;border-spacing:2px">{"</tr>".join(rows)}</tr></table>'


def _cell(head: int, gone: bool) -> str:
    colours, text = ("background:#eeeeee;color:#595959", "×") if gone else ("background:#0072b2;color:#fff", head + 1)
    return f'<td style="{colours};width:26px;text-align:center">{text}</td>'
