"""Whether model and corpus fit: what is renamed, what is refused; a refusal names both sides and the remedy."""

import json

import pytest
from hugging_face import save, tagger
from hypothesis import given
from hypothesis import strategies as st
from tiny_course import TINY, only_run
from tiny_models import random_raner

from utils.course.start_check import FEWEST, check_model, check_size, fitted, parse_types
from utils.files import CheckpointError
from utils.text.corpus import load_corpus
from utils.text.entities import Corpus, CorpusError, Sentence, Span, annotate
from utils.text.tags import RANER_LABELS

SENTENCE = annotate(
    "天地公司的玄黄住在宇宙路，洪荒也是。", [Span(0, 4, "ORG"), Span(5, 7, "NAME"), Span(9, 12, "ADDRESS")]
)
MAPPED = frozenset({Span(0, 4, "ORG"), Span(5, 7, "PER"), Span(9, 12, "LOC")})
NUMBERS = [f"{number:02}" for number in range(11)]


def corpus_of(sentence=SENTENCE, train=100, dev=30, test=30) -> Corpus:
    return Corpus([sentence] * train, [sentence] * dev, [sentence] * test)


def write(corpus, path):
    path.mkdir()
    for name, split in corpus._asdict().items():
        rows = [{"text": s.text, "entities": [span._asdict() for span in s.spans]} for s in split]
        (path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


@given(st.dictionaries(st.from_regex(r"[A-Za-z.]{1,8}", fullmatch=True), st.from_regex(r"[A-Z]{0,4}", fullmatch=True)))
def test_pairs_are_read_back(mapping):
    assert parse_types(",".join(f"{name}={target}" for name, target in mapping.items())) == mapping
    assert parse_types(" , ".join(f" {name} = {target} " for name, target in mapping.items())) == mapping


@pytest.mark.parametrize("text", ["NAME", "NAME:PER", "=PER", "A=B=C", "A=B,A=C"])
def test_what_is_no_mapping_is_refused(text):
    with pytest.raises(CorpusError, match="types"):
        parse_types(text)


def test_case_19_types_that_the_model_does_not_have_are_refused_with_both_sets_and_the_remedy():
    with pytest.raises(CorpusError) as caught:
        fitted(corpus_of(), RANER_LABELS, {})
    message = str(caught.value)
    assert "ADDRESS, NAME, ORG" in message and "LOC, ORG, PER" in message and "no tag for ADDRESS, NAME;" in message
    assert "--types" in message and "--new-head" in message and "\n" not in message


def test_case_19_renamed_types_fit():
    corpus = fitted(corpus_of(), RANER_LABELS, {"NAME": "PER", "ADDRESS": "LOC"})
    assert {s.spans for split in corpus for s in split} == {MAPPED} and corpus.types == ["LOC", "ORG", "PER"]
    assert [len(split) for split in corpus] == [100, 30, 30]
    dropped = fitted(corpus_of(), RANER_LABELS, {"NAME": "", "ADDRESS": ""})
    assert dropped.types == ["ORG"] and dropped.test[0].text == SENTENCE.text


def test_any_types_fit_a_new_head():
    assert fitted(corpus_of(), RANER_LABELS, {}, new_head=True) == corpus_of()


def test_a_corpus_may_have_fewer_types_than_the_model_and_its_own_corpus_fits():
    only = annotate("天地玄黄", [Span(0, 2, "LOC")])
    assert fitted(corpus_of(only), RANER_LABELS, {}) == corpus_of(only)
    assert fitted(load_corpus(), RANER_LABELS, {}) == load_corpus()


def test_a_renamed_type_that_the_corpus_does_not_have_is_refused():
    with pytest.raises(CorpusError, match="no PERSON; it has ADDRESS, NAME, ORG"):
        fitted(corpus_of(), RANER_LABELS, {"PERSON": "PER"})


def test_a_split_without_an_entity_is_named():
    bare = corpus_of()._replace(test=[Sentence("天地玄黄")] * 30)
    with pytest.raises(CorpusError, match="no entity in test"):
        fitted(bare, RANER_LABELS, {}, new_head=True)
    with pytest.raises(CorpusError, match="no entity in train and dev and test"):
        fitted(corpus_of(), RANER_LABELS, dict.fromkeys(("NAME", "ORG", "ADDRESS"), ""))


@pytest.mark.parametrize("sizes", [(10, 4, 4), (100, 30, 29), (99, 30, 30), (1000, 4, 1000)])
@pytest.mark.parametrize("quick", [True, False])
def test_case_20_a_small_corpus_is_refused_with_every_count_and_the_number_needed(sizes, quick):
    with pytest.raises(CorpusError) as caught:
        check_size(corpus_of(SENTENCE, *sizes), NUMBERS, quick)
    for (name, fewest), count in zip(FEWEST.items(), sizes, strict=True):
        assert f"{name} has {count} sentences ({fewest} needed)" in str(caught.value)


def test_sizes_that_do_are_not_refused():
    check_size(corpus_of(), NUMBERS, quick=True)
    check_size(load_corpus(), NUMBERS, quick=False)
    check_size(corpus_of(SENTENCE, 1, 1, 1), ["00"], quick=False)


def test_sentences_that_notebooks_show_are_asked_for_where_these_notebooks_run():
    single = annotate("天地公司的玄黄住在宇宙路", [Span(0, 4, "ORG")])
    with pytest.raises(CorpusError, match="15 characters or more with two entities, which notebook 03"):
        check_size(corpus_of(single), ["02", "03"], quick=True)
    short = annotate("天地公司", [Span(0, 4, "ORG")])
    with pytest.raises(CorpusError, match="12 to 30 characters, as notebook 10"):
        check_size(corpus_of(short), ["10"], quick=True)
    check_size(corpus_of(short), ["01", "02"], quick=True)


def test_case_16_a_model_of_few_positions_is_refused_where_notebooks_hand_it_long_texts():
    short = random_raner(max_position_embeddings=32)
    with pytest.raises(CheckpointError, match=r"reads 30 characters at once.* 500 "):
        check_model(short, ["02"])
    check_model(short, ["00", "01"])
    check_model(random_raner(), NUMBERS)
    with pytest.raises(CheckpointError, match="hidden size 20 does not divide 768"):
        check_model(random_raner(hidden_size=20), ["02"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], ["ADDRESS, NAME, ORG", "LOC, ORG, PER", "--types", "--new-head"]),
        (["--types", "NAME=PER"], ["no tag for ADDRESS;"]),
        (["--types", "NAME"], ["'NAME' is no pair"]),
        (["--types", "NAME=PER,PLACE=LOC"], ["no PLACE; it has ADDRESS"]),
    ],
)
def test_case_19_a_run_is_refused_at_its_start(run, tmp_path, capsys, options, words):
    corpus = write(corpus_of(), tmp_path / "corpus")
    assert run("--model", str(TINY), "--corpus", str(corpus), *options) == 2
    said = capsys.readouterr()
    assert all(word in said.err for word in words) and said.err.count("\n") == 1 and not said.out
    assert not (tmp_path / "runs").exists()


def test_case_20_a_run_on_a_small_corpus_is_refused_at_its_start(run, tmp_path, capsys):
    small = write(corpus_of(annotate("天地玄黄", [Span(0, 2, "LOC")]), 10, 4, 4), tmp_path / "corpus")
    assert run("--model", str(TINY), "--corpus", str(small)) == 2
    said = capsys.readouterr().err
    assert "train has 10 sentences (100 needed), dev has 4 sentences (30 needed), test has 4 sentences (30" in said
    assert not (tmp_path / "runs").exists()


def notebook_says(folder) -> str:
    """What the tiny course's first notebook wrote down: seed, quick, corpus."""
    return (folder / "artifacts" / "a.txt").read_text("utf-8")


def test_case_19_notebooks_read_the_corpus_with_its_types_renamed(run, tmp_path):
    corpus = write(corpus_of(), tmp_path / "corpus")
    options = ["--model", str(TINY), "--corpus", str(corpus), "--types", "NAME=PER,ADDRESS=LOC"]
    assert run(*options) == 0
    folder = only_run(tmp_path)
    read = load_corpus(notebook_says(folder).split(maxsplit=2)[2])
    assert {s.spans for split in read for s in split} == {MAPPED} and [len(s) for s in read] == [100, 30, 30]
    settings = json.loads((folder / "run.json").read_text("utf-8"))["settings"]
    assert settings["corpus"] == str(corpus) and settings["types"] == "NAME=PER,ADDRESS=LOC"


def test_a_bare_hugging_face_directory_runs(run, tmp_path):
    """Its types are those of its labels, whatever their scheme."""
    model = save(tmp_path / "model", tagger(("O", "B-NAME", "M-NAME", "E-NAME", "S-NAME")))
    named = annotate("天地玄黄", [Span(0, 2, "NAME")])
    assert run("--model", str(model), "--corpus", str(write(corpus_of(named), tmp_path / "corpus"))) == 0


def test_resume_keeps_types_and_takes_no_others(run, capsys):
    assert run("--resume", "--types", "A=B", "--new-head") == 2
    assert "leave out --types, --new-head" in capsys.readouterr().err
