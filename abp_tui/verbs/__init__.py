"""The orchestrator's verbs, a file per group."""
