"""ModelScope's own answers: ids, emissions, paths, confidences, spans."""

import hugging_face
import numpy as np
import pytest
import torch
from published_layouts import expectations
from scipy.special import softmax
from seqeval.metrics.sequence_labeling import get_entities
from transformers import AutoModelForTokenClassification, AutoTokenizer, pipeline

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


def test_case_18_a_plain_tagger_reads_chinese_as_transformers_pipeline_does(tmp_path):
    texts, count = ["陈默在北京说，天地玄黄。", "宇宙洪荒天地", "龘说年"], 0
    for seed in range(4):
        path = hugging_face.save(tmp_path / str(seed), hugging_face.tagger(seed=seed))
        theirs = pipeline("token-classification", str(path), aggregation_strategy="simple")
        for text, entities in zip(texts, load_tagger(path).predict(texts), strict=True):
            expected = [(e["start"], e["end"], e["entity_group"]) for e in theirs(text)]
            assert [tuple(entity.span) for entity in entities] == expected
            count += len(entities)
    assert count > 10


@pytest.mark.parametrize("text", ["iPhone15在2024年", "i北P京e"])
def test_case_18_latin_and_numbers_are_read_as_transformers_reads_single_characters(tmp_path, text):
    """The tokenizer's own word-by-word input, each character a word; seqeval reads the tags."""
    hugging_face.save(tmp_path)
    model = AutoModelForTokenClassification.from_pretrained(tmp_path)
    encoding = AutoTokenizer.from_pretrained(tmp_path)(list(text), is_split_into_words=True, return_tensors="pt")
    with torch.no_grad():
        best = model(**encoding).logits[0].argmax(-1).tolist()
    words = encoding.word_ids()
    tags = [model.config.id2label[best[words.index(place)]] for place in range(len(text))]
    expected = [(start, end + 1, kind) for kind, start, end in get_entities(tags)]
    assert [tuple(entity.span) for entity in load_tagger(tmp_path).predict([text])[0]] == expected
