"""A second reader for each format, written without the first in mind: slow, plain, and for accepted files only.

Each takes a file's text and gives, for each sentence, its text and the set of its (start, end, type).
"""

import json
import re

from seqeval.metrics.sequence_labeling import get_entities


def entities_of(tags):
    """By seqeval's default mode; it knows no M, L and U."""
    return {(start, last + 1, kind) for kind, start, last in get_entities([re.sub("^M", "I", t) for t in _iobes(tags)])}


def _iobes(tags):
    return [re.sub("^L", "E", re.sub("^U", "S", tag)) for tag in tags]


def conll(text):
    blocks = [[]]
    for line in re.split("\r\n|\n|\r", text):
        line = line.rstrip(" \t")
        cells = re.split("\t+", line) if "\t" in line else line.split(" ")
        cells = [cell.strip(" ") or cell for cell in cells if cell]
        if not cells or cells[0] == "-DOCSTART-":
            blocks.append([])
        elif not line.startswith("#") or re.fullmatch(r"O|[BIMESLU]-\S+", cells[-1]):
            blocks[-1].append((cells[0], cells[-1]))
    tokens = [token for block in blocks for token, _ in block]
    if tokens and all(len(token) > 1 and token[-1] in "0123456789" for token in tokens):
        blocks = [[(re.sub(r"(?<=.)[0-9]+$", "", token), tag) for token, tag in block] for block in blocks]
    return [_joined([token for token, _ in block], [tag for _, tag in block]) for block in blocks if block]


def _joined(tokens, tags):
    ends = [len("".join(tokens[: i + 1])) for i in range(len(tokens))]
    starts = [0, *ends]
    return "".join(tokens), {(starts[s], ends[e - 1], kind) for s, e, kind in entities_of(tags)}


def bracketed(text):
    lines = [line for line in re.split("\r\n|\n|\r", text) if line and not line.startswith("#")]
    return [_marked(line) for line in lines]


def _marked(line):
    """Character by character: outside, or since where inside a name."""
    text, spans, opened, i = "", set(), None, 0
    while i < len(line):
        if line[i] == "\\" and line[i + 1 : i + 2] in set("\\[]#"):
            text, i = text + line[i + 1], i + 2
        elif line[i] == "[":
            opened, i = len(text), i + 1
        elif line[i] == "]":
            close = line.index(")", i)
            spans.add((opened, len(text), line[i + 2 : close]))
            i = close + 1
        else:
            text, i = text + line[i], i + 1
    return text, spans


def _values(text):
    values = json.loads(text) if text.lstrip(" \t\r\n\f\v\ufeff")[:1] == "[" else None
    return values if values is not None else [json.loads(x) for x in re.split("\r\n|\n|\r", text) if x.strip()]


def jsonl(text):
    return [(v["text"], {(e["start"], e["end"], e["type"]) for e in v["entities"]}) for v in _values(text)]


def cluener(text):
    return [
        (v["text"], {(s, e + 1, k) for k, names in v["label"].items() for places in names.values() for s, e in places})
        for v in _values(text)
    ]


def doccano(text):
    found = []
    for v in _values(text):
        labels = next((v[key] for key in ("label", "labels") if isinstance(v.get(key), list)), None)
        if labels is None:
            labels = [[e["start_offset"], e["end_offset"], e["label"]] for e in v["entities"]]
        found.append((v["text"], {tuple(label) for label in labels}))
    return found


def adaseq(text):
    found = []
    for v in _values(text):
        tags = v.get("labels")
        if isinstance(tags, list) and any(isinstance(tag, str) for tag in tags):
            found.append(_joined(list(v["text"]), tags))
        else:
            found.append((v["text"], {(e["start"], e["end"], e["type"]) for e in v["spans"]}))
    return found


def cmeee(text):
    values = _values(text)
    lengths = [e["end_idx"] - e["start_idx"] - len(e["entity"]) for v in values for e in v["entities"]]
    last = int(-1 in lengths)
    return [(v["text"], {(e["start_idx"], e["end_idx"] + last, e["type"]) for e in v["entities"]}) for v in values]


NAIVE = {
    "bracketed": bracketed,
    "conll": conll,
    "jsonl": jsonl,
    "cluener": cluener,
    "doccano": doccano,
    "adaseq": adaseq,
    "cmeee": cmeee,
}
