"""Each fault of the article's code is what its line says, seen without that line's help."""

import re

import pytest
import torch
from tiny_models import random_plain_tagger
from transformers import BertModel, ConvBertModel

from utils.compress.importance.activations import article_score, frobenius_norm
from utils.model.raner import RanerModel
from utils.studies import article_code
from utils.studies.article_code import CODE_HEADER, FAULTS, code_faults


@pytest.mark.parametrize("show", FAULTS, ids=lambda show: show.__name__)
def test_a_fault_is_there_and_fits_its_table(show):
    fault = show()
    assert len(fault) == len(CODE_HEADER) and all(fault) and fault.section in ("3.2", "3.3")
    assert not re.search("nothing is raised|\n", fault.happened)


RAISED = {
    "model_of_another_kind": "AttributeError", "unsaved_integers": "AttributeError",
    "one_number_a_layer": "RuntimeError", "no_weakest_of_one": "IndexError", "pruning_that_is_gone": "AttributeError",
}  # fmt: skip


@pytest.mark.parametrize("name", RAISED)
def test_what_raises_names_its_error(name):
    assert getattr(article_code, name)().happened.startswith(RAISED[name])


def test_nothing_is_printed_and_no_warning_is_heard(capfd, recwarn):
    assert len(code_faults()) == len(FAULTS)
    assert capfd.readouterr() == ("", "") and not recwarn.list


def test_the_classes_differ_as_the_faults_say():
    assert BertModel.base_model_prefix == "bert" and ConvBertModel.base_model_prefix == "convbert"
    names = [name for name, _ in random_plain_tagger().named_parameters()]
    assert not [name for name in names if "crf" in name] and hasattr(RanerModel(random_plain_tagger().config), "crf")


def test_the_articles_score_ignores_what_a_head_adds():
    """With one head's values gone, its formula's norm is 0, and the score of its code still at least 1 / n^2."""
    model = random_plain_tagger()
    attention = model.bert.encoder.layer[0].attention.self
    with torch.no_grad():
        attention.value.weight[:6] = 0
        attention.value.bias[:6] = 0
    ones = torch.ones(1, 5, dtype=torch.long)
    batch = {"input_ids": torch.arange(5, 10)[None], "attention_mask": ones, "labels": 0 * ones}
    assert frobenius_norm(model, [batch])[0, 0] == 0 and article_score(model, [batch])[0, 0] > 1 / 25


def test_two_of_twelve_are_a_sixth():
    assert article_code.a_fifth_of_twelve().happened == f"2 of 12: {100 / 6:.1f} %"


def test_padding_changes_the_mean():
    """By hand: four ones of sixteen; then four ones and sixteen sixteenths of sixty-four."""
    assert article_code.padding_counts().happened == f"{4 / 16:.3f} becomes {(4 + 1) / 64:.3f}"
