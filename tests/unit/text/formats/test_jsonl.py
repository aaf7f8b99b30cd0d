"""JSON lines: one object a sentence; malformed ones are named."""

import gzip
import re

import pytest
from small_corpora import SENTENCE, jsonl, write

from utils.text.corpus import read_file
from utils.text.entities import CorpusError, annotate
from utils.text.formats.jsonl import read_jsonl


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_jsonl(tmp_path, suffix):
    path, body = tmp_path / f"dev.jsonl{suffix}", jsonl([SENTENCE, annotate("😀", [])]).encode()
    path.write_bytes(gzip.compress(body) if suffix else body)
    assert read_file(path) == [SENTENCE, annotate("😀", [])]


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        '"text"',
        '{"text": "陈默"}',
        '{"entities": []}',
        '{"text": "陈默", "entities": [{"start": 0, "end": 3, "type": "PER"}]}',
        '{"text": "陈默", "entities": [{"start": 0, "end": 2}]}',
        '{"text": "陈默", "entities": [{"start": "0", "end": 2, "type": "PER"}]}',
        '{"text": "陈默", "entities": [{"start": 0, "end": 2, "type": "PER"}, {"start": 1, "end": 2, "type": "LOC"}]}',
        '{"text": null, "entities": []}',
    ],
)
def test_malformed_json_line_is_named(tmp_path, line):
    path = write(tmp_path / "dev.jsonl", f'{{"text": "好", "entities": []}}\n{line}\n')
    with pytest.raises(CorpusError, match=rf"{re.escape(str(path))}:2: "):
        read_jsonl(path)
