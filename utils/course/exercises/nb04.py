"""Notebook 04 asks: which heads go, a layer without some of its heads, where heads stand today."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import BertConfig

from utils.compress.importance.weights import normalize_layers
from utils.compress.pruning.remove import prune_heads
from utils.compress.pruning.select import select_globally, select_per_layer
from utils.course.teaching import listed
from utils.model.raner import RanerModel

Layer = dict[str, Tensor]
"""Tensors of one layer's attention by their names in its `state_dict()`."""

RANKED = torch.tensor([[0.9, 0.8, 0.7, 0.6], [0.1, 0.2, 0.3, 0.5], [0.4, 1.0, 0.95, 0.85]])
"""`(layers, heads)`: scores of a small network, half of whose heads are to go."""

_HALF = RANKED.numel() // 2


def global_choice(answer: object) -> str | None:
    """The weaker half of the heads of `RANKED`, wherever they are: layer -> heads."""
    pairs = answer.items() if isinstance(answer, dict) else [(None, None)]
    named = {layer: list(heads) if isinstance(heads, set) else listed(heads) for layer, heads in pairs}
    if None in named.values():
        return "a dict is expected, from layer to a list of heads"
    mine = {layer: sorted(heads) for layer, heads in named.items() if heads}
    right = select_globally(RANKED, _HALF)
    hints = (
        (select_per_layer(RANKED, 0.5), "that is half of every layer; asked for is the weaker half of the network"),
        (select_globally(-RANKED, _HALF), "those are the strongest heads; the lowest scores go"),
        (select_globally(normalize_layers(RANKED), _HALF), "that divides by the layer's norm first; rank the scores"),
        ({layer + 1: [n + 1 for n in heads] for layer, heads in right.items()}, "layers and heads count from 0"),
    )
    if mine == right:
        return None
    if known := next((hint for choice, hint in hints if mine == choice), None):
        return known
    count = sum(map(len, mine.values()))
    if count == _HALF:
        return f"{count} heads, as many as have to go, but not the weakest ones: sort all scores in one list"
    return f"{count} heads are named, {_HALF} have to go: sort all scores in one list"


class Cut(NamedTuple):
    """A layer of so many heads of `size` features each, and the heads that go."""

    heads: int
    size: int
    gone: tuple[int, ...]


CUTS = (Cut(4, 3, (1, 2)), Cut(2, 4, (0,)), Cut(5, 2, (0, 3)))
"""What `cut_by_hand` has cut: neighbours, a single head, and heads that others stand between."""

MAKERS = ("self.query", "self.key", "self.value")
"""Their rows make what a head asks, offers and says."""

MIXER = "output.dense"
"""Its columns read what the heads say."""


def cut_by_hand(answer: object) -> str | None:
    """A function `(layer, heads that go, head size) -> layer`, as in `attention.state_dict()`, without those heads.

    It is right where the smaller layer answers as the larger one does with those heads masked, and has the tensors
    of `prune_heads`.
    """
    if not callable(answer):
        return "a function of a layer, a list of heads and the size of a head is expected"
    hints = (_cut_fault(answer, cut) for cut in CUTS)
    return next((hint for hint in hints if hint), None)


def _cut_fault(answer: Callable, cut: Cut) -> str | None:
    model = _tiny_model(cut)
    before, given = _attention(model), _attention(model)
    removed = _attention(prune_heads(model, {0: list(cut.gone)}))
    found = answer(given, list(cut.gone), cut.size)
    if hint := _form_fault(found, before):
        return hint
    if hint := _known_mistake(before, found, cut):
        return hint
    if wrong := [name for name in before if found[name].shape != removed[name].shape]:
        return f"{wrong[0]} is {tuple(found[wrong[0]].shape)}, to be {tuple(removed[wrong[0]].shape)}"
    return _other_answer(before, found, cut) or _other_tensors(given, before, found, removed)


def _form_fault(found: object, before: Layer) -> str | None:
    """Whether this is a layer at all."""
    if found is None:
        return "your function returns nothing: is there a `return`?"
    if not isinstance(found, dict) or found.keys() != before.keys():
        missing = ", ".join(before.keys() - found.keys()) if isinstance(found, dict) else ""
        return "a dict with all the names of the layer is expected" + (f"; missing: {missing}" if missing else "")
    strange = [name for name, tensor in found.items() if not isinstance(tensor, Tensor)]
    return f"{strange[0]}: a tensor is expected, not {type(found[strange[0]]).__name__}" if strange else None


def _known_mistake(before: Layer, found: Layer, cut: Cut) -> str | None:
    sizes = {name: tensor.shape for name, tensor in before.items()}
    if all(found[name].shape == sizes[name] for name in before):
        return "nothing got smaller: a zero is stored and multiplied like any other number"
    for name in MAKERS:
        if hint := _features_fault(before[f"{name}.weight"], found[f"{name}.weight"], cut, f"{name}.weight"):
            return hint
    mixer = f"{MIXER}.weight"
    if found[mixer].shape[0] < sizes[mixer][0]:
        return f"you cut rows of {mixer}: they make the layer's output; what it reads of a head are columns"
    if hint := _features_fault(before[mixer].T, found[mixer].T, cut, mixer):
        return hint
    if whole := [name for name in MAKERS if found[f"{name}.bias"].shape == sizes[f"{name}.bias"]]:
        return f"{whole[0]}.bias is as long as before: each row of the matrix has one number in it"
    if found[f"{MIXER}.bias"].shape != sizes[f"{MIXER}.bias"]:
        return f"{MIXER}.bias stays whole: it is added to the layer's output and belongs to no head"
    return None


def _features_fault(before: Tensor, found: Tensor, cut: Cut, name: str) -> str | None:
    """What is wrong with the features of heads, given as rows, that were kept of one matrix."""
    if found.shape == before.shape:
        return f"{name} is as large as before"
    if found.shape[1] < before.shape[1]:
        return f"you cut columns of {name}: they read the layer's input; a head is made by rows"
    place, gone = torch.arange(cut.heads * cut.size), torch.tensor(cut.gone)
    kept_by_mistake = (
        (torch.isin(place // cut.size, gone), "those are the heads that go; keep the others"),
        (~torch.isin(place // cut.size, gone - 1), "heads are counted from 0"),
        (~torch.isin(place % cut.heads, gone), "a head is a block of neighbouring rows, not every so-many-th row"),
        (~torch.isin(place % cut.size, gone), "that takes the same rows out of every head; a head is a whole block"),
        (~torch.isin(place // cut.heads, gone), "the head size says how many rows a head has, not the number of heads"),
        (~torch.isin(place, gone), "that takes a single row for each head; a head is a block of rows"),
    )
    known = (hint for kept, hint in kept_by_mistake if torch.equal(found, before[kept]))
    if len(cut.gone) > 1 and torch.equal(found, _one_by_one(before, cut)):
        return f"{name}: after the first head is gone the others stand elsewhere; find all features first"
    return next((f"{name}: {hint}" for hint in known), None)


def _one_by_one(before: Tensor, cut: Cut) -> Tensor:
    """What is left where each head is cut at its old place, out of rows that the one before it has left."""
    for head in cut.gone:
        before = torch.cat([before[: head * cut.size], before[(head + 1) * cut.size :]])
    return before


def _other_answer(before: Layer, found: Layer, cut: Cut) -> str | None:
    """Does the smaller layer say what the larger one says with its heads masked?"""
    mask = torch.tensor([float(head not in cut.gone) for head in range(cut.heads)])
    positions = torch.randn(5, cut.heads * cut.size, generator=torch.Generator().manual_seed(1))
    masked, smaller = attend(before, positions, cut.size, mask), attend(found, positions, cut.size)
    difference = float((masked - smaller).abs().max())
    return None if difference < 1e-5 else f"it differs from the layer with masked heads by {difference:.2g}"


def _other_tensors(given: Layer, before: Layer, found: Layer, removed: Layer) -> str | None:
    if not all(torch.equal(found[name], removed[name]) for name in removed):
        return "it answers right, but the heads that stay stand in another order than before"
    if not all(torch.equal(given[name], before[name]) for name in before):
        return "the layer that you were given is cut as well: begin with a copy, `dict(layer)`"
    return None


def attend(layer: Layer, positions: Tensor, size: int, mask: Tensor | float = 1.0) -> Tensor:
    """What a layer's attention adds to each position, `(length, hidden)`, before the layer normalisation.

    Args:
        positions: `(length, hidden)`.
        mask: `(heads,)`, the factor of what each head says.

    Source: Vaswani et al. 2017, "Attention Is All You Need", section 3.2.
    """
    query, key, value = (
        (positions @ layer[f"{name}.weight"].T + layer[f"{name}.bias"]).unflatten(-1, (-1, size)).transpose(0, 1)
        for name in MAKERS
    )
    weights = (query @ key.mT / size**0.5).softmax(-1)
    said = (weights @ value).transpose(0, 1) * torch.as_tensor(mask).reshape(-1, 1)
    return said.flatten(1) @ layer[f"{MIXER}.weight"].T + layer[f"{MIXER}.bias"]


def _attention(model: RanerModel) -> Layer:
    """A copy of the tensors of the first layer's attention."""
    return {name: tensor.clone() for name, tensor in model.bert.encoder.layer[0].attention.state_dict().items()}


def _tiny_model(cut: Cut) -> RanerModel:
    sizes = {"hidden_size": cut.heads * cut.size, "num_attention_heads": cut.heads, "num_hidden_layers": 1}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = RanerModel(BertConfig(vocab_size=4, intermediate_size=4, max_position_embeddings=4, **sizes)).eval()
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.4)
    return model


LEFT_AFTER_FIRST_CUT = (0, 1, 3, 4, 6, 7, 8, 9, 10, 11)
"""Original numbers of the heads of a layer that has lost heads 2 and 5."""

SECOND_CUT = (3, 7)
"""Original numbers of the heads that go next."""


def places_today(answer: object) -> str | None:
    """Where the heads of `SECOND_CUT` stand among `LEFT_AFTER_FIRST_CUT`, counted from 0."""
    places = [LEFT_AFTER_FIRST_CUT.index(head) for head in SECOND_CUT]
    naive = [LEFT_AFTER_FIRST_CUT[place] for place in SECOND_CUT]
    mine = listed(answer) or []
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
    if mine == places[::-1]:
        return f"the right places; asked for in the order of the heads, {SECOND_CUT[0]} and {SECOND_CUT[1]}"
    return "two places are expected: line up the heads that are left, and count"
