"""Options that several verbs share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from collections.abc import Callable

    Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class _BaseName(click.ParamType[str]):
    """A base, completed from those at hand."""

    name = "base"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from pathlib import Path  # noqa: PLC0415, lazy

        from vpatch.cli.session import Session  # noqa: PLC0415, lazy

        root = ctx.find_root().params.get("directory") or "."
        session = Session(str(Path(root)), "", verbose=False)
        names = [*session.folder.names(), *(base.name for base in session.bases.at_hand())]
        return [
            CompletionItem(name) for name in dict.fromkeys(names) if name.startswith(incomplete)
        ]


base: Decorator = click.option(
    "--base",
    metavar="BASE",
    type=_BaseName(),
    help="A release (v0.16.0, latest), a branch or a commit.  [default: the target's own; else "
    "the one applied last here; else base in vpatch.toml; else the newest series]",
)
onto: Decorator = click.option(
    "--onto",
    metavar="BASE",
    type=_BaseName(),
    help="The base to bring the series to: a release, latest, a branch or a commit.",
)
series: Decorator = click.option(
    "--series",
    metavar="NAME",
    help="Take this series instead of the one that serves the base.",
)
checkout: Decorator = click.option(
    "--checkout",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False),
    help="A vLLM clone of your own, instead of build/vllm-<base>.",
)
python: Decorator = click.option(
    "--python",
    metavar="PY",
    help="An environment that has vLLM installed: its interpreter or its folder.",
)
json: Decorator = click.option(
    "--json", "as_json", is_flag=True, help="Print the answer as JSON."
)
