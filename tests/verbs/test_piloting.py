from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import Denial, Job, Outcome, Usage
from abp_tui.domain.status import JobStatus, Mark, Phase, Purpose, UnitStatus, Verdict
from abp_tui.errors import IllegalTransition, InvalidInput, NotFound
from abp_tui.execution.executor import JobExecutor
from abp_tui.execution.loop import Callbacks
from abp_tui.orchestrator import Orchestrator
from abp_tui.store.repository import Repository
from abp_tui.workers.base import Sink, Task
from abp_tui.workers.cancel import Cancel
from tests.factories import InProcessWorker, answer, assert_counters_match, fail, make_job, wait_for_cancel
from tests.waiting import wait_until


def reviewed(
    repository: Repository, behaviour: Any = None, count: int = 40, **more: Any
) -> tuple[Orchestrator, Job]:
    """A job whose test has passed and waits for review; then its agents do as `behaviour` says."""
    job = make_job(repository, count, **more)
    Orchestrator(repository, InProcessWorker()).test(job.id)
    return Orchestrator(repository, InProcessWorker(behaviour)), repository.jobs.get(job.id)


def sometimes(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
    """Fail on every fifth item."""
    return fail(task, sink, cancel) if task.payload["n"] % 5 == 0 else answer(task, sink, cancel)


def costing_by_kind(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
    return Outcome(ok=True, output="x", usage=Usage(cost_usd=10.0 if task.payload["kind"] == "dear" else 0.1))


def statuses(repository: Repository, job: Job, *seqs: int) -> list[UnitStatus]:
    return [repository.units.get(job.id, seq).status for seq in seqs]


# Running


def test_a_pilot_runs_a_sample_and_the_job_waits_for_review(repository: Repository) -> None:
    orchestrator, job = reviewed(repository)
    review = orchestrator.pilot(job.id, 10, seed=3)
    job = repository.jobs.get(job.id)
    assert (job.status, job.lease, orchestrator.status(job.id).phase) == (
        JobStatus.TESTING,
        None,
        Phase.REVIEW,
    )
    assert [unit.status for unit in review.units] == [UnitStatus.COMPLETED] * 10
    assert len(set(review.pilot.sample.seqs)) == 10
    assert 0 not in review.pilot.sample.seqs  # it was the test's
    assert job.counters.completed == 11
    attempts = [a for seq in review.pilot.sample.seqs for a in repository.attempts.of_unit(job.id, seq)]
    assert {a.purpose for a in attempts} == {Purpose.PILOT}
    assert_counters_match(repository, job.id)
    assert repository.check.run().findings == []


def test_the_same_seed_runs_the_same_units(repository: Repository) -> None:
    orchestrator, job = reviewed(repository)
    first = orchestrator.pilot(job.id, 5, seed=9).pilot.sample
    orchestrator.reject(job.id)
    orchestrator.test(job.id)
    assert orchestrator.pilot(job.id, 5, seed=9).pilot.sample == first


def test_it_runs_side_by_side_with_the_jobs_workers(repository: Repository) -> None:
    together = threading.Barrier(4)

    def meet(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        together.wait(20)
        return answer(task, sink, cancel)

    orchestrator, job = reviewed(repository, meet)
    assert all(unit.ended for unit in orchestrator.pilot(job.id, 8).units)


def test_kinds_of_a_field_are_all_tried(repository: Repository) -> None:
    payloads = [{"n": n, "kind": "dear" if n % 20 == 1 else "cheap"} for n in range(100)]
    orchestrator, job = reviewed(repository, costing_by_kind, payloads=payloads)
    review = orchestrator.pilot(job.id, 10, by="kind", seed=1)
    kinds = {stratum.name: stratum.sampled for stratum in review.quote.strata}
    assert kinds == {"cheap": 9, "dear": 1}
    assert review.quote.cost_usd is not None
    assert review.quote.cost_usd.low < 4 * 10.0 + 85 * 0.1 < review.quote.cost_usd.high


def test_a_rare_kind_counts_for_no_more_than_it_is(repository: Repository) -> None:
    payloads = [{"n": n, "kind": "dear" if n in (1, 200) else "cheap"} for n in range(400)]
    orchestrator, job = reviewed(repository, costing_by_kind, payloads=payloads)
    quote = orchestrator.pilot(job.id, 5, by="kind", seed=1).quote
    assert [stratum.sampled for stratum in quote.strata] == [4, 1]
    assert quote.cost_usd is not None
    assert 394 * 0.1 + 9.9 < quote.cost_usd.high < 250, "one in five was dear, but one in 394 is left"


def test_a_pilot_of_all_that_waits_is_run_for_who_means_it(repository: Repository) -> None:
    orchestrator, job = reviewed(repository, count=5)
    for count in (4, 50):
        with pytest.raises(InvalidInput, match=f"a pilot of {count} would be the whole job words: 4 units"):
            orchestrator.pilot(job.id, count)
    assert (repository.jobs.get(job.id).pilot_id, orchestrator.pilots(job.id)) == (None, [])
    review = orchestrator.pilot(job.id, 50, whole=True)
    assert [unit.seq for unit in review.units] == [1, 2, 3, 4]
    assert (review.quote.rest, review.quote.no_quote, review.quote.budget_usd) == (0, "", None)
    assert review.quote.can == ("0 of 4 failed, and these are all that waited",)
    assert review.quote.cannot[-1] == "nothing is left to run"
    with pytest.raises(InvalidInput, match="needs no budget by its quote: nothing is left to run"):
        orchestrator.approve(job.id, budget="quote")
    orchestrator.approve(job.id)
    assert JobExecutor(repository, job.id, InProcessWorker()).run() is JobStatus.COMPLETED


def test_a_failed_unit_has_failed_until_a_person_decides(repository: Repository) -> None:
    orchestrator, job = reviewed(repository, sometimes, max_retries=3)
    review = orchestrator.pilot(job.id, 39, whole=True)
    assert review.quote.failed == 7
    failed = [unit.seq for unit in review.units if unit.failed]
    assert [len(repository.attempts.of_unit(job.id, seq)) for seq in failed] == [1] * 7
    assert repository.jobs.get(job.id).counters.failed == 7
    orchestrator.approve(job.id)
    assert repository.jobs.get(job.id).counters.model_dump(include={"failed", "pending", "completed"}) == {
        "failed": 0,
        "pending": 7,
        "completed": 33,
    }
    assert_counters_match(repository, job.id)


def test_the_budget_holds_for_a_pilot(repository: Repository) -> None:
    orchestrator, job = reviewed(repository, budget_usd=0.05)
    review = orchestrator.pilot(job.id, 10)
    assert 0 < review.quote.ended < 10
    assert repository.jobs.get(job.id).status is JobStatus.TESTING
    assert any("have not been run" in words for words in review.quote.cannot)


def test_a_pilot_that_is_ended_puts_the_unfinished_back(repository: Repository) -> None:
    orchestrator, job = reviewed(repository, wait_for_cancel, max_workers=2, desired_workers=2)
    begun = threading.Event()
    runs = threading.Thread(
        target=orchestrator.pilot,
        args=(job.id, 6),
        kwargs={"callbacks": Callbacks(unit_started=lambda _: begun.set())},
    )
    runs.start()
    assert begun.wait(20)
    assert orchestrator.status(job.id).phase is Phase.PILOT
    for refused in (orchestrator.approve, orchestrator.reject, orchestrator.pilot, orchestrator.test):
        with pytest.raises(IllegalTransition, match="pilot of job words"):
            refused(job.id)
    orchestrator.stop(job.id)
    runs.join(20)
    job = repository.jobs.get(job.id)
    assert (job.status, job.counters.pending, job.counters.processing) == (JobStatus.TESTING, 39, 0)
    review = orchestrator.pilot_review(job.id)
    assert [unit.ended for unit in review.units] == [False] * 6
    assert review.quote.no_quote == "no unit of the pilot has come to an end yet"
    orchestrator = Orchestrator(repository, InProcessWorker())
    assert orchestrator.pilot(job.id, 6).quote.ended == 6  # the order to stop is over


def test_what_can_not_be_piloted(repository: Repository) -> None:
    orchestrator, job = reviewed(repository)
    fresh = make_job(repository, name="fresh")
    with pytest.raises(IllegalTransition, match="no test waits"):
        orchestrator.pilot(fresh.id)
    for count in (0, -1, 10_001):
        with pytest.raises(InvalidInput, match="a pilot of"):
            orchestrator.pilot(job.id, count)
    with pytest.raises(InvalidInput, match="no item has a field 'colour'"):
        orchestrator.pilot(job.id, by="colour")
    with pytest.raises(InvalidInput, match="no item has a file extension"):
        orchestrator.pilot(job.id, by="type")
    with pytest.raises(InvalidInput, match="can't be sampled"):
        orchestrator.pilot(job.id, by='a"b')
    with pytest.raises(NotFound, match="no pilot"):
        orchestrator.quote(job.id)
    assert repository.jobs.get(job.id).pilot_id is None
    orchestrator.pilot(job.id, 39, whole=True)
    with pytest.raises(NotFound, match="no unit of job words waits"):
        orchestrator.pilot(job.id)


def test_after_an_edit_there_is_no_pilot_and_no_approval(repository: Repository) -> None:
    orchestrator, job = reviewed(repository)
    orchestrator.pilot(job.id, 5)
    orchestrator.set_prompt(job.id, "Do {n} better")
    quote = orchestrator.quote(job.id)
    assert quote.is_of_another_version
    assert (quote.recipe_version, quote.current_version) == (1, 2)
    assert any("version 1, not of version 2" in words for words in quote.cannot)
    for refused in (orchestrator.pilot, orchestrator.approve):
        with pytest.raises(IllegalTransition, match="was edited after its test"):
            refused(job.id)
    orchestrator.reject(job.id)
    assert repository.jobs.get(job.id).counters.pending == 40
    assert_counters_match(repository, job.id)


def test_a_change_of_timers_does_not_spoil_a_quote(repository: Repository) -> None:
    orchestrator, job = reviewed(repository)
    orchestrator.pilot(job.id, 5)
    orchestrator.edit_recipe(job.id, timers={"idle": 60})
    assert not orchestrator.quote(job.id).is_of_another_version
    orchestrator.approve(job.id)


def test_a_version_chosen_while_its_results_stand_is_approved_with_them(repository: Repository) -> None:
    orchestrator, job = reviewed(repository)
    piloted = orchestrator.pilot(job.id, 5).pilot.sample.seqs
    orchestrator.set_prompt(job.id, "Do {n} better")
    orchestrator.use_version(job.id, 1)
    assert not orchestrator.quote(job.id).is_of_another_version
    orchestrator.approve(job.id)
    assert statuses(repository, job, *piloted) == [UnitStatus.COMPLETED] * 5


# Marks


def test_an_approval_keeps_what_is_good_and_no_more(repository: Repository) -> None:
    orchestrator, job = reviewed(repository)
    passed, doubtful, thrown, unmarked = (u.seq for u in orchestrator.pilot(job.id, 4).units)
    orchestrator.mark(job.id, passed, Mark.PASS)
    orchestrator.mark(job.id, doubtful, Mark.FAIL)
    orchestrator.mark(job.id, doubtful, Mark.DOUBTFUL)  # the last word counts
    orchestrator.mark(job.id, thrown, Mark.FAIL)
    orchestrator.mark(job.id, unmarked, Mark.FAIL)
    assert orchestrator.mark(job.id, unmarked, None).mark is None  # taken back
    review = orchestrator.pilot_review(job.id)
    assert [unit.mark for unit in review.units] == [Mark.PASS, Mark.DOUBTFUL, Mark.FAIL, None]
    assert (review.quote.failed, review.quote.doubtful, review.quote.rest) == (1, 1, 36)
    job = orchestrator.approve(job.id)
    assert statuses(repository, job, passed, doubtful, thrown, unmarked) == [
        UnitStatus.COMPLETED,
        UnitStatus.COMPLETED,
        UnitStatus.PENDING,
        UnitStatus.COMPLETED,
    ]
    assert repository.units.get(job.id, doubtful).verdict is Verdict.SUSPECT
    assert repository.jobs.get(job.id).counters.suspect == 1
    assert_counters_match(repository, job.id)
    assert [cause.error for cause in orchestrator.causes(job.id)] == [
        "a person was in doubt about it in the pilot"
    ]
    ran: list[int] = []
    tell = Callbacks(unit_started=lambda claim: ran.append(claim.seq))
    JobExecutor(repository, job.id, InProcessWorker(), tell).run()
    assert len(ran) == 36
    assert passed not in ran
    assert thrown in ran


def test_what_a_person_passes_is_accepted_by_the_approval(repository: Repository) -> None:
    orchestrator, job = reviewed(repository, suspect)
    passed, left, thrown = (u.seq for u in orchestrator.pilot(job.id, 3, seed=1).units)
    orchestrator.mark(job.id, passed, Mark.PASS)
    orchestrator.mark(job.id, thrown, Mark.FAIL)
    said = (
        "2 results of the pilot stay, 1 of them accepted by your mark, 1 of them in doubt, 1 unit runs again"
    )
    assert orchestrator.decision(job.id).words == said
    orchestrator.approve(job.id)
    unit = repository.units.get(job.id, passed)
    assert (unit.verdict, unit.error is not None and unit.error.startswith("accepted by ")) == (
        Verdict.OK,
        True,
    )
    assert repository.units.get(job.id, left).verdict is Verdict.BLOCKED
    assert repository.jobs.get(job.id).counters.model_dump(include={"completed", "suspect", "pending"}) == {
        "completed": 2,
        "suspect": 1,
        "pending": 37,
    }
    assert_counters_match(repository, job.id)
    log = [line.message for line in repository.logs.after(job.id)]
    assert said in log
    assert any(f"accepted unit {passed}" in line for line in log)


def test_what_a_rejection_gives_up_is_said_with_what_it_cost(repository: Repository) -> None:
    orchestrator, job = reviewed(repository)
    assert orchestrator.given_up(job.id) == ""
    orchestrator.pilot(job.id, 3)
    gives_up = "3 results of the pilot, paid with $0.03, count no more"
    assert orchestrator.given_up(job.id).startswith(gives_up)
    orchestrator.set_prompt(job.id, "Do {n} better")
    log = [line.message for line in repository.logs.after(job.id)]
    assert any("the next test on, which gives up the results of the pilot" in line for line in log)
    orchestrator.reject(job.id)
    assert any(gives_up in line.message for line in repository.logs.after(job.id))
    assert orchestrator.given_up(job.id) == ""


# After an edit


def edited(orchestrator: Orchestrator, job: Job, seq: int | None = None) -> None:
    orchestrator.reject(job.id)
    orchestrator.set_prompt(
        job.id, f"Do {{n}} better than version {orchestrator.status(job.id).prompt_version}"
    )
    orchestrator.test(job.id, seq)


def test_after_an_edit_the_same_units_are_piloted_so_that_versions_compare(repository: Repository) -> None:
    orchestrator, job = reviewed(repository)
    orchestrator.pilot(job.id, 6, by="n", seed=3)
    assert orchestrator.repeats(job.id) is None, "nothing is edited"
    second = orchestrator.pilot(job.id, 5, by="n").pilot.sample
    edited(orchestrator, job)
    assert orchestrator.repeats(job.id) == second
    again = orchestrator.pilot(job.id).pilot.sample
    assert again == second
    assert len(orchestrator.compare(job.id, 1, 2).pairs) == 1 + 5
    assert orchestrator.repeats(job.id) is None
    assert not set(orchestrator.pilot(job.id).pilot.sample.seqs) & set(second.seqs)


def test_a_seed_or_another_size_is_another_sample(repository: Repository) -> None:
    orchestrator, job = reviewed(repository)
    first = orchestrator.pilot(job.id, 6, seed=3).pilot.sample
    edited(orchestrator, job)
    assert orchestrator.pilot(job.id, 6, seed=4).pilot.sample.seqs != first.seqs
    edited(orchestrator, job)
    assert len(orchestrator.pilot(job.id, 7).units) == 7


def test_a_unit_of_the_sample_that_was_tested_is_not_piloted_again(repository: Repository) -> None:
    orchestrator, job = reviewed(repository)
    first = orchestrator.pilot(job.id, 6, seed=3).pilot.sample
    edited(orchestrator, job, first.seqs[2])
    review = orchestrator.pilot(job.id)
    assert set(review.pilot.sample.seqs) == set(first.seqs) - {first.seqs[2]}
    assert review.pilot.sample.waiting == first.waiting - 1
    assert all(unit.ended for unit in review.units)
    assert {pair.seq for pair in orchestrator.compare(job.id, 1, 2).pairs} == set(first.seqs)


def test_results_of_an_earlier_pilot_are_kept_too(repository: Repository) -> None:
    orchestrator, job = reviewed(repository)
    first = orchestrator.pilot(job.id, 4).units
    orchestrator.mark(job.id, first[0].seq, Mark.FAIL)
    second = orchestrator.pilot(job.id, 4)
    assert not {u.seq for u in first} & {u.seq for u in second.units}
    orchestrator.mark(job.id, first[1].seq, Mark.DOUBTFUL)
    assert second.quote.rest == 40 - 9 + 1
    orchestrator.approve(job.id)
    counters = repository.jobs.get(job.id).counters
    assert (counters.completed, counters.suspect, counters.pending) == (7, 1, 32)


def test_marks_are_for_units_of_a_pilot_under_review(repository: Repository) -> None:
    orchestrator, job = reviewed(repository)
    with pytest.raises(IllegalTransition, match="no pilot to be marked"):
        orchestrator.mark(job.id, 1, Mark.PASS)
    seq = orchestrator.pilot(job.id, 3).units[0].seq
    with pytest.raises(NotFound, match="in no pilot"):
        orchestrator.mark(job.id, 0, Mark.PASS)
    orchestrator.approve(job.id)
    with pytest.raises(IllegalTransition, match="no pilot to be marked"):
        orchestrator.mark(job.id, seq, Mark.PASS)


def test_a_rejected_pilot_leaves_nothing_but_its_attempts(repository: Repository) -> None:
    orchestrator, job = reviewed(repository)
    seq = orchestrator.pilot(job.id, 3).units[0].seq
    orchestrator.mark(job.id, seq, Mark.FAIL)
    job = orchestrator.reject(job.id)
    assert (job.status, job.pilot_id, job.counters.pending) == (JobStatus.CREATED, None, 40)
    assert len(repository.attempts.of_unit(job.id, seq)) == 1
    orchestrator.test(job.id)
    orchestrator.approve(job.id)
    assert repository.jobs.get(job.id).counters.completed == 1  # old marks are of old attempts


def test_an_approval_that_comes_second_is_refused(repository: Repository) -> None:
    orchestrator, job = reviewed(repository)
    orchestrator.pilot(job.id, 3)
    orchestrator.approve(job.id)
    with pytest.raises(IllegalTransition, match="RUNNING"):
        orchestrator.approve(job.id)


# Another test in between


def test_testing_another_unit_keeps_what_the_pilot_has_paid_for(repository: Repository) -> None:
    orchestrator, job = reviewed(repository)
    passed, doubtful, thrown, unmarked = (u.seq for u in orchestrator.pilot(job.id, 4).units)
    for seq, mark in ((passed, Mark.PASS), (doubtful, Mark.DOUBTFUL), (thrown, Mark.FAIL)):
        orchestrator.mark(job.id, seq, mark)
    pilot, spent = repository.jobs.get(job.id).pilot_id, repository.jobs.get(job.id).cost_usd
    assert orchestrator.given_up_by_test(job.id) == ""
    orchestrator.test(job.id, next(n for n in range(1, 40) if n not in (passed, doubtful, thrown, unmarked)))
    now = repository.jobs.get(job.id)
    assert (now.status, now.pilot_id, now.counters.completed) == (JobStatus.TESTING, pilot, 5)
    assert now.cost_usd == pytest.approx((spent or 0) + 0.01)
    assert repository.units.get(job.id, thrown).status is UnitStatus.PENDING
    marks = {unit.seq: unit.mark for unit in orchestrator.pilot_review(job.id).units}
    assert (marks[passed], marks[doubtful], marks[unmarked]) == (Mark.PASS, Mark.DOUBTFUL, None)
    assert orchestrator.mark(job.id, unmarked, Mark.PASS).mark is Mark.PASS
    assert orchestrator.given_up(job.id).startswith("3 results of the pilot, paid with $0.03")
    assert_counters_match(repository, job.id)
    orchestrator.approve(job.id)
    counters = repository.jobs.get(job.id).counters
    assert (counters.completed, counters.suspect, counters.pending) == (4, 1, 35)


def test_also_what_is_suspect_there_and_kept_by_an_approval(repository: Repository) -> None:
    orchestrator, job = reviewed(repository, suspect)
    passed, left = (u.seq for u in orchestrator.pilot(job.id, 2, seed=1).units)
    orchestrator.mark(job.id, passed, Mark.PASS)
    orchestrator.test(job.id, next(n for n in range(1, 40) if n not in (passed, left)))
    orchestrator.approve(job.id)
    assert repository.units.get(job.id, passed).verdict is Verdict.OK
    assert repository.units.get(job.id, left).verdict is Verdict.BLOCKED


def test_the_test_of_an_edit_gives_the_pilot_up_and_says_so(repository: Repository) -> None:
    orchestrator, job = reviewed(repository)
    seq = orchestrator.pilot(job.id, 3).units[0].seq
    orchestrator.set_prompt(job.id, "Do {n} better")
    assert orchestrator.given_up_by_test(job.id, seq).startswith("3 results of the pilot, paid with $0.03")
    orchestrator.test(job.id, seq)
    now = repository.jobs.get(job.id)
    assert (now.pilot_id, now.counters.completed, orchestrator.given_up(job.id)) == (None, 1, "")
    assert any("3 results of the pilot, paid" in line.message for line in repository.logs.after(job.id))


def test_a_test_that_died_after_a_pilot_still_says_what_a_rejection_gives_up(repository: Repository) -> None:
    orchestrator, job = reviewed(repository)
    orchestrator.pilot(job.id, 3, seed=1)
    orchestrator._prepare_test(job.id, 0)
    repository.jobs.move(job.id, JobStatus.TESTING)  # as its executor does, that then dies
    assert repository.jobs.get(job.id).pilot_id is None
    assert orchestrator.given_up(job.id).startswith("3 results of the pilot")


# The quote


def test_a_quote_covers_what_the_rest_then_costs(repository: Repository) -> None:
    def cost(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        return Outcome(ok=True, output="x", usage=Usage(cost_usd=0.01 * (1 + task.payload["n"] * 7 % 10)))

    orchestrator, job = reviewed(repository, cost, count=300)
    quote = orchestrator.pilot(job.id, 30, seed=4).quote
    assert (quote.failed, quote.ended, quote.rest, quote.workers) == (0, 30, 269, 4)
    assert quote.can == ("0 of 30 failed: up to 10 % could, at 95 % certainty",)
    before = repository.jobs.get(job.id).cost_usd or 0.0
    job = orchestrator.approve(job.id, budget="quote")
    assert job.budget_usd is not None
    assert quote.cost_usd is not None
    assert job.budget_usd == pytest.approx(before + quote.cost_usd.high, abs=0.011)
    assert JobExecutor(repository, job.id, InProcessWorker(cost)).run() is JobStatus.COMPLETED
    rest = (repository.jobs.get(job.id).cost_usd or 0.0) - before
    assert quote.cost_usd.low <= rest <= quote.cost_usd.high


def test_the_quote_of_a_pilot_is_the_same_each_time(repository: Repository) -> None:
    orchestrator, job = reviewed(repository, sometimes)
    orchestrator.pilot(job.id, 12, seed=5)
    assert orchestrator.quote(job.id) == orchestrator.quote(job.id)


def test_without_a_good_end_there_is_no_quote(repository: Repository) -> None:
    orchestrator, job = reviewed(repository, fail)
    quote = orchestrator.pilot(job.id, 10).quote
    assert quote.no_quote == "all 10 units that ended failed: what a good one costs and takes is not known"
    assert (quote.cost_usd, quote.seconds, quote.budget_usd) == (None, None, None)
    with pytest.raises(InvalidInput, match="there is no quote"):
        orchestrator.approve(job.id, budget="quote")
    assert repository.jobs.get(job.id).status is JobStatus.TESTING


def test_marking_all_as_failed_takes_the_quote_away(repository: Repository) -> None:
    orchestrator, job = reviewed(repository)
    for unit in orchestrator.pilot(job.id, 2).units:
        orchestrator.mark(job.id, unit.seq, Mark.FAIL)
    assert "all 2 units" in orchestrator.quote(job.id).no_quote


def test_a_cost_that_is_not_known_is_said(repository: Repository) -> None:
    def sometimes_silent(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        return Outcome(ok=True, usage=Usage(cost_usd=0.5 if task.payload["n"] % 2 else None))

    orchestrator, job = reviewed(repository, sometimes_silent)
    quote = orchestrator.pilot(job.id, 30).quote
    assert quote.cost_is_floor
    assert any("≥" in words for words in quote.cannot)


def suspect(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
    return Outcome(ok=True, output="x", denials=(Denial(tool="Bash"),), usage=Usage(cost_usd=0.1))


def test_what_is_in_doubt_is_no_good_end(repository: Repository) -> None:
    orchestrator, job = reviewed(repository, suspect)
    review = orchestrator.pilot(job.id, 10)
    assert review.quote.no_quote.startswith("all 10 units that ended are in doubt")
    assert (review.quote.cost_usd, review.quote.budget_usd) == (None, None)
    assert review.quote.can == (
        "0 of 10 failed: up to 26 % could, at 95 % certainty",
        "10 of 10 in doubt: at least 74 % could be, at 95 % certainty",
    )
    orchestrator.mark(job.id, review.units[0].seq, Mark.FAIL)
    assert "failed or are in doubt" in orchestrator.quote(job.id).no_quote
    orchestrator.mark(job.id, review.units[1].seq, Mark.PASS)
    assert orchestrator.quote(job.id).no_quote == "", "a person finds one good"


def test_where_all_failed_it_is_said_how_many_do_at_least(repository: Repository) -> None:
    orchestrator, job = reviewed(repository, fail)
    can, *_ = orchestrator.pilot(job.id, 10).quote.can
    assert can == "10 of 10 failed: at least 74 % could, at 95 % certainty"


def test_a_kind_of_which_none_has_ended_leaves_no_quote(repository: Repository) -> None:
    """The budget ends the pilot before the dear ones: they must not be left out of the sum in silence."""
    payloads = [{"n": n, "kind": "dear" if n >= 50 else "cheap"} for n in range(100)]
    orchestrator, job = reviewed(
        repository, costing_by_kind, payloads=payloads, max_workers=1, desired_workers=1, budget_usd=0.45
    )
    quote = orchestrator.pilot(job.id, 10, by="kind", seed=1).quote
    assert 2 <= quote.ended < 6
    assert quote.no_quote == "of these kinds no unit has come to an end, and some are left: dear"
    assert (quote.cost_usd, quote.seconds, quote.budget_usd) == (None, None, None)


def test_units_that_did_not_end_are_reckoned_by_those_of_their_kind_that_did(repository: Repository) -> None:
    """Five of each kind are chosen, one of the dear ones ends: it still stands for half of the rest."""
    payloads = [{"n": n, "kind": "dear" if n >= 50 else "cheap"} for n in range(100)]
    orchestrator, job = reviewed(
        repository, costing_by_kind, payloads=payloads, max_workers=1, desired_workers=1, budget_usd=9.0
    )
    quote = orchestrator.pilot(job.id, 10, by="kind", seed=1).quote
    assert quote.ended == 6
    assert quote.cost_usd is not None
    assert quote.cost_usd.low < 49 * 10 + 44 * 0.1 < quote.cost_usd.high


def test_a_cost_that_no_unit_of_a_kind_tells_is_not_reckoned_from_the_others(repository: Repository) -> None:
    def silent(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        return Outcome(ok=True, usage=Usage(cost_usd=None if task.payload["kind"] == "b" else 0.1))

    payloads = [{"n": n, "kind": "ab"[n % 2]} for n in range(40)]
    orchestrator, job = reviewed(repository, silent, payloads=payloads)
    quote = orchestrator.pilot(job.id, 10, by="kind").quote
    assert (quote.cost_usd, quote.cost_is_floor, quote.no_quote) == (None, False, "")
    assert "the agent does not say what it costs for: b" in quote.cannot


def test_one_unit_gives_no_range_and_few_a_rough_one(repository: Repository) -> None:
    orchestrator, job = reviewed(repository)
    assert orchestrator.pilot(job.id, 1).quote.no_quote.startswith("one unit alone gives no range")
    few = orchestrator.pilot(job.id, 4).quote
    assert any("4 units are few: where units differ much" in words for words in few.cannot)
    enough = orchestrator.pilot(job.id, 12).quote
    assert not any("are few" in words for words in enough.cannot)
    assert any("unlike those sampled (up to 17 % could be)" in words for words in enough.cannot)


def skewed(repository: Repository, behaviour: Any = None) -> tuple[Orchestrator, Job]:
    """A thousand units, nine tenths of them of one kind."""
    payloads = [{"n": n, "kind": "most" if n < 901 else f"rare {n % 9}"} for n in range(1000)]
    return reviewed(repository, behaviour, payloads=payloads)


def test_one_unit_of_nearly_all_promises_little(repository: Repository) -> None:
    orchestrator, job = skewed(repository)
    quote = orchestrator.pilot(job.id, 10, by="kind", seed=1).quote
    assert {stratum.name: stratum.sampled for stratum in quote.strata}["most"] == 1
    assert quote.can == (
        "0 of 10 failed: up to 86 % could, at 95 % certainty (worth 1.5 of 10 by their weights)",
    )
    assert quote.failed_at_most == pytest.approx(0.95 * 900 / 999, abs=0.001)
    assert any("unlike those sampled (up to 86 % could be)" in words for words in quote.cannot)
    assert any("10 units of unequal weight are few" in words for words in quote.cannot)


def test_ten_units_by_size_weigh_the_same(repository: Repository) -> None:
    payloads = [{"n": n, "text": "x" * n} for n in range(241)]
    orchestrator, job = reviewed(repository, payloads=payloads)
    quote = orchestrator.pilot(job.id, 10).quote
    assert [stratum.sampled for stratum in quote.strata] == [2] * 5
    assert quote.can == ("0 of 10 failed: up to 26 % could, at 95 % certainty",)


def test_a_failure_counts_by_what_it_stands_for(repository: Repository) -> None:
    def rare_ones_fail(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        return (answer if task.payload["kind"] == "most" else fail)(task, sink, cancel)

    orchestrator, job = skewed(repository, rare_ones_fail)
    quote = orchestrator.pilot(job.id, 60, by="kind", seed=1).quote
    assert quote.failed_share is not None
    assert quote.failed >= 9
    assert quote.failed_share.low < 0.1 < quote.failed_share.high


# Several pilots


def test_a_second_pilot_adds_to_what_the_first_has_said(repository: Repository) -> None:
    orchestrator, job = reviewed(repository, sometimes, count=400)
    first = orchestrator.pilot(job.id, 30, by="n", seed=1)
    second = orchestrator.pilot(job.id, 3, by="n", seed=2)
    quote = second.quote
    assert (quote.pilots, quote.sampled, quote.ended) == ((first.pilot.id, second.pilot.id), 33, 33)
    assert quote.failed == sum(unit.failed for unit in (*first.units, *second.units))
    assert len(second.units) == 3
    assert quote.can[0].startswith(f"{quote.failed} of 33 failed: ")
    for narrow, before in (
        (quote.failed_share, first.quote.failed_share),
        (quote.cost_usd, first.quote.cost_usd),
    ):
        assert narrow is not None
        assert before is not None
        assert narrow.high - narrow.low <= 1.1 * (before.high - before.low)
    shown_again = orchestrator.pilot_review(job.id, first.pilot.id).quote
    assert shown_again.model_dump(exclude={"pilot", "seed", "strata"}) == quote.model_dump(
        exclude={"pilot", "seed", "strata"}
    )


def test_what_was_rejected_is_in_no_quote(repository: Repository) -> None:
    orchestrator, job = reviewed(repository)
    rejected = orchestrator.pilot(job.id, 10, seed=1).pilot
    orchestrator.reject(job.id)
    orchestrator.test(job.id)
    now = orchestrator.pilot(job.id, 5, seed=2)
    assert (now.quote.pilots, now.quote.ended) == ((now.pilot.id,), 5)
    assert orchestrator.pilot_review(job.id, rejected.id).quote.pilots == (rejected.id,)


def test_a_pilot_that_left_a_kind_untried_does_not_spoil_the_one_before(repository: Repository) -> None:
    payloads = [{"n": n, "kind": "dear" if n >= 50 else "cheap"} for n in range(100)]
    orchestrator, job = reviewed(repository, costing_by_kind, payloads=payloads)
    first = orchestrator.pilot(job.id, 10, by="kind", seed=1)
    second = orchestrator.pilot(job.id, 1, by="kind", seed=2)
    assert second.quote.no_quote == ""
    assert second.quote.pilots == (first.pilot.id,)
    (said,) = (words for words in second.quote.cannot if "don't count" in words)
    assert said.startswith("1 unit of a pilot that had none of ")


def test_of_another_job_no_pilot_is_shown(repository: Repository) -> None:
    orchestrator, job = reviewed(repository)
    orchestrator.pilot(job.id, 2)
    _, other = reviewed(repository, name="other")
    theirs = orchestrator.pilot(other.id, 2).pilot
    with pytest.raises(NotFound, match=f"job words has no pilot {theirs.id}"):
        orchestrator.pilot_review(job.id, theirs.id)


# What there is no range of


def test_no_known_cost_is_no_range_and_no_budget(repository: Repository) -> None:
    orchestrator, job = reviewed(repository, lambda *_: Outcome(ok=True))
    quote = orchestrator.pilot(job.id, 10).quote
    assert (quote.cost_usd, quote.cost_is_floor, quote.no_quote) == (None, False, "")
    assert quote.seconds is not None
    with pytest.raises(InvalidInput, match="cost is not known"):
        orchestrator.approve(job.id, budget="quote")


def test_a_budget_may_also_be_named(repository: Repository) -> None:
    orchestrator, job = reviewed(repository)
    with pytest.raises(InvalidInput, match="budget"):
        orchestrator.approve(job.id, budget=-1)
    with pytest.raises(InvalidInput, match=r"the budget of \$0.01 is spent: job words has cost \$0.01"):
        orchestrator.approve(job.id, budget=0.01)
    assert orchestrator.approve(job.id, budget=25).budget_usd == 25


def test_what_an_agent_was_denied_is_in_doubt_unless_a_person_passes_it(repository: Repository) -> None:
    orchestrator, job = reviewed(repository, lambda *_: Outcome(ok=True, denials=(Denial(tool="Bash"),)))
    review = orchestrator.pilot(job.id, 3)
    assert review.quote.doubtful == 3
    orchestrator.mark(job.id, review.units[0].seq, Mark.PASS)
    assert orchestrator.quote(job.id).doubtful == 2


def test_a_program_that_can_not_be_started_ends_the_pilot(repository: Repository) -> None:
    refuses = Outcome.failed(FailureKind.REFUSED_TO_START, "no such program")
    orchestrator, job = reviewed(repository, lambda *_: refuses, max_workers=1, desired_workers=1)
    review = orchestrator.pilot(job.id, 20)
    assert review.quote.ended < 20
    assert repository.jobs.get(job.id).status is JobStatus.TESTING


# In a process of its own


SLOW = "import os, time; time.sleep(60 if os.path.exists('slow') else 0)"


def real(repository: Repository, folder: Path, count: int = 12) -> tuple[Orchestrator, Job]:
    """A job of real processes, its test passed; they take long once there is a file `slow`."""
    options = {"argv": [sys.executable, "-c", SLOW]}
    job = make_job(repository, count, worker="command", worker_options=options, cwd=folder)
    orchestrator = Orchestrator(repository)
    orchestrator.launch_test(job.id)
    wait_until(lambda: orchestrator.status(job.id).phase is Phase.REVIEW)
    return orchestrator, job


def test_a_detached_pilot_runs_on_by_itself(repository: Repository, tmp_path: Path) -> None:
    orchestrator, job = real(repository, tmp_path)
    begun = orchestrator.launch_pilot(job.id, 5, seed=2)
    assert begun.pilot_id is not None
    wait_until(lambda: orchestrator.status(job.id).phase is Phase.REVIEW)
    assert [unit.status for unit in orchestrator.pilot_review(job.id).units] == [UnitStatus.COMPLETED] * 5


def killed(orchestrator: Orchestrator, job: Job, slow: Path) -> None:
    """Begin a pilot, and kill its process while its agents run."""
    slow.touch()
    begun = orchestrator.launch_pilot(job.id, 6)
    assert begun.lease is not None
    pid = begun.lease.pid
    wait_until(lambda: orchestrator.repository.jobs.get(job.id).counters.processing == 4)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: orchestrator.status(job.id).phase is Phase.INTERRUPTED)
    slow.unlink()


def test_after_a_pilot_whose_process_died_another_one_can_be_run(
    repository: Repository, tmp_path: Path
) -> None:
    orchestrator, job = real(repository, tmp_path)
    killed(orchestrator, job, tmp_path / "slow")
    orchestrator.launch_pilot(job.id, 3)
    wait_until(lambda: orchestrator.status(job.id).phase is Phase.REVIEW)
    assert all(unit.ended for unit in orchestrator.pilot_review(job.id).units)
    assert_counters_match(repository, job.id)


def test_a_pilot_whose_process_died_can_be_decided_on(repository: Repository, tmp_path: Path) -> None:
    orchestrator, job = real(repository, tmp_path)
    killed(orchestrator, job, tmp_path / "slow")
    job = orchestrator.reject(job.id)
    assert (job.status, job.counters.pending, job.lease) == (JobStatus.CREATED, 12, None)
    assert_counters_match(repository, job.id)


def test_of_two_people_who_pilot_at_once_the_second_is_told(repository: Repository, tmp_path: Path) -> None:
    orchestrator, job = real(repository, tmp_path)
    (tmp_path / "slow").touch()
    told: list[str] = []

    def pilot() -> None:
        try:
            orchestrator.launch_pilot(job.id, 3)
        except IllegalTransition as error:
            told.append(error.message)

    people = [threading.Thread(target=pilot) for _ in range(2)]
    for person in people:
        person.start()
    for person in people:
        person.join(60)
    assert len(told) == 1
    assert "job words" in told[0]
    orchestrator.stop(job.id)
    wait_until(lambda: orchestrator.status(job.id).phase is Phase.REVIEW)
    assert_counters_match(repository, job.id)
