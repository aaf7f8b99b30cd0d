"""The embedded model loads, knows today's names, and says what made it."""

import json

from utils.model.checkpoint import MINI_RANER
from utils.model.torch_tagger import load_tagger


def test_names_of_today_are_what_they_are():
    found = load_tagger(MINI_RANER).predict(["阿里巴巴与云汀日报社昨日在上海签约。", "李华昨天从上海飞往东京。"])
    assert [[(entity.text, entity.type) for entity in entities] for entities in found] == [
        [("阿里巴巴", "ORG"), ("云汀日报社", "ORG"), ("上海", "LOC")],
        [("李华", "PER"), ("上海", "LOC"), ("东京", "LOC")],
    ]


def test_it_is_a_bert_of_twelve_layers_with_twelve_heads():
    config = json.loads((MINI_RANER / "config.json").read_text("utf-8"))
    assert (config["num_hidden_layers"], config["num_attention_heads"], config["hidden_size"]) == (12, 12, 384)


def test_the_card_names_what_made_it():
    training, card = (
        json.loads((MINI_RANER / "training.json").read_text("utf-8")),
        (MINI_RANER / "README.md").read_text("utf-8"),
    )
    assert training["command"] in card and training["base"]["sha256"] in card
