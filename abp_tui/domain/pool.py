"""What the pilots of one review say together: the units that ended in them, each with what it stands for."""

from __future__ import annotations

import math
from collections.abc import Sequence, Set
from typing import NamedTuple

from abp_tui.domain.model import Frozen
from abp_tui.domain.pilot import Pilot, Tried
from abp_tui.domain.statistics import worth


class Trial(Frozen):
    """A pilot with its units, as they ended there."""

    pilot: Pilot
    units: tuple[Tried, ...]

    @property
    def ended(self) -> list[Tried]:
        """Its units that came to an end."""
        return [unit for unit in self.units if unit.ended]

    @property
    def kept(self) -> frozenset[int]:
        """The units whose results an approval would keep, by number."""
        return frozenset(unit.seq for unit in self.ended if not unit.failed)

    @property
    def stands(self) -> bool:
        """Whether something of what came of it is left."""
        return any(unit.standing for unit in self.ended)

    @property
    def was_rejected(self) -> bool:
        """Whether nothing of it is left."""
        return bool(self.ended) and not self.stands

    def untried(self, units: Sequence[Tried]) -> tuple[str, ...]:
        """The kinds of which something is left to run, but which none of these units is of."""
        return self.pilot.sample.untried((unit.seq for unit in units), self.kept)

    def weights(self, units: Sequence[Tried], kept: Set[int]) -> list[float]:
        """The share of each in what is left without those `kept`: of all that waited without any."""
        weights = self.pilot.sample.weights([unit.seq for unit in units], kept)
        together = math.fsum(weights)
        return [weight / together for weight in weights] if together else weights


def standing(trials: Sequence[Trial]) -> list[Tried]:
    """What pilots have tried and still stands, or has not ended, each unit once and in order."""
    tried = (unit for trial in trials for unit in trial.units)
    current = {unit.seq: unit for unit in tried if unit.standing or not unit.ended}
    return sorted(current.values(), key=lambda unit: unit.seq)


class Weighed(NamedTuple):
    """Units, and beside them the share that each stands for."""

    units: list[Tried]
    weights: list[float]


class Pool:
    """Pilots that count together. Each speaks for all that is left, whatever kinds it was drawn by.

    One that has left a kind untried is not `counted`, unless there is no other.
    """

    def __init__(self, trials: Sequence[Trial]) -> None:
        whole = [trial for trial in trials if trial.ended and not trial.untried(trial.ended)]
        self.counted = whole or list(trials[-1:])
        self.uncounted = [trial for trial in trials if trial.ended and trial not in self.counted]
        self.ended = [unit for trial in self.counted for unit in trial.ended]
        self.sampled = len({unit.seq for trial in self.counted for unit in trial.units})
        self.seed = self.counted[-1].pilot.sample.seed
        self.untried = self.counted[-1].untried(self.ended)

    @property
    def is_all(self) -> bool:
        """Whether all that waited was sampled, and has ended."""
        is_everything = any(trial.pilot.sample.is_everything for trial in self.counted)
        return is_everything and len(self.ended) == self.sampled

    def silent(self) -> tuple[str, ...]:
        """The kinds of which no unit's cost is known, where it is known of others."""
        known = [unit for unit in self.counted[-1].ended if unit.cost_usd is not None]
        return self.counted[-1].untried(known) if known else ()

    def rest(self) -> Weighed:
        """What ended, for what is left to run."""
        return _weigh([(trial, trial.ended, trial.kept) for trial in self.counted])

    def rest_by_cost(self) -> Weighed:
        """The same with the units whose cost is known, as far as they are of all kinds."""
        known = [
            (trial, [unit for unit in trial.ended if unit.cost_usd is not None]) for trial in self.counted
        ]
        told = [(trial, units, trial.kept) for trial, units in known if units and not trial.untried(units)]
        return _weigh(told)

    def all(self) -> Weighed:
        """What ended, for all that waited when it was sampled."""
        return _weigh([(trial, trial.ended, frozenset()) for trial in self.counted])


def _weigh(parts: Sequence[tuple[Trial, list[Tried], Set[int]]]) -> Weighed:
    """Each pilot counts by what its units are worth: drawn in proportion, all units weigh the same."""
    units: list[Tried] = []
    weights: list[float] = []
    for trial, counted, kept in parts:
        own = trial.weights(counted, kept)
        units += counted
        weights += [weight * worth(own) for weight in own] if any(own) else own
    return Weighed(units, weights)
