"""What the tests of the server say over and over."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from mcp import Client

COMMAND = {"argv": [sys.executable, "-c", "print('ran')"]}


async def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """The structured answer of a tool that must not fail."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    assert result.structured_content is not None
    return result.structured_content


async def refusal(client: Client, tool: str, **arguments: Any) -> str:
    """What a tool says that must fail."""
    result = await client.call_tool(tool, arguments)
    assert result.is_error, result.structured_content
    return str(result.content[0].text)


def files(folder: Path, **more: Any) -> dict[str, Any]:
    """The arguments of `create_job` for a job over files."""
    return {
        "name": "words",
        "user_intent": "Count the words",
        "enumerator_type": "file",
        "enumerator_config": {"base_directory": str(folder)},
        "worker": "sample",
        **more,
    }
