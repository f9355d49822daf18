"""Write to ``upstream.toml`` what was learned; comments and order stay a person's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vpatch.values.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Mapping


def with_facts(text: str, learned: Mapping[int, Mapping[str, Any]], *, where: str) -> str:
    """Return the file with some keys of some pull requests set.

    Args:
        text: The file; nothing where there is none.
        learned: By number, the keys and their values. A pull request that has no table gets
            one, at the end.
        where: Its path, for messages.

    Raises:
        FormatError: Its tables are in a form that can't be added to.
    """
    import tomlkit  # noqa: PLC0415, lazy: most runs write nothing
    from tomlkit.items import AoT  # noqa: PLC0415, lazy

    document = tomlkit.parse(text)
    tables = document.get("pr", AoT([]))
    if not isinstance(tables, AoT):
        hint = "write each pull request as a [[pr]] table"
        raise FormatError("'pr' is one long array", where=where, hint=hint)
    there = {table["number"]: table for table in tables}
    for number, facts in learned.items():
        for key, value in facts.items():
            if number in there and there[number].get(key) != value:
                there[number][key] = value
    new = [
        tomlkit.dumps({"pr": [{"number": number} | dict(facts)]})
        for number, facts in learned.items()
        if number not in there
    ]
    old = tomlkit.dumps(document)
    if new and old.strip():
        old = old.rstrip("\n") + "\n\n"
    return old + "\n".join(new)
