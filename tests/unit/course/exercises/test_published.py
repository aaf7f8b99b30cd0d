"""The published RaNER is counted as its shapes say."""

import torch
from published_size import ATTENTION, EMBEDDINGS, FEED_FORWARD, TAGGING, TOTAL

from utils.course.exercises.published import published_parameters, published_parts
from utils.model.anatomy import published_config
from utils.model.raner import RanerModel


def test_the_published_size_is_counted_rightly():
    with torch.device("meta"):
        model = RanerModel(published_config())
    assert sum(parameter.numel() for parameter in model.parameters()) == TOTAL


def test_its_parts_are_counted_one_by_one():
    parts = published_parts()
    assert (parts["attention"], parts["feed-forward"]) == (ATTENTION, FEED_FORWARD)
    assert parts["embeddings"] == EMBEDDINGS
    assert sum(parts.values()) == published_parameters() == ATTENTION + FEED_FORWARD + EMBEDDINGS + TAGGING
