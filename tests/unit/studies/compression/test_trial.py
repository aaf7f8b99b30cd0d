"""What is measured of a result, against what its files say and answer."""

import math

import pytest
from seqeval.metrics import f1_score
from tiny_compression import texts, tiny_work
from tiny_models import multiply_adds

from utils.measure.memory import MB, directory_bytes
from utils.model.checkpoint import load_raner
from utils.model.pruned_shape import size_of
from utils.model.torch_tagger import load_sentence_tagger
from utils.studies.compression.plan import Target
from utils.studies.compression.stages import deliver
from utils.studies.compression.trial import AGAIN, RESULT, SENTENCES, WHOLE
from utils.text.entities import Span, annotate
from utils.text.tags import BIO, tags_of


@pytest.fixture(scope="module")
def delivered(whole, tmp_path_factory):
    """The work, the last trial, and the folder that it was delivered to."""
    work, (*_, trial) = whole
    out = tmp_path_factory.mktemp("delivered")
    deliver(work, trial, out)
    return work, trial, out


def test_the_waterfall_leads_from_the_original_to_the_result(delivered):
    work, trial, out = delivered
    assert [step.name for step in trial.waterfall] == [
        "the original", "sentences read apart", "fewer heads", "fewer neurons"
    ]  # fmt: skip
    first, *_, last = trial.waterfall
    factors = math.prod(step.times.value for step in trial.waterfall)
    assert factors == pytest.approx(first.milliseconds / last.milliseconds)
    assert last.megabytes == pytest.approx(directory_bytes(out / "model") / MB)
    fastest = min(trial.row(stage)["latency_ms"]["p50"] for stage in (WHOLE, SENTENCES))
    assert trial.times.value == pytest.approx(fastest / last.milliseconds, rel=1e-3)


def test_f1_is_seqevals(delivered):
    work, trial, out = delivered
    test = work.corpus.test
    answers = load_sentence_tagger(out / "model").predict([sentence.text for sentence in test])
    found = [annotate(s.text, [Span(*e.span) for e in a]) for s, a in zip(test, answers, strict=True)]
    expected = 100 * f1_score([tags_of(s, BIO) for s in test], [tags_of(s, BIO) for s in found])
    assert trial.row(RESULT)["f1"] == pytest.approx(expected, abs=0.01)
    assert trial.difference.value == pytest.approx(expected - trial.row(AGAIN)["f1"], abs=0.02)
    assert trial.untouched.value == pytest.approx(expected - trial.row(SENTENCES)["f1"], abs=0.02)
    assert trial.row(WHOLE)["f1"] == 100


def test_the_rows_say_what_is_there(delivered):
    work, trial, out = delivered
    model, tokenizer = load_raner(out / "model")
    row = trial.row(RESULT)
    assert (sum(row["heads_per_layer"]), sum(row["ffn_per_layer"])) == size_of(model)
    assert row["parameters"] == model.num_parameters() and row["vocabulary"] == len(tokenizer)
    assert trial.row(AGAIN)["parameters"] == work.model.num_parameters()
    assert multiply_adds(model, 20) < multiply_adds(work.model, 20)
    assert {row["scale"] for row in trial.rows} == {"mini"}


def test_all_characters_stay_where_no_size_is_asked_for(delivered):
    work, trial, out = delivered
    _, tokenizer = load_raner(out / "model")
    assert tokenizer.tokenizer.get_vocab() == work.tokenizer.tokenizer.get_vocab()
    assert trial.unread == ""


def test_where_a_size_is_asked_for_characters_of_train_dev_and_the_texts_stay(home, tmp_path):
    work = tiny_work(tmp_path, home, Target(megabytes=0.03), more=texts(6, seed=9))
    known = set().union(*(s.text for s in (*work.corpus.train, *work.corpus.dev)), *work.texts)
    model, tokenizer = work.in_vocabulary(work.model)
    assert model.config.vocab_size == len(tokenizer) < len(work.tokenizer)
    unknown = tokenizer.tokenizer.unk_token_id
    left = {token for token in tokenizer.tokenizer.get_vocab() if len(token) == 1}
    assert left <= known and all(
        unknown not in tokenizer.pieces(c) for c in known if unknown not in work.tokenizer.pieces(c)
    )


def test_the_bins_hold_all_that_was_found(delivered):
    work, trial, out = delivered
    answers = load_sentence_tagger(out / "model").predict([sentence.text for sentence in work.corpus.test])
    assert sum(each.count for each in trial.calibration) == sum(map(len, answers))
