from tests.agents.programs import claude_197, claude_330, claude_acp, codex, gemini

__all__ = ["claude_197", "claude_330", "claude_acp", "codex", "gemini"]
