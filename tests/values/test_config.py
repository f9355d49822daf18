"""``vpatch.toml``: read, or refused with the table and the key."""

from __future__ import annotations

import pytest

from vpatch.values.config import Config, Upstream, read_config
from vpatch.values.errors import FormatError


def test_settings() -> None:
    """Every key is optional, and each is read."""

    text = (
        'base = "v0.16.0"\n[upstream]\npackage = "sglang"\nurl = "https://example.org/x.git"\n'
        'api = "https://example.org/api/v3/repos/a/x"\n'
    )
    assert read_config("", where="vpatch.toml") == Config("", Upstream("vllm", ""))
    assert read_config(text, where="vpatch.toml") == Config(
        "v0.16.0",
        Upstream("sglang", "https://example.org/x.git", "https://example.org/api/v3/repos/a/x"),
    )


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("base = \n", "vpatch.toml", "no valid TOML: .*line 1"),
        ("base = 1" + "0" * 5000, "vpatch.toml", "no valid TOML"),
        ("base = 0.16", "vpatch.toml", "'base' is not text"),
        ("bases = 'x'", "vpatch.toml", "unknown key 'bases'"),
        ("upstream = 'x'", "vpatch.toml", "'upstream' is no table"),
        ("[[upstream]]\nurl = 'x'", "vpatch.toml", "'upstream' is no table"),
        ("[upstream]\nremote = 'x'", r"vpatch.toml, \[upstream\]", "unknown key 'remote'"),
        ("[upstream]\nurl = []", r"vpatch.toml, \[upstream\]", "'url' is not text"),
    ],
)
def test_errors_name_table_and_key(text: str, where: str, what: str) -> None:
    """What is wrong, where, and the way out."""

    with pytest.raises(FormatError, match=f"{what}.*: {where}$") as caught:
        read_config(text, where="vpatch.toml")
    assert caught.value.hint
