"""Published directories, and one that a test may change."""

import shutil

import pytest
from published_layouts import LAYOUTS


@pytest.fixture(params=LAYOUTS)
def published(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def copy(tiny_published, tmp_path):
    return shutil.copytree(tiny_published, tmp_path / "copy")
