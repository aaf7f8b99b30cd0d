"""Sentences as tensors: every label sits on its character, and nothing is lost."""

import numpy as np
import pytest
import torch
from tiny_models import BIO_LABELS, random_raner, random_texts, tiny_tokenizer
from transformers import BertTokenizer

from utils.compress.batches import make_batches, on_device
from utils.model.raner import IGNORED_LABEL
from utils.tagger.tagger import Tagger
from utils.tagger.tokenizer import MAX_CHARACTERS, CharacterTokenizer
from utils.text.entities import Sentence
from utils.text.formats.bracketed import parse_bracketed
from utils.text.tags import RANER_LABELS, bioes_tags

LINES = ("[天地](LOC)，[玄](PER)来", "日月盈昃", "[寒来暑往](ORG)秋", "收[冬](LOC)。[藏](PER)")
SENTENCES = [parse_bracketed(line) for line in LINES]


def read_back(batches, tokenizer, labels) -> dict[str, list[str]]:
    """Text -> tag names, from the tensors alone."""
    names = {i: token for token, i in tokenizer.tokenizer.get_vocab().items()}
    found = {}
    for batch in batches:
        for ids, tags in zip(batch["input_ids"].tolist(), batch["labels"].tolist(), strict=True):
            marked = [(names[i], labels[t]) for i, t in zip(ids, tags, strict=True) if t != IGNORED_LABEL]
            found["".join(c for c, _ in marked)] = [tag for _, tag in marked]
    return found


@pytest.mark.parametrize("batch_size", [1, 3, 10])
def test_every_character_has_its_bioes_tag(batch_size):
    batches = make_batches(SENTENCES, tiny_tokenizer(), RANER_LABELS, batch_size)
    assert [len(b["labels"]) for b in batches] == {1: [1] * 4, 3: [3, 1], 10: [4]}[batch_size]
    assert read_back(batches, tiny_tokenizer(), RANER_LABELS) == {s.text: bioes_tags(s) for s in SENTENCES}


def test_a_bio_tagger_gets_bio_tags():
    batches = make_batches(SENTENCES[:2], tiny_tokenizer(), BIO_LABELS)
    assert read_back(batches, tiny_tokenizer(), BIO_LABELS) == {
        "天地，玄来": ["B-LOC", "I-LOC", "O", "B-PER", "O"],
        "日月盈昃": ["O"] * 4,
    }


def test_shapes_padding_and_order():
    batches = make_batches(SENTENCES, tiny_tokenizer(), RANER_LABELS, 2)
    lengths = torch.cat([batch["attention_mask"].sum(1) for batch in batches])
    assert torch.equal(lengths, torch.tensor(sorted(len(s.text) + 2 for s in SENTENCES)))
    for batch in batches:
        assert all(t.dtype == torch.int64 and t.shape == batch["input_ids"].shape for t in batch.values())
        assert (batch["labels"][batch["attention_mask"] == 0] == IGNORED_LABEL).all()
        assert batch["attention_mask"].sum(1).max() == batch["input_ids"].shape[1]


def test_only_the_first_piece_of_a_character_carries_a_label():
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "ᄒ", "##ᅡ", "##ᆫ", "天"]
    tokenizer = CharacterTokenizer(BertTokenizer(vocab={token: i for i, token in enumerate(tokens)}))
    (batch,) = make_batches([parse_bracketed("[한天](LOC)")], tokenizer, RANER_LABELS)
    begin, end = RANER_LABELS.index("B-LOC"), RANER_LABELS.index("E-LOC")
    assert batch["labels"].tolist() == [[IGNORED_LABEL, begin, IGNORED_LABEL, IGNORED_LABEL, end, IGNORED_LABEL]]


def test_a_long_text_is_cut_at_a_sentence_end_and_loses_nothing():
    part = "天" * (MAX_CHARACTERS // 2) + "。"
    sentence = parse_bracketed(f"{part}[玄](PER){part}")
    batches = make_batches([sentence], tiny_tokenizer(), RANER_LABELS)
    assert max(batch["input_ids"].shape[1] for batch in batches) <= MAX_CHARACTERS + 2
    assert read_back(batches, tiny_tokenizer(), RANER_LABELS) == {
        part: ["O"] * len(part),
        "玄" + part: ["S-PER"] + ["O"] * len(part),
    }


def test_empty_texts_are_left_out():
    assert make_batches([Sentence("")], tiny_tokenizer(), RANER_LABELS) == []


def test_an_unknown_entity_type_is_named():
    with pytest.raises(ValueError, match="GPE"):
        make_batches([parse_bracketed("[天地](GPE)")], tiny_tokenizer(), RANER_LABELS)


def test_the_loss_of_the_corpus_does_not_depend_on_the_batches():
    model = random_raner()
    losses = []
    for size in (1, 4):
        with torch.no_grad():
            losses.append(
                sum(
                    model(b["input_ids"], b["attention_mask"], b["labels"]).loss * (b["labels"] >= 0).sum()
                    for b in make_batches(SENTENCES, tiny_tokenizer(), model.labels, size)
                )
            )
    torch.testing.assert_close(losses[0], losses[1])


@pytest.mark.parametrize("most", [1, 30, 60, 10_000])
def test_a_batch_of_long_sentences_holds_fewer(most):
    sentences = [Sentence(text) for text in random_texts(40, longest=25)]
    batches = make_batches(sentences, tiny_tokenizer(), RANER_LABELS, 8, positions=most)
    lengths = [batch["attention_mask"].sum(1).tolist() for batch in batches]
    assert sum(map(len, lengths)) == 40
    assert all(len(rows) <= 8 and (len(rows) == 1 or len(rows) * max(rows) <= most) for rows in lengths)
    for rows, following in zip(lengths, lengths[1:], strict=False):
        assert len(rows) == 8 or (len(rows) + 1) * min(following) > most


BMES = ("O", *(f"{prefix}-{kind}" for kind in ("LOC", "PER", "ORG") for prefix in "BMES"))
SCHEMES = {
    "BMES": (BMES, "B-LOC E-LOC O S-PER O", "B-ORG M-ORG M-ORG E-ORG O"),
    "BILOU": (
        ("O", *(f"{prefix}-{kind}" for kind in ("LOC", "PER", "ORG") for prefix in "BILU")),
        "B-LOC L-LOC O U-PER O",
        "B-ORG I-ORG I-ORG L-ORG O",
    ),
    "BIOS": (
        ("O", *(f"{prefix}-{kind}" for kind in ("LOC", "PER", "ORG") for prefix in "BIS")),
        "B-LOC I-LOC O S-PER O",
        "B-ORG I-ORG I-ORG I-ORG O",
    ),
    "I alone": (("O", "I-LOC", "I-PER", "I-ORG"), "I-LOC I-LOC O I-PER O", "I-ORG I-ORG I-ORG I-ORG O"),
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_case_14_a_tagger_of_any_scheme_gets_its_own_tags(scheme):
    labels, *expected = SCHEMES[scheme]
    sentences = [SENTENCES[0], SENTENCES[2]]
    batches = make_batches(sentences, tiny_tokenizer(), labels)
    assert read_back(batches, tiny_tokenizer(), labels) == {
        sentence.text: tags.split() for sentence, tags in zip(sentences, expected, strict=True)
    }


@pytest.mark.parametrize("limit", [6, 7, 30])
def test_case_16_texts_are_cut_as_in_tagging(limit):
    """What the tagger hands to its backend and what a training reads are the same pieces."""
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "ᄒ", "##ᅡ", "##ᆫ", "天", "地", "。"]
    characters = BertTokenizer(vocab={token: i for i, token in enumerate(tokens)})
    tokenizer = CharacterTokenizer(characters, limit)
    sentence = parse_bracketed("[天地](LOC)天한한。地地地한天天天天。天[한](PER)地地地地地地地")
    read = [row for b in make_batches([sentence], tokenizer, RANER_LABELS) for row in b["input_ids"][:, 1:].tolist()]
    cut = [row for b in make_batches([sentence], CharacterTokenizer(characters), RANER_LABELS, limit=limit)
           for row in b["input_ids"][:, 1:].tolist()]  # fmt: skip
    seen = []

    def backend(ids, mask):
        seen.extend(row[1:].tolist() for row in ids)
        return np.zeros((*ids.shape, len(RANER_LABELS)), np.float32)

    crf = (np.zeros(13, np.float32), np.zeros((13, 13), np.float32), np.zeros(13, np.float32))
    Tagger(backend, tokenizer, RANER_LABELS, crf, limit).predict([sentence.text])

    def bare(rows):
        return sorted([i for i in row if i not in (0, 3)] for row in rows)

    assert bare(read) == bare(cut) == bare(seen)
    lengths = list(map(len, bare(read)))
    assert max(lengths) <= limit and sum(lengths) == len(tokenizer.encode(sentence.text)[0]) - 2


@pytest.mark.parametrize("batch_size", [0, -1])
def test_case_29_a_batch_holds_a_sentence(batch_size):
    with pytest.raises(ValueError, match="at least one sentence"):
        make_batches(SENTENCES, tiny_tokenizer(), RANER_LABELS, batch_size)


def test_batches_are_read_where_the_model_is():
    batches = make_batches(SENTENCES, tiny_tokenizer(), RANER_LABELS, 2)
    moved = list(on_device(random_raner().to("meta"), batches))
    assert [{name: t.shape for name, t in batch.items()} for batch in moved] == [
        {name: t.shape for name, t in batch.items()} for batch in batches
    ]
    assert {tensor.device.type for batch in moved for tensor in batch.values()} == {"meta"}
