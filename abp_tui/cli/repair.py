"""Running again what ended badly, and giving agents the leave that they lacked."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

import click

from abp_tui.cli.common import (
    LEFT,
    job_argument,
    open_orchestrator,
    put,
    put_text,
    say,
    text_or_file,
    wait_option,
)
from abp_tui.cli.layout import bold, dim, money, span
from abp_tui.cli.summary import warn
from abp_tui.cli.text import one_line
from abp_tui.cli.watching import after_launch, changes
from abp_tui.words import counted

if TYPE_CHECKING:
    from abp_tui.domain.model import Job, WorkUnit
    from abp_tui.orchestrator import Orchestrator
    from abp_tui.verbs.permits import Proposal
    from abp_tui.verbs.repair import Tried

NEEDS_A_PERSON = 3
NOT_GOOD = 1


@click.command()
@job_argument
@click.option("--unit", "seqs", type=int, multiple=True, metavar="SEQ", help="This unit only. Repeatable.")
@click.option("--cause", metavar="ID", help="Only the units of one cause; the beginning of its id will do.")
@click.option("--nudge", metavar="TEXT|@FILE", help="Say this to the agents, in their sessions.")
@click.option("--continue", "go_on", is_flag=True, help="As --nudge, with words to go on and finish.")
@click.option("--test-first", is_flag=True, help="Run one unit of the cause first, and ask about the others.")
@click.option("--yes", is_flag=True, help="Run the others without asking, if that one is good.")
@wait_option
def retry(
    job: str,
    seqs: tuple[int, ...],
    cause: str | None,
    nudge: str | None,
    go_on: bool,
    test_first: bool,
    yes: bool,
    wait: bool,
) -> int:
    """Run ended units again, by default all that failed or are suspect, and a failed synthesis step.

    What timed out or is suspect goes on in its agent's session and hears why, unless prompt, options or
    schema were edited since; the others begin anew.

    With --test-first one unit of the cause runs and is shown; the others run once you say so, or with --yes
    if that one is good. Exits 1 where it is not, 3 where there is nobody to ask.

    \b
    abp retry docs --wait
    abp retry docs --unit 3 --unit 8
    abp retry docs --cause 5f0c --test-first
    abp retry docs --cause 5f0c --nudge "You stopped with a question; decide yourself."
    """
    from abp_tui.domain.follow_up import GO_ON

    if seqs and cause:
        raise click.UsageError("--unit and --cause can't be given together")
    if test_first and not cause:
        raise click.UsageError("--test-first is for the units of one cause: name it with --cause")
    if go_on and nudge is not None:
        raise click.UsageError("--nudge and --continue can't be given together")
    orchestrator = open_orchestrator()
    said = GO_ON if go_on else text_or_file(nudge)
    if cause is not None:
        cause = orchestrator.cause(job, cause).fingerprint
    if test_first and cause and (code := _try_first(orchestrator, job, cause, said, yes)) is not None:
        return code
    if cause:
        again = orchestrator.retry_cause(job, cause, nudge=said)
    else:
        again = orchestrator.retry(job, seqs or None, nudge=said)
    return after_launch(orchestrator, again, wait)


@click.command()
@job_argument
@click.option("--rule", "rules", multiple=True, metavar="RULE", help="Give this leave. Repeatable.")
@click.option("--list", "only_list", is_flag=True, help="Print the rules that are proposed, and save none.")
@click.option("--based-on", type=int, metavar="N", help="Refuse where version N is no longer the newest.")
def permit(job: str, rules: tuple[str, ...], only_list: bool, based_on: int | None) -> None:
    """Give the agents of a job the leave that they were found to lack, rule by rule.

    What was denied in tests and runs that did not end well is shown as the fewest and narrowest rules that
    would have let it pass. What no narrow rule could be made of is not among them: say it with --rule.
    Each one that you say yes to is kept in a new version of the recipe; nothing else is allowed.

    \b
    abp permit docs
    abp permit docs --list
    abp permit docs --rule 'Bash(pdftotext *.pdf -)' --rule 'Edit(docs/**)'
    """
    from abp_tui.cli.editing import tell_edit, telling_conflicts

    orchestrator = open_orchestrator()
    found = orchestrator.repository.jobs.find(job)
    if not rules:
        warn(orchestrator.status(found.id))
        proposals = orchestrator.proposed_rules(found.id)
        if only_list or not proposals:
            _list(found, proposals)
            return
        rules = _approved(proposals)
        if not rules:
            say(f"{found.name}: nothing was allowed")
            return
    with telling_conflicts():
        recipe = orchestrator.permit(found.id, rules, based_on=based_on)
    tell_edit(orchestrator, found, recipe, checked=True)  # it adds, whatever there is by now
    warn(orchestrator.status(found.id))


def _list(job: Job, proposals: tuple[Proposal, ...]) -> None:
    if not proposals:
        say(f"{job.name}: nothing was denied that a narrow rule could allow")
    for proposal in proposals:
        put(one_line(proposal.rule))


def _approved(proposals: tuple[Proposal, ...]) -> tuple[str, ...]:
    """The rules that the person at the terminal says yes to, asked one by one."""
    from abp_tui.errors import InvalidInput

    if not sys.stdin.isatty():
        rules = " ".join(f"--rule {one_line(shlex.quote(proposal.rule))}" for proposal in proposals)
        raise InvalidInput("nobody is here to approve the rules one by one", f"name those you allow: {rules}")
    of = len(proposals)
    return tuple(p.rule for n, p in enumerate(proposals, 1) if _says_yes(p, f"{n} of {of}"))


def _says_yes(proposal: Proposal, which: str) -> bool:
    say(f"{dim(which)}  {bold(one_line(proposal.rule))}  {dim(one_line(proposal.words))}")
    return click.confirm("Allow it?", default=False, err=True)


def _try_first(orchestrator: Orchestrator, ref: str, cause: str, nudge: str | None, yes: bool) -> int | None:
    """Run one unit of a cause; returns the exit code where the others are not to run, else None."""
    job, seq = orchestrator.try_first(ref, cause, nudge=nudge)
    say(f"{job.name}: unit {seq} runs first")
    try:
        tried = _followed(orchestrator, job, seq, cause)
    except KeyboardInterrupt:
        say(f"abp: left; unit {seq} goes on. See it: abp events {job.name} --unit {seq}")
        return LEFT
    _show(tried.unit)
    code = 0 if tried.unit.is_good else NOT_GOOD
    if not tried.left:
        say(f"{job.name}: no other unit is left of this cause")
        return code
    asks = not yes and sys.stdin.isatty()
    left = counted(tried.left, "unit")
    agreed = click.confirm(f"Run the other {left} of this cause, too?", err=True) if asks else False
    if agreed or tried.lets_others_run(yes):
        return None
    others = f"abp retry {job.name} --cause {cause}" + (f" --nudge {shlex.quote(nudge)}" if nudge else "")
    say(f"{job.name}: {left} of this cause not run again. To run them: {others}")
    return code if asks or code else NEEDS_A_PERSON


def _followed(orchestrator: Orchestrator, job: Job, seq: int, cause: str) -> Tried:
    """The unit that runs first, once it has ended or its job goes no further."""
    for _ in changes(orchestrator.repository):
        if tried := orchestrator.tried(job, seq, cause):
            return tried
    raise AssertionError("it is followed without a limit of time")


def _show(unit: WorkUnit) -> None:
    state = unit.status if unit.verdict in (None, "ok") else f"{unit.status} {unit.verdict}"
    why = f": {one_line(unit.error)}" if unit.error else ""
    if unit.output:
        say(dim("output:"))
        put_text(unit.output)
    say(f"unit {unit.seq} {state}{why} ({span(unit.duration_s)}, {money(unit.cost_usd)} in all)")
