"""``vpatch status``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from vpatch.cli import options, show
from vpatch.cli.target import Named, find, lent, states_in
from vpatch.values.compiled import compiled_by
from vpatch.values.proof import Outcome

if TYPE_CHECKING:
    from vpatch.cli.session import Asked, Ready, Session
    from vpatch.cli.target import Target
    from vpatch.jobs.landmarks import Watched
    from vpatch.values.base import Base
    from vpatch.values.verdict import Result


@click.command("status")
@options.base
@options.checkout
@options.python
@options.series
@options.json
@click.pass_obj
def command(
    session: Session,
    base: str | None,
    checkout: str | None,
    python: str | None,
    series: str | None,
    *,
    as_json: bool,
) -> int:
    r"""Show what became of each patch on a base, and whether the target holds it.

    What upstream did with each stands beside it; what is only watched follows.

    \b
    Examples:
      vpatch status
      vpatch status --base v0.17.0
      vpatch status --checkout ~/src/vllm --json
      vpatch status --python ~/venv
    """
    found, target = find(session, Named(base, checkout, python))
    applied = target.applied() if target else None
    asked = session.serving(found, series or (applied.series if applied else None))
    with session.replayed(asked, lent(target)) as ready:
        return _answer(session, asked, target, ready, as_json=as_json)


def _answer(
    session: Session,
    asked: Asked,
    target: Target | None,
    ready: Ready,
    *,
    as_json: bool,
) -> int:
    from vpatch.jobs.landmarks import watch  # noqa: PLC0415, lazy
    from vpatch.upkeep.outlook import Outlook  # noqa: PLC0415, lazy

    replay = ready.replay
    states = ["no"] * len(replay.results)
    if target:
        states = states_in(target, replay, ready.made)
    carried = [patch.pr for patch in asked.series.patches]
    watched = watch(session.facts, carried, ready.landmarks)
    ok = replay.ok and not {"drifted", "partly"}.intersection(states)
    pending = target.interrupted() if target else False
    kept = session.folder.proofs()
    proofs = [kept.word(patch, replay.base.commit) for patch in replay.series.patches]
    compiled = compiled_by(replay)
    follow_ups = Outlook.at(session.outlook).open_questions(session.facts, carried)
    if as_json:
        rows = zip(replay.results, states, proofs, strict=True)
        answer = {
            "base": asked.base.as_json(),
            "series": asked.name,
            "target": str(target.root) if target else None,
            "patches": [
                result.as_json()
                | _worth(session, result)
                | {"applied": state, "proof": proof}
                | {"compiled": compiled.get(result.patch.name, [])}
                for result, state, proof in rows
            ],
            "watched": [one.as_json() for one in watched],
            "follow_ups": [
                {"of": pr} | one.as_json() for pr, found in follow_ups.items() for one in found
            ],
            "ok": ok and not pending,
        }
        show.print_json(answer)
    else:
        _print(session, asked, target, ready, list(zip(states, proofs, strict=True)))
        _print_watched(watched, asked.base)
        for number, found in follow_ups.items():
            show.print_follow_ups(number, found)
        if pending:
            click.echo("an apply was interrupted here: run vpatch apply or vpatch unapply")
    return 0 if ok and not pending else 1


def _print(
    session: Session,
    asked: Asked,
    target: Target | None,
    ready: Ready,
    states: list[tuple[str, str]],
) -> None:
    base = asked.base
    where = (
        f", target {target.root}" if target else ", no checkout yet (vpatch apply makes one)"
    )
    click.echo(f"series {asked.name} on {base.name} ({base.commit[:12]}){where}\n")
    results = ready.replay.results
    compiled = compiled_by(ready.replay)
    # Nearly every patch is Python alone: where all are, that is no news.
    kind = ("Kind",) if compiled else ()
    rows = [
        (
            show.label(result.patch),
            result.patch.subject,
            show.upstream_state(session.facts.get(result.patch.pr or 0)),
            result.verdict.value,
            state,
            proof,
            *("compiled" if result.patch.name in compiled else "Python" for _ in kind),
        )
        for result, (state, proof) in zip(results, states, strict=True)
    ]
    titles = ("PR", "Patch…", "Upstream", "Verdict", "Applied", "Proof", *kind)
    show.print_table(titles, rows)
    show.print_notes(results)
    if session.verbose:
        for result in results:
            for word, text in _worth(session, result).items():
                if text:
                    show.print_note(f"{show.label(result.patch)} {word}: {text}")
    for result, (_, proof) in zip(results, states, strict=True):
        if proof == Outcome.NOT_NEEDED:
            _propose_to_drop(result, ready, base)


def _worth(session: Session, result: Result) -> dict[str, str]:
    """Return what upstream.toml says a patch is for, and what it is worth."""
    request = session.facts.get(result.patch.pr or 0)
    return {"why": request.why, "gain": request.gain} if request else {}


def _propose_to_drop(result: Result, ready: Ready, base: Base) -> None:
    """Say that a patch's own test is green without it, and what else speaks for that."""
    held = [
        mark.evidence for mark in ready.landmarks.values() if mark.path in result.patch.paths
    ]
    evidence = f" ({'; '.join(held)})" if held else ""
    label = show.label(result.patch)
    show.print_note(
        f"{label} is not needed on {base.name}: its test is green without it{evidence}. "
        "Think of leaving it out of this series."
    )


def _print_watched(watched: list[Watched], base: Base) -> None:
    if watched:
        click.echo("\nwatched, not carried:\n")
        words = {True: "yes", False: "no", None: "not known"}
        show.print_table(
            ("PR", "Watched…", "Upstream", f"In {base.name}"),
            [
                (
                    f"#{one.request.number}",
                    one.request.title,
                    show.upstream_state(one.request),
                    words[one.present],
                )
                for one in watched
            ],
        )
        for one in watched:
            show.print_note(f"#{one.request.number}: {one.evidence}")
