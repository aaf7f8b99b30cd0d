"""An evaluation is what the tagger answers, and what scores and bootstrap say of that."""

from utils.measure.bootstrap import f1_interval
from utils.measure.evaluation import evaluate
from utils.measure.scores import entity_scores


def test_evaluate_scores_what_the_tagger_answers(tagger, sentences):
    evaluation = evaluate(tagger, sentences, seed=5)
    assert evaluation.predictions == tagger.predict([sentence.text for sentence in sentences])
    assert evaluation.scores == entity_scores(sentences, evaluation.predictions)
    assert (evaluation.f1_low, evaluation.f1_high) == f1_interval(sentences, evaluation.predictions, seed=5)
    assert evaluate(tagger, sentences) == evaluate(tagger, sentences, seed=0)
