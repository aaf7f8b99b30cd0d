"""ModelScope's own answers: ids, emissions, paths, confidences, spans."""

import numpy as np
import pytest
import torch
from published_layouts import expectations
from scipy.special import softmax

from utils.model.checkpoint import load_raner
from utils.model.torch_tagger import load_bf16_tagger, load_tagger
from utils.tagger.viterbi import viterbi


def encoder_input(tokenizer, expected):
    """ModelScope's ids, and the retrieved context that follows them: the encoder reads it, the CRF does not."""
    _, separator, context = expected["text"].partition("[SEP]")
    following = [*(piece for c in context for piece in tokenizer.pieces(c)), tokenizer.tokenizer.sep_token_id]
    return [*expected["input_ids"], *(following if separator else [])]


def test_modelscope_input_ids(published):
    _, tokenizer = load_raner(published)
    for expected in expectations(published):
        assert tokenizer.encode(expected["text"].split("[SEP]")[0])[0] == expected["input_ids"]


def test_modelscope_emissions_paths_and_confidences(published):
    model, tokenizer = load_raner(published)
    for expected in expectations(published):
        ids = torch.tensor([encoder_input(tokenizer, expected)])
        with torch.inference_mode():
            rows = model(ids, torch.ones_like(ids)).logits[:, 1 : 1 + expected["n"]].numpy()
        assert np.abs(rows[0, 0] - expected["emissions_row0"]).max() < 1e-4
        (path,) = viterbi(rows, np.array([expected["n"]]), *model.crf.scores())
        assert path.tolist() == expected["predictions"]
        assert [softmax(rows[0, e["start"]])[path[e["start"]]] for e in expected["pipeline"]] == pytest.approx(
            [e["prob"] for e in expected["pipeline"]], abs=1e-5
        )


def test_modelscope_spans(published):
    tagger = load_tagger(published)
    plain = [e for e in expectations(published) if "[SEP]" not in e["text"]]
    assert len(plain) == 2
    for expected, found in zip(plain, tagger.predict([e["text"] for e in plain]), strict=True):
        fields = [(e["start"], e["end"], e["type"], e["span"]) for e in expected["pipeline"]]
        assert [(e.start, e.end, e.type, e.text) for e in found] == fields


def test_bfloat16_is_close_and_its_crf_is_exact(tiny_published):
    """Eight bits of precision: off by more than float32 ever is, and by less than a few percent."""
    exact, rounded = load_tagger(tiny_published), load_bf16_tagger(tiny_published)
    ids, mask = exact.tokenizer.batch(["新华社北京二月十一日电"])[:2]
    expected, found = exact.backend(ids, mask), rounded.backend(ids, mask)
    assert found.dtype == np.float32
    assert 1e-4 < np.abs(expected - found).max() / np.abs(expected).max() < 0.05
    assert all(np.array_equal(a, b) for a, b in zip(exact.crf, rounded.crf, strict=True))
