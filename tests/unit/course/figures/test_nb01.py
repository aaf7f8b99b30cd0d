"""The pictures of notebook 01 draw without a warning and show what they were given."""

import numpy as np
import pytest

from utils.course.figures import nb01
from utils.text.tags import RANER_LABELS, legal_moves

PICTURES = {
    "corpus": lambda: nb01.corpus_figure(
        {"财经": {"PER": 3, "LOC": 1}, "气象灾害": {"GAME": 2}}, [12, 40, 33], {"list": 3}, {"PER": 97.0, "GAME": 5.0}
    ),
    "corpus without traps": lambda: nb01.corpus_figure({"": {"PER": 3}}, [12], {}, {"PER": 97.0}),
    "transitions": lambda: nb01.transition_heatmap(RANER_LABELS, np.eye(13), legal_moves(RANER_LABELS)),
    "no crf": lambda: nb01.transition_heatmap(RANER_LABELS, np.zeros((13, 13)), legal_moves(RANER_LABELS)),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_draw_without_a_warning(name, drawn):
    assert drawn(PICTURES[name]).startswith(b"\x89PNG")


def test_forbidden_moves_are_crossed():
    legal = legal_moves(RANER_LABELS)
    axes = PICTURES["transitions"]().axes[0]
    crossed = {(int(y), int(x)) for x, y in axes.collections[-1].get_offsets()}
    assert crossed == set(zip(*map(list, np.nonzero(~legal)), strict=True))


def test_domains_stand_in_english_beside_their_own_names():
    labels = [label.get_text() for label in PICTURES["corpus"]().axes[0].get_yticklabels()]
    assert labels == ["财经 business", "气象灾害 disasters"]


def test_a_domain_of_another_corpus_keeps_its_name():
    figure = nb01.corpus_figure({"微博": {"PER": 3}}, [12], {}, {"PER": 97.0})
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["微博"]
