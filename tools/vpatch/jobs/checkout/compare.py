"""Tell by content what of a series a checkout holds, and where it differs."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from vpatch.values.drift import Drift, States
from vpatch.values.paths import decode
from vpatch.values.tree import Entry, blob_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vpatch.doors.git import Repo
    from vpatch.jobs.checkout.target import Checkout
    from vpatch.values.verdict import Replay, Verdict


_ANY = ""
"""Stands for every mode."""


def applied_states(checkout: Checkout, replay: Replay, made: Repo) -> list[str]:
    """Say of each patch whether the checkout's files hold it.

    Args:
        checkout: The target.
        replay: What it should hold.
        made: Where the replay's objects are.

    Returns:
        ``yes``, ``no`` or ``drifted`` for each patch. A patch is in when every file that it
        touches is as the replay leaves it, after this patch or a later one.
    """
    touched = replay.touched
    found = _lying(checkout, touched)
    states = States.of(replay, made.entries(replay.base.commit, touched))
    at = {path: _last(ids, found.get(path)) for path, ids in states.known.items()}
    return [
        _state(result.verdict, result.patch.paths, wanted, at)
        for result, wanted in zip(replay.results, states.steps, strict=True)
    ]


def _lying(checkout: Checkout, paths: Iterable[str]) -> dict[str, Entry]:
    """Return what lies in the work tree at some paths, as a commit would take it."""
    modes: dict[str, int] = {}
    for path in paths:
        place = checkout.root / path
        if os.path.lexists(place):
            modes[path] = place.lstat().st_mode
    found = {
        path: Entry("100755" if modes[path] & stat.S_IXUSR else "100644", oid)
        for path, oid in checkout.repo.hash_files(
            path for path, mode in modes.items() if stat.S_ISREG(mode)
        ).items()
    }
    for path, mode in modes.items():
        if stat.S_ISLNK(mode):
            aim = os.fsencode((checkout.root / path).readlink())
            found[path] = Entry("120000", blob_id(aim))
    asked = ("config", "--type=bool", "--default=true", "--get", "core.fileMode")
    if decode(checkout.repo.run(*asked).out).strip() == "false":
        # This disk knows no right to run: the mode is what anybody says it is.
        return {path: Entry(_ANY, entry.oid) for path, entry in found.items()}
    return found


def _last(states: list[Entry | None], lying: Entry | None) -> int | None:
    """Return how many changes of a file are in, None where it is none of its states."""
    steps = [
        step
        for step, known in enumerate(states)
        if known == lying or (known and lying == Entry(_ANY, known.oid))
    ]
    return steps[-1] if steps else None


def _state(
    verdict: Verdict,
    paths: frozenset[str],
    wanted: dict[str, int],
    at: dict[str, int | None],
) -> str:
    if not verdict.good:
        return "no"
    if not wanted:
        # The base holds it: so does a target whose files are those of the replay.
        return "drifted" if any(at[path] is None for path in paths) else "yes"
    reached = [at[path] for path in wanted]
    if None in reached:
        return "drifted"
    ins = [(at[path] or 0) >= step for path, step in wanted.items()]
    if all(ins):
        return "yes"
    return "drifted" if any(ins) else "no"


def drift(checkout: Checkout, replay: Replay, made: Repo, package: str) -> list[Drift]:
    """Name every file of a checkout that is not what the replay says.

    Args:
        checkout: The target.
        replay: What it should hold.
        made: Where the replay's objects are.
        package: The folder in which a file that nobody knows counts as drift too.
    """
    repo = checkout.repo.reading_from(made)
    with repo.stage() as stage:
        stage.load(replay.tree)
        letters = stage.differences(f"{package}/")
    sparse = repo.left_out()
    committed = repo.changed(replay.tree, "HEAD^{tree}")
    base = made.entries(replay.base.commit, committed)
    head = repo.entries("HEAD", committed)
    kinds = {"D": "deleted", "?": "added"}
    found = {
        path: kinds.get(letter, "modified")
        for path, letter in letters.items()
        if not (letter == "D" and path in sparse)
    }
    for path in committed:
        same = base.get(path) == head.get(path)
        found[path] = "unpatched" if same and path in replay.change else "committed"
    return [Drift(path, found[path]) for path in sorted(found)]
