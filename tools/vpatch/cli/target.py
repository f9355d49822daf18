"""Find what a call is about, a checkout or an installed vLLM, and hold it while it changes."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from vpatch.cli.session import Session, Terminal
from vpatch.values.base import canonical, is_commit
from vpatch.values.errors import BadInputError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vpatch.doors.git import Repo
    from vpatch.jobs.checkout import Checkout
    from vpatch.jobs.installation import Installation
    from vpatch.values.base import Base
    from vpatch.values.verdict import Replay

    Target = Checkout | Installation


class Named(NamedTuple):
    """What a call says of its base and its target; None where it does not."""

    base: str | None
    checkout: str | None
    """A clone of the user's; the managed checkout where neither this nor `python` is named."""
    python: str | None
    """An environment that has vLLM installed."""


def opened(session: Session, path: Path) -> Checkout:
    """Open a checkout of the project that the session is about."""
    from vpatch.jobs.checkout import Checkout  # noqa: PLC0415, lazy

    return Checkout(path.absolute(), session.config.upstream.package)


def installed(session: Session, python: str) -> Installation:
    """Open what an environment has installed of the project that the session is about.

    Args:
        session: This run.
        python: Its interpreter, as a path or as a command, or its folder.
    """
    from vpatch.doors import python as door  # noqa: PLC0415, lazy
    from vpatch.jobs.installation import Installation  # noqa: PLC0415, lazy

    return Installation(door.installed(placed(python), session.config.upstream.package))


def placed(python: str) -> Path:
    """Return where an interpreter is that a user names, as a path or as a command."""
    import shutil  # noqa: PLC0415, lazy

    place = Path(python)
    if not place.exists() and (command := shutil.which(python)):
        place = Path(command)
    return place.absolute()


def of_the_users(session: Session, named: Named) -> Target | None:
    """Open the clone or the environment that a call names, None where it names none."""
    if named.checkout and named.python:
        raise click.UsageError("--checkout and --python exclude each other")
    if named.checkout:
        return opened(session, Path(named.checkout))
    return installed(session, named.python) if named.python else None


@contextmanager
def held(target: Target) -> Iterator[None]:
    """Hold a target for this run alone, after an interrupted run was brought to its end."""
    terminal = Terminal()
    with target.hold(terminal.say):
        target.recover(terminal.say)
        yield


def find(session: Session, named: Named) -> tuple[Base, Target | None]:
    """Return the base that a call is about, and its target where it is there.

    Args:
        session: This run.
        named: What the user said.

    Raises:
        BadInputError: The clone is on another base than the one named.
        RefusedError: The managed checkout is on an older state of its branch.
    """
    found, target = _located(session, named)
    return _settled(session, named.base, found, target), target


@contextmanager
def found_and_held(session: Session, named: Named) -> Iterator[tuple[Base, Target | None]]:
    """Find base and target as `find` does, with the target held before it is asked."""
    found, target = _located(session, named)
    with held(target) if target else nullcontext():
        yield _settled(session, named.base, found, target), target


def lent(target: Target | None) -> Checkout | None:
    """Return the checkout whose objects a replay may read, where the target is one."""
    from vpatch.jobs.checkout import Checkout  # noqa: PLC0415, lazy

    return target if isinstance(target, Checkout) else None


def states_in(target: Target, replay: Replay, made: Repo) -> list[str]:
    """Say of each patch of a replay whether a target holds it."""
    from vpatch.jobs.checkout import Checkout, applied_states  # noqa: PLC0415, lazy

    if isinstance(target, Checkout):
        return applied_states(target, replay, made)
    from vpatch.jobs.installation import held_states  # noqa: PLC0415, lazy

    return held_states(target, replay, made)


def _located(session: Session, named: Named) -> tuple[Base | None, Target | None]:
    """Return the base, where no target of the user's decides it, and the target."""
    if target := of_the_users(session, named):
        return None, target
    found = session.bases.get(named.base or session.usual_base())
    path = session.managed(found.name)
    return found, opened(session, path) if path.exists() else None


def _settled(
    session: Session, base: str | None, found: Base | None, target: Target | None
) -> Base:
    if target is None:
        assert found is not None  # noqa: S101, for mypy: one of the two is there
        return found
    from vpatch.jobs.checkout import Checkout  # noqa: PLC0415, lazy

    if not isinstance(target, Checkout):
        return session.bases.get(base or target.base_name)
    if found is None:
        return _of_clone(session, target, base)
    own = target.base()
    if own.commit != found.commit:
        raise RefusedError(
            f"this checkout is on {own.commit[:12]}, {found.name} is {found.commit[:12]}",
            where=str(target.root),
            hint="if nothing of yours is in it, delete the folder and apply again",
        )
    return found


def _of_clone(session: Session, target: Checkout, base: str | None) -> Base:
    own = target.base()
    if base is None or canonical(base) == own.name:
        return own
    if is_commit(base) and own.commit.startswith(base):
        return own
    found = session.bases.get(base)
    with session.bases.store.scratch(target.repo.objects) as repo:
        trees = {repo.resolve(f"{commit}^{{tree}}") for commit in (own.commit, found.commit)}
    if len(trees) > 1:
        raise BadInputError(
            f"the checkout is on {own.name}, not on {found.name}",
            where=str(target.root),
            hint="leave --base out, or bring the checkout there with git first",
        )
    # The same files by another history: the name is upstream's, the commit the clone's.
    return replace(own, name=found.name)
