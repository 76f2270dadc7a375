from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from abp_tui.domain.failure import FailureKind as F
from abp_tui.domain.model import EventKind as K
from abp_tui.domain.model import Outcome, Timers
from abp_tui.errors import InvalidInput, WorkerUnavailable
from abp_tui.workers import llm as llm_worker
from abp_tui.workers.base import Task, make_worker
from abp_tui.workers.cancel import Cancel
from abp_tui.workers.llm import LlmWorker
from abp_tui.workers.process import TERMINATE
from tests.packages import install
from tests.workers.helpers import Recorder, is_alive, running, wait_for

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a package with models of ours was installed."""
    return install("abp_models", tmp_path_factory.mktemp("models"))


@pytest.fixture(autouse=True)
def models(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(site))
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    for name in [name for name in os.environ if name.endswith("_API_KEY") or name.startswith("LLM_")]:
        monkeypatch.delenv(name)


def worker(model: str | None, **options: Any) -> LlmWorker:
    return LlmWorker(LlmWorker.Options.model_validate({"model": model, **options}))


def task(prompt: str = "Say hi", **more: Any) -> Task:
    return Task(**{"prompt": prompt, "payload": {}, "cwd": "/", "timers": Timers(), **more})


def run(
    model: str | None, prompt: str = "Say hi", *, more: dict[str, Any] | None = None, **options: Any
) -> tuple[Outcome, Recorder]:
    sink = Recorder()
    with Cancel() as cancel:
        return worker(model, **options).run(task(prompt, **(more or {})), sink, cancel), sink


def test_an_answer_in_pieces_and_what_it_took() -> None:
    outcome, sink = run("abp-echo", "eins zwei drei ü")
    assert (outcome.ok, outcome.output) == (True, "You said:\neins zwei drei ü")
    usage = outcome.usage
    assert (usage.cost_usd, usage.input_tokens, usage.output_tokens) == (None, 4, 2)
    told = [(event.kind, event.body) for event in sink.events]
    assert told == [
        (K.NOTICE, "model abp-echo"),
        (K.TEXT, "You said:"),
        (K.TEXT, "eins zwei drei ü"),
        (K.RESULT, ""),
    ]


def test_system_prompt_and_options_of_the_model() -> None:
    outcome, _ = run("abp-echo", "x", system="Cat", options={"times": 2})
    assert outcome.output == "Cat said:\nxCat said:\nx"


def test_a_prompt_of_a_megabyte() -> None:
    prompt = "0123456789abcde\n" * 65536
    assert run("abp-echo", prompt)[0].output == f"You said:\n{prompt}"


def test_a_schema_goes_to_a_model_that_takes_one() -> None:
    schema = {"output_schema": {"type": "object"}}
    assert run("abp-shaped", more=schema)[0].output == '{"asked": true}'
    assert run("abp-shaped")[0].output == '{"asked": false}'
    assert run("abp-echo", more=schema)[0].ok


def test_what_a_model_prints_is_no_answer() -> None:
    outcome, sink = run("abp-noisy")
    assert (outcome.output, outcome.usage.input_tokens) == ("You said:\nSay hi", 2)
    noise = [line for event in sink.events if event.kind is K.STDERR for line in event.body.splitlines()]
    assert set(noise) == {"printed", '{"type": "done", "input": 666}'}


def test_keys_are_named_and_kept_by_the_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LLM_USER_PATH", str(tmp_path))
    missing, _ = run("abp-keyed")
    assert (missing.failure, "llm keys set abp" in missing.error) == (F.LOGIN, True)
    (tmp_path / "keys.json").write_text(json.dumps({"work": "12345"}))
    assert run("abp-keyed", key="work")[0].output == "key of 5"
    itself, _ = run("abp-keyed", key="sk-12345")
    assert (itself.failure, itself.output) == (F.LOGIN, "")


@pytest.mark.parametrize(
    ("model", "kind", "error"),
    [
        ("abp-limited", F.TRANSIENT, "HTTP 429 from far away"),
        ("abp-refused", F.PERMANENT, "HTTP 400 from far away"),
        ("abp-cut", F.TRANSIENT, "gone"),
        ("abp-broken", F.AGENT_ERROR, "ValueError"),
    ],
)
def test_failures_of_a_model(model: str, kind: F, error: str) -> None:
    outcome, sink = run(model)
    assert (outcome.ok, outcome.failure, outcome.error, outcome.output) == (False, kind, error, "half")
    assert (sink.events[-1].kind, sink.events[-1].is_error) == (K.RESULT, True)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"model": "no-such-model"}, "Unknown model: no-such-model"),
        ({"model": "abp-echo", "options": {"times": 0}}, "times"),
        ({"model": "abp-echo", "options": {"tiems": 1}}, "tiems"),
    ],
)
def test_what_is_wrong_for_every_item_holds_the_job(options: dict[str, Any], error: str) -> None:
    outcome, _ = run(**options)
    assert outcome.failure is F.REFUSED_TO_START
    assert error in outcome.error


def test_a_crash_of_native_code_fails_its_unit_only() -> None:
    outcome, _ = run("abp-crash")
    assert (outcome.failure, outcome.output, outcome.exit_code) == (F.AGENT_ERROR, "before", None)
    assert outcome.error.startswith("ended without an answer, killed by SIGSEGV")


def test_a_model_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LlmWorker, "ending", tuple((number, 0.2) for number, _ in TERMINATE))
    outcome, sink = run("abp-hang", more={"timers": Timers(first_event_s=60, idle_s=0.5, total_s=60)})
    assert (outcome.failure, outcome.output) == (F.TIMEOUT_IDLE, "before\n")
    assert not is_alive(sink.pids[0])


def test_cancel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LlmWorker, "ending", tuple((number, 0.2) for number, _ in TERMINATE))
    sink, outcomes = Recorder(), list[Outcome]()
    with Cancel() as cancel, running(lambda: outcomes.append(worker("abp-hang").run(task(), sink, cancel))):
        wait_for(lambda: K.TEXT in sink.kinds())
        cancel.request("stopped")
    assert (outcomes[0].failure, outcomes[0].error) == (F.INTERRUPTED, "stopped")
    assert not is_alive(sink.pids[0])


def test_no_module_of_the_job_s_folder_is_run(tmp_path: Path) -> None:
    (tmp_path / "llm.py").write_text("open('ran', 'w')")
    assert run("abp-echo", more={"cwd": str(tmp_path)})[0].ok
    assert [path.name for path in tmp_path.iterdir()] == ["llm.py"]


def test_a_folder_that_is_not_there() -> None:
    assert run("abp-echo", more={"cwd": "/no/such"})[0].failure is F.REFUSED_TO_START


def test_probe_and_what_to_do_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    probe = worker(None).probe()
    assert (probe.available, bool(probe.version)) == (True, True)
    monkeypatch.setattr(llm_worker, "LIBRARY", "no_such_llm")
    missing = worker(None).probe()
    assert (missing.available, "pip install 'abp-tui[llm]'" in missing.hint) == (False, True)
    with pytest.raises(WorkerUnavailable):
        worker(None).require()


def test_accounts_are_told_apart_without_their_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {worker("a").account(), worker("b").account(), worker("a", key="work").account()}
    monkeypatch.setenv("OTHER_API_KEY", "sk-secret")
    seen.add(worker("a").account())
    assert len(seen) == 4
    assert worker("a").account() == worker("a", system="x").account()


def test_permissions_and_options() -> None:
    assert worker(None).permissions() == ["answers in words: the model has no tools"]
    for options in ({"model": "--x"}, {"modle": "x"}):
        with pytest.raises(InvalidInput, match="worker llm"):
            make_worker("llm", options)
