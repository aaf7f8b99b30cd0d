"""Scores against seqeval, intervals against SciPy, error rows against the counts they must add up to."""

import warnings
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from seqeval.metrics.v1 import precision_recall_fscore_support
from seqeval.scheme import IOBES
from transformers import BertConfig

from utils.measure.bootstrap import f1_interval, paired_bootstrap
from utils.measure.error_analysis import error_table
from utils.measure.evaluation import evaluate
from utils.measure.scores import agreement, entity_scores
from utils.model.raner import RanerModel
from utils.model.torch_tagger import torch_tagger
from utils.tagger.tokenizer import CharacterTokenizer
from utils.text.entities import Entity, Sentence, Span, annotate
from utils.text.tags import RANER_LABELS, bioes_tags

TYPES = ("LOC", "ORG", "PER")
CHARACTERS = "王伟在北京大学说上海很好"


def spans_of(pieces: list[tuple[int, str | None]], length: int) -> list[Span]:
    """Disjoint spans from `(length, type or None)` pieces laid end to end, cut at `length`."""
    spans, start = [], 0
    for size, kind in pieces:
        if kind and start + size <= length:
            spans.append(Span(start, start + size, kind))
        start += size
    return spans


def entities_of(sentence: Sentence, spans: list[Span]) -> list[Entity]:
    return list(annotate(sentence.text, spans).entities)


@st.composite
def answered_sentence(draw) -> tuple[Sentence, list[Entity]]:
    """A sentence and an answer that is partly right: pieces kept, retyped, or cut anew."""
    kinds = st.sampled_from([None, *TYPES])
    pieces = draw(st.lists(st.tuples(st.integers(1, 4), kinds), min_size=1, max_size=6))
    text = "字" * sum(size for size, _ in pieces)
    sentence = annotate(text, spans_of(pieces, len(text)))
    if draw(st.booleans()):
        answer = [(size, draw(st.sampled_from([kind, kind, None, *TYPES]))) for size, kind in pieces]
    else:
        answer = draw(st.lists(st.tuples(st.integers(1, 4), kinds), max_size=6))
    return sentence, entities_of(sentence, spans_of(answer, len(text)))


corpora = st.lists(answered_sentence(), min_size=1, max_size=8)


def seqeval_scores(sentences, predictions, average):
    gold = [bioes_tags(sentence) for sentence in sentences]
    found = [bioes_tags(annotate(s.text, [e.span for e in p])) for s, p in zip(sentences, predictions, strict=True)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return precision_recall_fscore_support(gold, found, average=average, scheme=IOBES, zero_division=0)


def assert_seqeval_agrees(sentences, predictions):
    ours = entity_scores(sentences, predictions)
    micro = [100 * value for value in seqeval_scores(sentences, predictions, "micro")[:3]]
    assert [ours.precision, ours.recall, ours.f1] == pytest.approx(micro)
    by_type = [[s.precision / 100, s.recall / 100, s.f1 / 100, s.support] for _, s in sorted(ours.by_type.items())]
    assert np.array(by_type).reshape(-1, 4) == pytest.approx(np.array(seqeval_scores(sentences, predictions, None)).T)
    assert ours.support == sum(s.support for s in ours.by_type.values())


@settings(max_examples=300, deadline=None)
@given(corpora)
def test_scores_are_those_of_seqeval(corpus):
    sentences, predictions = map(list, zip(*corpus, strict=True))
    if any(sentence.entities or found for sentence, found in corpus):
        assert_seqeval_agrees(sentences, predictions)
    else:
        assert entity_scores(sentences, predictions).f1 == 0


@pytest.fixture(scope="module")
def tagger(tmp_path_factory):
    directory = tmp_path_factory.mktemp("vocabulary")
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *sorted(set(CHARACTERS))]
    (directory / "vocab.txt").write_text("\n".join(tokens) + "\n", "utf-8")
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=len(tokens), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=64, id2label=dict(enumerate(RANER_LABELS)), initializer_range=1.0,
    )  # fmt: skip
    return torch_tagger(RanerModel(config), CharacterTokenizer.from_directory(directory))


@pytest.fixture(scope="module")
def sentences():
    rng = np.random.default_rng(3)
    drawn = []
    for _ in range(60):
        text = "".join(rng.choice(list(CHARACTERS), 12))
        drawn.append(annotate(text, [Span(s, s + 2, str(rng.choice(TYPES))) for s in (1, 5, 9) if rng.random() < 0.6]))
    return drawn


def test_predictions_of_a_model_score_as_in_seqeval(tagger, sentences):
    """Its own answers, some of them taken as gold, so that right and wrong entities both occur."""
    answers = tagger.predict([sentence.text for sentence in sentences])
    half = [annotate(s.text, [e.span for e in a]) for s, a in zip(sentences[:30], answers[:30], strict=True)]
    mixed = half + sentences[30:]
    scores = entity_scores(mixed, answers)
    assert 0 < scores.f1 < 100
    assert_seqeval_agrees(mixed, answers)


def test_evaluate_scores_what_the_tagger_answers(tagger, sentences):
    evaluation = evaluate(tagger, sentences, seed=5)
    assert evaluation.predictions == tagger.predict([sentence.text for sentence in sentences])
    assert evaluation.scores == entity_scores(sentences, evaluation.predictions)
    assert (evaluation.f1_low, evaluation.f1_high) == f1_interval(sentences, evaluation.predictions, seed=5)


def test_an_entity_counts_only_if_range_and_type_are_right():
    sentence = annotate("北京大学", [Span(0, 4, "ORG")])
    for wrong in (Span(0, 2, "ORG"), Span(0, 4, "LOC"), Span(1, 4, "ORG")):
        assert entity_scores([sentence], [entities_of(sentence, [wrong])]).f1 == 0
    assert entity_scores([sentence], [entities_of(sentence, [Span(0, 4, "ORG")])]).f1 == 100


def test_nothing_to_score_or_a_missing_answer_is_an_error():
    sentence = annotate("北京", [Span(0, 2, "LOC")])
    with pytest.raises(ValueError, match="no sentences"):
        entity_scores([], [])
    with pytest.raises(ValueError, match="2 sentences, but predictions for 1"):
        entity_scores([sentence, sentence], [[]])
    with pytest.raises(ValueError):
        error_table([sentence], [])


def system(sentences: list[Sentence], right: float, seed: int) -> list[list[Entity]]:
    """Answers that find each gold entity with probability `right`, else with the wrong type."""
    rng = np.random.default_rng(seed)
    retyped = {"LOC": "ORG", "ORG": "PER", "PER": "LOC"}
    return [
        entities_of(s, [e.span if rng.random() < right else e.span._replace(type=retyped[e.type]) for e in s.entities])
        for s in sentences
    ]


def count_table(sentences, predictions) -> np.ndarray:
    return np.array(
        [
            (len(s.spans & {e.span for e in found}), len(found), len(s.entities))
            for s, found in zip(sentences, predictions, strict=True)
        ]
    )


def f1_of(correct, predicted, gold, axis=-1):
    return 200 * correct.sum(axis) / (predicted.sum(axis) + gold.sum(axis))


def scipy_bootstrap(table: np.ndarray, statistic):
    return stats.bootstrap(
        table.T, statistic, paired=True, vectorized=True, n_resamples=20_000, method="percentile",
        rng=np.random.default_rng(0),
    )  # fmt: skip


def test_f1_interval_is_that_of_scipy(sentences):
    predictions = system(sentences, 0.7, seed=0)
    reference = scipy_bootstrap(count_table(sentences, predictions), f1_of)
    noise = 0.25 * reference.standard_error  # three standard errors of a 2.5 % quantile of 1000 samples
    assert f1_interval(sentences, predictions) == pytest.approx(tuple(reference.confidence_interval), abs=noise)


def test_difference_is_that_of_scipy(sentences):
    a, b = system(sentences, 0.6, seed=1), system(sentences, 0.66, seed=3)

    def difference(*columns, axis=-1):
        return f1_of(*columns[3:], axis=axis) - f1_of(*columns[:3], axis=axis)

    reference = scipy_bootstrap(np.hstack([count_table(sentences, a), count_table(sentences, b)]), difference)
    found, noise = paired_bootstrap(sentences, a, b), 0.25 * reference.standard_error
    assert found.f1 == pytest.approx(entity_scores(sentences, b).f1 - entity_scores(sentences, a).f1)
    assert (found.low, found.high) == pytest.approx(tuple(reference.confidence_interval), abs=noise)
    as_far = (np.abs(reference.bootstrap_distribution - found.f1) >= abs(found.f1)).mean()
    assert 0.1 < as_far < 0.9, "an example at the edge would show little"
    assert found.p_value == pytest.approx(as_far, abs=0.045)


def test_the_same_seed_gives_the_same_interval(sentences):
    predictions = system(sentences, 0.7, seed=0)
    assert f1_interval(sentences, predictions, seed=4) == f1_interval(sentences, predictions, seed=4)
    assert f1_interval(sentences, predictions, seed=4) != f1_interval(sentences, predictions, seed=5)


def test_a_system_does_not_differ_from_itself(sentences):
    predictions = system(sentences, 0.7, seed=0)
    assert paired_bootstrap(sentences, predictions, predictions) == (0, 0, 0, 1)


def test_swapping_the_systems_turns_the_difference_around(sentences):
    a, b = system(sentences, 0.6, seed=1), system(sentences, 0.75, seed=2)
    there, back = paired_bootstrap(sentences, a, b), paired_bootstrap(sentences, b, a)
    assert (back.f1, back.low, back.high) == pytest.approx((-there.f1, -there.high, -there.low))
    assert back.p_value == pytest.approx(there.p_value)


def test_a_clear_gain_is_significant_and_above_zero(sentences):
    gain = paired_bootstrap(sentences, system(sentences, 0.3, seed=1), system(sentences, 0.95, seed=2))
    assert gain.low > 0
    assert 0 < gain.p_value < 0.01


def test_p_values_of_equal_systems_rarely_fall_below_five_percent(sentences):
    """Under "no difference" a test at 5 % errs in about 5 % of the cases (binomial: under 20 of 120)."""
    pairs = ((system(sentences, 0.7, seed), system(sentences, 0.7, 1000 + seed)) for seed in range(120))
    p_values = np.array([paired_bootstrap(sentences, a, b).p_value for a, b in pairs])
    assert (p_values < 0.05).sum() < 20
    assert 0.3 < np.median(p_values) < 0.7


def test_agreement_counts_sentences_with_the_same_spans():
    sentence = annotate("王伟在北京", [Span(0, 2, "PER"), Span(3, 5, "LOC")])
    both, retyped = list(sentence.entities), entities_of(sentence, [Span(0, 2, "PER"), Span(3, 5, "ORG")])
    surer = [Entity(e.start, e.end, e.type, e.text, 0.9) for e in both]
    assert agreement([both, both, [], both], [surer, retyped, [], both[:1]]) == 50
    with pytest.raises(ValueError):
        agreement([both], [])
    with pytest.raises(ValueError, match="no sentences"):
        agreement([], [])


@pytest.mark.parametrize(
    ("gold", "found", "expected"),
    [
        ([Span(0, 4, "ORG")], [], [("missed", "北京大学", "")]),
        ([], [Span(4, 6, "PER")], [("spurious", "", "王伟")]),
        ([Span(0, 4, "ORG")], [Span(0, 4, "LOC")], [("wrong type", "北京大学", "北京大学")]),
        ([Span(0, 4, "ORG")], [Span(0, 2, "LOC")], [("wrong boundary", "北京大学", "北京")]),
        ([Span(0, 4, "ORG")], [Span(0, 1, "LOC"), Span(1, 4, "ORG")], [
            ("wrong boundary", "北京大学", "京大学"), ("spurious", "", "北"),
        ]),
        ([Span(0, 2, "LOC"), Span(2, 4, "ORG")], [Span(0, 4, "ORG")], [
            ("wrong boundary", "北京", "北京大学"), ("missed", "大学", ""),
        ]),
        ([Span(0, 4, "ORG"), Span(4, 6, "PER")], [Span(0, 4, "ORG"), Span(4, 6, "PER")], []),
    ],
)  # fmt: skip
def test_error_kinds(gold, found, expected):
    sentence = annotate("北京大学王伟", gold, domain="教育", trap="org-contains-loc")
    rows = error_table([annotate("无", []), sentence], [[], entities_of(sentence, found)])
    assert [(row.kind, row.gold_text, row.predicted_text) for row in rows] == expected
    assert {(row.domain, row.trap, row.sentence) for row in rows} <= {("教育", "org-contains-loc", 1)}


@settings(max_examples=200, deadline=None)
@given(corpora)
def test_error_rows_add_up_to_the_wrong_entities_of_both_sides(corpus):
    sentences, predictions = map(list, zip(*corpus, strict=True))
    rows = error_table(sentences, predictions)
    for index, (sentence, found) in enumerate(corpus):
        spans = {entity.span for entity in found}
        mine = [row for row in rows if row.sentence == index]
        assert Counter(row.gold_type for row in mine if row.gold_type) == Counter(
            s.type for s in sentence.spans - spans
        )
        assert Counter(row.predicted_type for row in mine if row.predicted_type) == Counter(
            s.type for s in spans - sentence.spans
        )
