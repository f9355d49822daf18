"""What an address says of a project and its API, and how a pull request is named."""

from __future__ import annotations

import pytest

from vpatch.values.project import Named, project_at, pull_named

VLLM = "https://github.com/vllm-project/vllm"
NUMBER = 33303


@pytest.mark.parametrize(
    "url",
    [
        VLLM,
        f"{VLLM}.git",
        f"{VLLM}/",
        "https://ada:s3cr3t@github.com/vllm-project/vllm.git",
        "https://www.github.com/vllm-project/vllm",
        "https://GitHub.com/vllm-project/vllm",
        "git@github.com:vllm-project/vllm.git",
        "ssh://git@github.com/vllm-project/vllm",
        "ssh://git@github.com:22/vllm-project/vllm.git",
    ],
)
def test_github(url: str) -> None:
    """Every way to write it is the same project, without the login in it."""
    found = project_at(url)
    assert found == (VLLM, "https://api.github.com/repos/vllm-project/vllm")
    assert found is not None
    assert found.on_github


@pytest.mark.parametrize(
    ("url", "page"),
    [
        ("https://ghes.example.org/ai/vllm.git", "https://ghes.example.org"),
        ("http://ghes.example.org:8080/ai/vllm", "http://ghes.example.org:8080"),
        ("git@ghes.example.org:ai/vllm.git", "https://ghes.example.org"),
        ("ssh://git@ghes.example.org:2222/ai/vllm.git", "https://ghes.example.org"),
    ],
)
def test_a_server_of_ones_own(url: str, page: str) -> None:
    """GitHub Enterprise Server has the API below the same host."""
    found = project_at(url)
    assert found == (f"{page}/ai/vllm", f"{page}/api/v3/repos/ai/vllm")
    assert found is not None
    assert not found.on_github


@pytest.mark.parametrize(
    "url", ["", "../vllm", "/srv/git/vllm.git", "http://127.0.0.1:80/vllm.git", "file:///a/b/c"]
)
def test_a_place_is_no_project(url: str) -> None:
    """A folder, or a server that names no owner, has no API to be guessed."""
    assert project_at(url) is None


@pytest.mark.parametrize(
    ("text", "project"),
    [
        ("33303", ""),
        ("#33303", ""),
        (f"{VLLM}/pull/33303", VLLM),
        (f"{VLLM}/pull/33303/files", VLLM),
        (f"{VLLM}/pull/33303.diff", VLLM),
        (f"{VLLM}/pull/33303.patch?full_index=1", VLLM),
        (f"{VLLM}/pull/33303#issuecomment-1", VLLM),
        (f"{VLLM}/pull/33303/commits/abc?w=1", VLLM),
    ],
)
def test_a_pull_request_is_named(text: str, project: str) -> None:
    """By its number, or the address of any of its tabs."""
    assert pull_named(text) == Named(NUMBER, project)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "-1",
        "33303.patch",
        "1e5",
        f"{VLLM}/issues/33303",
        f"{VLLM}/pull/",
        f"{VLLM}/pull/1.txt",
        "9" * 10,
    ],
)
def test_something_else_is_named(text: str) -> None:
    """A file, an issue, or no number at all."""
    assert pull_named(text) is None
