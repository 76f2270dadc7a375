"""Adapters that run one agent on one rendered prompt."""
