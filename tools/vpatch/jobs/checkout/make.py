"""Make a checkout of a base."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from vpatch.doors.git import GitError, Repo, init
from vpatch.jobs.checkout.target import Checkout
from vpatch.values.base import version_of

if TYPE_CHECKING:
    from pathlib import Path

    from vpatch.values.base import Base


def make_checkout(store: Repo, base: Base, path: Path, package: str) -> Checkout:
    """Make a checkout of a base that lives on its own: it needs the store no longer.

    It is made beside its place, and is there whole or not at all.
    """
    beside = path.with_name(f".{path.name}.part")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        init(beside, bare=False)
        repo = Repo(beside / ".git", work_tree=beside, private=False)
        store.send(base.commit, without="", to=repo)
        if store.resolve(f"{base.commit}^"):
            (beside / ".git/shallow").write_text(f"{base.commit}\n")
        if version_of(base.name):
            repo.set_ref(f"refs/tags/{base.name}", base.commit)
        repo.run("update-ref", "--no-deref", "HEAD", base.commit)
        repo.run("reset", "-q", "--hard")
        beside.rename(path)
    except OSError as error:
        raise GitError(
            f"cannot make the checkout ({error.strerror})",
            where=str(path),
            hint="make room there, or make the folder writable",
        ) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return Checkout(path, package)
