"""What the proofs showed, beside what they showed the last time, and to other nights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpatch.upkeep.nightly.home import RECORD
from vpatch.upkeep.proofs import keep
from vpatch.values.paths import decode
from vpatch.values.proof import Outcome
from vpatch.values.shown import read_shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vpatch.jobs.folder import Folder
    from vpatch.upkeep.nightly.seen import Diary
    from vpatch.values.base import Base
    from vpatch.values.proof import Proof


def tell_proofs(base: Base, proofs: Iterable[Proof], diary: Diary) -> None:
    """Tell of a proof that fails, and of one that holds again.

    Args:
        base: What the series was proven on.
        proofs: What each showed.
        diary: What is seen.
    """
    old = diary.old.proofs.get(base.name, {})
    now = diary.new.proofs[base.name] = {}
    for proof in proofs:
        now[proof.name] = proof.outcome.value
        was = Outcome(old.get(proof.name, Outcome.PROVEN))
        name = f"#{proof.pr}" if proof.pr else proof.name
        if was.good and not proof.outcome.good:
            text = f"the proof of {name} on {base.name}: {proof.outcome}, {proof.cause}"
            diary.tell("unproven", text, pr=proof.pr, base=base.name)
        elif proof.outcome.good and not was.good:
            diary.tell("proven", f"{name} is proven again on {base.name}", pr=proof.pr)


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
