"""What pilots say of the rest of their job: cost and time as ranges, and what they can and can't promise."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from pydantic import Field

from abp_tui.domain.model import Frozen, Job
from abp_tui.domain.pilot import Pilot, Tried
from abp_tui.domain.pool import Pool, Trial
from abp_tui.domain.statistics import LEVEL, Seen, Spread, seen, worth
from abp_tui.domain.status import Mark
from abp_tui.words import counted

FEW = 10  # ended units, with fewer than which a range may hold less often than it says


class Span(Frozen):
    """From where to where something lies."""

    low: float
    high: float


class StratumShare(Frozen):
    """One kind of units in the sample."""

    name: str = Field(description="What its units have in common; as the items say it, so foreign text.")
    waiting: int = Field(description="Units of this kind that waited when the sample was drawn.")
    sampled: int = Field(description="How many of them are in the sample.")


class Quote(Frozen):
    """What the rest of a job may cost and take, reckoned from all pilots of its review together."""

    pilot: int = Field(description="Number of the pilot that is shown.")
    pilots: tuple[int, ...] = Field(description="The pilots that it is reckoned from.")
    recipe_version: int = Field(description="The version of the recipe that the pilot was run with.")
    current_version: int = Field(description="The version that the rest would be run with now.")
    is_of_another_version: bool = Field(description="Whether these two work differently.")
    by: str = Field(description="What the sample shown was stratified by: size, type, or a field.")
    seed: int = Field(description="Seed of the sample shown: the same again chooses the same.")
    strata: tuple[StratumShare, ...] = Field(
        description="The kinds of units there, and how many of each were run."
    )
    sampled: int = Field(description="Units in the samples of all `pilots`.")
    ended: int = Field(description="Units of these that came to an end.")
    failed: int = Field(description="Of those, the ones that failed or that a person marked as failed.")
    doubtful: int = Field(description="Of those, the ones in doubt, by their verdict or a person's mark.")
    marked: int = Field(description="Of those, the ones that a person has marked.")
    rest: int = Field(description="Units that an approval lets run, those that failed here included.")
    workers: int = Field(description="How many would run side by side.")
    level: float = Field(description="How sure the ranges mean to be: 0.95 is 19 times in 20.")
    cost_usd: Span | None = Field(
        description="Of the rest; null where no cost is known, or there is no quote."
    )
    cost_is_floor: bool = Field(description="Whether some attempts' cost is unknown, so that it is `≥`.")
    seconds: Span | None = Field(description="Time from the approval until the rest has ended.")
    failed_share: Span | None = Field(description="Share of units that fail, exact two-sided interval.")
    failed_at_most: float | None = Field(description="The same, exact one-sided bound.")
    budget_usd: float | None = Field(description="Upper end of the cost with what is spent, in whole cents.")
    no_quote: str = Field(description="Why there is no quote; empty where there is one.")
    can: tuple[str, ...] = Field(description="What the sample can promise.")
    cannot: tuple[str, ...] = Field(description="What it can't, and what to look out for.")


class PilotReview(Frozen):
    """A pilot with its units as they ended, and its quote."""

    pilot: Pilot
    units: tuple[Tried, ...] = Field(description="The units of the sample, in order.")
    quote: Quote


def sample_words(quote: Quote) -> str:
    """The sample that is shown, and what the quote is reckoned from where that is more."""
    own = f"{sum(s.sampled for s in quote.strata):,} by {quote.by}, seed {quote.seed}"
    if quote.pilots == (quote.pilot,):
        return own
    return f"{own}; the quote is of {quote.sampled:,} in {counted(len(quote.pilots), 'pilot')}"


def rest_of(job: Job, units: Sequence[Tried]) -> int:
    """How many items an approval lets run: all but those that completed and were not marked as failed."""
    thrown = sum(unit.standing and unit.failed and unit.status == "COMPLETED" for unit in units)
    return job.counters.total - job.counters.completed - job.counters.suspect + thrown


def make_quote(job: Job, shown: Trial, trials: Sequence[Trial], rest: int, *, holds: bool) -> Quote:
    """Reckon from the pilots of a review, `shown` among them, what the `rest` of their job takes.

    `holds` says whether the job's recipe still works like the one they were run with. Units that failed have
    cost and taken something, too, and count; without a good end, or without an end of some kind that is left
    to run, there is no quote.
    """
    pool, sample = Pool(trials), shown.pilot.sample
    no_quote = _why_none(pool.ended, rest, pool.untried)
    of_rest, known, of_all = pool.rest(), pool.rest_by_cost(), pool.all()
    cost_usd, seconds = None, None
    if not no_quote:
        times = [unit.duration_s or 0.0 for unit in of_rest.units]
        time = Spread(times, of_rest.weights, rest, pool.seed).makespan(job.max_workers)
        seconds = Span(**time._asdict())
        if known.units:
            costs = [unit.cost_usd or 0.0 for unit in known.units]
            cost_usd = Span(**Spread(costs, known.weights, rest, pool.seed).total()._asdict())
    failed = seen([unit.failed for unit in of_all.units], of_all.weights) if of_all.units else None
    quote = Quote(
        pilot=shown.pilot.id,
        pilots=tuple(trial.pilot.id for trial in pool.counted),
        recipe_version=shown.pilot.recipe_version,
        current_version=job.recipe.version,
        is_of_another_version=not holds,
        by=sample.by,
        seed=sample.seed,
        strata=tuple(
            StratumShare(name=s.name, waiting=s.waiting, sampled=len(s.seqs)) for s in sample.strata
        ),
        sampled=pool.sampled,
        ended=len(pool.ended),
        failed=sum(unit.failed for unit in pool.ended),
        doubtful=sum(unit.doubtful for unit in pool.ended),
        marked=sum(unit.mark is not None for unit in pool.ended),
        rest=rest,
        workers=job.max_workers,
        level=LEVEL,
        cost_usd=cost_usd,
        cost_is_floor=cost_usd is not None and len(known.units) < len(pool.ended),
        seconds=seconds,
        failed_share=Span(**failed.share()._asdict()) if failed else None,
        failed_at_most=failed.at_most() if failed else None,
        budget_usd=_budget(job, cost_usd),
        no_quote=no_quote,
        can=(),
        cannot=(),
    )
    can, cannot = tuple(_can(quote, pool)), tuple(_cannot(quote, job, pool))
    return quote.model_copy(update={"can": can, "cannot": cannot})


def _why_none(ended: Sequence[Tried], rest: int, untried: Sequence[str]) -> str:
    if not ended:
        return "no unit of the pilot has come to an end yet"
    if not rest:
        return ""  # that costs and takes nothing for certain
    if not any(unit.came_to is Mark.PASS for unit in ended):
        failed, doubts = any(unit.failed for unit in ended), any(unit.doubtful for unit in ended)
        be = "is" if len(ended) == 1 else "are"
        how = " or ".join(["failed"] * failed + [f"{be} in doubt"] * doubts)
        which = "the only unit that ended" if len(ended) == 1 else f"all {len(ended):,} units that ended"
        return f"{which} {how}: what a good one costs and takes is not known"
    if len(ended) == 1:
        return "one unit alone gives no range: run a pilot of two or more"
    if untried:
        return f"of these kinds no unit has come to an end, and some are left: {', '.join(untried)}"
    return ""


def _budget(job: Job, cost: Span | None) -> float | None:
    """What the whole job may have cost by the end: None where that is nothing."""
    if cost is None or cost.high <= 0:
        return None
    return math.ceil(round(((job.cost_usd or 0.0) + cost.high) * 100, 6)) / 100


def _can(quote: Quote, pool: Pool) -> Iterator[str]:
    if not quote.ended:
        return
    units, weights = pool.all()
    failed, doubtful = [unit.failed for unit in units], [unit.doubtful for unit in units]
    for hits, did, could in ((failed, "failed", "could"), (doubtful, "in doubt", "could be")):
        words = f"{sum(hits):,} of {quote.ended:,} {did}"
        if not any(hits) and did != "failed":
            continue
        if pool.is_all:
            yield f"{words}, and these are all that waited"
        else:
            told = seen(hits, weights)
            differs = _bounds(told) != _bounds(Seen(sum(hits), sum(hits), quote.ended))
            worth_less = f" (worth {told.of:.2g} of {quote.ended:,} by their weights)" if differs else ""
            yield f"{words}: {_bounds(told)} {could}, at {percent(quote.level)} certainty{worth_less}"


def _bounds(told: Seen) -> str:
    """Between which shares the true one lies: at one end only where the other says nothing."""
    if told.most == 0:
        return f"up to {percent(told.at_most())}"
    if told.fewest == told.of:
        return f"at least {percent(told.at_least())}"
    low, high = told.share()
    return f"{percent(low)} to {percent(high)}"


def _cannot(quote: Quote, job: Job, pool: Pool) -> Iterator[str]:
    if quote.is_of_another_version:
        versions = f"version {quote.recipe_version}, not of version {quote.current_version}"
        yield f"it is of {versions} that would run now: test and pilot again"
    if pool.is_all and quote.rest:
        yield "what is left runs again because it failed here"
    if (left := quote.sampled - quote.ended) > 0:
        have = "has" if left == 1 else "have"
        yield f"{counted(left, 'unit')} of the pilot {have} not been run to an end: the job's log says why"
    if quote.marked < quote.ended:
        yield f"{quote.ended - quote.marked:,} of {quote.ended:,} not marked by you: they count as they ended"
    for trial in pool.uncounted:
        kinds = ", ".join(trial.untried(trial.ended))
        yield f"{counted(len(trial.ended), 'unit')} of a pilot that had none of {kinds} don't count"
    if not quote.rest:
        yield "nothing is left to run"
    if quote.no_quote or not quote.rest:
        return
    if quote.cost_usd is None:
        silent = pool.silent()
        yield "the agent does not say what it costs" + (f" for: {', '.join(silent)}" if silent else "")
    if quote.cost_is_floor:
        yield "the cost of some attempts is unknown: the true cost is higher (≥)"
    equal = round(worth(pool.rest().weights))
    if equal < FEW:
        unequal = " of unequal weight" if equal < quote.ended else ""
        few = f"{counted(quote.ended, 'unit')}{unequal} are few"
        yield f"{few}: where units differ much, the ranges hold less often than 19 times in 20"
    if quote.failed and job.max_retries:
        yield f"a unit that fails is tried up to {counted(job.max_retries, 'more time')}: not in the ranges"
    if job.synthesis is not None:
        yield "the step over all results is not in the ranges"
    none = seen([False] * quote.ended, pool.all().weights)
    unlike = "" if pool.is_all else f" ({_bounds(none)} could be)"
    yield f"usage limits, other prices or items unlike those sampled{unlike} are not in the ranges"


def percent(part: float) -> str:
    """A share in words: `26 %`, `0.4 %`."""
    hundred = part * 100
    return f"{hundred:.0f} %" if hundred >= 1 or hundred == 0 else f"{hundred:.2g} %"
