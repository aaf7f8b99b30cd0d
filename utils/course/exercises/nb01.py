"""Notebook 01 asks: the tags of a sentence, the parameters of a head, the best path through a small CRF."""

from collections.abc import Sequence

import numpy as np

from utils.course.teaching import Checker, listed, number
from utils.model.anatomy import published_config
from utils.tagger.viterbi import viterbi
from utils.text.formats.bracketed import parse_bracketed
from utils.text.tags import RANER_LABELS, bioes_tags

TO_TAG = parse_bracketed("[王](PER)主任在[北影](ORG)等[阿卜杜勒·拉赫曼](PER)。")


def hand_tags(answer: object) -> str | None:
    """BIOES tags of `TO_TAG`, one a character."""
    tags, text, found = bioes_tags(TO_TAG), TO_TAG.text, listed(answer)
    if found is None or len(found) != len(tags):
        return f"a list of {len(tags)} tags is expected, one for each character"
    wrong = next((i for i, (mine, right) in enumerate(zip(found, tags, strict=True)) if mine != right), None)
    if wrong is None:
        return None
    return f"character {wrong + 1}, {text[wrong]}: {_tag_hint(str(found[wrong]), tags[wrong], text[wrong])}"


def _tag_hint(mine: str, right: str, character: str) -> str:
    if mine not in RANER_LABELS:
        return f"{mine} is none of RaNER's {len(RANER_LABELS)} tags"
    if right == "O":
        return "titles stay outside of names" if character in "主任" else "no name stands here"
    if right[0] == "E" and mine[:1] == "I":
        return "the last character of a name is its end, not its inside"
    if character == "·":
        return "the dot is part of the name"
    if mine == "O":
        return "this character belongs to a name"
    if right[0] == "S" and mine[0] != "S":
        return "a name of one character neither begins nor ends: it is single"
    if mine[1:] != right[1:] and mine[:1] == right[:1]:
        return "the boundary is right, the type is not"
    return "look at where this name begins and ends"


def head_parameters() -> Checker:
    """Parameters that go when one head of the published size goes."""
    config = published_config()
    hidden, size = config.hidden_size, config.hidden_size // config.num_attention_heads
    return number(
        4 * hidden * size + 3 * size,
        {
            3 * hidden * size + 3 * size: "query, key and value are there; its part of the output matrix is not",
            3 * hidden * size: "query, key and value are there; the output matrix and three biases are not",
            4 * hidden * size: "four matrices, right; query, key and value also have a bias for each feature",
            4 * hidden * size + 3 * size + hidden: "the output bias belongs to the layer, it stays when a head goes",
            4 * hidden * size + 4 * size: "the output bias belongs to the layer, it stays when a head goes",
            4 * hidden * hidden + 3 * hidden: "these are all heads of a layer",
        },
        tolerance=1e-6,
    )


TAGS = ("O", "B", "E")

EMISSIONS = np.array([[1.0, 0.8, 0.0], [0.0, 0.5, 2.0], [2.0, 0.0, 0.0]])
"""`(characters, tags)`: what the network says about three characters."""

MOVES = np.array([[0.0, 0.0, -9.0], [-9.0, -9.0, 0.0], [0.0, 0.0, -9.0]])
"""`(tags, tags)`, from row to column: -9 for what the scheme forbids."""


def best_path(answer: object) -> str | None:
    """The path of highest score through `EMISSIONS` and `MOVES`, as three tags."""
    zeros = np.zeros(len(TAGS))
    best = [TAGS[tag] for tag in viterbi(EMISSIONS[None], np.array([3]), zeros, MOVES, zeros)[0]]
    path = list(answer) if isinstance(answer, str) else listed(answer) or []
    if path == best:
        return None
    if len(path) != 3 or not set(path) <= set(TAGS):
        return "three tags are expected, each O, B or E"
    if path == [TAGS[tag] for tag in EMISSIONS.argmax(1)]:
        return "each tag is the best of its own column, but O -> E costs 9: add the moves up"
    if path == ["O", "B", "E"]:
        return "you went greedily from left to right; a weaker first tag may open a better path"
    return f"that path scores {path_score(path):.1f}, another one more"


def path_score(path: Sequence[str]) -> float:
    """Emissions plus moves along a path of three tags."""
    tags = [TAGS.index(tag) for tag in path]
    return float(EMISSIONS[range(len(tags)), tags].sum() + MOVES[tags[:-1], tags[1:]].sum())
