"""Records of the tools and corpora that people have: read as their makers mean them, or named."""

import json
import re

import pytest
from small_corpora import write

from utils.text.corpus import read_file
from utils.text.entities import CorpusError, Span, annotate
from utils.text.formats.records import SHAPES

TEXT = "陈默在北京说😀，王五听。"
SENTENCE = annotate(TEXT, [Span(0, 2, "PER"), Span(3, 5, "LOC"), Span(8, 10, "PER")])
OFFSETS = [{"start": e.start, "end": e.end, "type": e.type} for e in SENTENCE.entities]
TAGS = ["B-PER", "I-PER", "O", "B-LOC", "I-LOC", "O", "O", "O", "B-PER", "I-PER", "O", "O"]

RECORDS = {
    "jsonl": {"entities": OFFSETS},
    "jsonl with texts": {"id": 7, "entities": [e | {"text": TEXT[e["start"] : e["end"]]} for e in OFFSETS]},
    "cluener": {"label": {"PER": {"陈默": [[0, 1]], "王五": [[8, 9]]}, "LOC": {"北京": [[3, 4]]}}},
    "doccano": {"id": 3, "label": [[0, 2, "PER"], [3, 5, "LOC"], [8, 10, "PER"]], "Comments": []},
    "doccano, older": {"labels": [[0, 2, "PER"], [3, 5, "LOC"], [8, 10, "PER"]]},
    "doccano with relations": {
        "entities": [{"start_offset": e["start"], "end_offset": e["end"], "label": e["type"]} for e in OFFSETS],
        "relations": [],
    },
    "adaseq": {"spans": OFFSETS},
    "adaseq, tags of characters": {"labels": TAGS},
    "adaseq, tags of tokens": {"text": list(TEXT), "labels": TAGS},
    "cmeee": {
        "entities": [
            {"start_idx": e.start, "end_idx": e.end - 1, "type": e.type, "entity": e.text} for e in SENTENCE.entities
        ]
    },
    "cmeee, second version": {
        "entities": [
            {"start_idx": e.start, "end_idx": e.end, "type": e.type, "entity": e.text} for e in SENTENCE.entities
        ]
    },
}  # fmt: skip


def lines_of(*records):
    return "".join(json.dumps({"text": TEXT} | record, ensure_ascii=False) + "\n" for record in records)


@pytest.mark.parametrize("kind", RECORDS)
@pytest.mark.parametrize("listed", [False, True])
def test_case_08_records_of_tools_and_corpora(tmp_path, kind, listed):
    text = lines_of(RECORDS[kind], RECORDS[kind])
    path = write(tmp_path / "train.json", f"[{','.join(text.splitlines())}]" if listed else text)
    assert read_file(path) == read_file(path, re.match(r"\w+", kind)[0]) == [SENTENCE] * 2


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_the_example_in_the_messages_is_right(tmp_path, shape):
    path = write(tmp_path / "train.jsonl", shape.example)
    (sentence,) = read_file(path)
    assert sentence.text == "陈默说" and [e.text for e in sentence.entities] == ["陈默"]
    assert read_file(path, shape.format) == [sentence]


@pytest.mark.parametrize(
    "record",
    [
        {"label": {"PER": {"陈默": [[0, 2]]}}},
        {"label": {"PER": {"陈默": [[0]]}}},
        {"label": {"PER": ["陈默"]}},
        {"label": [[0, 99, "PER"]]},
        {"label": [[0, 2, "PER"], [1, 3, "LOC"]]},
        {"label": [[0, 2]]},
        {"label": "PER"},
        {"spans": [{"start": 0, "end": 2, "type": "PER", "text": "陈"}]},
        {"spans": [{"start": -2, "end": 2, "type": "PER"}]},
        {"labels": TAGS[1:]},
        {"labels": [*TAGS[1:], "X-PER"]},
        {"labels": [*TAGS[1:], "M-PER"]},
        {"labels": [*TAGS[1:], None]},
        {"entities": [{"start_idx": 0, "end_idx": 1, "type": "PER", "entity": "北京"}]},
        {"entities": [{"start_idx": 0, "end_idx": 1, "type": "PER"}]},
        {"entities": [{"start_offset": 0, "end_offset": 2.0, "label": "PER"}]},
        {"annotations": [{"result": [{"value": {"start": 0, "end": 2, "labels": ["PER"]}}]}]},
        {"text": ["陈", "默"], "entities": []},
        {"tokens": ["陈"], "ner_tags": ["O"]},
    ],
)
def test_case_08_what_fits_no_shape_is_named_with_its_line(tmp_path, record):
    path = write(tmp_path / "train.json", "\n" + lines_of(record))
    with pytest.raises(CorpusError, match=rf"^{re.escape(str(path))}:2: .*陈") as raised:
        read_file(path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("offsets", [(0, 1), (1, 2), (0, 3), (5, 7)])
@pytest.mark.parametrize("field", ["entities", "spans"])
def test_case_09_offsets_that_contradict_their_text(tmp_path, offsets, field):
    start, end = offsets
    record = {field: [{"start": start, "end": end, "type": "PER", "text": "陈默"}]}
    path = write(tmp_path / "dev.jsonl", lines_of(record))
    wrong = rf":1: the text holds '.*' from {start} to {end} \(exclusive\), and not '陈默'"
    with pytest.raises(CorpusError, match=wrong):
        read_file(path)


def test_two_formats_in_one_file_are_refused_at_the_line(tmp_path):
    empty = {"entities": []}
    path = write(tmp_path / "dev.jsonl", lines_of(empty, RECORDS["cmeee"], empty, RECORDS["jsonl"]))
    with pytest.raises(CorpusError, match=r":4: .* looks like jsonl, the lines before like cmeee"):
        read_file(path)


def test_records_without_entities_go_with_all_formats_that_list_entities(tmp_path):
    for kind in ("jsonl", "cmeee", "doccano with relations"):
        path = write(tmp_path / "dev.jsonl", lines_of({"entities": []}, RECORDS[kind], {"entities": []}))
        assert [len(sentence.entities) for sentence in read_file(path)] == [0, 3, 0]
