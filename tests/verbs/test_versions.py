from __future__ import annotations

import pytest

from abp_tui.domain.model import Client, Outcome, Usage
from abp_tui.domain.status import JobStatus, Mark
from abp_tui.errors import IllegalTransition, InvalidInput, NotFound
from abp_tui.execution.executor import JobExecutor
from abp_tui.orchestrator import Orchestrator
from abp_tui.store.repository import Repository
from abp_tui.views import view_unit
from abp_tui.workers.base import Sink, Task
from abp_tui.workers.cancel import Cancel
from tests.factories import InProcessWorker, fail, make_job


def speak(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
    """Fail on the second item as long as it is not to be done better."""
    better = "better" in task.prompt
    if task.payload["n"] == 1 and not better:
        return fail(task, sink, cancel)
    cost = None if task.payload["n"] == 2 else 0.03 if better else 0.01
    return Outcome(ok=True, output=f"so\n{task.prompt}", usage=Usage(cost_usd=cost), result={"n": better})


@pytest.fixture
def orchestrator(repository: Repository) -> Orchestrator:
    """A job of which three units were tried under version 1, and then all under version 2."""
    verbs = Orchestrator(repository, InProcessWorker(speak))
    job = make_job(repository, 6)
    verbs.test(job.id)
    verbs.pilot(job.id, 2, by="n", seed=3)
    verbs.reject(job.id)
    verbs.set_prompt(job.id, "Do {n} better")
    verbs.test(job.id)
    verbs.pilot(job.id, 5, whole=True)
    return verbs


def test_versions_tell_what_they_changed_and_made(orchestrator: Orchestrator) -> None:
    orchestrator.edit_recipe("words", timers={"idle": 5})
    one, two, three = orchestrator.versions("words")
    assert [v.changed for v in (one, two, three)] == [(), ("prompt",), ("timers",)]
    assert [v.results for v in (one, two, three)] == [0, 6, 0]
    assert [v.is_current for v in (one, two, three)] == [False, False, True]
    assert one.created_at <= two.created_at <= three.created_at


def test_a_version_knows_who_saved_it(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "ann")
    job = make_job(repository)
    Orchestrator(repository).set_prompt(job.id, "Do {n} better")
    program = Orchestrator(repository, client=Client("editor"))
    program.set_prompt(job.id, "Do {n} best")
    monkeypatch.setenv("LOGNAME", "b\x1bob")
    program.use_version(job.id, 1)
    Orchestrator(repository).use_version(job.id, 2)
    assert [v.author for v in program.versions(job.id)] == ["", "ann", "editor", "editor", "b\x1bob"]
    assert program.version_diff(job.id, 2, 3).splitlines()[1].endswith("by editor")
    assert program.versions(job.id)[-1].changed == ("prompt",)


def test_a_diff_has_all_parts_and_times(orchestrator: Orchestrator) -> None:
    orchestrator.edit_recipe("words", timers={"idle": 5})
    diff = orchestrator.version_diff("words", 1, 3).splitlines()
    assert diff[0].startswith("--- version 1\t20")
    assert diff[1].startswith("+++ version 3\t20")
    assert "-Do {n}" in diff and "+Do {n} better" in diff
    assert "+idle_s: 5.0" in diff
    assert orchestrator.version_diff("words", 2, 2) == ""
    with pytest.raises(NotFound, match="no recipe version 9"):
        orchestrator.version_diff("words", 1, 9)


def test_units_tried_under_both_versions_are_compared(orchestrator: Orchestrator) -> None:
    compared = orchestrator.compare("words", 1, 2)
    tried = {0, *orchestrator.repository.pilots.all(1)[0].sample.seqs}
    assert {pair.seq for pair in compared.pairs} == tried
    left, right = compared.sums()
    assert right.good == len(tried)
    assert (left.failed, right.failed, left.suspect) == (len(tried & {1}), 0, 0)
    assert left.good == len(tried - {1})
    first = compared.pairs[0]
    assert (first.seq, first.left.cost_usd, first.right.cost_usd) == (0, 0.01, 0.03)
    diff = orchestrator.compare_outputs(first.left.attempt_id, first.right.attempt_id).splitlines()
    assert diff[:2] == ["--- version 1", "+++ version 2"]
    assert "-Do 0" in diff and "+Do 0 better" in diff
    assert '-  "n": false' in diff and '+  "n": true' in diff
    assert orchestrator.compare("words", 2, 1).pairs[0].left == first.right


def test_what_is_in_doubt_is_good_under_no_version(repository: Repository) -> None:
    """Also where the unit has been put back since, and its verdict with it."""
    verbs = Orchestrator(repository, InProcessWorker(lambda *_: Outcome(ok=True, output="no")))
    job = make_job(repository, 5, checks=[{"kind": "regex", "pattern": "yes"}])
    verbs.test(job.id)
    units = verbs.pilot(job.id, 3, seed=1).units
    verbs.mark(job.id, units[0].seq, Mark.PASS)
    verbs.mark(job.id, units[1].seq, Mark.FAIL)
    earlier = verbs.pilots(job.id)[0]
    verbs.reject(job.id)
    assert verbs.repository.pilots.units(earlier)[2].doubtful
    verbs.set_prompt(job.id, "Do {n} better")
    verbs = Orchestrator(repository, InProcessWorker(lambda *_: Outcome(ok=True, output="yes")))
    verbs.test(job.id)
    marked = verbs.pilot(job.id, 3, seed=1).units[2].seq
    verbs.mark(job.id, marked, Mark.DOUBTFUL)
    left, right = verbs.compare(job.id, 1, 2).sums()
    assert (left.good, left.suspect, left.failed) == (1, 2, 1)
    assert (right.good, right.suspect, right.failed) == (3, 1, 0)


def test_an_older_version_is_chosen_as_a_new_one(orchestrator: Orchestrator) -> None:
    recipe = orchestrator.use_version("words", 1, based_on=2)
    assert (recipe.version, recipe.prompt_template) == (3, "Do {n}")
    with pytest.raises(InvalidInput, match="is what it has now"):
        orchestrator.use_version("words", 1)
    with pytest.raises(IllegalTransition, match="no longer the newest"):
        orchestrator.use_version("words", 2, based_on=2)
    with pytest.raises(NotFound):
        orchestrator.use_version("words", 7)
    assert [v.version for v in orchestrator.versions("words")] == [1, 2, 3]


def test_results_say_which_version_made_them(orchestrator: Orchestrator, repository: Repository) -> None:
    orchestrator.reject("words")
    orchestrator.use_version("words", 1)
    assert view_unit(repository.units.get(1, 0)).prompt_version is None  # it waits again
    orchestrator.test("words")
    orchestrator.approve("words")
    assert JobExecutor(repository, 1, InProcessWorker(speak)).run() is JobStatus.FAILED
    assert repository.attempts.results_by_version(1) == {3: 6}
    orchestrator.repository.jobs.move(1, JobStatus.RUNNING)
    repository.units.put_back(1, [1])
    orchestrator.set_prompt("words", "Do {n} better")
    assert JobExecutor(repository, 1, InProcessWorker(speak)).run() is JobStatus.COMPLETED
    assert repository.attempts.results_by_version(1) == {3: 5, 4: 1}
    assert [view_unit(unit).prompt_version for unit in repository.units.stream(1)] == [3, 4, 3, 3, 3, 3]
    assert orchestrator.use_version("words", 1).version == 5, "for what is run again"


def test_a_version_is_compared_with_the_newest_that_has_units_in_common(orchestrator: Orchestrator) -> None:
    orchestrator.set_prompt("words", "Do {n} best")
    orchestrator.set_prompt("words", "Do {n} as well as you can")
    assert orchestrator.comparable("words", 2) == 1
    assert orchestrator.comparable("words", 4) == 3, "none has: then the newest"


def test_the_only_version_is_compared_with_none(repository: Repository) -> None:
    job = make_job(repository)
    assert Orchestrator(repository).comparable(job.id, 1) is None
