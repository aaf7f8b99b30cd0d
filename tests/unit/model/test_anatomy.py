"""Legal moves against the reader of tags, parts against the whole, emissions against the tagger."""

import itertools

import numpy as np
import pytest
from tiny_models import random_raner, tiny_tokenizer

from utils.compress.pruning.cost import cost_by_part
from utils.model.anatomy import parameters_by_part
from utils.model.pruned_shape import pruning_map
from utils.model.torch_tagger import torch_tagger
from utils.tagger.tagger import emissions_of
from utils.text.entities import Span, annotate
from utils.text.tags import RANER_LABELS, bioes_tags, illegal_moves, legal_moves


def tilings(length, types):
    """Every way to cover `length` characters with names and single characters outside."""
    if length == 0:
        yield []
    for size, kind in itertools.product(range(1, length + 1), [None, *types]):
        if kind or size == 1:
            yield from ([(size, kind), *rest] for rest in tilings(length - size, types))


def annotated(pieces):
    spans, start = [], 0
    for size, kind in pieces:
        spans += [Span(start, start + size, kind)] if kind else []
        start += size
    return annotate("字" * start, spans)


def test_moves_are_legal_exactly_if_some_annotation_makes_them():
    seen = {pair for pieces in tilings(5, ["PER", "LOC"]) for pair in itertools.pairwise(bioes_tags(annotated(pieces)))}
    labels = [label for label in RANER_LABELS if "ORG" not in label]
    allowed = {(labels[i], labels[j]) for i, j in zip(*np.nonzero(legal_moves(labels)), strict=True)}
    assert allowed == seen


def test_illegal_moves_are_counted():
    tags = [RANER_LABELS.index(tag) for tag in ("O", "E-PER", "B-LOC", "I-PER", "E-PER", "O")]
    assert illegal_moves(RANER_LABELS, tags) == 2
    assert illegal_moves(RANER_LABELS, tags[:1]) == illegal_moves(RANER_LABELS, []) == 0


@pytest.fixture(scope="module")
def tiny():
    return random_raner(), tiny_tokenizer()


def test_parts_add_up_and_agree_with_the_formula(tiny):
    model, _ = tiny
    counted = parameters_by_part(model)
    assert sum(counted.values()) == sum(parameter.numel() for parameter in model.parameters())
    computed = cost_by_part(model.config, pruning_map(model.config), 7)
    assert counted == {name: cost.parameters for name, cost in computed.items()}


def test_emissions_are_one_row_a_character(tiny):
    tagger = torch_tagger(*tiny)
    rows = emissions_of(tagger, "天地🙂 2008")
    assert rows.shape == (8, len(tagger.labels))
