"""Checkpoints: ModelScope's own answers, every published layout, every fault named."""

import json
import re
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from scipy.special import softmax
from transformers import BertConfig, BertForTokenClassification

from utils.files import CheckpointError
from utils.model.checkpoint import load_raner, save_raner
from utils.model.raner import IGNORED_LABEL, RanerModel
from utils.model.torch_tagger import load_bf16_tagger, load_tagger
from utils.tagger.viterbi import viterbi
from utils.text.tags import RANER_LABELS

LAYOUTS = ("tiny_published", "tiny_head")
BIO = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
ADASEQ = ["O", *(f"{p}-{t}" for t in ("LOC", "ORG", "PER") for p in "BIES")]


@pytest.fixture(params=LAYOUTS)
def published(request):
    return request.getfixturevalue(request.param)


def expectations(directory):
    return json.loads((directory / "expected.json").read_text("utf-8"))


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
    wanted, found = exact.backend(ids, mask), rounded.backend(ids, mask)
    assert found.dtype == np.float32
    assert 1e-4 < np.abs(wanted - found).max() / np.abs(wanted).max() < 0.05
    assert all(np.array_equal(a, b) for a, b in zip(exact.crf, rounded.crf, strict=True))


def test_separator_typed_by_a_user_is_plain_text(tiny_published):
    _, tokenizer = load_raner(tiny_published)
    ids, labelled = tokenizer.encode("地[SEP]名")
    assert ids.count(tokenizer.tokenizer.sep_token_id) == 1 and ids[-1] == tokenizer.tokenizer.sep_token_id
    assert sum(labelled) == len("地[SEP]名")


RENAMES = {
    "module.": [(r"^", "module.")],
    "model.": [(r"^", "model.")],
    "module.model.": [(r"^", "module.model.")],
    "head": [(r"^(linear|crf)\.", r"head.\1.")],
    "adaseq": [(r"^encoder\.", "embedder.transformer_model.")],
    "gamma and beta": [(r"LayerNorm\.weight$", "LayerNorm.gamma"), (r"LayerNorm\.bias$", "LayerNorm.beta")],
    "hugging face": [(r"^encoder\.", "bert."), (r"^linear\.", "classifier.")],
    "all at once": [
        (r"^encoder\.", "embedder.transformer_model."),
        (r"LayerNorm\.weight$", "LayerNorm.gamma"),
        (r"^(?=linear|crf)", "head."),
        (r"^", "module."),
    ],
}


def read_pickle(directory):
    return torch.load(directory / "pytorch_model.bin", weights_only=True)


@pytest.fixture
def copy(tiny_published, tmp_path):
    return shutil.copytree(tiny_published, tmp_path / "copy")


def rename(tensors, renames):
    for pattern, replacement in renames:
        tensors = {re.sub(pattern, replacement, name, count=1): tensor for name, tensor in tensors.items()}
    return tensors


@pytest.mark.parametrize("layout", RENAMES)
@pytest.mark.parametrize("safe", [False, True], ids=["pickle", "safetensors"])
def test_every_layout_gives_the_same_model(copy, tiny_published, layout, safe):
    tensors = rename(read_pickle(copy), RENAMES[layout])
    assert set(tensors) != set(read_pickle(copy))
    (copy / "pytorch_model.bin").unlink()
    save_file(tensors, copy / "model.safetensors") if safe else torch.save(tensors, copy / "pytorch_model.bin")
    assert_equal_states(load_raner(copy)[0], load_raner(tiny_published)[0])


def assert_equal_states(model, reference):
    state, expected = model.state_dict(), reference.state_dict()
    assert state.keys() == expected.keys()
    assert all(torch.equal(state[name], expected[name]) for name in expected)


def without_labels(directory):
    return edit(directory / "config.json", lambda c: [c.pop("id2label"), c.pop("num_labels")])


def edit(path, change):
    settings = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    change(settings)
    path.write_text(json.dumps(settings), "utf-8")


IDS = {label: i for i, label in enumerate(ADASEQ)}
NAMES = {str(i): label for i, label in enumerate(ADASEQ)}
LABEL_PLACES = {
    "label_mapping.json": ("label_mapping.json", lambda c: c.update(IDS)),
    "configuration.json model.label2id": ("configuration.json", lambda c: c["model"].update(label2id=IDS)),
    "configuration.json model.id2label": ("configuration.json", lambda c: c["model"].update(id2label=NAMES)),
    "configuration.json preprocessor": ("configuration.json", lambda c: c.update(preprocessor={"id_to_label": NAMES})),
    "config.json label_to_id": ("config.json", lambda c: c.update(label_to_id=IDS)),
    "config.json numbers as text": ("config.json", lambda c: c.update(label2id={k: str(v) for k, v in IDS.items()})),
}


@pytest.mark.parametrize("place", LABEL_PLACES)
def test_labels_are_read_where_they_stand(copy, place):
    without_labels(copy)
    name, change = LABEL_PLACES[place]
    edit(copy / name, change)
    assert load_raner(copy)[0].labels == ADASEQ


def test_labels_are_looked_up_in_order(copy):
    assert load_raner(copy)[0].labels == list(RANER_LABELS)
    edit(copy / "configuration.json", lambda c: c["model"].update(id2label=NAMES))
    assert load_raner(copy)[0].labels == ADASEQ
    other = list(reversed(ADASEQ))
    edit(copy / "label_mapping.json", lambda c: c.update({label: i for i, label in enumerate(other)}))
    assert load_raner(copy)[0].labels == other


@pytest.mark.parametrize("labels", [BIO, ["O", "B-PER", "I-PER", "E-PER", "S-PER"], [*BIO, "[PAD]"]])
def test_plain_token_classifier(tiny_published, tmp_path, labels):
    """Without a CRF, Viterbi is transformers' own argmax."""
    config = BertConfig.from_pretrained(tiny_published, num_labels=len(labels), id2label=dict(enumerate(labels)))
    torch.manual_seed(0)
    reference = BertForTokenClassification(config).eval()
    reference.save_pretrained(tmp_path)
    shutil.copy(tiny_published / "vocab.txt", tmp_path)
    model, tokenizer = load_raner(tmp_path)
    assert model.labels == labels
    batch = tokenizer.batch(["新华社北京二月十一日电", "地名"])
    ids, mask = torch.from_numpy(batch.input_ids), torch.from_numpy(batch.attention_mask)
    with torch.inference_mode():
        emissions, logits = model(ids, mask).logits, reference(ids, attention_mask=mask).logits
    torch.testing.assert_close(emissions[mask > 0], logits[mask > 0], atol=1e-5, rtol=0)
    paths = viterbi(emissions.numpy(), mask.sum(1).numpy(), *model.crf.scores())
    assert [path.tolist() for path in paths] == [
        row[: m.sum()].argmax(1).tolist() for row, m in zip(logits, mask, strict=True)
    ]


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


class Harmful:
    """Unpickled without care, it would create a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_pickle_that_runs_code_is_not_opened(copy, tmp_path):
    torch.save({"linear.weight": Harmful(tmp_path / "harm")}, copy / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=r"pytorch_model\.bin: not opened, .*UnpicklingError"):
        load_raner(copy)
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize("content", [[torch.zeros(2)], {"state_dict": {"a": torch.zeros(2)}}, {"epoch": 3}])
def test_pickle_of_something_else(copy, content):
    torch.save(content, copy / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=r"pytorch_model\.bin: not a plain mapping"):
        load_raner(copy)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.safetensors"])
def test_truncated_file_is_named(copy, name, share):
    if name == "model.safetensors":
        save_file(read_pickle(copy), copy / name)
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[: int(len(content) * share)])
    with pytest.raises(CheckpointError, match=re.escape(name)):
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


def test_loss_is_the_crf_likelihood_of_the_labelled_characters(tiny_published):
    """[CLS], [SEP], continuation pieces and padding do not count; an unlabelled sentence adds nothing."""
    model, _ = load_raner(tiny_published)
    ids = torch.tensor([[101, 239, 447, 225, 102], [101, 372, 102, 0, 0], [101, 102, 0, 0, 0]])
    none = IGNORED_LABEL
    labels = torch.tensor([[none, 1, none, 8, none], [none, 0, none, none, none], [none] * 5])
    out = model(ids, (ids > 0).long(), labels)
    first = model.crf.log_likelihood(out.logits[:1, [1, 3]], torch.tensor([[1, 8]]), torch.tensor([2]))
    second = model.crf.log_likelihood(out.logits[1:2, [1]], torch.tensor([[0]]), torch.tensor([1]))
    torch.testing.assert_close(out.loss, -(first + second)[0] / 3)
    losses = model.sequence_losses(out.logits, labels)
    torch.testing.assert_close(losses, torch.stack([-first[0], -second[0], torch.tensor(0.0)]))
