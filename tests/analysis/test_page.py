"""The page says what the calculator says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from analysis.page import PAGE, TABLES, filled, main

if TYPE_CHECKING:
    import pytest


def test_every_table_of_the_page_is_made_by_the_calculator() -> None:
    """Made anew, the page is the same, byte by byte, and holds each table once."""
    page = PAGE.read_text(encoding="utf-8")
    assert filled(page) == page, "PYTHONPATH=tools python -m analysis.page writes it"
    assert sorted(re.findall(r"<!-- table: (\S+) -->", page)) == sorted(TABLES)
    assert main(["--check"]) == 0


def test_a_wrong_figure_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that was changed by hand does not pass."""
    page = PAGE.read_text(encoding="utf-8")
    assert filled(page.replace("| 44.3 |", "| 45.3 |")) == page
    monkeypatch.setitem(TABLES, "parts", lambda: "| other |")
    assert main(["--check"]) == 1


CITED = {
    *("6.15", "6.72", "4.0", "4.2", "1.24", "1.8", "1.319", "1.320"),
    *("9.0", "10.0", "12.1", "4.5", "3.3", "1.3", "1.6"),
}
"""Figures of others, rounded ones, numbers of formats and names."""


def test_figures_in_sentences_are_those_of_the_tables() -> None:
    """A decimal in the text is cited, or some table has it."""
    page = PAGE.read_text(encoding="utf-8")
    text = re.sub(
        r"(?s)<!-- (table: \S+|gpu table) -->.*?<!-- (end|gpu table) -->|`.*?`", "", page
    )
    made = "\n".join(make() for make in TABLES.values())
    decimals = set(re.findall(r"(?<![\w.])\d+\.\d+(?![\w.]*\w)", text)) - CITED
    assert {"6.83", "39.9", "33.9", "2.4", "4.4", "6.3"} <= decimals
    assert [one for one in sorted(decimals) if one not in made] == []


def test_what_is_measured_on_a_gpu_has_its_place() -> None:
    """gpu_copy.py's tables go between two lines, as they are."""
    page = PAGE.read_text(encoding="utf-8")
    assert page.count("<!-- gpu table -->") == 2
