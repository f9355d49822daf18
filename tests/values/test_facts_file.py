"""``upstream.toml`` is written back with what was learned, and as it was."""

from __future__ import annotations

from datetime import date

import pytest

from vpatch.values.errors import FormatError
from vpatch.values.facts import read_facts
from vpatch.values.facts_file import with_facts

TEXT = """\
# What people know.

[[pr]]
# Why there is no landed_when.
number = 101
state = "open" # for how long?
title = 'Edit a'
as_of = 2026-01-02
follow_ups = [
    102, # perhaps
]

[[pr]]
title = "Edit b"
number = 102
as_of = 2026-01-02
state = "merged"
"""
DAY = date(2026, 3, 1)


def test_keys_change_and_nothing_else() -> None:
    """Comments, order and quotes stay; a new key ends its table, a new table the file."""
    learned: dict[int, dict[str, object]] = {
        101: {"state": "closed", "as_of": DAY, "head": "a" * 40},
        102: {"state": "merged"},
        103: {"title": 'A "c" \x1b[31m', "state": "open", "as_of": DAY, "exclude": ["*.md"]},
    }
    found = with_facts(TEXT, learned, where="upstream.toml")
    expected = TEXT.replace('"open" # for', '"closed" # for').replace(
        "2026-01-02", "2026-03-01", 1
    )
    expected = expected.replace("]\n\n", f']\nhead = "{"a" * 40}"\n\n')
    expected += """
[[pr]]
number = 103
title = "A \\"c\\" \\u001b[31m"
state = "open"
as_of = 2026-03-01
exclude = ["*.md"]
"""
    assert found == expected
    facts = read_facts(found, where="upstream.toml")
    assert (facts[101].state, facts[101].head, facts[103].exclude) == (
        "closed",
        "a" * 40,
        ("*.md",),
    )


@pytest.mark.parametrize("text", ["", "# Nothing yet.\n"])
def test_a_file_that_begins(text: str) -> None:
    """The first table stands alone, or behind what people wrote."""
    new = {101: {"title": "Edit a", "state": "open", "as_of": DAY}}
    found = with_facts(text, new, where="upstream.toml")
    assert found.startswith(text)
    assert list(read_facts(found, where="upstream.toml")) == [101]
    assert with_facts(found, {}, where="upstream.toml") == found


def test_a_form_that_cannot_be_added_to() -> None:
    """Tables in one long array can be read, and are a person's to write anew."""
    with pytest.raises(FormatError, match="'pr' is one long array"):
        with_facts("pr = [{ number = 1 }]\n", {2: {}}, where="upstream.toml")
