"""What an artifact's identity is made of, and what goes when a run takes too much."""

import pytest

from utils.measure.artifacts import ROOMS, code_digest, source_digest, trim


def write(path, count=1):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * count)
    return path


def test_the_code_of_the_rooms_that_make_models_counts_and_no_other(tmp_path):
    for room in (*ROOMS, "course"):
        write(tmp_path / "house" / room / "deep" / "module.py")
    seen = [code_digest(tmp_path / "house")]
    for room in (*ROOMS, "course"):
        write(tmp_path / "house" / room / "deep" / "module.py", 2)
        code_digest.cache_clear()
        seen.append(code_digest(tmp_path / "house"))
    assert len(set(seen)) == len(ROOMS) + 1 and seen[-1] == seen[-2]


@pytest.mark.parametrize("change", [("a", 2), ("b", 1), ("deep/a", 1)])
def test_a_folder_is_known_by_its_names_and_bytes(tmp_path, change):
    write(tmp_path / "one" / "a")
    write(tmp_path / "two" / "a")
    assert source_digest(str(tmp_path / "one")) == source_digest(str(tmp_path / "two"))
    name, count = change
    write(tmp_path / "two" / name, count)
    assert source_digest(str(tmp_path / "one")) != source_digest(str(tmp_path / "two"))


def test_ids_are_known_by_their_names():
    assert source_digest("owner/name") == source_digest("owner/name") != source_digest("owner/other")


PIECES = {
    "training-checkpoints/step": 100,
    "article/original/weights": 400,
    "article/original-onnx/weights": 401,
    "article/original-onnx-int8/weights": 100,
    "mini/original/weights": 90,
    "recovered/weights": 91,
    "corpus/train": 60,
    "waterfall.png": 5,
}


@pytest.fixture
def folder(tmp_path):
    for name, count in PIECES.items():
        write(tmp_path / name, count)
    return tmp_path


def left(folder):
    return {str(path.relative_to(folder).as_posix()) for path in folder.rglob("*") if path.is_file()}


def test_what_fits_stays(folder):
    total = sum(PIECES.values())
    assert trim(folder, total) == 0 and left(folder) == set(PIECES)


def test_checkpoints_go_first_then_the_largest_of_article_scale_then_the_others(folder):
    order = list(PIECES)
    for gone in (order[:1], [*order[:1], order[2]], [*order[:3]], order[:4], [*order[:4], order[5]], order[:6]):
        rest = {name: count for name, count in PIECES.items() if name not in gone}
        trim(folder, sum(rest.values()), kept=("corpus",))
        assert left(folder) == set(rest)


def test_what_is_to_be_kept_stays_whatever_it_takes(folder):
    write(folder / "mini" / "original.identity.json")
    assert trim(folder, 0, kept=("corpus",)) == sum(PIECES.values()) - 60
    assert left(folder) == {"corpus/train"}
