"""What lies beside a graph: read by every tagger, and missed by name; quiet as long as a block lasts."""

import itertools
import logging
import sys
import threading
import warnings

import pytest
from tiny_models import tiny_tokenizer

from utils.engines.onnx_files import CRF_FILE, TAGGER_FILE, calibration_inputs, quiet
from utils.engines.onnx_session import load_onnx_tagger
from utils.files import CheckpointError


def test_calibration_inputs_are_unpadded():
    lengths = [i["input_ids"].shape for i in calibration_inputs(tiny_tokenizer(), ["天", "天地玄"])]
    assert lengths == [(1, 3), (1, 5)]
    assert all(i["attention_mask"].all() for i in calibration_inputs(tiny_tokenizer(), ["天", "天地玄"]))


@pytest.mark.parametrize(
    ("file", "damage"),
    [*itertools.product([CRF_FILE, TAGGER_FILE], ["absent", "broken", "emptied"]), ("vocab.txt", "absent")],
)
def test_a_part_that_is_missing_or_broken_is_named(exported, tmp_path, file, damage):
    for part in exported[2].iterdir():
        (tmp_path / part.name).write_bytes(part.read_bytes())
    if damage == "absent":
        (tmp_path / file).unlink()
    else:
        (tmp_path / file).write_bytes(b"" if damage == "emptied" else b"\x93broken")
    with pytest.raises(CheckpointError, match="not a whole export"):
        load_onnx_tagger(tmp_path)


def say_everything():
    warnings.warn("a warning", stacklevel=1)
    logging.getLogger("some.library").warning("a log line")
    print("a line")


def test_nothing_is_said_inside_and_everything_after_even_if_it_failed(capsys, caplog):
    with warnings.catch_warnings(record=True) as warned, caplog.at_level(logging.WARNING):
        warnings.simplefilter("always")
        with pytest.raises(KeyError), quiet():
            say_everything()
            raise KeyError
        assert (capsys.readouterr().out, caplog.messages, warned) == ("", [], [])
        say_everything()
        assert (capsys.readouterr().out, caplog.messages, len(warned)) == ("a line\n", ["a log line"], 1)


def test_an_error_is_logged_all_the_same(caplog):
    with quiet():
        logging.getLogger("some.library").error("broken")
    assert caplog.messages == ["broken"]


def test_two_threads_that_are_quiet_leave_all_as_it_was():
    before = warnings.filters[:], logging.root.manager.disable, sys.stdout
    inside, leave = threading.Event(), threading.Event()

    def be_quiet():
        with quiet():
            inside.set()
            leave.wait(60)

    second = threading.Thread(target=be_quiet)
    with quiet():
        second.start()
        inside.wait(0.2)
    leave.set()
    second.join()
    assert (warnings.filters[:], logging.root.manager.disable, sys.stdout) == before
