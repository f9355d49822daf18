"""Find the checkout that a call is about, and hold it while it is changed."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vpatch.cli.session import Session, Terminal
from vpatch.values.base import canonical, is_commit
from vpatch.values.errors import BadInputError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vpatch.jobs.checkout import Checkout
    from vpatch.values.base import Base


def opened(session: Session, path: Path) -> Checkout:
    """Open a checkout of the project that the session is about."""
    from vpatch.jobs.checkout import Checkout  # noqa: PLC0415, lazy

    return Checkout(path.absolute(), session.config.upstream.package)


@contextmanager
def held(target: Checkout) -> Iterator[None]:
    """Hold a checkout for this run alone, after an interrupted run was brought to its end."""
    from vpatch.doors.files import lock  # noqa: PLC0415, lazy

    terminal = Terminal()
    with lock(target.lock_file, waiting=terminal.say):
        target.recover(terminal.say)
        yield


def find(
    session: Session, base: str | None, checkout: str | None
) -> tuple[Base, Checkout | None]:
    """Return the base that a call is about, and its target where it is there.

    Args:
        session: This run.
        base: The base as the user named it; None for the target's or the usual one.
        checkout: A clone of the user's; None for the managed checkout.

    Raises:
        BadInputError: The clone is on another base than the one named.
        RefusedError: The managed checkout is on an older state of its branch.
    """
    found, target = _located(session, base, checkout)
    return _settled(session, base, found, target), target


@contextmanager
def found_and_held(
    session: Session, base: str | None, checkout: str | None
) -> Iterator[tuple[Base, Checkout | None]]:
    """Find base and target as `find` does, with the target held before it is asked."""
    found, target = _located(session, base, checkout)
    with held(target) if target else nullcontext():
        yield _settled(session, base, found, target), target


def _located(
    session: Session, base: str | None, checkout: str | None
) -> tuple[Base | None, Checkout | None]:
    """Return the base, where no clone decides it, and the target, where it is there."""
    if checkout:
        return None, opened(session, Path(checkout))
    found = session.bases.get(base or session.usual_base())
    path = session.managed(found.name)
    return found, opened(session, path) if path.exists() else None


def _settled(
    session: Session, base: str | None, found: Base | None, target: Checkout | None
) -> Base:
    if target is None:
        assert found is not None  # noqa: S101, for mypy: one of the two is there
        return found
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
