"""What the proofs showed, beside what they showed the last time, and to other nights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpatch.upkeep.nightly.home import RECORD
from vpatch.upkeep.proofs import keep
from vpatch.values.paths import decode
from vpatch.values.proof import Outcome
from vpatch.values.shown import read_shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from vpatch.jobs.folder import Folder
    from vpatch.upkeep.nightly.seen import Diary
    from vpatch.values.base import Base
    from vpatch.values.proof import Proof

_FEW = 3
"""Proofs, and causes, that are named one by one."""


def tell_proofs(base: Base, proofs: Iterable[Proof], diary: Diary) -> None:
    """Tell of a proof that fails, of one that holds again, and of those that were not run.

    One that is not run shows nothing: if it failed before, that stands.

    Args:
        base: What the series was proven on.
        proofs: What each showed.
        diary: What is seen.
    """
    old = diary.old.proofs.get(base.name, {})
    now = diary.new.proofs[base.name] = {}
    missed: list[Proof] = []
    again: list[Proof] = []
    for proof in proofs:
        found, was = proof.outcome, Outcome(old.get(proof.name, Outcome.PROVEN))
        ran = found is not Outcome.NOT_RUN
        now[proof.name] = (found if ran or was.good else was).value
        if not ran and was.good:
            missed.append(proof)
        elif ran and not found.good and was is not Outcome.FAILED:
            text = f"the proof of {_name(proof)} on {base.name}: {found}, {proof.cause}"
            diary.tell("unproven", text, pr=proof.pr, base=base.name)
        elif found.good and was is Outcome.FAILED:
            text = f"{_name(proof)} is proven again on {base.name}"
            diary.tell("proven", text, pr=proof.pr, base=base.name)
        elif found.good and was is Outcome.NOT_RUN:
            again.append(proof)
    if missed:
        text = f"proofs that were not run on {base.name}: {_why(missed)}"
        diary.tell("not-run", text, base=base.name)
    if again:
        text = f"proofs that were run again on {base.name}: {_names(again)}"
        diary.tell("back", text, base=base.name)


def _name(proof: Proof) -> str:
    return f"#{proof.pr}" if proof.pr else proof.name


def _names(proofs: Sequence[Proof]) -> str:
    """Return the names of a few, and the number of the rest."""
    more = len(proofs) - _FEW
    rest = f" and {more} more" if more > 0 else ""
    return ", ".join(_name(proof) for proof in proofs[:_FEW]) + rest


def _why(proofs: Iterable[Proof]) -> str:
    """Return why proofs were not run, those of one cause together."""
    causes: dict[str, list[Proof]] = {}
    for proof in proofs:
        causes.setdefault(proof.cause, []).append(proof)
    told = [f"{_names(each)} ({cause})" for cause, each in causes.items()]
    rest = sum(len(each) for each in list(causes.values())[_FEW:])
    return ", ".join(told[:_FEW]) + (f" and {rest} more" if rest else "")


def remember(
    folder: Folder, records: Iterable[bytes], project: str, say: Callable[[str], None]
) -> None:
    """Take over what proofs showed to nights that are not merged: not each can run them.

    Args:
        folder: The project's folder, as it was laid out for the night.
        records: What they kept.
        project: Address of the upstream project, for links.
        say: Told of another run.

    Raises:
        VpatchError: A record is damaged.
    """
    for raw in records:
        known = {one.key: one.day for one in folder.proofs().shown}
        found = read_shown(decode(raw), where=f"{RECORD} of the last night")
        newer = [one for one in found if one.key not in known or known[one.key] < one.day]
        keep(folder, project, newer, say)
