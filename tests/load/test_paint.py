"""How long from an answer's arrival to the painted page, in a real browser: `pytest -m load -s tests/load`."""

from itertools import islice

import numpy as np
import pytest
from box import opened

from utils.files import DATA
from utils.serving.load import edits
from utils.serving.server import running_server
from utils.text.formats.bracketed import read_bracketed

pytestmark = pytest.mark.load


def test_an_edited_article_is_painted_in_time(chromium):  # noqa: F811
    article = read_bracketed(DATA / "article.txt")[0].text
    with running_server() as address, opened(chromium) as box:
        box.open(address.removeprefix("http://"))
        for text in islice(edits(article, 1), 40):
            box.area.fill(text)
            box.shows(text)
        painted = box.painted()
    p50, p95 = np.percentile(painted, [50, 95])
    print(f"\n{len(painted)} answers painted, p50 {p50:.0f} ms p95 {p95:.0f} ms")
    assert len(painted) == 40 and p95 < 120
