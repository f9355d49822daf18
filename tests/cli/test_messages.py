"""What is said when something is wrong: one clear message, the right exit status, no more."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cli.shop import SOURCE, Shop, as_it_was, nearer
from support import sdist
from vpatch.cli import main as command_line
from vpatch.cli import show
from vpatch.jobs.folder import Folder
from vpatch.values.errors import VpatchError

if TYPE_CHECKING:
    from support import Desk

LONG = ("apply", "unapply", "status", "matrix", "verify", "check", "bases")
"""Verbs that answer a question, so that each has --json."""


def in_process(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *args: str
) -> tuple[int, str, str]:
    """Run the command line in this process; return status, output and errors."""
    monkeypatch.setattr(sys, "argv", ["vpatch", "-C", str(desk.folder), *args])
    with as_it_was(), pytest.raises(SystemExit) as ended:
        command_line.main()
    out, err = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, out, err


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("foo",), "No such command 'foo'."),
        (("aply",), "Did you mean apply?"),
        (("stats",), "Did you mean status?"),
        (("apply", "--bse", "x"), "--bse"),
        (("apply", "too", "many"), "unexpected extra argument"),
        (("apply", "--base"), "requires an argument"),
        (("apply", "--checkout", __file__), "is a file"),
        (("apply", "--checkout", "/dev/null"), "no git checkout: /dev/null"),
        (("apply", "--upto", "999"), "no such patch: 999"),
        (("apply", "--series", "../etc"), "no series ../etc"),
        (("status", "--series", "v9"), "no series v9"),
        (("apply", "--base", "nonsense"), "no such base: nonsense"),
        (("apply", "--base", "v0.16.9"), "no such release in the index: v0.16.9"),
    ],
)
def test_wrong_usage(shop: Shop, args: tuple[str, ...], said: str) -> None:
    """Exit status 2, the reason on standard error, nothing on standard output."""
    ran = shop.near.run(*args, status=None)
    assert said in ran.err
    assert ran.status == 2, ran
    assert ran.out == ""
    assert "Traceback" not in ran.err


def test_no_verb_shows_the_help(desk: Desk) -> None:
    """Without a verb the help is shown; it names every verb and exit status."""
    assert "Missing command" in desk.run(status=2).err
    command = [sys.executable, "-m", "vpatch"]
    ran = subprocess.run(command, env=desk.env, capture_output=True, text=True, check=False)
    asked = desk.run("-h").out
    for words in (*command_line.VERBS, "Exit status"):
        assert words in ran.stderr
        assert words in asked
    assert ran.returncode == 2


@pytest.mark.parametrize("verb", command_line.VERBS)
def test_the_help_of_every_verb_has_an_example(desk: Desk, verb: str) -> None:
    """``vpatch VERB --help`` shows calls to copy, and -v among the options."""
    ran = nearer(desk).run(verb, "--help")
    calls = ran.out.partition("Example")[2].partition("\n\n")[0].splitlines()[1:]
    assert any(call.startswith(f"    vpatch {verb}") for call in calls)
    assert "-v, --verbose" in ran.out


def test_a_series_for_no_lower_release(shop: Shop) -> None:
    """A base below every series: the series at hand are named."""
    shop.desk.index.add("0.9.9", sdist("0.9.9", SOURCE))
    ran = shop.desk.run("apply", "--base", "v0.9.9", status=2)
    assert "no series for v0.9.9, nor for a release below it" in ran.err
    assert "there are: v0.16.0" in ran.err


def test_a_folder_without_patches(desk: Desk) -> None:
    """No patches folder, no such folder, no series: each says what to do."""
    for verb in ("apply", "status", "verify", "check", "unapply"):
        ran = nearer(desk).run(verb, "--json", status=2)
        assert ran.out == ""
        assert f"error: no patches folder: {desk.folder / 'patches'}" in ran.err
        assert "hint: run vpatch in the folder that holds patches/" in ran.err
    ran = desk.run("-C", str(desk.folder / "none"), "check", status=2)
    assert "error: no such folder" in ran.err
    (desk.folder / "patches").mkdir()
    ran = desk.run("apply", status=2)
    assert "no series in this folder" in ran.err
    assert "a series is a file patches/<base>/series" in ran.err


@pytest.mark.parametrize("verb", LONG)
def test_json_is_taken_on_either_side_of_the_verb(shop: Shop, verb: str) -> None:
    """--json and -v work before the verb and behind it."""
    shop.near.run("apply")
    (shop.desk.folder / "patches/upstream.toml").write_text("")
    before = shop.near.run("--json", "-v", verb, status=None)
    behind = shop.near.run(verb, "--json", "-v", status=None)
    for ran in (before, behind):
        assert ran.status in (0, 1)
        assert json.loads(ran.out)["schema"] == 1
        assert ran.err == ""


def test_gits_own_words_are_for_those_who_ask(shop: Shop) -> None:
    """A git failure is one line; -v, on either side of the verb, adds what git said."""
    shop.desk.run("bases", "--fetch", "v0.16.0")
    (shop.desk.cache / "store.git/config").write_text("[broken\n")
    plain = shop.desk.run("status", status=3)
    assert plain.err.splitlines()[0].startswith("error: git ")
    assert plain.err.splitlines()[1:] == ["hint: run again with -v for git's own words"]
    for args in (("-v", "status"), ("status", "-v"), ("status", "--verbose")):
        assert "bad config line 1" in shop.desk.run(*args, status=3).err


def test_more_is_said_on_either_side(shop: Shop) -> None:
    """-v tells what patches are for, before the verb and behind it."""
    (shop.desk.folder / "patches/upstream.toml").write_text(
        '[[pr]]\nnumber = 101\ntitle = "Edit a"\nstate = "open"\n'
        'as_of = 2026-03-01\nwhy = "It is slow."\n'
    )
    before, behind = shop.near.run("-v", "status"), shop.near.run("status", "-v")
    assert "It is slow." in before.out
    assert before.out == behind.out
    assert "It is slow." not in shop.near.run("status").out


@pytest.mark.parametrize("verb", LONG)
def test_without_an_answer_there_is_no_json(shop: Shop, verb: str) -> None:
    """A broken file: exit status 3, the message on standard error, standard output empty."""
    (shop.desk.folder / "vpatch.toml").write_text("base = 3\n")
    ran = shop.near.run(verb, "--json", status=3)
    assert ran.out == ""
    assert ran.err.startswith("error: 'base' is not text: ")
    assert "vpatch.toml" in ran.err
    assert "Traceback" not in ran.err


def test_a_broken_patch_is_named(shop: Shop) -> None:
    """A patch that is no diff, or is gone: its path, and exit status 3."""
    place = shop.desk.folder / "patches/v0.16.0/101-edit-a.patch"
    place.write_text("Hello\n")
    ran = shop.desk.run("apply", status=3)
    assert f"error: no diff in it: {place}" in ran.err
    place.unlink()
    ran = shop.desk.run("apply", status=3)
    assert "no patch file 101-edit-a.patch" in ran.err
    assert not (shop.desk.folder / "build").exists()


@pytest.mark.parametrize(
    "error", [RuntimeError("a secret cause"), KeyError("x"), OSError(5, "I/O"), MemoryError()]
)
def test_a_bug_is_one_line_and_a_file(
    shop: Shop,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
) -> None:
    """Something unexpected: exit status 4, two lines, and all of it in a log file."""

    def broken(*args: Any, **kwargs: Any) -> None:
        raise error

    monkeypatch.setattr(Folder, "names", broken)
    status, out, err = in_process(shop.desk, monkeypatch, capsys, "status")
    assert (status, out) == (4, "")
    first, second = err.splitlines()
    assert first == f"error: this is a bug in vpatch ({type(error).__name__})"
    log = Path(second.removeprefix("hint: report it with the file "))
    assert log.is_file()
    assert log.parent == Path(os.environ["VPATCH_CACHE_DIR"]) / "logs"
    text = log.read_text()
    assert "Traceback" in text
    assert "vpatch" in text.splitlines()[0]


def test_the_report_of_a_bug_holds_no_login(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No password of an address, and no token, is in the log's call or its traceback."""

    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("by https://ada:s3@cr3t@host.example/a.git, http://x:s3@y, gh0123")

    monkeypatch.setenv("GITHUB_TOKEN", "gh0123")
    monkeypatch.setattr(Folder, "names", broken)
    url = "https://ada:s3@cr3t@host.example/a.git"
    status, _, err = in_process(shop.desk, monkeypatch, capsys, "--upstream", url, "status")
    assert status == 4
    text = Path(err.splitlines()[1].removeprefix("hint: report it with the file ")).read_text()
    assert text.count("https://host.example/a.git, http://y") == 2
    assert "'--upstream', 'https://host.example/a.git'" in text
    for secret in ("ada", "s3", "cr3t", "gh0"):
        assert secret not in text


def test_an_interruption_is_one_line(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C: exit status 130 and a line that says what it left."""

    def interrupted(*args: Any, **kwargs: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Folder, "names", interrupted)
    status, out, err = in_process(shop.desk, monkeypatch, capsys, "status")
    assert (status, out) == (130, "")
    assert err == "\ninterrupted: nothing is half done, run again to go on\n"


def test_a_message_obeys_no_terminal(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What comes from a file or a server is shown without escape codes, -v or not."""

    def hostile(*args: Any, **kwargs: Any) -> None:
        what, where = "bad\x1b]0;title\x07", "a\x1b[2Jplace"
        raise VpatchError(what, where=where, hint="h\x9bint", detail="\x1b[31m\udcff\u202e")

    monkeypatch.setattr(Folder, "names", hostile)
    status, _, err = in_process(shop.desk, monkeypatch, capsys, "-v", "status")
    assert status == 3
    assert err.splitlines() == [
        r"error: bad\x1b]0;title\x07: a\x1b[2Jplace",
        r"hint: h\x9bint",
        r"\x1b[31m?\x202e",
    ]


@pytest.mark.parametrize("verb", LONG)
def test_a_pipe_gets_plain_text(shop: Shop, verb: str) -> None:
    """No colour, no cursor movement and no padding where nobody looks, whatever TERM says."""
    env = shop.desk.env | {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    shop.near.run("apply")
    command = shop.desk.command(verb)
    ran = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert ran.returncode in (0, 1)
    assert "\x1b" not in ran.stdout + ran.stderr
    assert "\r" not in ran.stdout + ran.stderr
    assert all(line == line.rstrip() for line in ran.stdout.splitlines())


def test_a_machine_without_git(shop: Shop, tmp_path: Path) -> None:
    """It is no bug of vpatch's, and the way out is said."""
    env = shop.desk.env | {"PATH": str(tmp_path)}
    command = shop.desk.command("status")
    ran = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert ran.returncode == 3
    assert ran.stderr == ("error: git could not be started\nhint: install git 2.38 or newer\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_an_answer_without_room(shop: Shop) -> None:
    """A full disk is said to be one; a closed output leaves the exit status alone."""
    command = [*shop.desk.command("status"), "--base", "v0.16.0"]
    with Path("/dev/full").open("wb") as out:
        ran = subprocess.run(
            command, env=shop.desk.env, stdout=out, stderr=subprocess.PIPE, check=False
        )
    assert ran.returncode == 3
    assert b"error: no room for the answer\nhint: make room there\n" in ran.stderr
    closed = ["sh", "-c", 'exec "$@" >&-', "sh", *command]
    ran = subprocess.run(closed, env=shop.desk.env, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_a_reader_that_had_enough(shop: Shop) -> None:
    """``vpatch status | head -0``: no complaint about the closed pipe."""
    reader, writer = os.pipe()
    os.close(reader)
    command = shop.desk.command("status")
    with os.fdopen(writer, "wb") as out:
        ran = subprocess.run(
            command,
            env=shop.desk.env,
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert "Traceback" not in ran.stderr
    assert "rror" not in ran.stderr


def test_a_terminal_in_an_old_locale(shop: Shop) -> None:
    """Where only ASCII can be shown, names of other kinds are no reason to fail."""
    name = "v0.16.0"
    patch = shop.patches["101-edit-a.patch"].replace(b"Edit a", "Ä → 变 \U0001f600".encode())
    patches = shop.patches | {"101-edit-a.patch": patch}
    shop.desk.write_series(name, patches)
    env = shop.desk.env | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = shop.desk.command("apply")
    ran = subprocess.run(command, env=env, capture_output=True, check=False)
    assert (ran.returncode, ran.stderr.count(b"bug")) == (0, 0), ran
    env["PYTHONIOENCODING"] = "latin-1"
    ran = subprocess.run(command, env=env, capture_output=True, check=False)
    assert (ran.returncode, ran.stderr.count(b"bug")) == (0, 0), ran


def test_a_signal_in_a_finaliser_is_not_lost() -> None:
    """Ctrl-C that comes while Python runs a finaliser still ends the run, in one line."""
    program = (
        "import os, signal, time\n"
        "from vpatch.cli import main as command\n"
        "class Late:\n"
        "    def __del__(self):\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "def verb(**_):\n"
        "    Late()\n"
        "    time.sleep(5)\n"
        "    print('went on')\n"
        "command.cli.main = verb\n"
        "command.main()\n"
    )
    command = [sys.executable, "-c", program]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)

    assert ran.returncode == 130
    assert "Traceback" not in ran.stderr
    assert "interrupted" in ran.stderr
    assert "went on" not in ran.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_a_constructor(number: signal.Signals) -> None:
    """What a signal left half made ends without a word of Python's on it."""
    program = (
        "import os\n"
        "from vpatch.cli import main as command\n"
        "class Half:\n"
        "    def __init__(self):\n"
        f"        os.kill(os.getpid(), {number.value})\n"
        "        self.file = open(os.devnull)\n"
        "    def __del__(self):\n"
        "        self.file.close()\n"
        "command.cli.main = lambda **_: Half()\n"
        "command.main()\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    interrupted = "interrupted: nothing is half done, run again to go on\n"
    said = interrupted if number == signal.SIGINT else ""
    assert (ran.returncode, ran.stderr) == (128 + number, said)


def test_no_command_for_the_runner(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In GitHub's log, words of others stay words, wherever a line of theirs begins."""
    title = "::error::you ##[add-mask]e"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    show.print_note(title)
    show.print_table(("Title",), [("::error::you ##[add-mask]e",)])
    show.echo("a\n  ::error::you", err=True)
    out, err = capsys.readouterr()
    for line in (out + err).splitlines():
        assert not line.lstrip().startswith("::")
        assert "##[" not in line
    assert out.count(r"\x3a:error::you \x23#[add-mask]e") == 2
    monkeypatch.delenv("GITHUB_ACTIONS")
    show.echo("::torch")
    assert capsys.readouterr().out == "::torch\n"
