"""A tokenizer of the recipe's own vocabulary, and a few of its batches."""

from transformers import BertTokenizer

from utils.studies.mini_batches import Stage, TrainingBatches, build_vocabulary
from utils.tagger.tokenizer import CharacterTokenizer
from utils.text.corpus import load_corpus

STAGE = Stage(1, 6, 1e-3, 1, "linear", 0.2, 1)


def mini_tokenizer() -> CharacterTokenizer:
    texts = [s.text for s in load_corpus().train]
    vocabulary = {token: i for i, token in enumerate(build_vocabulary(texts))}
    return CharacterTokenizer(BertTokenizer(vocab=vocabulary, do_lower_case=True))


def some_batches(tokenizer: CharacterTokenizer) -> TrainingBatches:
    return TrainingBatches(load_corpus().train, ["今天天气很好，大家都出门了。"] * 300, tokenizer, STAGE, seed=5)
