"""Published figures stand in the unit of our own: percent of the full score."""

import pytest

from utils.studies.published import published_panels


def test_published_losses_are_shares_of_the_score_that_was_published():
    heads = published_panels()["heads, nothing trained"]
    assert heads["by score"][0.51] == pytest.approx(100 * 6.5 / 84.5)
    assert heads["at random"][0.72] == pytest.approx(100 * 18.7 / 92.6)
    assert published_panels()["heads, recovered"]["by score"][0.72] == pytest.approx(100 * 1.0 / 92.6)
