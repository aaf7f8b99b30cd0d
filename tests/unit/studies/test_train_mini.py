"""The recipe of the embedded model: deterministic batches, growth that copies, a vocabulary that covers."""

import pytest
import torch
from transformers import BertTokenizer

from utils.model.checkpoint import MINI_RANER, load_raner
from utils.model.crf import compact
from utils.studies import train_mini
from utils.studies.train_mini import (
    BUCKETS,
    TOKENS_A_BATCH,
    Stage,
    TrainingBatches,
    build_vocabulary,
    grow,
    new_model,
    pieces,
)
from utils.tagger.tokenizer import CharacterTokenizer
from utils.text.corpus import load_corpus
from utils.text.formats.bracketed import parse_bracketed
from utils.text.tags import RANER_LABELS

STAGE = Stage(1, 6, 1e-3, 1, "linear", 0.2, 1)


@pytest.fixture(scope="module")
def tokenizer():
    texts = [s.text for s in load_corpus().train]
    vocabulary = {token: i for i, token in enumerate(build_vocabulary(texts))}
    return CharacterTokenizer(BertTokenizer(vocab=vocabulary, do_lower_case=True))


def some_batches(tokenizer):
    return TrainingBatches(load_corpus().train, ["今天天气很好，大家都出门了。"] * 300, tokenizer, STAGE, seed=5)


@pytest.fixture(scope="module")
def batches(tokenizer):
    return some_batches(tokenizer)


def test_a_batch_depends_on_seed_and_step_alone(batches, tokenizer):
    again = some_batches(tokenizer)
    for step in (3, 0):
        assert all(torch.equal(batches[step][key], again[step][key]) for key in batches[step])


def test_shapes_come_from_few_buckets(batches):
    shapes = {tuple(batches[step]["input_ids"].shape) for step in range(len(batches))}
    assert shapes <= {(TOKENS_A_BATCH // width, width) for width in BUCKETS}


def test_masked_characters_are_the_targets(batches, tokenizer):
    batch = batches[0]
    hidden = batch["targets"] >= 0
    assert 0.1 < hidden.sum() / (batch["attention_mask"].sum()) < 0.2
    assert (batch["input_ids"][hidden] == tokenizer.tokenizer.mask_token_id).all()


def test_labels_are_legal_bioes(batches):
    batch = batches[0]
    labelled = batch["labels"] >= 0
    rows = compact(batch["labels"], labelled)
    for row, length in zip(rows, labelled.sum(1), strict=True):
        tags = [RANER_LABELS[i] for i in row[:length]]
        for left, right in zip(tags, tags[1:], strict=False):
            assert (left[0] in "BI") == (right[0] in "IE") and (left[0] not in "BI" or left[2:] == right[2:])


def test_a_long_sentence_is_cut_and_only_an_entity_across_a_cut_is_lost():
    kept, widest = "[陈默](PER)在[北京](LOC)说，天气很好。", BUCKETS[-1] - 2
    across = "字" * (widest - 1) + "[云汀日报](ORG)"
    parts = pieces(parse_bracketed(kept * 20 + across))
    assert len(parts) > 3 and max(len(part.text) for part in parts) <= widest
    assert "".join(part.text for part in parts) == parse_bracketed(kept * 20 + across).text
    assert [e.text for part in parts for e in part.entities] == ["陈默", "北京"] * 20


def test_growing_stacks_copies():
    model = new_model(50, Stage(2, 1, 1e-3, 0, "linear", 0.2, 1))
    grown = grow(model, Stage(4, 1, 1e-3, 0, "linear", 0.0, 1))
    old, new = model.raner.bert.encoder.layer, grown.raner.bert.encoder.layer
    assert len(new) == 4 and grown.raner.config.num_hidden_layers == 4
    for index, layer in enumerate(new):
        assert torch.equal(layer.output.dense.weight, old[index % 2].output.dense.weight)
    assert new[0].output.dense.weight.data_ptr() != new[2].output.dense.weight.data_ptr()


def test_an_interrupted_stage_ends_with_the_same_weights(tokenizer, tmp_path, monkeypatch):
    monkeypatch.setattr(train_mini, "TOKENS_A_BATCH", BUCKETS[-1])
    batches = some_batches(tokenizer)

    def train(out, steps_before_interrupt=None):
        torch.manual_seed(1)
        model = new_model(len(batches.tokenizer), STAGE)
        model.raner.config.hidden_dropout_prob = 0.0
        if steps_before_interrupt:
            interrupt_at = _Interrupt(batches, steps_before_interrupt)
            with pytest.raises(KeyboardInterrupt):
                train_mini.train_stage(model, interrupt_at, STAGE, out, 1, save_steps=2)
        train_mini.train_stage(model, batches, STAGE, out, 1, save_steps=2)
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


def test_the_vocabulary_covers_common_text():
    vocabulary = set(build_vocabulary(["𠮷"]))
    assert set("的一是在不了有和人这abcz0189０９，。！？“”…·—") | {"𠮷"} <= vocabulary
    assert not any(token != token.lower() for token in vocabulary - set(train_mini.SPECIALS))


def test_the_shipped_model_has_the_article_grid():
    model, tokenizer = load_raner(MINI_RANER)
    assert (model.config.num_hidden_layers, model.config.num_attention_heads) == (12, 12)
    assert model.labels == list(RANER_LABELS)
    unknown = tokenizer.tokenizer.unk_token_id
    characters = {c for s in load_corpus().test for c in s.text}
    assert sum(tokenizer.pieces(c) == [unknown] for c in characters) < 0.02 * len(characters)
