from __future__ import annotations

from abp_tui.enumerators.base import registry


def test_what_has_effects_elsewhere_is_not_looked_at_while_a_person_types() -> None:
    live = {name: registry.get(name).live_preview for name in registry.names()}
    assert live == {"file": True, "paths": True, "csv": True, "json": True, "sql": False, "dynamic": False}
