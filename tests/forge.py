"""An upstream with pull requests: its git server, and the API that tells of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from git_servers import Http, Origin
from github_server import GitHubServer
from support import PYPROJECT, git

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Commits = list[tuple[str, "Mapping[str, str | None]"]]
"""Subject (and body) and files of each."""


class Forge:
    """A project, its authors, and the two servers that the world sees of it.

    Args:
        folder: Where all of it lies.
        files: The files that it begins with.
    """

    def __init__(self, folder: Path, files: Mapping[str, str]) -> None:
        self.origin = Origin(folder / "origin", folder / "served/vllm.git")
        self.http = Http(folder / "served")
        self.api = GitHubServer()
        self.titles: dict[int, str] = {}
        self.origin.commit(
            "Begin", {"pyproject.toml": PYPROJECT, "vllm/__init__.py": "", **files}
        )

    @property
    def url(self) -> str:
        """Address of the git remote."""
        return f"{self.http.url}/vllm.git"

    @property
    def settings(self) -> str:
        """A project's ``vpatch.toml``."""
        return f'[upstream]\nurl = "{self.url}"\napi = "{self.api.url}"\n'

    def close(self) -> None:
        """Stop serving."""
        self.http.close()
        self.api.close()

    def rev(self, revision: str) -> str:
        """Return the full id of a commit."""
        return git(self.origin.folder, "rev-parse", f"{revision}^{{commit}}")

    def land(self, subject: str, files: Mapping[str, str | None]) -> str:
        """Somebody commits to main."""
        git(self.origin.folder, "checkout", "-q", "main")
        commit = self.origin.commit(subject, files)
        self.origin.push()
        return commit

    def release(self, tag: str) -> str:
        """Tag the tip of main."""
        git(self.origin.folder, "tag", tag, "main")
        self.origin.push()
        return self.rev(tag)

    def open(
        self, number: int, title: str, commits: Commits, *, start: str = "main", body: str = ""
    ) -> str:
        """Somebody opens a pull request, and its head is returned."""
        git(self.origin.folder, "checkout", "-q", "-B", f"topic-{number}", start)
        self.titles[number] = title
        head = self._commit(number, commits)
        self.api.open(number, title, head, body=body)
        return head

    def push(self, number: int, commits: Commits) -> str:
        """Its author adds commits."""
        git(self.origin.folder, "checkout", "-q", f"topic-{number}")
        head = self._commit(number, commits)
        self.api.push(number, head)
        return head

    def force(self, number: int, commits: Commits, *, start: str = "main") -> str:
        """Its author begins anew, on another commit perhaps."""
        git(self.origin.folder, "checkout", "-q", "-B", f"topic-{number}", start)
        head = self._commit(number, commits)
        self.api.push(number, head, force=True)
        return head

    def catch_up(self, number: int, files: Mapping[str, str] | None = None) -> str:
        """Its author merges main into it, and changes some files on the way, perhaps."""
        git(self.origin.folder, "checkout", "-q", f"topic-{number}")
        git(self.origin.folder, "merge", "-q", "--no-ff", "--no-commit", "main")
        self.origin.commit("Merge branch 'main'", files or {})
        head = self._show(number)
        self.api.push(number, head)
        return head

    def merge(self, number: int, *, own_commits: bool = False, branch: str = "main") -> str:
        """It is merged: squashed, as vLLM does it, or with its own commits."""
        folder = self.origin.folder
        git(folder, "checkout", "-q", branch)
        subject = f"{self.titles[number]} (#{number})"
        if own_commits:
            subject = f"Merge pull request #{number} from ada/topic"
            git(folder, "merge", "-q", "--no-ff", "-m", subject, f"topic-{number}")
        else:
            git(folder, "merge", "-q", "--squash", f"topic-{number}")
            git(folder, "commit", "-q", "-m", subject)
        self.origin.push()
        commit = self.rev(branch)
        self.api.merge(number, commit)
        return commit

    def revert(self, number: int, by: int) -> str:
        """The commit that merged a pull request is reverted, by another one."""
        folder = self.origin.folder
        merged = self.api.pulls[number]["merge_commit_sha"]
        title = f'Revert "{self.titles[number]} (#{number})"'
        git(folder, "checkout", "-q", "-B", f"topic-{by}", "main")
        git(folder, "revert", "--no-edit", merged)
        self.titles[by] = title
        self.api.open(by, title, self._show(by), body=f"Reverts {self.api.project}#{number}")
        return self.merge(by)

    def _commit(self, number: int, commits: Commits) -> str:
        for message, files in commits:
            self.origin.commit(message, files)
        return self._show(number)

    def _show(self, number: int) -> str:
        """Show the head of a pull request to the world."""
        head = self.rev("HEAD")
        git(self.origin.folder, "update-ref", f"refs/pull/{number}/head", head)
        self.origin.push()
        return head
