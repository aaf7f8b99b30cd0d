"""The cut that is chosen: cut by hand, weighed and counted by others."""

from dataclasses import replace

import pytest
import torch
from tiny_compression import RECIPE, counted, tiny_work

from utils.compress.pruning.remove import prune_vocabulary
from utils.compress.recipes import prune_to
from utils.measure.latency import Rounds
from utils.measure.memory import MB, directory_bytes
from utils.model.pruned_shape import Size, size_of
from utils.model.torch_tagger import torch_tagger
from utils.studies.compression.forms import ENGINES
from utils.studies.compression.plan import Target
from utils.studies.compression.search import choose, original_forms, search
from utils.tagger.tagger import by_sentence


def made(work, known, choice):
    return prune_to(work.model, *known.scores, Size(choice.heads, choice.neurons))


@pytest.mark.parametrize("lie", [1.0, 0.5, 2.0])
def test_the_chosen_cut_reaches_the_target_and_barely(home, tmp_path, clock, lie):
    """Also where the table of one engine tells half or twice of what it takes."""
    work = tiny_work(tmp_path, home, Target(speedup=1.6))
    true = search(work)
    known = true._replace(cost=lambda c: true.cost(c) * (lie if c.engine == "torch, sentences" else 1.0))
    choice = choose(work, known, "try-1", known.limit)
    text = [work.run.article.text]
    models = {"original": work.model, "cut": made(work, known, choice)}
    taggers = {name: by_sentence(torch_tagger(model, work.tokenizer)) for name, model in models.items()}
    taken = {name: latency.p50 for name, latency in counted(taggers, text, Rounds(1)).items()}
    assert 1.6 <= taken["original"] / taken["cut"] < 1.6 * 1.3
    assert size_of(models["cut"]) == (choice.heads, choice.neurons) != size_of(work.model)


def test_where_nothing_is_fast_enough_the_deepest_cut_is_taken(home, tmp_path, clock):
    work = tiny_work(tmp_path, home, Target(speedup=500))
    known = search(work)
    choice = choose(work, known, "try-1", known.limit)
    assert (choice.heads, choice.neurons) == (2, 10)  # a quarter of 2 x 4 heads and of 2 x 20 neurons


def test_megabytes_are_foretold_from_what_is_left(home, tmp_path, clock):
    work = tiny_work(tmp_path, home, Target(megabytes=0.03))
    known = search(work)
    choice = choose(work, known, "try-1", known.limit)
    smaller, characters = prune_vocabulary(made(work, known, choice), work.tokenizer, work.known)
    work.write_forms(smaller, characters, ["torch-fp32"], tmp_path / "weighed")
    weight = directory_bytes(tmp_path / "weighed") / MB
    foretold = min(
        (c for c in known.found if c.engine == choice.engine),
        key=lambda c: abs(8 * c.heads - choice.heads) + abs(40 * c.neurons - choice.neurons),
    )
    assert known.cost(foretold) == pytest.approx(weight, rel=0.4)


def test_a_chosen_cut_is_kept(home, tmp_path, clock):
    work = tiny_work(tmp_path, home, Target(speedup=1.6))
    known = search(work)
    assert choose(work, known, "try-1", known.limit) == choose(work, known, "try-1", known.limit / 2)


def test_a_larger_limit_asks_for_less_and_a_smaller_one_for_more(home, tmp_path, clock):
    work = tiny_work(tmp_path, home, Target(speedup=1.3))
    known = search(work)
    milder, asked, deeper = (choose(work, known, str(share), known.limit * share) for share in (1.25, 1.0, 0.7))
    left = [choice.heads + choice.neurons for choice in (milder, asked, deeper)]
    assert left == sorted(left, reverse=True) and left[0] > left[2]


def test_scores_are_of_training_sentences_alone(home, tmp_path, clock):
    work = tiny_work(tmp_path / "a", home, Target(speedup=1.6))
    other = replace(work, run=replace(work.run, path=tmp_path / "b"), corpus=work.corpus._replace(test=[], dev=[]))
    from utils.studies.compression.search import scores

    first, second = (scores(each, "scores", work.model) for each in (work, other))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_forms_of_the_original_that_are_there_are_not_made_again(home, tmp_path, clock):
    work = tiny_work(tmp_path, home, Target(speedup=1.6))
    given = search(work, {"torch-fp32": home / "model"})
    assert not work.run.has("original")
    assert given.found == search(work).found and given.limit == search(work).limit


def test_engines_that_read_by_sentence_in_other_bits_may_be_chosen(home, tmp_path):
    recipe = replace(RECIPE, engines=("torch, sentences", "torch INT8, sentences", "ONNX, sentences"))
    work = tiny_work(tmp_path, home, Target(speedup=1.6), recipe)
    assert set(original_forms(work)) == {"torch-fp32", "torch-int8", "onnx-fp32"}
    readings = {ENGINES[name].load(original_forms(work)[ENGINES[name].backend]).reading for name in recipe.engines}
    assert readings == {"by sentence", "packed"}
