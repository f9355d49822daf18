"""Which of vLLM's files are compiled."""

from __future__ import annotations

import pytest

from vpatch.values.compiled import compiled

COMPILED = [
    "CMakeLists.txt",
    "MANIFEST.in",
    "cmake/external_projects/flashmla.cmake",
    "cmake/utils.cmake",
    "csrc/activation_kernels.cu",
    "csrc/quantization/machete/generate.py",
    "pyproject.toml",
    "rust-toolchain.toml",
    "rust/src/cmd/Cargo.toml",
    "setup.py",
    "tools/build_rust.py",
    "vllm/grpc/vllm_engine.proto",
]
NOT_COMPILED = [
    "csrc/README.md",
    "docker/Dockerfile",
    "docs/csrc/x.cu",
    "requirements/common.txt",
    "tests/kernels/csrc/test_x.py",
    "tools/pre_commit/mypy.py",
    "vllm/csrc/x.py",
    "vllm/model_executor/models/minimax_m2.py",
    "vllm/models/deepseek_v41/amd/ops/topk512_gfx942.cu",
    "vllm/setup.py",
]


def test_list() -> None:
    """What a build reads is compiled; what lies in the package is in a wheel as it is."""
    assert compiled([*NOT_COMPILED, *COMPILED]) == COMPILED


@pytest.mark.parametrize("path", ["csrc", "mysetup.py", "setup.pyc", "xcsrc/a.cu"])
def test_near_misses(path: str) -> None:
    """A name that only looks like one is none."""
    assert compiled([path]) == []
