"""A server of one tool, `say`, that speaks just enough of the Model Context Protocol on stdin and stdout."""

from __future__ import annotations

import json
import sys
from typing import Any

SCHEMA = {"type": "object", "properties": {"words": {"type": "string"}}, "required": ["words"]}


def answer(method: str, parameters: dict[str, Any]) -> dict[str, Any]:
    if method == "initialize":
        version = parameters.get("protocolVersion")
        info = {"name": "echo", "version": "1"}
        return {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info}
    if method == "tools/list":
        return {"tools": [{"name": "say", "description": "Says it again.", "inputSchema": SCHEMA}]}
    if method == "tools/call":
        words = f"echo: {parameters['arguments']['words']}"
        return {"content": [{"type": "text", "text": words}]}
    return {}


for line in sys.stdin:
    message = json.loads(line)
    if "id" in message:
        result = answer(message["method"], message.get("params", {}))
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
