from __future__ import annotations

from tests.cli.driver import Abp


def test_doctor_looks_at_the_store_that_is_set_and_makes_nothing(abp: Abp) -> None:
    shown = abp.run("doctor", code=None).stdout
    assert str(abp.store) in shown and "not made yet" in shown
    assert not abp.store.exists()
    found = abp.json("doctor")
    assert {"about", "grade", "detail", "hint"} == set(found[0])
    assert {f["about"] for f in found} >= {"claude", "memory", "disk", "logout", "locale", "terminal"}
