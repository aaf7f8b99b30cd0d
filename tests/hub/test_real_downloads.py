"""The published RaNER and the MSRA corpus, from the real hubs. Only `make newest` runs this."""

import os

import pytest

from utils.model.hub import download_model
from utils.model.torch_tagger import load_tagger
from utils.text.corpus import load_corpus

pytestmark = pytest.mark.skipif(os.environ.get("COURSE_HUB") != "1", reason="needs a network: make newest")

RANER = "iic/nlp_raner_named-entity-recognition_chinese-base-news"


def test_the_published_raner_tags_a_sentence():
    entities = load_tagger(download_model(RANER)).predict(["联合国秘书长昨日在北京会见了记者。"])[0]
    assert "北京" in {entity.text for entity in entities}


def test_msra_has_its_splits_and_entities():
    corpus = load_corpus("msra")
    assert corpus.train and corpus.dev and corpus.test
    assert any(sentence.entities for sentence in corpus.test)
