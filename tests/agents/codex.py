"""Options with which the real Codex program reaches the scripted API, and little is tried again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.agents.openai_api import OpenAiApi

KEY = "OPENAI_API_KEY"


def options(program: Path, api: OpenAiApi, **more: Any) -> dict[str, Any]:
    own = f'{{name="own",base_url="{api.url}",env_key="{KEY}",wire_api="responses",'
    own += "request_max_retries=0,stream_max_retries=1}"
    config = ['model_provider="own"', f"model_providers.own={own}"]
    base = {"program": str(program), "model": "gpt-5", "skip_git_repo_check": True, "config": config}
    return {**base, **more}
