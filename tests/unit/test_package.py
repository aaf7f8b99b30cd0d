"""`utils` itself: the four names that need no room, and the example in its docstring."""

import doctest

import pytest

import utils
from utils.measure.evaluation import evaluate
from utils.model.torch_tagger import load_tagger
from utils.tagger.tagger import Tagger
from utils.text.corpus import load_corpus


def test_the_example_runs():
    failed, attempted = doctest.testmod(utils)
    assert failed == 0 and attempted >= 4


def test_the_names_are_those_of_the_rooms():
    exported = {"Tagger": Tagger, "evaluate": evaluate, "load_corpus": load_corpus, "load_tagger": load_tagger}
    assert set(utils.__all__) == set(exported) <= set(dir(utils))
    assert {name: getattr(utils, name) for name in exported} == exported


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'utils' has no attribute 'train'"):
        _ = utils.train
