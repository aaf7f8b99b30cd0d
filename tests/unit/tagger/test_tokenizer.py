"""Characters to ids: against transformers, one character at a time."""

from transformers import BertTokenizer

from utils.model.checkpoint import load_raner


def test_a_hangul_character_takes_several_pieces(tokenizer):
    ids, labelled = tokenizer.encode("한京")
    assert len(ids) == 6 and labelled == [False, True, False, False, True, False]


def test_word_by_word_tokenizer_is_transformers_own(tiny_published):
    """Each character alone through `BertTokenizer`, an empty answer made [UNK]."""
    _, ours = load_raner(tiny_published)
    reference = BertTokenizer.from_pretrained(tiny_published)
    text = "新华社 Abc\u3000é①１龘"
    expected = [reference(c, add_special_tokens=False)["input_ids"] or [reference.unk_token_id] for c in text]
    assert [ours.pieces(c) for c in text] == expected


def test_separator_typed_by_a_user_is_plain_text(tiny_published):
    _, tokenizer = load_raner(tiny_published)
    ids, labelled = tokenizer.encode("地[SEP]名")
    assert ids.count(tokenizer.tokenizer.sep_token_id) == 1 and ids[-1] == tokenizer.tokenizer.sep_token_id
    assert sum(labelled) == len("地[SEP]名")


def test_a_batch_is_padded_to_its_longest_text_or_to_a_length(tokenizer):
    """[PAD] is 0, [CLS] 2, [SEP] 3, 京 5, 陈 6, 默 7."""
    ids, attention, labelled = tokenizer.batch(["京", "陈默"])
    assert ids.tolist() == [[2, 5, 3, 0], [2, 6, 7, 3]]
    assert attention.tolist() == [[1, 1, 1, 0], [1, 1, 1, 1]]
    assert labelled.tolist() == [[False, True, False, False], [False, True, True, False]]
    wider = tokenizer.batch(["京", "陈默"], length=6)
    assert [array[:, :4].tolist() for array in wider] == [array.tolist() for array in (ids, attention, labelled)]
    assert [array[:, 4:].any() for array in wider] == [False] * 3 and wider.input_ids.shape == (2, 6)
