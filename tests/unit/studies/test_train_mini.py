"""The recipe of the embedded model: growth that copies, training that can be interrupted, and what came of it."""

import pytest
import torch
from mini_recipe import STAGE, mini_tokenizer, some_batches

from utils.model.checkpoint import MINI_RANER, load_raner
from utils.studies import mini_batches, train_mini
from utils.studies.mini_batches import BUCKETS, Stage
from utils.studies.train_mini import grow, new_model
from utils.text.corpus import load_corpus
from utils.text.tags import RANER_LABELS


def test_growing_stacks_copies():
    model = new_model(50, Stage(2, 1, 1e-3, 0, "linear", 0.2, 1))
    grown = grow(model, Stage(4, 1, 1e-3, 0, "linear", 0.0, 1))
    old, new = model.raner.bert.encoder.layer, grown.raner.bert.encoder.layer
    assert len(new) == 4 and grown.raner.config.num_hidden_layers == 4
    for index, layer in enumerate(new):
        assert torch.equal(layer.output.dense.weight, old[index % 2].output.dense.weight)
    assert new[0].output.dense.weight.data_ptr() != new[2].output.dense.weight.data_ptr()


def test_an_interrupted_stage_ends_with_the_same_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(mini_batches, "TOKENS_A_BATCH", BUCKETS[-1])
    monkeypatch.setattr(train_mini, "SAVE_STEPS", 2)
    batches = some_batches(mini_tokenizer())

    def train(out, steps_before_interrupt=None):
        torch.manual_seed(1)
        model = new_model(len(batches.tokenizer), STAGE)
        model.raner.config.hidden_dropout_prob = 0.0
        if steps_before_interrupt:
            interrupt_at = _Interrupt(batches, steps_before_interrupt)
            with pytest.raises(KeyboardInterrupt):
                train_mini.train_stage(model, interrupt_at, STAGE, out, 1)
        train_mini.train_stage(model, batches, STAGE, out, 1)
        return model.state_dict()

    whole, resumed = train(tmp_path / "whole"), train(tmp_path / "resumed", 4)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


class _Interrupt:
    """The batches, until the power goes off."""

    def __init__(self, batches, step):
        self.batches, self.step = batches, step

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, step):
        if step >= self.step:
            raise KeyboardInterrupt
        return self.batches[step]


def test_the_shipped_model_has_the_article_grid():
    model, tokenizer = load_raner(MINI_RANER)
    assert (model.config.num_hidden_layers, model.config.num_attention_heads) == (12, 12)
    assert model.labels == list(RANER_LABELS)
    unknown = tokenizer.tokenizer.unk_token_id
    characters = {c for s in load_corpus().test for c in s.text}
    assert sum(tokenizer.pieces(c) == [unknown] for c in characters) < 0.02 * len(characters)
