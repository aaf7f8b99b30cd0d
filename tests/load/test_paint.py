"""How long from an answer's arrival to the painted page, in a real browser: `pytest -m load -s tests/load`."""

from itertools import islice

import numpy as np
import pytest
from box import opened
from intervals import reported

from utils.serving.load import edits
from utils.serving.trials import served

pytestmark = pytest.mark.load


def test_an_edited_article_is_painted_in_time(chromium, article_scale, article):
    """From the answer of the model of BERT-base size to the painted page; an edit is sent when the last is painted."""
    states = list(dict.fromkeys(islice(edits(article, 1), 120)))[:100]  # an edit may change nothing
    with served(article_scale, article, "--threads", "2") as address, opened(chromium) as box:
        box.open(address.removeprefix("http://"))
        for text in states:
            box.area.fill(text)
            box.shows(text)
        painted = box.painted()
    print(f"\nanswers painted: {reported(painted)}")
    assert len(painted) == 100 and np.percentile(painted, 95) < 120
