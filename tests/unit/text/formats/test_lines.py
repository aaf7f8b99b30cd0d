"""Files that cannot be opened, unpacked or decoded are named."""

import re

import pytest

from utils.text.corpus import read_file
from utils.text.entities import CorpusError


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\x1f\x8b\x08\x00truncated"])
def test_unreadable_file_is_named(tmp_path, content):
    path = tmp_path / ("train.txt.gz" if content.startswith(b"\x1f") else "train.txt")
    path.write_bytes(content)
    with pytest.raises(CorpusError, match=rf"{re.escape(str(path))}: cannot be read"):
        read_file(path)
