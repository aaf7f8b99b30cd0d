"""Checkers of notebook 01 against answers known to be right, and against the mistakes that they name."""

import itertools

import numpy as np

from utils.course.exercises import nb01


def test_hand_tags():
    name = ["B-PER", *["I-PER"] * 6, "E-PER"]
    right = ["S-PER", "O", "O", "O", "B-ORG", "E-ORG", "O", *name, "O"]
    assert nb01.hand_tags(right) is None and nb01.hand_tags(np.array(right)) is None
    for place, tag, hint in [
        (0, "B-PER", "single"),
        (0, "S-LOC", "type"),
        (0, "O", "belongs to a name"),
        (0, "s-per", "none of RaNER's 13 tags"),
        (3, "B-LOC", "no name"),
        (1, "I-PER", "titles"),
        (5, "I-ORG", "end"),
        (4, "B-LOC", "type"),
        (11, "O", "dot"),
    ]:
        assert hint in nb01.hand_tags([*right[:place], tag, *right[place + 1 :]])
    assert f"{len(right)} tags" in nb01.hand_tags(right[:-1])
    assert f"{len(right)} tags" in nb01.hand_tags("O" * len(right))


def test_head_parameters():
    checker = nb01.head_parameters()
    assert checker(4 * 768 * 64 + 3 * 64) is None
    assert "output" in checker(3 * 768 * 64 + 3 * 64)
    assert "bias" in checker(4 * 768 * 64)
    assert "all heads" in checker(4 * 768 * 768 + 3 * 768)
    assert "output bias" in checker(4 * 768 * 64 + 3 * 64 + 768)


def test_best_path_is_the_best_of_all_paths():
    paths = list(itertools.product(nb01.TAGS, repeat=3))
    best = max(paths, key=nb01.path_score)
    assert nb01.best_path("".join(best)) is nb01.best_path(np.array(best)) is None
    assert all(nb01.best_path(path) for path in paths if path != best)
    assert "costs 9" in nb01.best_path("OEO")
    assert "greedily" in nb01.best_path("OBE")
    assert "three tags" in nb01.best_path("BE") == nb01.best_path(7) == nb01.best_path("XYZ")


def test_the_greedy_path_of_the_hint_is_the_greedy_path():
    tags = [int(nb01.EMISSIONS[0].argmax())]
    for row in nb01.EMISSIONS[1:]:
        tags.append(int((row + nb01.MOVES[tags[-1]]).argmax()))
    assert [nb01.TAGS[tag] for tag in tags] == ["O", "B", "E"]
