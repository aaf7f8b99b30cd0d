"""The checkers of the notebooks' exercises. Reading on means reading the answers.

A checker takes an answer and returns None, or a hint that fits the misconception behind a wrong one.
"""

import copy
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from transformers import BertConfig

from utils.anatomy import parameters_by_part, published_config
from utils.corpus import parse_bracketed
from utils.decoding import viterbi
from utils.entities import bioes_tags
from utils.evaluation import RESAMPLES
from utils.importance import normalize_layers
from utils.pruning import cost_by_part, pruning_map, select_globally, select_per_layer
from utils.raner import RanerModel
from utils.teaching import Checker, number

_CONFIG = published_config()
_PARTS = {name: cost.parameters for name, cost in cost_by_part(_CONFIG, pruning_map(_CONFIG), 1).items()}
_TOTAL = sum(_PARTS.values())


# --- 00 ----------------------------------------------------------------------------------------


def pruned_share() -> Checker:
    """Percent of all parameters that go with 20 % of the heads, at the published size."""
    attention = 100 * _PARTS["attention"] / _TOTAL
    return number(
        0.2 * attention,
        {
            20: "20 % of the heads is not 20 % of the model: heads are only one of its parts",
            18: "that is the article's number; what does the bar above say all heads together hold?",
            attention: "that is what *all* heads hold; 20 % of them go",
            0.002 * attention: "right size, but asked for in percent",
        },
        tolerance=0.02,
    )


def int8_megabytes() -> Checker:
    """MB of the published model with one byte for each parameter but those of the embeddings, which keep four."""
    embeddings, everything = 4 * _PARTS["embeddings"] / 1e6, 4 * _TOTAL / 1e6
    return number(
        embeddings + (everything - embeddings) / 4,
        {
            everything / 4: "that shrinks the embeddings too; `{nn.Linear}` leaves them at four bytes",
            everything: "that is the model before: linear layers now take one byte a parameter",
            (everything - embeddings) / 4: "these are the linear layers alone; the embeddings are still in the file",
            110: "that is the article's number; add up the two parts",
        },
        tolerance=0.01,
    )


def relative_size(model: RanerModel) -> Checker:
    """Parameters of a model in percent of the published RaNER's."""
    share = 100 * sum(parameters_by_part(model).values()) / _TOTAL
    return number(
        share,
        {
            share / 100: "right size, but asked for in percent",
            share * 1e6: "mind the units: one side counts single parameters, the other millions",
            100 / 16: "a quarter of the width is a sixteenth of each matrix, but a quarter of the embeddings: count",
            25: "a quarter of the width makes a matrix sixteen times as small",
            100 * 100 / share: "the other way round: mini in percent of the published one",
        },
    )


# --- 01 ----------------------------------------------------------------------------------------

TO_TAG = parse_bracketed("[王](PER)主任在[北影](ORG)等[阿卜杜勒·拉赫曼](PER)。")


def hand_tags(answer: object) -> str | None:
    """BIOES tags of `TO_TAG`, one a character."""
    wanted, text = bioes_tags(TO_TAG), TO_TAG.text
    if not isinstance(answer, Sequence) or isinstance(answer, str) or len(answer) != len(wanted):
        return f"a list of {len(wanted)} tags is expected, one for each character"
    wrong = next((i for i, (mine, right) in enumerate(zip(answer, wanted, strict=True)) if mine != right), None)
    if wrong is None:
        return None
    return f"character {wrong + 1}, {text[wrong]}: {_tag_hint(str(answer[wrong]), wanted[wrong], text[wrong])}"


def _tag_hint(mine: str, right: str, character: str) -> str:
    if right == "O" and character in "主任":
        return "titles stay outside of names"
    if right[0] == "S":
        return "a name of one character neither begins nor ends: it is single"
    if right[0] == "E" and mine[:1] == "I":
        return "the last character of a name is its end, not its inside"
    if character == "·":
        return "the dot is part of the name"
    if mine[1:] != right[1:] and mine[:1] == right[:1]:
        return "the boundary is right, the type is not"
    return "look at where this name begins and ends"


def head_parameters() -> Checker:
    """Parameters that go when one head of the published size goes."""
    hidden, size = _CONFIG.hidden_size, _CONFIG.hidden_size // _CONFIG.num_attention_heads
    return number(
        4 * hidden * size + 3 * size,
        {
            3 * hidden * size + 3 * size: "query, key and value are there; its part of the output matrix is not",
            3 * hidden * size: "query, key and value are there; the output matrix and three biases are not",
            4 * hidden * size: "four matrices, right; query, key and value also have a bias for each feature",
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
    path = list(answer) if isinstance(answer, str | Sequence) else []
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


# --- 02 ----------------------------------------------------------------------------------------

CALLS = (103.0, 98.0, 101.0, 912.0, 99.0, 100.0, 102.0)
"""Seven calls in ms; another program woke up during one of them."""


def typical_call() -> Checker:
    """The median of `CALLS`, ms."""
    return number(
        float(np.median(CALLS)),
        {
            float(np.mean(CALLS)): "that is the mean: one stalled call out of seven doubles it",
            min(CALLS): "that is the luckiest call; nobody gets it every time",
            CALLS[len(CALLS) // 2]: "that is the middle of the list as it came; sort it first",
        },
        tolerance=1e-3,
    )


def resampled_f1(counts: np.ndarray) -> Checker:
    """Many bootstrap values of F1 in points.

    Args:
        counts: `(sentences, 3)`: correct, predicted and annotated entities of each sentence.
    """
    observed = float(_f1(counts.sum(0)))
    spread = _bootstrap(counts).std()

    def checker(answer: object) -> str | None:
        values = np.asarray(answer, float)
        if values.ndim != 1 or len(values) < 100:
            return "at least 100 values of F1 are expected, one for each resample"
        if values.std() < 1e-9 < spread:
            return "all values are the same: draw *with* replacement, or you only shuffle the sentences"
        if values.max() <= 1:
            return "F1 in points, 0 to 100, is asked for"
        if abs(values.mean() - observed) > 3 * spread:
            return "off the mark: sum the counts of the drawn sentences first, then take one F1"
        if not 0.7 * spread <= values.std() <= 1.4 * spread:
            return "the spread is off: draw as many sentences as there are"
        return None

    return checker


def unpaired_width(a: np.ndarray, b: np.ndarray) -> Checker:
    """Width in points of the 95 % interval of a difference of F1 when each system gets its own resample.

    Args:
        a, b: `(sentences, 3)` counts of the two systems, as for `resampled_f1`.
    """
    of_a, of_b, together = _bootstrap(a, seed=1), _bootstrap(b, seed=2), _bootstrap(b, seed=1)
    return number(
        _width(of_b - of_a),
        {
            _width(together - of_a): "that is the paired one: both got the same sentences",
            _width(of_a) + _width(of_b): "widths of independent parts do not add up; their squares do",
            _width(of_a): "that is the interval of one system, not of the difference",
        },
        tolerance=0.14,
    )


def _bootstrap(counts: np.ndarray, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).integers(len(counts), size=(RESAMPLES, len(counts)))
    return _f1(counts[rows].sum(1))


def _f1(counts: np.ndarray) -> np.ndarray:
    correct, predicted, gold = np.moveaxis(counts, -1, 0)
    return 200 * correct / np.maximum(predicted + gold, 1)


def _width(values: np.ndarray) -> float:
    return float(np.ptp(np.percentile(values, [2.5, 97.5])))


# --- 03 ----------------------------------------------------------------------------------------

SLOPES = np.array([[3, -1, -1], [-2, 1, 0], [1, -2, -2]])
"""dL/dxi of one head: a row a sentence, a column a character."""


def michel_by_hand() -> Checker:
    """The head's score with the absolute value taken sentence by sentence, per labelled character."""
    sums, characters = SLOPES.sum(1), SLOPES.size
    running = np.abs(sums.cumsum()).sum()
    return number(
        np.abs(sums).sum() / characters,
        {
            np.abs(SLOPES).sum() / characters: "that is the absolute value of each character: nothing cancels any more",
            abs(sums.sum()) / characters: "that is the absolute value of the whole sum: sentences cancel each other",
            sums.sum() / characters: "without an absolute value, sentences cancel each other",
            running / characters: "that is the bug above: each sum still holds the ones before",
            np.abs(sums).sum() / len(sums): "divide by the characters, of which a sentence has three",
            np.abs(sums).sum(): "the sum is right; divide it by the number of characters",
        },
    )


def shared_by_chance(count: int, heads: int) -> Checker:
    """How many heads two random choices of `count` out of `heads` have in common on average."""
    return number(
        count * count / heads,
        {
            count: "that would be the same choice twice",
            count / 2: "half would be shared if every second head were chosen",
            count / heads: "that is the chance that *one* head of the first choice is in the second; there are more",
            100 * count / heads: "that is the share in percent; how many heads are that?",
            (count / heads) ** 2: "that is the chance that one given head is in both; how many heads are there?",
        },
        tolerance=0.02,
    )


def rank_correlation(a: np.ndarray, b: np.ndarray) -> Checker:
    """Spearman's correlation of two scores without ties.

    Args:
        a, b: `(heads,)`.
    """
    first, second = a.argsort(), b.argsort()
    return number(
        _correlation(first.argsort(), second.argsort()),
        {
            _correlation(a, b): "that is Pearson's, of the values; Spearman asks about the ranks",
            _correlation(first, second): "`argsort` lists who comes first, second, ...; its own `argsort` is the rank",
        },
    )


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a, b)[0, 1])


# --- 04 ----------------------------------------------------------------------------------------

RANKED = torch.tensor([[0.9, 0.8, 0.7, 0.6], [0.1, 0.2, 0.3, 0.5], [0.4, 1.0, 0.95, 0.85]])
"""`(layers, heads)`: scores of a small network, half of whose heads are to go."""
_HALF = RANKED.numel() // 2


def global_choice(answer: object) -> str | None:
    """The weaker half of the heads of `RANKED`, wherever they are: layer -> heads."""
    if not isinstance(answer, dict) or not all(isinstance(heads, list | tuple | set) for heads in answer.values()):
        return "a dict is expected, from layer to a list of heads"
    mine = {layer: sorted(heads) for layer, heads in answer.items() if heads}
    right = select_globally(RANKED, _HALF)
    hints = (
        (select_per_layer(RANKED, 0.5), "that is half of every layer; asked for is the weaker half of the network"),
        (select_globally(-RANKED, _HALF), "those are the strongest heads; the lowest scores go"),
        (select_globally(normalize_layers(RANKED), _HALF), "that divides by the layer's norm first; rank the scores"),
        ({layer + 1: [n + 1 for n in heads] for layer, heads in right.items()}, "layers and heads count from 0"),
    )
    if mine == right:
        return None
    known = next((hint for choice, hint in hints if mine == choice), None)
    return known or f"{sum(map(len, mine.values()))} heads are named, {_HALF} have to go: sort all scores in one list"


def emission_difference(model: RanerModel, batch: Mapping[str, torch.Tensor]) -> Checker:
    """A function `(model a, model b, batch) -> largest absolute difference of their emissions`."""
    noisy, shifted = (copy.deepcopy(model).train() for _ in range(2))
    with torch.no_grad():
        shifted.classifier.bias[0] += 1  # one tag of all: a mean would dilute it

    def checker(answer: object) -> str | None:
        if not callable(answer):
            return "a function of two models and a batch is expected"
        with torch.no_grad():
            itself = float(answer(noisy.train(), copy.deepcopy(noisy), batch))
            up, down = (float(answer(a, b, batch)) for a, b in ((noisy, shifted), (shifted, noisy)))
        if itself > 1e-6:
            return f"a model differs from its own copy by {itself:.2g}: dropout is on. Who calls eval(), on both?"
        if abs(up - down) > 1e-3:
            return "it matters which model comes first: take the absolute value before the maximum"
        return None if abs(up - 1) < 1e-3 else f"one emission moved by 1, you report {up:.2g}: take the largest"

    return checker


LEFT_AFTER_FIRST_CUT = (0, 1, 3, 4, 6, 7, 8, 9, 10, 11)
"""Original numbers of the heads of a layer that has lost heads 2 and 5."""
SECOND_CUT = (3, 7)
"""Original numbers of the heads that go next."""


def places_today(answer: object) -> str | None:
    """Where the heads of `SECOND_CUT` stand among `LEFT_AFTER_FIRST_CUT`, counted from 0."""
    places = [LEFT_AFTER_FIRST_CUT.index(head) for head in SECOND_CUT]
    naive = [LEFT_AFTER_FIRST_CUT[place] for place in SECOND_CUT]
    mine = list(answer) if isinstance(answer, list | tuple) else []
    if mine == places:
        return None
    if mine == list(SECOND_CUT):
        return f"those are original numbers; at these places stand heads {naive[0]} and {naive[1]} today"
    if mine == [places[0], places[1] - 1]:
        return "you counted again after the first of the two was gone; both places are asked for as they are now"
    if mine == naive:
        return "that is what a script cuts that takes the old numbers for places; where do 3 and 7 stand?"
    if mine == [place + 1 for place in places]:
        return "count from 0"
    return "two places are expected: line up the heads that are left, and count"


def neurons_besides_heads() -> Checker:
    """Percent of the neurons that have to go besides 20 % of the heads to save 18 % of all parameters."""
    attention, feed_forward = (100 * _PARTS[part] / _TOTAL for part in ("attention", "feed-forward"))
    rest = 18 - 0.2 * attention
    return number(
        100 * rest / feed_forward,
        {
            100 * 18 / feed_forward: "that is neurons alone; 20 % of the heads go as well",
            rest: "that is in percent of the whole model; what share of the *neurons* is it?",
            rest / feed_forward: "right size, but asked for in percent",
            0.2 * attention: "that is what the heads save; the neurons have to save the rest of 18 %",
            rest * feed_forward / 100: "divide by the share of the feed-forward networks, do not multiply",
        },
        tolerance=0.02,
    )


# --- 08 ----------------------------------------------------------------------------------------


def speed_up() -> Checker:
    """How many times as fast 140 ms is as 320 ms."""
    before, after = 320, 140
    return number(
        before / after,
        {
            after / before: "the other way round: the new time in parts of the old one",
            1 - after / before: "that is the share of the time that was saved",
            100 * (1 - after / before): "that is the time saved, in percent, as the article has it",
            2 - after / before: "56 % less time is not 56 % more speed: divide the times",
        },
        tolerance=0.02,
    )


def most_from_heads(config: BertConfig) -> Checker:
    """Multiplications of the whole encoder over those that remain without any head, at 502 positions."""
    work = {name: cost.multiply_adds for name, cost in cost_by_part(config, pruning_map(config), 502).items()}
    total, attention = sum(work.values()), work["attention"]
    return number(
        total / (total - attention),
        {
            total / attention: "that would be the speed if only the heads were left",
            1 + attention / total: "a share of the work saved does not add up like that: divide by what is left",
            attention / total: "that is the share of the work that heads do",
            0.2 * attention / total: "asked for is *all* heads gone, and as a ratio of times",
        },
        tolerance=0.02,
    )
