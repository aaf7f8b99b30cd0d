"""Broken on purpose: `python -m utils.course check` must end with 1 and name the metric, and with 0 where all is well.

Rows are made anew from the embedded model on the embedded test split, and put in their places in a
copy of the reference run. What one machine cannot say in seconds (times, memory) stays the reference's.
"""

import copy
import re
from dataclasses import replace

import pytest
import torch

from utils.compress.batches import make_batches
from utils.compress.importance.activations import article_score
from utils.compress.pruning.remove import prune_heads
from utils.compress.pruning.select import select_globally
from utils.compress.quantization.dynamic import quantize
from utils.compress.quantization.saved import load_quantized_tagger, save_quantized
from utils.course import cli, reference
from utils.course.sizes import SIZES
from utils.measure.evaluation import evaluate
from utils.measure.ledger import Ledger, Measured, make_row
from utils.model.checkpoint import load_raner, save_raner
from utils.model.torch_tagger import torch_tagger
from utils.text.corpus import evenly_spaced, load_corpus

REFERENCE = Ledger(reference.REFERENCE / "ledger.json")
FIFTH = 29
SCORES = {"precision", "recall", "f1"}


@pytest.fixture(scope="module")
def corpus():
    return load_corpus()


@pytest.fixture
def model():
    return load_raner()[0]


@pytest.fixture(scope="module")
def tokenizer():
    return load_raner()[1]


@pytest.fixture(scope="module")
def score(corpus):
    """A function: a tagger's evaluation, as the reference run's notebooks (seed 1) make it."""
    return lambda tagger: evaluate(tagger, corpus.test, seed=1)


@pytest.fixture(scope="module")
def baseline(score):
    return score(torch_tagger(*load_raner()))


@pytest.fixture(scope="module")
def article_heads(corpus, tokenizer):
    """The fifth of the heads that the article's code takes out, as notebook 03 computes it."""
    original, _ = load_raner()
    sizes = {name: full for name, (full, _) in SIZES["03"].items()}
    drawn = evenly_spaced(corpus.train, sizes["scored"] + sizes["tried"])
    to_try = evenly_spaced(drawn, sizes["tried"])
    to_score = [sentence for sentence in drawn if sentence not in to_try]
    batches = make_batches(to_score, tokenizer, original.labels, batch_size=sizes["batch"])
    return select_globally(article_score(original, batches), FIFTH)


@pytest.fixture
def check(tmp_path, capsys):
    """A function: rows in; the exit code and the breached `(stage, backend, metric)` out, as they are printed."""

    def breaches(rows: list[dict]) -> tuple[int, set[tuple[str, str, str]]]:
        ledger = Ledger(tmp_path / "run" / "ledger.json")
        for row in rows:
            ledger.append(row)
        code = cli.main(["check", str(tmp_path / "run")])
        printed = [re.split(r"\s{2,}", line) for line in capsys.readouterr().out.splitlines()]
        return code, {(line[0], line[2], line[4]) for line in printed if line[-1] == "BREACH"}

    return breaches


def with_row(row: dict) -> list[dict]:
    """The reference run with this row in the place of its own."""
    place = ("stage", "scale", "backend", "notebook")
    return [row if all(row[key] == old[key] for key in place) else old for old in REFERENCE.rows()]


def remade(notebook: str, stage: str, backend: str, evaluation, model, path=None) -> dict:
    """The mini row that the notebook wrote into the reference, with everything in it that was measured now."""
    old = REFERENCE.row(stage, "mini", backend, notebook)
    new = make_row(stage, notebook, "mini", backend, Measured(model, evaluation, path=path))
    return old | {key: value for key, value in new.items() if value is not None}


def metrics(breaches) -> set[str]:
    return {metric for _, _, metric in breaches}


def test_the_reference_agrees_with_itself(check):
    assert check(REFERENCE.rows()) == (0, set())


def test_the_original_made_anew_passes(check, baseline, model):
    assert check(with_row(remade("01", "original", "torch-fp32", baseline, model))) == (0, set())


def test_swapped_labels_are_caught(check, score, model, tokenizer):
    other = {"PER": "LOC", "LOC": "PER"}
    model.config.id2label = {i: x[:2] + other.get(x[2:], x[2:]) for i, x in model.config.id2label.items()}
    row = remade("01", "original", "torch-fp32", score(torch_tagger(model, tokenizer)), model)
    code, breaches = check(with_row(row))
    assert (code, metrics(breaches)) == (1, SCORES | {"f1 PER", "f1 LOC"})


def test_labels_that_gold_and_answers_both_swap_are_caught_by_the_types_alone(check, baseline, model):
    row = remade("01", "original", "torch-fp32", baseline, model)
    other = {"PER": "LOC", "LOC": "PER", "ORG": "ORG"}
    row["f1_by_type"] = {other[kind]: f1 for kind, f1 in row["f1_by_type"].items()}
    code, breaches = check(with_row(row))
    assert (code, metrics(breaches)) == (1, {"f1 PER", "f1 LOC"})


def test_dropout_while_answering_is_caught(check, score, model, tokenizer):
    @torch.inference_mode()
    def dropping(input_ids, attention_mask):
        return model.train()(torch.from_numpy(input_ids), torch.from_numpy(attention_mask)).logits.numpy()

    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.1
    torch.manual_seed(1)
    tagger = replace(torch_tagger(model, tokenizer), backend=dropping)
    code, breaches = check(with_row(remade("01", "original", "torch-fp32", score(tagger), model)))
    assert code == 1 and "f1" in metrics(breaches)


def test_the_right_heads_pass(check, score, model, tokenizer, article_heads):
    pruned = prune_heads(model, article_heads)
    row = remade("03", "heads-20-article", "torch-fp32", score(torch_tagger(pruned, tokenizer)), pruned)
    assert check(with_row(row)) == (0, set())


def test_a_shifted_head_index_is_caught(check, score, model, tokenizer, article_heads):
    """As many heads of every layer go, so no count can tell; the scores do."""
    shifted = {layer: [(head + 1) % 12 for head in heads] for layer, heads in article_heads.items()}
    pruned = prune_heads(model, shifted)
    row = remade("03", "heads-20-article", "torch-fp32", score(torch_tagger(pruned, tokenizer)), pruned)
    code, breaches = check(with_row(row))
    assert code == 1 and "f1" in metrics(breaches) and "heads_per_layer" not in metrics(breaches)


def test_a_quantised_model_passes(check, score, model, tokenizer, tmp_path):
    path = save_quantized(quantize(model), tokenizer, tmp_path / "int8")
    row = remade("06", "quantized", "torch-int8", score(load_quantized_tagger(path)), model, path)
    assert check(with_row(row)) == (0, set())


def test_an_unquantised_model_is_caught_by_its_bytes(check, baseline, model, tokenizer, tmp_path):
    path = save_raner(model, tokenizer, tmp_path / "float")
    code, breaches = check(with_row(remade("06", "quantized", "torch-int8", baseline, model, path)))
    assert code == 1 and "file_bytes" in metrics(breaches)


def test_an_unquantised_model_is_caught_by_its_time_and_memory_at_article_scale(check):
    original = REFERENCE.row("original", "article", "torch-fp32")
    slow = {key: original[key] for key in ("times_as_fast", "rss_mb")}
    code, breaches = check(with_row(REFERENCE.row("quantized", "article", "onnx-int8") | slow))
    assert (code, breaches) == (1, {("quantized", "onnx-int8", m) for m in ("times_as_fast", "memory_ratio")})


@pytest.mark.parametrize("place", [5, -1])
def test_a_stale_reference_is_caught_by_a_row_that_only_it_has(check, place):
    rows = REFERENCE.rows()
    gone = rows.pop(place)
    assert check(rows) == (1, {(gone["stage"], gone["backend"], "row")})


def test_a_stale_reference_is_caught_by_a_stage_that_it_does_not_know(check):
    newer = REFERENCE.row("recovered", "mini", "torch-fp32") | {"stage": "recovered-anew"}
    assert check([*REFERENCE.rows(), newer]) == (1, {("recovered-anew", "torch-fp32", "row")})


def test_a_stale_reference_is_caught_by_other_head_counts(check):
    row = copy.deepcopy(REFERENCE.row("heads-50", "mini", "torch-fp32"))
    row["heads_per_layer"][0] -= 1
    row["heads_per_layer"][1] += 1
    assert check(with_row(row)) == (1, {("heads-50", "torch-fp32", "heads_per_layer")})
