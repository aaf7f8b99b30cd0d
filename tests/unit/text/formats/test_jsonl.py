"""JSON files: one object a line or a list of them; malformed ones are named with their line."""

import gzip
import json
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


@pytest.mark.parametrize("indent", [None, 2])
def test_a_list_of_objects_is_read_as_lines_are(tmp_path, indent):
    sentences = [SENTENCE, annotate("😀", []), SENTENCE]
    rows = [json.loads(line) for line in jsonl(sentences).splitlines()]
    assert read_file(write(tmp_path / "dev.json", json.dumps(rows, indent=indent))) == sentences


GOOD = '{"text": "好", "entities": []}'
MALFORMED = [
    "{",
    "[]",
    '"text"',
    "null",
    "[" * 100_000,
    '{"text": "陈默"}',
    '{"entities": []}',
    '{"text": "陈默", "entities": [{"start": 0, "end": 3, "type": "PER"}]}',
    '{"text": "陈默", "entities": [{"start": 0, "end": 2}]}',
    '{"text": "陈默", "entities": [{"start": "0", "end": 2, "type": "PER"}]}',
    '{"text": "陈默", "entities": [{"start": 0, "end": 2, "type": "PER"}, {"start": 1, "end": 2, "type": "LOC"}]}',
    '{"text": null, "entities": []}',
    '{"text": "陈默", "entities": null}',
    '{"text": "陈默", "entities": [null]}',
]


@pytest.mark.parametrize("line", MALFORMED)
def test_malformed_json_line_is_named(tmp_path, line):
    path = write(tmp_path / "dev.jsonl", f"{GOOD}\n{line}\n")
    with pytest.raises(CorpusError, match=rf"{re.escape(str(path))}:2: "):
        read_jsonl(path)


@pytest.mark.parametrize("line", MALFORMED)
def test_malformed_element_of_a_list_is_named(tmp_path, line):
    path = write(tmp_path / "dev.json", f"[\n{GOOD},\n\n{line}\n]\n")
    with pytest.raises(CorpusError, match=rf"{re.escape(str(path))}:\d: " if line[-1] in "[{" else rf"{path}:4: "):
        read_jsonl(path)


@pytest.mark.parametrize("kind", ['["PER"]', "null", "7", "true", '""', '" "', '{"a": 1}'])
def test_case_05_a_type_that_is_no_name(tmp_path, kind):
    path = write(
        tmp_path / "dev.jsonl", f'{GOOD}\n{{"text": "陈默", "entities": [{{"start": 0, "end": 2, "type": {kind}}}]}}\n'
    )
    with pytest.raises(CorpusError, match=rf"{re.escape(str(path))}:2: entities\.0\.type: "):
        read_file(path)


@pytest.mark.parametrize("surrogate", [r"\ud83d", r"\ude00", r"\ude00\ud83d"])
@pytest.mark.parametrize("place", ["text", "type"])
def test_case_06_a_lone_surrogate(tmp_path, surrogate, place):
    text, kind = (f"陈默{surrogate}", "PER") if place == "text" else ("陈默", f"P{surrogate}")
    record = f'{{"text": "{text}", "entities": [{{"start": 0, "end": 2, "type": "{kind}"}}]}}'
    path = write(tmp_path / "dev.jsonl", f"{GOOD}\n{record}\n")
    with pytest.raises(CorpusError, match=rf"{re.escape(str(path))}:2: .*surrogate") as raised:
        read_file(path)
    assert str(raised.value).encode()


def test_a_whole_pair_of_surrogates_is_a_character(tmp_path):
    path = write(tmp_path / "dev.jsonl", r'{"text": "\ud83d\ude00", "entities": []}')
    assert read_file(path) == [annotate("😀", [])]
