from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.agents.anthropic_api import AnthropicApi
from tests.agents.programs import claude_197, claude_330, claude_acp, codex, gemini, model_folder

__all__ = ["claude_197", "claude_330", "claude_acp", "codex", "gemini", "model_folder"]


@pytest.fixture
def anthropic_api() -> Iterator[AnthropicApi]:
    with AnthropicApi() as api:
        yield api
