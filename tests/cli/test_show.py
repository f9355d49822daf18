"""Tables fit the terminal, and what tells most is never cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console

from vpatch.cli import show

if TYPE_CHECKING:
    import pytest


def test_only_the_wide_column_gives_way(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a narrow terminal the title is cut, and every other column stays whole."""

    monkeypatch.setattr(show, "_console", lambda: Console(width=60, markup=False))
    titles = ("PR", "Patch…", "Upstream", "Verdict")
    show.print_table(titles, [("#33303", "A title " * 20, "merged v0.17.0", "conflict")])
    head, row = capsys.readouterr().out.splitlines()

    assert head.split() == ["PR", "Patch", "Upstream", "Verdict"]
    assert row.startswith("#33303  A title")
    assert row.endswith("…  merged v0.17.0  conflict")
    assert len(row) <= 60


def test_a_title_is_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    """What looks like rich's markup is shown as it is, and escape codes are made visible."""

    show.print_table(("Patch…",), [("[bold]x[/] \x1b[31mred",)])

    assert capsys.readouterr().out.splitlines()[1] == r"[bold]x[/] \x1b[31mred"
