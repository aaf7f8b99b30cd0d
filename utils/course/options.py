"""What each command of `cli` may be told, and how it says that it was told something else."""

import argparse
import sys
from pathlib import Path
from typing import NoReturn

from utils.files import RUNS
from utils.text.formats.detect import FORMATS


class CommandParser(argparse.ArgumentParser):
    """Says how to pass a text that looks like an option."""

    def error(self, message: str) -> NoReturn:
        taken_for_options = self.prog.endswith(" tag") or message.startswith("unrecognized arguments")
        super().error(message + "; a text that begins with - goes behind --: tag -- TEXT" * taken_for_options)


def program_name() -> str:
    """What was typed to get here."""
    return "raner-course" if Path(sys.argv[0]).stem == "raner-course" else "python -m utils.course"


def of_source(command: argparse.ArgumentParser) -> None:
    """Of which model, on which corpus. What is not given stays away: a run that is resumed has its own."""
    only_if_given = {"default": argparse.SUPPRESS}
    command.add_argument(
        "--model", metavar="PATH_OR_ID", help="model directory or hub id (the embedded mini-RaNER)", **only_if_given
    )
    command.add_argument(
        "--corpus",
        metavar="PATH_OR_ID",
        help="directory with train, dev and test, a data set id, msra, weibo, resume or cluener (the embedded corpus)",
        **only_if_given,
    )
    command.add_argument(
        "--types",
        metavar="A=B,C=",
        help="read the corpus's type A as B, and leave C out, so that its types are the model's",
        **only_if_given,
    )
    command.add_argument("--seed", type=seed, metavar="N", help="seed of everything random (1)", **only_if_given)


def of_run(command: argparse.ArgumentParser) -> None:
    only_if_given = {"default": argparse.SUPPRESS}
    of_source(command)
    command.add_argument(
        "--new-head",
        action="store_true",
        help="before the notebooks, train a head for the corpus's own types on the model's encoder",
        **only_if_given,
    )
    command.add_argument(
        "--quick", action="store_true", help="small sizes: all steps, no meaningful numbers", **only_if_given
    )
    _add_numbers(command)
    _add_out(command, "where the run's folder is made (runs)")
    command.add_argument(
        "--resume", action="store_true", help="go on with the newest unfinished run in --out, with its settings"
    )
    _add_keep(command)


def of_edition(command: argparse.ArgumentParser) -> None:
    _add_out(command, "where the run's folder is made (runs)")
    command.add_argument("--resume", action="store_true", help="go on with the newest edition of this commit in --out")
    command.add_argument("--force", action="store_true", help="on a CPU without VNNI, too")
    _add_keep(command)


def of_corpus(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "corpus", metavar="PATH_OR_ID", help="directory with train, dev and test, one file of them, or a data set id"
    )
    command.add_argument(
        "--format", choices=FORMATS, default="", help="what the files are in (by default, what all their lines show)"
    )


def of_build(command: argparse.ArgumentParser) -> None:
    _add_numbers(command)


def of_runs(command: argparse.ArgumentParser) -> None:
    _add_out(command, "where the runs' folders are (runs)")


def of_check(command: argparse.ArgumentParser) -> None:
    _add_folder(command)
    command.add_argument("--all", action="store_true", help="show what is within its band, too")


def of_report(command: argparse.ArgumentParser) -> None:
    _add_folder(command)
    command.add_argument(
        "--reference", action="store_true", help="keep RUN in data/reference, to compare later runs with"
    )
    command.add_argument(
        "--readme", action="store_true", help="write results, picture and minutes of data/reference into both READMEs"
    )


def of_tag(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "text", metavar="TEXT", help="any text, of any length; or a file of texts, one a line; or -, standard input"
    )
    command.add_argument(
        "--model",
        metavar="PATH_OR_ID",
        default="",
        help="model directory, in float32, INT8 or ONNX, or hub id (the embedded mini-RaNER)",
    )


def seed(text: str) -> int:
    """What all libraries take for a seed; numpy's has 32 bits."""
    if text.isdecimal() and int(text) < 2**32:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text} is no seed: give a whole number from 0 to {2**32 - 1}")


def _add_out(command: argparse.ArgumentParser, purpose: str) -> None:
    command.add_argument("--out", type=Path, default=RUNS, metavar="DIR", help=purpose)


def _add_keep(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--keep", action="store_true", help="keep all artifacts, also of a run that takes more than 1 GB"
    )


def _add_folder(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "run", nargs="?", type=Path, default=RUNS / "latest", metavar="RUN", help="a run's folder (runs/latest)"
    )


def _add_numbers(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--notebooks", nargs="+", metavar="NN", help="only the notebooks of these numbers, such as 03 04 07b"
    )
