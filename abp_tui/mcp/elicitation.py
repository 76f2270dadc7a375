"""Telling the person at the client's end what waits for them, where the client can show that."""

from __future__ import annotations

import logging
from typing import Any

from mcp.server.mcpserver import Context
from mcp.shared.exceptions import MCPError
from pydantic import BaseModel

from abp_tui.errors import PersonNeeded
from abp_tui.mcp.bounds import Bounds

log = logging.getLogger(__name__)


class Nothing(BaseModel):
    """What the person has to fill in: their answer itself counts for nothing, so nothing."""


async def tell_person(ctx: Context[Any, Any], needed: PersonNeeded) -> bool:
    """Show the person what to decide, and with which command; says whether they have looked at it.

    Whatever the client answers approves nothing: a client could say anything. The approval is what the
    person does in their own terminal.
    """
    if not _can_show(ctx):
        return False
    why = Bounds().value(needed.message)
    message = f"{why}.\n\nTo allow it, run this in a terminal, then accept here:\n\n{needed.command}"
    try:
        answer = await ctx.elicit(message, Nothing)
    except (MCPError, ValueError) as error:
        log.warning("the client could not show what waits: %s", error)
        return False
    return answer.action == "accept"


def _can_show(ctx: Context[Any, Any]) -> bool:
    capabilities = ctx.client_capabilities
    asks = capabilities.elicitation if capabilities else None
    return asks is not None and (asks.form is not None or asks.url is None) and ctx.session.can_send_request
