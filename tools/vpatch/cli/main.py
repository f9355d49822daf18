"""The command ``vpatch``: its verbs, and the one place where errors become messages."""

from __future__ import annotations

import errno
import gc
import importlib
import io
import os
import signal
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import click

from vpatch import __version__
from vpatch.cli import bugs, show
from vpatch.cli.pulse import PULSE
from vpatch.values.errors import VpatchError

if TYPE_CHECKING:
    from types import FrameType

# A module per verb, imported when the verb is called: `vpatch --version` is to be instant.
VERBS = {
    "apply": "Put the series into a checkout or an installed vLLM",
    "unapply": "Bring a checkout or an installed vLLM back to what it was",
    "status": "Show what each patch does on a base, and whether it is applied",
    "matrix": "Show what each patch does on every release",
    "report": "Write a page of it for people",
    "verify": "Compare a checkout or an installed vLLM with what the series makes",
    "explain": "Say why a patch has no place on a base, and which release broke it",
    "rebase": "Write the series for another base",
    "add": "Take a pull request into the series",
    "drop": "Take patches out of the series",
    "refresh": "Ask what upstream did with the pull requests since",
    "nightly": "Look at upstream, do all that is safe, say only what changed",
    "smoke": "Prove patches by their smoke tests, red without, green with",
    "wheel": "Write a patched wheel, without compiling",
    "check": "Check the patches folder itself",
    "export": "Write the series for quilt, StGit or git am",
    "bases": "List the bases at hand, or fetch one",
}

_MORE = "Say more: what patches are for, and git's own words in errors."
_ENDED = 128
"""With the number of a signal, the exit status of what was ended by it."""
_ended_by: list[int] = []
"""The signals that asked this run to end."""


def _verbose() -> click.Option:
    """Return the option -v as a verb takes it: people type it behind the verb as well."""
    return click.Option(
        ["-v", "--verbose"],
        is_flag=True,
        expose_value=False,
        callback=_say_more,
        help=_MORE,
    )


def _say_more(ctx: click.Context, _option: click.Parameter, verbose: bool) -> None:  # noqa: FBT001, click's
    """Take note of it where the session is; none is there while a shell completes."""
    if verbose and ctx.obj:
        ctx.obj.verbose = True


class _Verbs(click.Group):
    """Knows its commands by name and help line, and imports the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"vpatch.cli.{cmd_name}")
        command: click.Command = module.command
        command.short_help = VERBS[cmd_name]
        # click keeps a paragraph's lines behind this mark, which a docstring can't hold itself.
        command.help = (command.help or "").replace("\\b\n", "\b\n")
        if not any("-v" in option.opts for option in command.params):
            command.params.append(_verbose())
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib  # noqa: PLC0415, lazy

            near = difflib.get_close_matches(args[0], VERBS, 1)
            if not near:
                raise
            raise click.UsageError(f"{error.message} Did you mean {near[0]}?", ctx) from error


@click.group(
    cls=_Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 88},
    epilog='Shell completion: eval "$(_VPATCH_COMPLETE=bash_source vpatch)" (or zsh, fish).',
)
@click.version_option(__version__, prog_name="vpatch", message="%(prog)s %(version)s")
@click.option(
    "-C",
    "directory",
    metavar="DIR",
    default=".",
    type=click.Path(file_okay=False),
    help="The folder that holds patches/.  [default: .]",
)
@click.option("-v", "--verbose", is_flag=True, help=_MORE)
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
@click.option(
    "--upstream",
    metavar="URL",
    default="",
    help="A git remote to take bases from, instead of vpatch.toml's.",
)
@click.pass_context
def cli(
    ctx: click.Context, directory: str, upstream: str, *, verbose: bool, as_json: bool
) -> None:
    """Carry upstream vLLM pull requests as patches, and know their state.

    Exit status: 0 the answer is good, 1 it is bad, 2 wrong usage, 3 no answer, 4 a bug.
    """
    from vpatch.cli.session import Session  # noqa: PLC0415, lazy
    from vpatch.doors.git import drop_inherited_variables  # noqa: PLC0415, lazy

    drop_inherited_variables()
    PULSE.said(f"vpatch {ctx.invoked_subcommand}")
    if as_json:
        _pass_json_on(ctx)
    ctx.obj = Session(directory, upstream, verbose=verbose)


def _pass_json_on(ctx: click.Context) -> None:
    """Give --json to the verb, which is where it belongs."""
    verb = ctx.invoked_subcommand or ""
    command = cli.get_command(ctx, verb)
    if command is None or not any(p.name == "as_json" for p in command.params):
        raise click.UsageError(f"{verb} has no --json", ctx)
    ctx.default_map = {verb: {"as_json": True}}


def main() -> NoReturn:
    """Run the command line and leave with its exit status."""
    _prepare()
    try:
        status = cli.main(standalone_mode=False)
    except click.exceptions.Exit as error:
        status = error.exit_code
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        _say("interrupted: nothing is half done, run again to go on")
        status = _ENDED + signal.SIGINT
    except VpatchError as error:
        status = _explain(error)
    except BrokenPipeError:
        # The reader of a pipe had enough.
        _drop_output()
        status = 0
    except OSError as error:
        if error.errno != errno.ENOSPC:
            bugs.report(error)
            status = bugs.STATUS
        else:
            # Everything that vpatch writes itself says where; this is the answer.
            _drop_output()
            status = _explain(VpatchError("no room for the answer", hint="make room there"))
    except Exception as error:  # noqa: BLE001, whatever it is, nobody wants to see it raw
        bugs.report(error)
        status = bugs.STATUS
    sys.exit(status if isinstance(status, int) else 0)


def _prepare() -> None:
    """Set up signals, the collector of garbage, and standard output."""
    signal.signal(signal.SIGTERM, _terminate)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        # A terminal that is gone ends it as well, with what it started, but for nohup(1).
        signal.signal(signal.SIGHUP, _terminate)
    signal.signal(signal.SIGINT, _interrupt)
    PULSE.begin()
    sys.unraisablehook = _deliver_again
    # A short run makes little garbage; looking for it costs a tenth of `status`.
    gc.set_threshold(100_000)
    if sys.stdout is None:
        # Somebody closed it: the exit status is all that is asked for.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123, to the end
    if isinstance(sys.stdout, io.TextIOWrapper):
        # An old locale can't show every name; standard error escapes them of itself.
        sys.stdout.reconfigure(errors="backslashreplace")


def _drop_output() -> None:
    """Let what is still to be written go nowhere: Python would complain of it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _deliver_again(lost: sys.UnraisableHookArgs) -> None:
    """Send a signal again that came while a finaliser ran, where Python would drop it."""
    if not issubclass(lost.exc_type, (KeyboardInterrupt, SystemExit)):
        # A signal may leave something half made, whose own end then fails.
        if not _ended_by:
            sys.__unraisablehook__(lost)
        return
    import threading  # noqa: PLC0415, lazy

    interrupted = issubclass(lost.exc_type, KeyboardInterrupt)
    number = signal.SIGINT if interrupted else signal.SIGTERM
    # Not at once: this hook is a place where Python would drop it as well.
    threading.Timer(0.01, os.kill, (os.getpid(), number)).start()


def _interrupt(number: int, _frame: FrameType | None) -> NoReturn:
    _ended_by.append(number)
    raise KeyboardInterrupt


def _terminate(number: int, _frame: FrameType | None) -> NoReturn:
    _ended_by.append(number)
    sys.exit(_ENDED + number)


def _explain(error: VpatchError) -> int:
    _say(f"error: {error}")
    if error.hint:
        _say(f"hint: {error.hint}")
    if error.detail and ("-v" in sys.argv or "--verbose" in sys.argv):
        _say(error.detail)
    return error.status


def _say(line: Any) -> None:  # noqa: ANN401, printed as it is
    show.echo(str(line), err=True)
