"""A sample before the rest: run it, mark it, and see what it says of the rest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from abp_tui.cli.common import LEFT, job_argument, json_option, open_orchestrator, put, put_json, say
from abp_tui.cli.layout import bold, money, pairs, span, table
from abp_tui.cli.summary import warn
from abp_tui.cli.text import one_line
from abp_tui.domain.quote import sample_words
from abp_tui.domain.status import Phase
from abp_tui.verbs.piloting import MOST_UNITS
from abp_tui.words import counted

if TYPE_CHECKING:
    from abp_tui.domain.pilot import Tried
    from abp_tui.domain.quote import Quote
    from abp_tui.orchestrator import Orchestrator

NO_MARK = "none"
MARKS = ("pass", "doubtful", "fail", NO_MARK)


@click.command()
@job_argument
@click.option("-n", "count", type=int, metavar="N", help="How many units.  [default: 10]")
@click.option("--by", metavar="size|type|FIELD", help="What kinds differ in.  [default: size]")
@click.option("--seed", type=int, metavar="S", help="Choose the same units as with this seed before.")
@click.option("--all", "whole", is_flag=True, help="Run all that wait: the whole job as its own pilot.")
@click.option("--wait", is_flag=True, help="Wait for it; exits 0 if all its units completed, else 1.")
@json_option
def pilot(
    job: str, count: int | None, by: str | None, seed: int | None, whole: bool, wait: bool, as_json: bool
) -> int:
    """Run a sample of a tested job, to see what the rest will be like before it runs.

    The sample has something of every kind: of each fifth of the sizes, of each file type, or of each value
    of a field. After an edit it takes the units of the pilot before, so that the versions compare, unless -n,
    --by or --seed say otherwise. The pilot runs in a process of its own: a closed terminal does not end it.
    The job then still waits for `abp approve` or `abp reject`.

    \b
    abp pilot docs -n 20 --by type --wait
    abp mark docs 17 doubtful
    abp quote docs
    abp approve docs --budget quote
    """
    orchestrator = open_orchestrator()
    if whole and count is not None:
        raise click.UsageError("-n and --all can't be given together")
    before = orchestrator.repeats(job)
    found = orchestrator.launch_pilot(job, MOST_UNITS if whole else count, by, seed, whole=whole)
    warn(orchestrator.status(found.id))
    review = orchestrator.pilot_review(found.id)
    ran, chosen = len(review.units), review.pilot.sample
    which = ", all that waited" if chosen.is_everything else ""
    which += ", those of the last one" if chosen == before else ""
    what = f"a pilot of {counted(ran, 'unit')}, by {one_line(chosen.by)}, seed {chosen.seed}"
    say(f"{found.name}: {what}{which}")
    if not (wait or as_json):
        say(f"Watch it: abp, or abp wait {found.name}. Then: abp quote {found.name}")
        return 0
    return _await(orchestrator, found.id, as_json)


@click.command()
@job_argument
@click.argument("seq", type=int)
@click.argument("mark", type=click.Choice(MARKS), metavar="|".join(MARKS))
def mark(job: str, seq: int, mark: str) -> None:
    """Say what you think of a unit of a pilot: pass, doubtful or fail; none takes that back.

    An approval accepts what passed, keeps what is doubtful as suspect, and runs again what failed.

    \b
    abp mark docs 17 doubtful
    """
    from abp_tui.domain.status import Mark

    orchestrator = open_orchestrator()
    unit = orchestrator.mark(job, seq, None if mark == NO_MARK else Mark(mark))
    say(f"unit {seq} ({one_line(unit.key, 50)}): {mark}")


@click.command()
@job_argument
@json_option
def quote(job: str, as_json: bool) -> int:
    """Show what a pilot says of the rest: cost and time as ranges, and what it can and can't promise.

    The ranges hold about 19 times in 20, for units like those in the sample. Exits 1 where there is no quote.

    \b
    abp quote docs
    abp quote docs --json | jq .cost_usd.high
    """
    orchestrator = open_orchestrator()
    review = orchestrator.pilot_review(job)
    if as_json:
        put_json(review.quote.model_dump(mode="json"))
    else:
        view = orchestrator.status(review.pilot.job_id)
        warn(view)
        _put_units(review.units)
        _put_quote(review.quote)
        if view.phase is Phase.REVIEW:
            _say_next(review.quote, view.name)
    return 1 if review.quote.no_quote else 0


def money_range(quote: Quote) -> str:
    """The cost of the rest, from low to high."""
    if quote.cost_usd is None:
        return "not known"
    return f"{money(quote.cost_usd.low, quote.cost_is_floor)} to {money(quote.cost_usd.high)}"


def _await(orchestrator: Orchestrator, job_id: int, as_json: bool) -> int:
    from abp_tui.cli.summary import INTERRUPTED
    from abp_tui.cli.watching import wait_for

    code = wait_for(orchestrator.repository, job_id)
    if code in (LEFT, INTERRUPTED):
        return code
    review = orchestrator.pilot_review(job_id)
    if as_json:
        put_json(review.model_dump(mode="json"))
    else:
        _put_units(review.units)
        _put_quote(review.quote)
    return 0 if all(unit.ended and not unit.failed for unit in review.units) else 1


def _put_units(units: tuple[Tried, ...]) -> None:
    head = ("SEQ", "KEY", "STATUS", "MARK", "COST", "TIME", "NOTE")
    for line in table(head, map(_row, units), right="SEQ COST TIME", gives="KEY NOTE"):
        put(line)


def _row(unit: Tried) -> tuple[str, ...]:
    state = unit.status if unit.verdict in (None, "ok") else f"{unit.status} {unit.verdict}"
    cost, time = money(unit.cost_usd), span(unit.duration_s)
    mark, note = unit.mark or "", one_line(unit.note, 60)
    return str(unit.seq), one_line(unit.key, 50), state, mark, cost, time, note


def _put_quote(quote: Quote) -> None:
    put(bold("quote"))
    for line in pairs(_facts(quote)):
        put(f"  {line}")
    for words in (*quote.can, *quote.cannot):
        put(f"  - {one_line(words)}")


def _facts(quote: Quote) -> Iterator[tuple[str, str]]:
    yield "sample", one_line(sample_words(quote))
    kinds = (f"{one_line(s.name, 30)}: {s.sampled:,} of {s.waiting:,}" for s in quote.strata)
    yield "kinds", "; ".join(kinds)
    yield "version", str(quote.recipe_version)
    yield "rest", f"{counted(quote.rest, 'unit')} with {counted(quote.workers, 'worker')}"
    if quote.no_quote:
        yield "no quote", one_line(quote.no_quote)
        return
    yield "cost", money_range(quote)
    if quote.seconds is not None:
        yield "time", f"{span(quote.seconds.low)} to {span(quote.seconds.high)}"
    yield "budget", f"{money(quote.budget_usd)}, with what is spent" if quote.budget_usd else ""


def _say_next(quote: Quote, name: str) -> None:
    if quote.is_of_another_version:
        say(f"Next: abp reject {name}, then abp test {name}: this pilot was of another version")
        return
    budget = " --budget quote" if quote.budget_usd else ""
    marks = "|".join(MARKS[:3])
    say(f"Next: abp mark {name} SEQ {marks}, then abp approve {name}{budget}, or abp reject {name}")
