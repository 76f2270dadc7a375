"""The rules that are made of what the real Claude Code was denied let the same call pass, and no other."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from abp_tui.domain.status import JobStatus
from abp_tui.orchestrator import Orchestrator
from abp_tui.settings import Settings
from abp_tui.store.repository import Repository
from tests.agents.anthropic_api import Answer, AnthropicApi, text, tool_use
from tests.agents.claude import outer_variables
from tests.agents.programs import find
from tests.agents.test_claude import NEWEST, OLDEST
from tests.factories import make_job

pytestmark = [pytest.mark.agents, pytest.mark.timeout(240)]
both = pytest.mark.parametrize("version", [NEWEST, OLDEST])


class Trial:
    """A job of one unit, whose agent makes one call of a tool each time that it is tested."""

    def __init__(self, repository: Repository, api: AnthropicApi, version: str, folder: Path) -> None:
        self.folder = folder
        self._api = api
        self._verbs = Orchestrator(repository, settings=Settings())
        program = str(find(f"claude-{version}"))
        self._job = make_job(
            repository,
            payloads=[{"n": 0, "_id": "item"}],
            template="Do {n}",
            cwd=folder,
            worker="claude",
            worker_options={"program": program},
        )

    def denied(self, *calls: Answer) -> list[str]:
        """The tools of those of these calls that the agent is denied."""
        self._api.script(*calls, text("that is all"))
        if self._verbs.repository.jobs.get(self._job.id).status is JobStatus.TESTING:
            self._verbs.reject(self._job.id)
        outcome = self._verbs.test(self._job.id).attempt.outcome
        assert outcome is not None
        return [denial.tool for denial in outcome.denials]

    def proposed(self) -> list[str]:
        return [proposal.rule for proposal in self._verbs.proposed_rules(self._job.id)]

    def allow(self, *rules: str) -> None:
        self._verbs.permit(self._job.id, rules)


@pytest.fixture
def trial(
    version: str,
    repository: Repository,
    anthropic_api: AnthropicApi,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Trial:
    for name in outer_variables():
        monkeypatch.delenv(name)
    for name, value in anthropic_api.environment().items():
        monkeypatch.setenv(name, value)
    folder = tmp_path / "work"
    folder.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True, timeout=60)
    return Trial(repository, anthropic_api, version, folder)


@both
@pytest.mark.parametrize(
    ("command", "rules", "other"),
    [
        ("touch made.txt", ["Bash(touch made.txt)"], "touch other.txt"),
        ("git tag made", ["Bash(git tag made)"], "git tag -d made"),
        ("timeout 30 touch made.txt", ["Bash(timeout 30 touch made.txt)"], "timeout 30 mkdir other"),
        ("A=1 touch made.txt", ["Bash(A=1 touch made.txt)"], "A=1 mkdir other"),
        ("/bin/touch made.txt", ["Bash(/bin/touch made.txt)"], "/bin/mkdir other"),
        ("python3 made.py a", ["Bash(python3 made.py a)"], "python3 made.py b"),
        ("touch a && git add a", ["Bash(touch a)", "Bash(git add a)"], "touch b && rm -rf a"),
        ("rm -f made.txt", ["Bash(rm -f made.txt)"], "rm -f other.txt"),
        ("touch item.txt made", ["Bash(touch *.txt made)"], "touch item.txt other"),
    ],
)
def test_a_command(trial: Trial, command: str, rules: list[str], other: str) -> None:
    assert trial.denied(tool_use("Bash", command=command, description="Does it")) == ["Bash"]
    assert trial.proposed() == rules
    trial.allow(*rules)
    assert trial.denied(tool_use("Bash", command=command, description="Does it")) == []
    assert trial.proposed() == []
    assert trial.denied(tool_use("Bash", command=other, description="Does it")) == ["Bash"]


@both
@pytest.mark.parametrize("name", ["made.txt", "deep/made.txt"])
def test_a_file_that_is_written(trial: Trial, name: str) -> None:
    path = trial.folder / name
    assert trial.denied(tool_use("Write", file_path=str(path), content="x")) == ["Write"]
    assert not path.exists()
    [rule] = trial.proposed()
    assert rule == f"Edit(/{path})"
    trial.allow(rule)
    assert trial.denied(tool_use("Write", file_path=str(path), content="x")) == []
    assert path.read_text() == "x"
    assert trial.denied(tool_use("Write", file_path=str(trial.folder / "other.txt"), content="x")) == [
        "Write"
    ]


@both
def test_a_file_that_is_edited(trial: Trial) -> None:
    path = trial.folder / "there.txt"
    path.write_text("old words")
    edit = {"file_path": str(path), "old_string": "old", "new_string": "new"}
    calls = tool_use("Read", file_path=str(path)), tool_use("Edit", **edit)
    assert trial.denied(*calls) == ["Edit"]
    [rule] = trial.proposed()
    assert rule == f"Edit(/{path})"
    trial.allow(rule)
    assert trial.denied(*calls) == []
    assert path.read_text() == "new words"


@both
def test_a_file_elsewhere_that_is_read(trial: Trial, tmp_path: Path) -> None:
    for name in ("far", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "far.txt").write_text("far away")
    path = tmp_path / "far" / "far.txt"
    assert trial.denied(tool_use("Read", file_path=str(path))) == ["Read"]
    [rule] = trial.proposed()
    assert rule == f"Read(/{path})"
    trial.allow(rule)
    assert trial.denied(tool_use("Read", file_path=str(path))) == []
    assert trial.denied(tool_use("Read", file_path=str(tmp_path / "other" / "far.txt"))) == ["Read"]


@both
def test_a_page_that_is_fetched(trial: Trial) -> None:
    page = {"url": "http://pages.invalid/a", "prompt": "What is there?"}
    assert trial.denied(tool_use("WebFetch", **page)) == ["WebFetch"]
    assert trial.proposed() == ["WebFetch(domain:pages.invalid)"]
    trial.allow("WebFetch(domain:pages.invalid)")
    assert trial.denied(tool_use("WebFetch", **page)) == []
    assert trial.denied(tool_use("WebFetch", url="http://others.invalid/", prompt="What?")) == ["WebFetch"]
