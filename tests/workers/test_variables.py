from __future__ import annotations

import sys

import pytest

from abp_tui.errors import InvalidInput, WorkerUnavailable
from abp_tui.workers.base import make_worker
from tests.workers.helpers import python
from tests.workers.test_command import run

SHOW = "import os; print(os.environ['SHOWN'])"


def test_a_reference_is_a_variable_of_the_environment_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FROM_OUTSIDE", "sk-0123456789")
    outcome, _ = run(python(SHOW), env={"SHOWN": "<${FROM_OUTSIDE}> $HOME ${not a name}"})
    assert outcome.output == "<sk-0123456789> $HOME ${not a name}\n"


def test_one_that_is_not_set_keeps_the_program_from_starting() -> None:
    worker = make_worker("command", {"argv": [sys.executable], "env": {"SHOWN": "${NOT_SET_HERE}"}})
    assert not worker.probe().available
    with pytest.raises(WorkerUnavailable, match="NOT_SET_HERE is not set"):
        worker.require()


@pytest.mark.parametrize("value", ["sk-0123456789", "Bearer ${X} and more than that"])
def test_a_key_is_not_kept(value: str) -> None:
    with pytest.raises(InvalidInput, match="API_KEY looks like a key") as caught:
        make_worker("command", {"argv": ["true"], "env": {"API_KEY": value}})
    assert value not in str(caught.value)


@pytest.mark.parametrize("value", ["${API_KEY}", "Bearer ${API_KEY}", "short"])
def test_a_reference_to_one_is(value: str) -> None:
    make_worker("command", {"argv": ["true"], "env": {"API_KEY": value}})
