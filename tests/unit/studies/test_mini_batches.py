"""Deterministic batches with legal labels, and a vocabulary that covers."""

import pytest
import torch
from mini_recipe import mini_tokenizer, some_batches

from utils.model.crf import compact
from utils.studies.mini_batches import BUCKETS, SPECIALS, TOKENS_A_BATCH, build_vocabulary, pieces
from utils.text.formats.bracketed import parse_bracketed
from utils.text.tags import RANER_LABELS


@pytest.fixture(scope="module")
def tokenizer():
    return mini_tokenizer()


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


def test_the_vocabulary_covers_common_text():
    vocabulary = set(build_vocabulary(["𠮷"]))
    assert set("的一是在不了有和人这abcz0189０９，。！？“”…·—") | {"𠮷"} <= vocabulary
    assert not any(token != token.lower() for token in vocabulary - set(SPECIALS))
