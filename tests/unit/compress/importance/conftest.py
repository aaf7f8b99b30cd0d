"""Both kinds of tagger, in double precision."""

import pytest
from tiny_models import random_plain_tagger, random_raner


@pytest.fixture(params=[random_raner, random_plain_tagger])
def model(request):
    return request.param().double()
