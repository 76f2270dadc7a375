"""Testing one unit, and deciding on it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from abp_tui.cli.common import (
    code_of,
    ended_as_by_ctrl_c,
    engine_options,
    job_argument,
    json_option,
    open_orchestrator,
    placing,
    put,
    put_json,
    put_text,
    say,
    text_or_file,
    wait_option,
)
from abp_tui.cli.editing import tell_edit, telling_conflicts
from abp_tui.cli.layout import dim, local, money, span, table
from abp_tui.cli.text import one_line
from abp_tui.cli.watching import after_launch, follow_test, ring
from abp_tui.domain.visible import visible
from abp_tui.errors import ApprovalNeeded
from abp_tui.verbs.typed import number
from abp_tui.words import counted

if TYPE_CHECKING:
    from abp_tui.domain.model import Event, TestResult
    from abp_tui.domain.version import Comparison, Side
    from abp_tui.orchestrator import Orchestrator
    from abp_tui.views import JobView

_ENDS = {"pass": "good", "doubtful": "suspect", "fail": "failed"}


@click.command()
@job_argument
@click.option("--unit", "seq", type=int, metavar="SEQ", help="Which unit; by default the first that waits.")
@json_option
def test(job: str, seq: int | None, as_json: bool) -> int:
    """Run one unit, show its conversation while it goes on, and print its output.

    The job then waits for `abp approve` or `abp reject`. Results of its pilot stay, unless prompt, options,
    checks or schema were edited since. The test runs in a process of its own: a closed
    terminal does not end it. Exits 0 if the unit completed, 1 if it failed.

    \b
    abp test docs
    abp test docs --unit 7 --json
    """
    orchestrator = open_orchestrator()
    code = run_test(orchestrator, job, seq, as_json)
    advise(orchestrator, job)
    return code


@click.command()
@job_argument
@click.argument("choice")
def answer(job: str, choice: str) -> None:
    """Answer what the agent under test asks, by the number of an option or its words.

    Only a test asks. In the batch the worker's rules answer: see its options.

    \b
    abp show docs
    abp answer docs 1
    """
    answered = open_orchestrator().answer(job, choice)
    say(f"answered: {one_line(answered.answer or '')}")


@click.command()
@job_argument
@click.option("--budget", metavar="USD|quote", help="What it may cost; quote: the upper end of `abp quote`.")
@engine_options
@wait_option
@click.option("--yes", is_flag=True, help="Do not ask about what a program wants to run.")
def approve(
    job: str,
    budget: str | None,
    engine: str | None,
    scheduler: str | None,
    ship_files: bool | None,
    wait: bool,
    yes: bool,
) -> int:
    """Let the whole batch run after its test or pilot.

    A unit that completed there stays as a result, one that failed or was marked so runs again. A job that an
    MCP client asked for may be held before its test, because it would run a program, code or a query: that is
    shown, and your approval lets the test run.

    \b
    abp approve docs --wait
    abp approve docs --budget quote
    abp approve docs --scheduler tcp://head:8786
    """
    orchestrator = open_orchestrator()
    amount = budget if budget in (None, "quote") else number(budget, "--budget")
    held = orchestrator.status(job)
    if held.held:
        read_before(held, yes)
    becomes = orchestrator.decision(job).words
    offered = None if budget else orchestrator.offered_budget(job)
    with placing(orchestrator, job, engine, scheduler, ship_files):
        approved = orchestrator.approve(job, budget=amount)
    if held.doubts:
        say(f"{approved.name}: approved all the same ({held.doubts})")
    if becomes:
        say(f"{approved.name}: {becomes}")
    if budget is not None:
        say(f"{approved.name}: a budget of {money(approved.budget_usd)}")
    elif offered is not None:
        do = f"abp set {approved.name} budget_usd={offered:g}"
        say(f"{approved.name}: it has no budget; by the quote {money(offered)} would do: {do}")
    if not held.held:
        return after_launch(orchestrator, approved, wait)
    say(
        f"{approved.name}: {counted(approved.counters.total, 'unit')}, and may be tested. "
        f"Next: abp test {approved.name}"
    )
    return 0


def read_before(job: JobView, sure: bool) -> None:
    """Show what a program wants to run, and ask; raises `ApprovalNeeded` unless a person says yes."""
    from abp_tui.cli.new_source import show_code
    from abp_tui.enumerators.base import make_enumerator

    say(f"{one_line(job.client or '')} asks for this in {visible(job.cwd)}:")
    for words in job.held:
        say(f"  it {visible(words)}")
    if not job.total_units:
        code = make_enumerator(job.enumerator_type, job.enumerator_config).approval()
        if code is not None:
            show_code(code)
    if sure:
        return
    if not sys.stdin.isatty():
        raise ApprovalNeeded(f"job {job.name} waits for a person", "read it, then say --yes")
    if not click.confirm("Let it run on this machine, as you?", err=True):
        raise ApprovalNeeded(f"job {job.name} was not approved", f"remove it: `abp rm {job.name}`")


@click.command()
@job_argument
def reject(job: str) -> None:
    """Put the tested unit back; the next test takes it again, with the prompt as it is then.

    \b
    abp reject docs
    abp prompt docs --set @better.txt
    abp test docs
    """
    orchestrator = open_orchestrator()
    given_up = orchestrator.given_up(job)
    found = orchestrator.reject(job)
    if given_up:
        say(f"{found.name}: {given_up}")
    say(f"{found.name}: rejected. Next: abp prompt {found.name} --set @FILE, abp test {found.name}")


@click.command()
@job_argument
@click.option("--set", "text", metavar="TEXT|@FILE", help="Save this as the next version of the prompt.")
@click.option("--based-on", type=int, metavar="N", help="Refuse where version N is no longer the newest.")
@click.option("--versions", is_flag=True, help="List all versions, with what each of them changed.")
@click.option("--diff", type=int, nargs=2, metavar="A B", help="Show what differs between two versions.")
@click.option("--compare", type=int, nargs=2, metavar="A B", help="Compare what units came to under both.")
@click.option("--use", type=int, metavar="N", help="Go back to version N, as a new version.")
@json_option
def prompt(
    job: str,
    text: str | None,
    based_on: int | None,
    versions: bool,
    diff: tuple[int, int] | None,
    compare: tuple[int, int] | None,
    use: int | None,
    as_json: bool,
) -> None:
    """Print a job's prompt, save a new version of it, or look at its versions.

    A version holds all that a unit is run with: prompt, options (permissions among them), timers, checks and
    schema.

    \b
    abp prompt docs > prompt.txt
    abp prompt docs --set @prompt.txt
    abp prompt docs --versions
    abp prompt docs --diff 1 2
    abp prompt docs --compare 1 2
    abp prompt docs --use 1
    """
    from abp_tui.cli.summary import warn
    from abp_tui.verbs.editing import takes_effect

    if sum((text is not None, versions, diff is not None, compare is not None, use is not None)) > 1:
        raise click.UsageError("--set, --versions, --diff, --compare and --use can't be given together")
    orchestrator = open_orchestrator()
    if not as_json:
        warn(orchestrator.status(job))
    if versions:
        _put_versions(orchestrator, job, as_json)
        return
    if diff is not None:
        put_text(orchestrator.version_diff(job, *diff))
        return
    if compare is not None:
        _put_comparison(orchestrator.compare(job, *compare), as_json)
        return
    if use is not None:
        with telling_conflicts():
            recipe = orchestrator.use_version(job, use, based_on=based_on)
        found = orchestrator.repository.jobs.get(recipe.job_id)
        current = f"version {use} is current again, as version {recipe.version}"
        say(f"{found.name}: {current}; {takes_effect(found)}")
        return
    found = orchestrator.repository.jobs.find(job)
    recipe = found.recipe
    if text is not None:
        with telling_conflicts():
            recipe = orchestrator.set_prompt(job, text_or_file(text) or "", based_on=based_on)
        tell_edit(orchestrator, found, recipe, checked=based_on is not None)
    if as_json:
        shown = recipe.model_dump(mode="json", include={"prompt_template", "created_at", "author"})
        put_json({"id": found.ref, "name": found.name, "prompt_version": recipe.version, **shown})
    elif text is None:
        put_text(recipe.prompt_template)


def _put_versions(orchestrator: Orchestrator, ref: str, as_json: bool) -> None:
    found = orchestrator.versions(ref)
    if as_json:
        put_json([version.model_dump(mode="json") for version in found])
        return
    rows = (
        (
            str(version.version),
            local(version.created_at),
            one_line(version.author, 30),
            str(version.results),
            ", ".join(version.changed) or ("-" if version.version > 1 else "as it was made"),
            "current" if version.is_current else "",
        )
        for version in found
    )
    for line in table(("VERSION", "SAVED", "BY", "RESULTS", "CHANGED", ""), rows, right="VERSION RESULTS"):
        put(line)


def _put_comparison(compared: Comparison, as_json: bool) -> None:
    """A row for each unit that was tested or piloted under both, then what they came to together."""
    sides = (compared.left, compared.right)
    sums = dict(zip(sides, compared.sums(), strict=True))
    if as_json:
        both = {f"version {version}": found.model_dump(mode="json") for version, found in sums.items()}
        put_json({**compared.model_dump(mode="json"), "sums": both})
        return
    head = ("SEQ", "KEY", *(title for version in sides for title in (f"V{version}", "COST", "TIME")))
    rows = (
        (str(pair.seq), one_line(pair.key, 50), *_side(pair.left), *_side(pair.right))
        for pair in compared.pairs
    )
    for line in table(head, rows, right="SEQ COST TIME"):
        put(line)
    for version, found in sums.items():
        cost = money(found.cost_usd, found.cost_is_floor)
        put(f"version {version}: {found.words}, {cost}, {span(found.seconds)} of work")
    if not compared.pairs:
        say("no unit was tested or piloted under both: `abp pilot` takes the units of the last one again")


def _side(end: Side) -> tuple[str, str, str]:
    return _ENDS[end.came_to], money(end.cost_usd), span(end.duration_s)


def run_test(orchestrator: Orchestrator, ref: str, seq: int | None, as_json: bool = False) -> int:
    """Test a unit as `abp test` does; returns its exit code."""
    from abp_tui.cli.summary import INTERRUPTED, warn
    from abp_tui.domain.status import JobStatus, Phase

    repository = orchestrator.repository
    before = repository.attempts.latest_test(repository.jobs.find(ref).id)
    asked_for = orchestrator.status(ref)
    warn(asked_for)
    given_up = orchestrator.given_up_by_test(ref, seq)
    job = orchestrator.launch_test(ref, seq)
    if given_up:
        say(f"{job.name}: {given_up}")
    try:
        with ended_as_by_ctrl_c():
            view = follow_test(repository, job.id, _show, _tell_how_to_answer, before.id if before else 0)
    except KeyboardInterrupt as interrupt:
        say(f"abp: left; the test goes on. `abp wait {job.name}` waits for it, `abp stop {job.name}` ends it")
        return code_of(interrupt)
    ring(asked_for, view)
    result = orchestrator.test_result(job.id)
    if result is None or view.phase is Phase.INTERRUPTED or view.status is JobStatus.CREATED:
        when = "" if view.gate is None else " once that is mended"
        said = f"the test of {job.name} was broken off{_by(view)}"
        say(f"abp: {said}. Test again{when}: abp test {job.name}")
        return INTERRUPTED
    _report(result, as_json)
    return 0 if result.passed else 1


def advise(orchestrator: Orchestrator, ref: str) -> None:
    """Say what can be done with a job whose test waits for review."""
    from abp_tui.cli.summary import next_step
    from abp_tui.domain.status import Phase

    view = orchestrator.status(ref)
    if view.phase is Phase.REVIEW:
        say(next_step(view))


def _by(view: JobView) -> str:
    """What keeps the agents of a job from working, in brackets; empty where nothing does."""
    from abp_tui.cli.summary import REASON_CELLS, gate_words

    words = one_line(gate_words(view), REASON_CELLS)
    return f" ({words})" if words else ""


def _show(event: Event) -> None:
    from abp_tui.cli.conversation import lines_of

    for line in lines_of(event):
        say(line)


def _tell_how_to_answer(view: JobView) -> None:
    from abp_tui.cli.summary import next_step

    say(next_step(view))


def _report(result: TestResult, as_json: bool) -> None:
    job, attempt = result.job, result.attempt
    if as_json:
        put_json(_document(result))
    elif result.output:
        say(dim("output:"))
        put_text(result.output)
    verdict = "completed" if result.passed else f"failed: {one_line(result.error or 'no reason given')}"
    verdict = one_line(f"suspect: {result.error}") if result.unit.is_in_doubt else verdict
    say(
        f"{job.name}: unit {attempt.seq} {verdict} "
        f"(attempt {attempt.number}, {span(attempt.duration_s)}, {money(result.cost_usd)})"
    )


def _document(result: TestResult) -> dict[str, Any]:
    from abp_tui.domain.change import changes_of
    from abp_tui.domain.projection import project
    from abp_tui.views import view_job, view_unit

    changes, job = changes_of(result.events), view_job(result.job)
    seconds = result.attempt.duration_s
    rest = project(rest=job.rest_units, workers=job.max_workers, cost_usd=result.cost_usd, seconds=seconds)
    return {
        "passed": result.passed,
        "output": result.output,
        "error": result.error,
        "cost_usd": result.cost_usd,
        "projection": rest.model_dump(mode="json"),
        "job": job.model_dump(mode="json"),
        "unit": view_unit(result.unit).model_dump(mode="json"),
        "changes": changes and changes.model_dump(mode="json"),
        "attempt": result.attempt.model_dump(mode="json"),
        "conversation": [event.model_dump(mode="json") for event in result.events],
    }
