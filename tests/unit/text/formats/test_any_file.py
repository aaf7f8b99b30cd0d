"""Any file whatever, to all readers: CorpusError, or what a second, naive reader finds in it; 20,000 files."""

import json

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from naive_readers import NAIVE

from utils.text.corpus import read_file
from utils.text.entities import CorpusError
from utils.text.formats.detect import FORMATS, format_of

SETTINGS = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("files") / "train.txt"


def sound(sentences):
    """Whether every entity is of a named type, in its text, and apart from the others; and the text is Unicode."""
    for sentence in sentences:
        ends = [0]
        for entity in sentence.entities:
            assert ends[-1] <= entity.start < entity.end <= len(sentence.text)
            assert sentence.text[entity.start : entity.end] == entity.text and entity.type.strip()
            ends.append(entity.end)
        assert sentence.text.encode() is not None


def check(path, body, name=""):
    """Read a file; returns whether it was accepted."""
    path.write_bytes(body)
    try:
        sentences = read_file(path, name)
    except CorpusError as error:
        assert str(path) in str(error) and str(error).encode()
        return False
    sound(sentences)
    text = body.decode("utf-8-sig")
    assert [(s.text, s.spans) for s in sentences] == NAIVE[name or format_of(path)](text)
    return True


PIECES = [
    "陈", "默", "#", "O", "B-PER", "I-PER", "E-PER", "S-LOC", "M-PER", "L-PER", "U-LOC", "B-人名", "X-PER", " ", "\t",
    "0", "12", "\n", "\r\n", "\n\n", "[", "](PER)", "[陈默](PER)", "# domain: 文化", "# trap: list", "\\", "(", "]",
    "-DOCSTART-", "é", "\u0301", "\u3000", "😀", "\u200d", "\ufeff", "\u2028", "{", "}", '"text"', ":", ",", "\x00",
]  # fmt: skip
NAMES = st.sampled_from(["", *FORMATS])


@settings(max_examples=4000, **SETTINGS)
@given(text=st.lists(st.sampled_from(PIECES), max_size=25).map("".join), name=NAMES)
def test_files_of_fragments(path, text, name):
    check(path, text.encode(), name)


@settings(max_examples=1000, **SETTINGS)
@given(
    body=st.one_of(st.binary(max_size=60), st.binary().map(b"\x1f\x8b".__add__)),
    name=NAMES,
)
def test_files_of_bytes(path, body, name):
    path.write_bytes(body)
    try:
        sound(read_file(path, name))
    except CorpusError as error:
        assert str(path) in str(error)


@st.composite
def columns(draw):
    """A file as its makers write it: one width, one separator, one set of prefixes, with or without segmentation."""
    separator, digits = draw(st.sampled_from([" ", "\t", "  "])), draw(st.booleans())
    prefixes, extra = draw(st.sampled_from(["BI", "BIES", "BMES", "BILU", "BIS", "IE"])), draw(st.integers(0, 2))
    tags = st.sampled_from(["O", *(f"{p}-{t}" for p in prefixes for t in ("PER", "人名", "LOC.NAM"))])
    rows = st.tuples(st.sampled_from("陈默#[O在3😀"), tags)
    row = rows.map(lambda r: separator.join([r[0] + (str(len(r[1])) if digits else ""), *["_"] * extra, r[1]]))
    other = st.sampled_from(["", "", "-DOCSTART- O", "# id 1 domain=x", " \t"])
    lines = draw(st.lists(st.one_of(row, row, row, row, other), min_size=1, max_size=12))
    return draw(st.sampled_from(["\n", "\r\n"])).join(lines)


@settings(max_examples=3000, **SETTINGS)
@given(text=columns())
def test_files_of_columns_are_read(path, text):
    assert check(path, text.encode(), "conll")


@st.composite
def damaged(draw, files):
    """A file with a piece of it left out, doubled, or replaced."""
    text = draw(files)
    for _ in range(draw(st.integers(0, 2))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 4)))
        text = text[:start] + draw(st.sampled_from([*PIECES, "", text[start:end] * 2])) + text[end:]
    return text


@settings(max_examples=3000, **SETTINGS)
@given(text=damaged(columns()))
def test_files_of_damaged_columns(path, text):
    check(path, text.encode(), "conll")
    check(path, text.encode())


@st.composite
def lines_of_ours(draw):
    letters = st.text("陈默在#[]\\()说", min_size=1, max_size=4)
    escaped = letters.map(lambda text: "".join(f"\\{c}" if c in "[]#\\" else c for c in text))
    entity = st.builds("[{}]({})".format, escaped, st.sampled_from(["PER", "LOC"]))
    line = st.lists(st.one_of(escaped, entity), min_size=1, max_size=5).map("".join)
    return "\n".join(draw(st.lists(st.one_of(line, line, st.just("# domain: 文化")), min_size=1, max_size=5)))


@settings(max_examples=2000, **SETTINGS)
@given(text=lines_of_ours())
def test_files_of_our_own_format_are_read(path, text):
    assert check(path, text.encode(), "bracketed")


@settings(max_examples=2000, **SETTINGS)
@given(text=damaged(lines_of_ours()))
def test_damaged_files_of_our_own_format(path, text):
    check(path, text.encode(), "bracketed")
    check(path, text.encode())


@st.composite
def marks(draw, text):
    """Spans of a text that do not overlap."""
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=6, unique=True)))
    return [(s, e, draw(st.sampled_from(["PER", "地名"]))) for s, e in zip(cuts[::2], cuts[1::2], strict=False)]


def as_cluener(text, spans):
    label = {}
    for start, end, kind in spans:
        label.setdefault(kind, {}).setdefault(text[start:end], []).append([start, end - 1])
    return {"text": text, "label": label}


def as_tags(text, spans):
    tags = ["O"] * len(text)
    for start, end, kind in spans:
        tags[start:end] = [f"B-{kind}", *[f"I-{kind}"] * (end - start - 1)]
    return {"text": text, "labels": tags}


def with_keys(keys, text, spans, field="entities", last=0):
    start, end, kind, name = keys
    return {
        "text": text,
        field: [{start: s, end: e - last, kind: k} | ({name: text[s:e]} if name else {}) for s, e, k in spans],
    }


WRITERS = {
    "jsonl": lambda t, m: with_keys(("start", "end", "type", ""), t, m),
    "jsonl, texts": lambda t, m: with_keys(("start", "end", "type", "text"), t, m),
    "cluener": as_cluener,
    "doccano": lambda t, m: {"text": t, "label": [list(mark) for mark in m]},
    "doccano, older": lambda t, m: {"text": t, "labels": [list(mark) for mark in m]},
    "doccano, relations": lambda t, m: with_keys(("start_offset", "end_offset", "label", ""), t, m),
    "adaseq": lambda t, m: with_keys(("start", "end", "type", ""), t, m, "spans"),
    "adaseq, tags": as_tags,
    "cmeee": lambda t, m: with_keys(("start_idx", "end_idx", "type", "entity"), t, m, last=1),
    "cmeee, second": lambda t, m: with_keys(("start_idx", "end_idx", "type", "entity"), t, m),
}


@st.composite
def records(draw):
    write = WRITERS[draw(st.sampled_from(sorted(WRITERS)))]
    texts = draw(st.lists(st.text('陈默在😀é "\\', min_size=1, max_size=8), min_size=1, max_size=3))
    return [write(text, draw(marks(text))) for text in texts]


def as_file(values, listed, escaped):
    text = [json.dumps(value, ensure_ascii=escaped) for value in values]
    return f"[{', '.join(text)}]" if listed else "\n".join(text)


@settings(max_examples=2000, **SETTINGS)
@given(values=records(), listed=st.booleans(), escaped=st.booleans())
def test_files_of_records_are_read(path, values, listed, escaped):
    assert check(path, as_file(values, listed, escaped).encode())


JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 12), st.floats(allow_nan=False), st.text("陈PERB-I\ud83d ", max_size=5),
    st.just([]), st.just({}), st.just([[0, 1, "PER"]]), st.just(["O"]), st.just([{"start": 0, "end": 1, "type": "陈"}]),
)  # fmt: skip
FIELDS = ("text", "entities", "label", "labels", "spans", "start", "end", "type", "entity", "start_idx", "start_offset")


@st.composite
def changed(draw, value):
    """The same JSON value with something in it replaced, removed or added."""
    if isinstance(value, dict) and value and draw(st.integers(0, 3)):
        key, action = draw(st.sampled_from(sorted(value))), draw(st.sampled_from(["remove", "add", "in", "in", "in"]))
        if action == "remove":
            return {name: kept for name, kept in value.items() if name != key}
        return value | (
            {draw(st.sampled_from(FIELDS)): draw(JUNK)} if action == "add" else {key: draw(changed(value[key]))}
        )
    if isinstance(value, list) and value and draw(st.integers(0, 3)):
        i = draw(st.integers(0, len(value) - 1))
        action = draw(st.sampled_from(["remove", "double", "into", "into"]))
        middle = {"remove": [], "double": [value[i]] * 2}.get(action, [draw(changed(value[i]))])
        return [*value[:i], *middle, *value[i + 1 :]]
    if type(value) is int:
        return draw(st.one_of(st.integers(value - 2, value + 2), JUNK))
    return draw(JUNK)


@settings(max_examples=3000, **SETTINGS)
@given(values=records().flatmap(changed), listed=st.booleans(), name=NAMES)
def test_files_of_changed_records(path, values, listed, name):
    assume(isinstance(values, list))
    body = as_file(values, listed, True).encode()
    check(path, body, name)
