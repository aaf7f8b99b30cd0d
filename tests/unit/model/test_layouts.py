"""Every published layout gives the same model; labels wherever they stand; files that cannot be read are named."""

import re
import shutil

import pytest
import torch
from published_layouts import assert_equal_states, edit, read_pickle, rename, without_labels
from safetensors.torch import save_file
from transformers import BertConfig, BertForTokenClassification

from utils.files import CheckpointError
from utils.model.checkpoint import load_raner
from utils.tagger.viterbi import viterbi
from utils.text.tags import RANER_LABELS

BIO = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
ADASEQ = ["O", *(f"{p}-{t}" for t in ("LOC", "ORG", "PER") for p in "BIES")]
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


@pytest.mark.parametrize("layout", RENAMES)
@pytest.mark.parametrize("safe", [False, True], ids=["pickle", "safetensors"])
def test_every_layout_gives_the_same_model(copy, tiny_published, layout, safe):
    tensors = rename(read_pickle(copy), RENAMES[layout])
    assert set(tensors) != set(read_pickle(copy))
    (copy / "pytorch_model.bin").unlink()
    save_file(tensors, copy / "model.safetensors") if safe else torch.save(tensors, copy / "pytorch_model.bin")
    assert_equal_states(load_raner(copy)[0], load_raner(tiny_published)[0])


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
