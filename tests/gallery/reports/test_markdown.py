"""Markdown tables."""

from reid_gallery.gallery.reports.markdown import markdown_table


def test_a_bar_in_a_cell_does_not_end_it() -> None:
    table = markdown_table(["person", "score"], [["a|b", "0.5"], ["", "1"]])
    assert table.splitlines() == [
        "| person | score |",
        "| --- | --- |",
        "| a\\|b | 0.5 |",
        "|  | 1 |",
    ]
