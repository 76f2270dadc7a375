"""What a pilot says of the rest of its job: cost and time as ranges, and what they can and can't promise."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from pydantic import Field

from abp_tui.domain.model import Frozen, Job
from abp_tui.domain.pilot import Pilot, Tried
from abp_tui.domain.statistics import LEVEL, Spread, share, share_at_most, worth
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
    """What the rest of a job may cost and take, reckoned from a pilot."""

    pilot: int = Field(description="Number of the pilot that it is reckoned from.")
    recipe_version: int = Field(description="The version of the recipe that the pilot was run with.")
    current_version: int = Field(description="The version that the rest would be run with now.")
    is_of_another_version: bool = Field(description="Whether these two work differently.")
    by: str = Field(description="What the sample was stratified by: size, type, or a field.")
    seed: int = Field(description="Seed of the sample and of the bootstrap: the same again gives the same.")
    strata: tuple[StratumShare, ...] = Field(description="The kinds of units, and how many of each were run.")
    sampled: int = Field(description="Units in the sample.")
    ended: int = Field(description="Units of the sample that came to an end.")
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


def rest_of(job: Job, units: Sequence[Tried]) -> int:
    """How many items an approval lets run: all but those that completed and were not marked as failed."""
    thrown = sum(unit.standing and unit.failed and unit.status == "COMPLETED" for unit in units)
    return job.counters.total - job.counters.completed - job.counters.suspect + thrown


def make_quote(job: Job, pilot: Pilot, units: Sequence[Tried], rest: int, *, holds: bool) -> Quote:
    """Reckon from the units of a pilot what the `rest` of its job takes.

    `holds` says whether the job's recipe still works like the one of the pilot. Units that failed have cost
    and taken something, too, and count; without a good end, or without an end of some kind that is left to
    run, there is no quote.
    """
    sample = pilot.sample
    ended = [unit for unit in units if unit.ended]
    kept = frozenset(unit.seq for unit in ended if not unit.failed)
    no_quote = _why_none(ended, rest, sample.untried((unit.seq for unit in ended), kept))
    known = [unit for unit in ended if unit.cost_usd is not None]
    silent = sample.untried((unit.seq for unit in known), kept) if known else ()

    def weights(units: Sequence[Tried]) -> list[float]:
        return sample.weights([unit.seq for unit in units], kept)

    cost_usd, seconds = None, None
    if not no_quote:
        times = [unit.duration_s or 0.0 for unit in ended]
        time = Spread(times, weights(ended), rest, sample.seed).makespan(job.max_workers)
        seconds = Span(**time._asdict())
        if known and not silent:
            costs = [unit.cost_usd or 0.0 for unit in known]
            cost_usd = Span(**Spread(costs, weights(known), rest, sample.seed).total()._asdict())
    failed = sum(unit.failed for unit in ended)
    quote = Quote(
        pilot=pilot.id,
        recipe_version=pilot.recipe_version,
        current_version=job.recipe.version,
        is_of_another_version=not holds,
        by=sample.by,
        seed=sample.seed,
        strata=tuple(
            StratumShare(name=s.name, waiting=s.waiting, sampled=len(s.seqs)) for s in sample.strata
        ),
        sampled=len(units),
        ended=len(ended),
        failed=failed,
        doubtful=sum(unit.doubtful for unit in ended),
        marked=sum(unit.mark is not None for unit in ended),
        rest=rest,
        workers=job.max_workers,
        level=LEVEL,
        cost_usd=cost_usd,
        cost_is_floor=cost_usd is not None and len(known) < len(ended),
        seconds=seconds,
        failed_share=Span(**share(failed, len(ended))._asdict()) if ended else None,
        failed_at_most=share_at_most(failed, len(ended)) if ended else None,
        budget_usd=_budget(job, cost_usd),
        no_quote=no_quote,
        can=(),
        cannot=(),
    )
    is_all = sample.is_everything and len(ended) == len(units)
    equal = 0 if no_quote or not rest else round(worth(weights(ended)))
    can, cannot = tuple(_can(quote, is_all)), tuple(_cannot(quote, job, is_all, equal, silent))
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


def _can(quote: Quote, is_all: bool) -> Iterator[str]:
    if not quote.ended:
        return
    for hits, did, could in ((quote.failed, "failed", "could"), (quote.doubtful, "in doubt", "could be")):
        seen = f"{hits:,} of {quote.ended:,} {did}"
        if not hits and did != "failed":
            continue
        if is_all:
            yield f"{seen}, and these are all that waited"
        else:
            yield f"{seen}: {_bounds(hits, quote.ended)} {could}, at {percent(quote.level)} certainty"


def _bounds(hits: int, of: int) -> str:
    """Between which shares the true one lies: at one end only where the other says nothing."""
    if hits == 0:
        return f"up to {percent(share_at_most(0, of))}"
    if hits == of:
        return f"at least {percent(1 - share_at_most(0, of))}"
    low, high = share(hits, of)
    return f"{percent(low)} to {percent(high)}"


def _cannot(quote: Quote, job: Job, is_all: bool, equal: int, silent: Sequence[str]) -> Iterator[str]:
    """`equal` is how many units of equal weight tell as much as those that ended."""
    if quote.is_of_another_version:
        versions = f"version {quote.recipe_version}, not of version {quote.current_version}"
        yield f"it is of {versions} that would run now: test and pilot again"
    if is_all and quote.rest:
        yield "what is left runs again because it failed here"
    if (left := quote.sampled - quote.ended) > 0:
        yield f"{counted(left, 'unit')} of the pilot {'has' if left == 1 else 'have'} not been run to an end"
    if quote.marked < quote.ended:
        yield f"{quote.ended - quote.marked:,} of {quote.ended:,} not marked by you: they count as they ended"
    if not quote.rest:
        yield "nothing is left to run"
    if quote.no_quote or not quote.rest:
        return
    if quote.cost_usd is None:
        yield "the agent does not say what it costs" + (f" for: {', '.join(silent)}" if silent else "")
    if quote.cost_is_floor:
        yield "the cost of some attempts is unknown: the true cost is higher (≥)"
    if equal < FEW:
        worth_few = f", worth {equal:,} by their weights," if equal < quote.ended else ""
        few = f"{counted(quote.ended, 'unit')}{worth_few} are few"
        yield f"{few}: where units differ much, the ranges hold less often than 19 times in 20"
    if quote.failed and job.max_retries:
        yield f"a unit that fails is tried up to {counted(job.max_retries, 'more time')}: not in the ranges"
    if job.synthesis is not None:
        yield "the step over all results is not in the ranges"
    unlike = "" if is_all else f" ({_bounds(0, quote.ended)} could be)"
    yield f"usage limits, other prices or items unlike those sampled{unlike} are not in the ranges"


def percent(part: float) -> str:
    """A share in words: `26 %`, `0.4 %`."""
    hundred = part * 100
    return f"{hundred:.0f} %" if hundred >= 1 or hundred == 0 else f"{hundred:.2g} %"
