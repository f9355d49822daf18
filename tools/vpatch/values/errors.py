"""What is raised when no answer can be given: what, where, and the way out.

A patch that does not apply is a value (`vpatch.values.verdict`), never one of these.
"""


class VpatchError(Exception):
    """No answer can be given: the network, a broken file, a failing program.

    Args:
        what: What is wrong, in a few words.
        where: The file, line or address concerned.
        hint: The way out, as an order to the reader.
        detail: Words of another program, shown under ``-v`` only.
    """

    status = 3

    def __init__(self, what: str, *, where: str = "", hint: str = "", detail: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint
        self.detail = detail

    def __str__(self) -> str:
        """What and where, in one line."""
        return f"{self.what}: {self.where}" if self.where else self.what


class DownError(VpatchError):
    """Who was asked would not answer the next question either."""


class BadInputError(VpatchError):
    """The call asks for something that does not exist or makes no sense."""

    status = 2


class RefusedError(VpatchError):
    """The target's own state forbids the change; nothing was touched."""

    status = 1


class FormatError(VpatchError):
    """A file is not in the form that its kind has."""


class NotInTreeError(FormatError):
    """A tree knows none of a patch's files, by any reading of their paths."""
