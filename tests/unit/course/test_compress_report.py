"""What a notebook shows of a compressed model's card."""

from utils.course.compress_report import first_table

CARD = "# X, compressed\n\nIt was asked.\n\n| asked | |\n|---|---|\n| 8 times | ✓ |\n\nMore.\n\n| ms |\n|---|\n| 3 |\n"


def test_the_first_table_of_a_card_is_shown_and_no_other(tmp_path):
    card = tmp_path / "README.md"
    card.write_text(CARD, "utf-8")
    assert first_table(card).data == "| asked | |\n|---|---|\n| 8 times | ✓ |"
