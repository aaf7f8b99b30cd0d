"""Loaded in full or not at all, every fault named; saved and loaded is the same model."""

import re

import hugging_face
import pytest
import torch
from published_layouts import assert_equal_states, edit, read_pickle, without_labels
from transformers import AutoModelForTokenClassification, AutoTokenizer, BertConfig

from utils.files import CheckpointError
from utils.model.checkpoint import load_raner, save_raner
from utils.model.raner import RanerModel
from utils.model.torch_tagger import torch_tagger

NAMED = "encoder.encoder.layer.1.output.dense.weight"
TENSOR_FAULTS = {
    "missing": (lambda t: t.pop(NAMED), r"missing bert\.encoder\.layer\.1\.output\.dense\.weight \(32, 64\)"),
    "unexpected": (
        lambda t: t.update({"encoder.encoder.layer.2.output.dense.bias": torch.zeros(32)}),
        r"unexpected bert\.encoder\.layer\.2\.output\.dense\.bias \(32,\)",
    ),
    "foreign": (lambda t: t.update({"lstm.weight": torch.zeros(3)}), r"unexpected lstm\.weight \(3,\)"),
    "misshapen": (
        lambda t: t.update({NAMED: torch.zeros(32, 63)}),
        r"bert\.encoder\.layer\.1\.output\.dense\.weight is \(32, 63\), config says \(32, 64\)",
    ),
    "half a CRF": (lambda t: t.pop("crf.transitions"), r"missing crf\.transitions \(13, 13\)"),
    "no classifier": (
        lambda t: [t.pop("linear.weight"), t.pop("linear.bias")],
        r"2 tensors do not fit: missing classifier\.bias",
    ),
    "too many labels": (
        lambda t: t.update({"linear.bias": torch.zeros(14)}),
        r"classifier\.bias is \(14,\), config says \(13,\)",
    ),
}


@pytest.mark.parametrize("fault", TENSOR_FAULTS)
def test_tensor_that_does_not_fit_is_named(copy, fault):
    change, message = TENSOR_FAULTS[fault]
    tensors = dict(read_pickle(copy))
    change(tensors)
    torch.save(tensors, copy / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=message):
        load_raner(copy)


def drop(name):
    return lambda path: (path / name).unlink()


def settings(change, name="config.json"):
    return lambda path: edit(path / name, change)


DIRECTORY_FAULTS = {
    "no config": (drop("config.json"), "no config.json"),
    "broken config": (lambda path: (path / "config.json").write_text("{"), "config.json: not valid JSON"),
    "no weights": (drop("pytorch_model.bin"), "neither model.safetensors nor pytorch_model.bin"),
    "no vocabulary": (drop("vocab.txt"), "no vocab.txt"),
    "long vocabulary": (
        lambda path: (path / "vocab.txt").write_text((path / "vocab.txt").read_text("utf-8") + "龘\n", "utf-8"),
        "vocab.txt has 714 entries, the embedding only 713",
    ),
    "another architecture": (settings(lambda c: c.update(model_type="xlm-roberta")), "'xlm-roberta'.*BERT encoders"),
    "no labels": (without_labels, "label names in neither"),
    "gap in labels": (settings(lambda c: c["id2label"].pop("5")), r"label indices \[0, 1, 2, 3, 4, 6.* have gaps"),
    "label twice": (
        settings(lambda c: c.update({"O": 0, "B-PER": 1, "E-PER": 1}), "label_mapping.json"),
        r"label indices \[0, 1, 1\] have gaps or repeats",
    ),
    "not an object": (lambda path: (path / "config.json").write_text("[]"), "config.json: holds no JSON object"),
    "a size that is text": (settings(lambda c: c.update(hidden_size="32")), r"config\.json: .*hidden_size"),
    "heads that do not fit": (settings(lambda c: c.update(num_attention_heads=5)), "describes no BERT"),
    "an unknown activation": (settings(lambda c: c.update(hidden_act="nope")), "describes no BERT"),
    "padding that is no row": (settings(lambda c: c.update(pad_token_id=5000)), "describes no BERT"),
    "hardly a position": (settings(lambda c: c.update(max_position_embeddings=4)), "a tagger needs 8 at least"),
    "labels of two schemes": (
        settings(lambda c: c["id2label"].update({"7": "M-LOC", "6": "U-PER"})),
        "not those of one scheme",
    ),
    "a prefix of no scheme": (settings(lambda c: c["id2label"].update({"2": "W-LOC"})), "W-LOC: no scheme .* prefix W"),
    "labels without a scheme": (
        settings(lambda c: c.update(id2label={str(i): f"LABEL_{i}" for i in range(13)})),
        "labels LABEL_0, .* are not BIO or BIOES",
    ),
    "label mapping of nothing": (
        settings(lambda c: c.update(O=None), "label_mapping.json"),
        "is no mapping between labels and numbers",
    ),
}


@pytest.mark.parametrize("fault", DIRECTORY_FAULTS)
def test_faulty_directory_is_explained(copy, fault):
    break_it, message = DIRECTORY_FAULTS[fault]
    break_it(copy)
    with pytest.raises(CheckpointError, match=message):
        load_raner(copy)


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"


@pytest.mark.parametrize("name", ["config.json", "vocab.txt", "pytorch_model.bin", "model.safetensors"])
def test_case_32_a_git_lfs_pointer_is_called_one(copy, name):
    (copy / name).write_text(POINTER)
    with pytest.raises(CheckpointError, match=rf"{re.escape(name)}: a Git LFS pointer.*`git lfs pull`"):
        load_raner(copy)


def test_case_11_a_directory_of_transformers_5_answers_as_it_does_there(tmp_path):
    """`tokenizer.json` and no `vocab.txt`; saved here, it has the older layout, and answers alike."""
    hugging_face.save(tmp_path / "theirs")
    reference = AutoModelForTokenClassification.from_pretrained(tmp_path / "theirs").eval()
    characters = AutoTokenizer.from_pretrained(tmp_path / "theirs")
    model, tokenizer = load_raner(tmp_path / "theirs")
    for text in ("陈默在北京说，天地玄黄。", "iPhone15在2024年", "Éé E龘 “"):
        pieces = [characters(c, add_special_tokens=False)["input_ids"] or [characters.unk_token_id] for c in text]
        ids = torch.tensor([[characters.cls_token_id, *sum(pieces, []), characters.sep_token_id]])
        assert tokenizer.encode(text)[0] == ids[0].tolist()
        with torch.no_grad():
            torch.testing.assert_close(model(ids, ids >= 0).logits, reference(ids).logits)
    ours, vocabulary = load_raner(save_raner(model, tokenizer, tmp_path / "ours"))
    assert_equal_states(ours, model)
    assert vocabulary.encode("iPhone15Éé “") == tokenizer.encode("iPhone15Éé “")


def test_case_16_what_a_model_reads_at_once_is_known_to_its_tokenizer(tmp_path):
    hugging_face.save(tmp_path, hugging_face.tagger(max_position_embeddings=32))
    model, tokenizer = load_raner(tmp_path)
    again, restored = load_raner(save_raner(model, tokenizer, tmp_path / "saved"))
    assert tokenizer.limit == restored.limit == 30 == torch_tagger(again, restored).limit
    assert AutoTokenizer.from_pretrained(tmp_path / "saved", tokenizer_type="bert").model_max_length == 32


def test_weights_in_fewer_bits_are_read_as_float32(tmp_path):
    half = hugging_face.tagger().to(torch.bfloat16)
    model, _ = load_raner(hugging_face.save(tmp_path, half))
    assert {tensor.dtype for tensor in model.state_dict().values()} == {torch.float32}
    assert torch.equal(model.classifier.weight, half.classifier.weight.float())


@pytest.mark.parametrize("source", ["no-such-directory", "/no/such/directory"])
def test_unknown_source(source):
    with pytest.raises(CheckpointError, match=f"{source}: no such model directory"):
        load_raner(source)


def test_saved_and_loaded_is_bit_equal(tiny_published, tmp_path):
    model, tokenizer = load_raner(tiny_published)
    again, vocabulary = load_raner(save_raner(model, tokenizer, tmp_path / "saved"))
    assert_equal_states(again, model)
    assert again.labels == model.labels
    text = "新华社 Abc123 京😀"
    assert vocabulary.encode(text) == tokenizer.encode(text)
    assert not again.training


def test_half_precision_is_the_rounded_model(tiny_published, tmp_path):
    model, tokenizer = load_raner(tiny_published)
    again, _ = load_raner(save_raner(model, tokenizer, tmp_path, torch.float16))
    for name, tensor in again.state_dict().items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, model.state_dict()[name].half().float())


def test_narrow_model_there_and_back(tiny_published, tmp_path):
    """A layer with two heads of four and 10 neurons of 64, and one that lost all its heads."""
    config = BertConfig.from_pretrained(tiny_published)
    config.kept_heads, config.kept_neurons = [[0, 3], []], [list(range(10)), list(range(64))]
    model, (_, tokenizer) = RanerModel(config).eval(), load_raner(tiny_published)
    again, _ = load_raner(save_raner(model, tokenizer, tmp_path))
    assert_equal_states(again, model)
    layer = again.bert.encoder.layer[0]
    assert layer.attention.self.query.weight.shape == (16, 32) and layer.intermediate.dense.weight.shape == (10, 32)
    ids = torch.tensor([[101, 239, 447, 102]])
    with torch.inference_mode():
        torch.testing.assert_close(again(ids, ids > 0).logits, model(ids, ids > 0).logits)
