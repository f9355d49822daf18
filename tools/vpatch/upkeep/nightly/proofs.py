"""What the proofs showed, beside what they showed the last time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpatch.values.proof import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

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
