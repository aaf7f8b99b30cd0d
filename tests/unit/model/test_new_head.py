"""The encoder stays, the head is new: its tags, its size, its chance answers; and it can be trained."""

import pytest
import torch
from tiny_models import random_raner, same_weights, tiny_tokenizer

from utils.compress.curves import learning_curve
from utils.compress.pruning.remove import prune_heads
from utils.compress.recovery.fine_tuning import fine_tune
from utils.compress.training import Schedule
from utils.model.checkpoint import load_raner, save_raner
from utils.model.new_head import with_new_head
from utils.text.entities import Corpus, Span, annotate

TYPES = ["company", "name"]


def test_the_encoder_is_the_models_and_the_tags_are_of_the_types():
    model = prune_heads(random_raner(), {0: [1]})
    fresh = with_new_head(model, TYPES, seed=3)
    assert fresh.labels == ["O", *(f"{prefix}-{kind}" for kind in TYPES for prefix in "BIES")]
    for name, tensor in model.bert.state_dict().items():
        assert torch.equal(fresh.bert.state_dict()[name], tensor)
    assert fresh.crf.transitions.abs().sum() == 0 and fresh.classifier.weight.shape == (9, 24)
    assert 0.01 < float(fresh.classifier.weight.detach().std()) < 0.03
    other = with_new_head(model, TYPES, seed=4)
    assert not torch.equal(fresh.classifier.weight, other.classifier.weight)


def test_the_model_itself_stays_as_it_is():
    model = random_raner()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with torch.no_grad():
        for parameter in with_new_head(model, TYPES, 1).parameters():
            parameter.zero_()
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert model.config.num_labels == 13


def test_no_types_are_refused():
    with pytest.raises(ValueError, match="no entity types"):
        with_new_head(random_raner(), [], 1)


def test_it_learns_types_that_the_old_head_had_no_tag_for(tmp_path):
    lines, found = ["天地在宇宙", "月天地", "玄来暑往", "寒玄", "天地玄"], {"天地": "company", "玄": "name"}
    sentences = [
        annotate(line, [Span(line.index(n), line.index(n) + len(n), k) for n, k in found.items() if n in line])
        for line in lines * 8
    ]
    corpus, tokenizer = Corpus(sentences, sentences[:5], sentences[:5]), tiny_tokenizer()
    fresh = with_new_head(random_raner(), corpus.types, 1)
    trained = fine_tune(fresh, tokenizer, corpus, tmp_path / "run", Schedule(learning_rate=5e-3, steps=40))
    losses = [epoch.loss for epoch in learning_curve(tmp_path / "run")]
    assert len(losses) == 20 and losses[-1] < 0.7 * losses[0]
    again, _ = load_raner(save_raner(trained, tokenizer, tmp_path / "saved"))
    assert again.labels == fresh.labels and same_weights(again, trained)
