"""The real agent programs, where `tests/agents/install` has put them; a test of a missing one skips."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def _cache() -> Path:
    """As in the script; read when this module is loaded, before tests get a home of their own."""
    if own := os.environ.get("ABP_AGENTS_CACHE"):
        return Path(own)
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "abp-agents"


CACHE = _cache()
PINNED = {
    name: program
    for name, _, program in (
        line.split() for line in (HERE / "pinned.txt").read_text().splitlines() if line[:1] not in ("", "#")
    )
}


def find(name: str) -> Path:
    """The program pinned under this name, else skips the test."""
    path = CACHE / name / "node_modules" / ".bin" / PINNED[name]
    if not path.exists():
        pytest.skip(f"{name} is not installed: run tests/agents/install {name}")
    return path


@pytest.fixture
def claude_330() -> Path:
    return find("claude-2.1.330")


@pytest.fixture
def claude_197() -> Path:
    return find("claude-2.1.197")


@pytest.fixture
def claude_acp() -> Path:
    return find("claude-acp-0.101.0")


@pytest.fixture
def gemini() -> Path:
    return find("gemini-0.61.0")


@pytest.fixture
def codex() -> Path:
    return find("codex-0.169.0")


@pytest.fixture(scope="session")
def model_folder() -> Path:
    """Where the packages of model.txt are."""
    if not (CACHE / "model").is_dir():
        pytest.skip("there is no model: run tests/agents/install model")
    return CACHE / "model"
