"""Choosing units to try out: a sample that has something of every kind, the same again for the same seed."""

from __future__ import annotations

import random
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence, Set
from functools import partial
from itertools import compress, islice, pairwise, repeat

from pydantic import Field

from abp_tui.domain.model import Frozen

SIZE, TYPE = "size", "type"
BINS = 5  # of a number: fifths of the units, which ten fill evenly, or what a small sample has room for
FEW = 12  # values that are kinds of their own, whatever they are; and the most kinds there are
LOOKED_AT = 20_000  # units by which the fifths are found
DISTINCT = 1000  # values that are told apart at all
NAME_LENGTH = 60
CHUNK = 10_000
OTHER, NONE = "other", "(none)"
MAX_SEED = 2**31 - 1

Value = str | int | float | None


class Stratum(Frozen):
    """One kind of units: how many of it waited, and which of them were chosen."""

    name: str
    waiting: int = Field(description="Units of this kind that waited when the sample was drawn.")
    seqs: tuple[int, ...] = Field(description="The units of the sample, in order.")

    def left(self, kept: Set[int]) -> int:
        """How many of this kind are to be run, where those `kept` are not."""
        return self.waiting - sum(seq in kept for seq in self.seqs)

    def shares(self, counted: Set[int], kept: Set[int]) -> list[tuple[int, float]]:
        """Each of its units that is counted, with its share of what is left."""
        seqs = [seq for seq in self.seqs if seq in counted]
        return [(seq, self.left(kept) / len(seqs)) for seq in seqs]


class Sample(Frozen):
    """Units chosen from all that waited. The same seed chooses the same ones from the same units."""

    by: str = Field(description="What the kinds differ in: size, type, or a field of the items.")
    seed: int = Field(description="What the choice was drawn with.")
    asked: int = Field(description="How many units were asked for.")
    waiting: int = Field(description="How many units waited.")
    strata: tuple[Stratum, ...] = Field(description="The kinds, each with its units.")

    @property
    def seqs(self) -> tuple[int, ...]:
        """The units chosen, in order."""
        return tuple(sorted(seq for stratum in self.strata for seq in stratum.seqs))

    @property
    def is_everything(self) -> bool:
        """Whether nothing that waited is left out."""
        return len(self.seqs) == self.waiting

    def among(self, seqs: Set[int]) -> Sample:
        """The same sample without the units that are not among these."""
        strata = (
            s.model_copy(
                update={
                    "seqs": (stays := tuple(seq for seq in s.seqs if seq in seqs)),
                    "waiting": s.waiting - len(s.seqs) + len(stays),
                }
            )
            for s in self.strata
        )
        kept = tuple(strata)
        return self.model_copy(update={"strata": kept, "waiting": sum(s.waiting for s in kept)})

    def weights(self, counted: Sequence[int], kept: Set[int]) -> list[float]:
        """For each of the units `counted`, how many of those that are left to run it stands for.

        What is left of a kind is all of it but those `kept`, whose results stay; the units counted of it
        share that. What is left of an `untried` kind, nothing stands for.
        """
        known = frozenset(counted)
        shares = {seq: share for stratum in self.strata for seq, share in stratum.shares(known, kept)}
        return [shares[seq] for seq in counted]

    def untried(self, counted: Iterable[int], kept: Set[int]) -> tuple[str, ...]:
        """The kinds of which something is left to run, but no unit is counted."""
        known = frozenset(counted)
        return tuple(s.name for s in self.strata if s.left(kept) and not s.shares(known, kept))


class Kinds:
    """Units with the value that they are told apart by: some bytes for each, however many there are."""

    def __init__(self, rows: Iterable[tuple[int, Value]]) -> None:
        self._seqs = array("q")
        self._codes = array("H")
        self._numbers = array("d")
        self._numeric = True
        self._code_of: dict[Value, int] = {}  # a small number for each; what comes too late shares `DISTINCT`
        rows = iter(rows)
        while chunk := list(islice(rows, CHUNK)):
            self._add([seq for seq, _ in chunk], [value for _, value in chunk])

    def __len__(self) -> int:
        return len(self._seqs)

    def _add(self, seqs: list[int], values: list[Value]) -> None:
        """By whole chunks, because a million calls for single values take longer than reading them."""
        types = set(map(type, values))
        self._numeric = self._numeric and types <= {int, float}
        if str in types:
            values = [value[:NAME_LENGTH] if isinstance(value, str) else value for value in values]
        if len(self._code_of) < DISTINCT:
            new = [value for value in dict.fromkeys(values) if value not in self._code_of]
            self._code_of |= zip(new, range(len(self._code_of), DISTINCT), strict=False)
        self._seqs.fromlist(seqs)
        self._codes.extend(map(self._code_of.get, values, repeat(DISTINCT)))
        if self._numeric:
            self._numbers.extend(map(float, values))  # type: ignore[arg-type]  # as has just been seen

    def named(self, rng: random.Random, most: int) -> tuple[list[str], bytes]:
        """The names of the kinds, at least two and about `most`, and for each unit the number of its kind."""
        most = max(2, min(FEW, most))
        if self._numeric and len(self._code_of) > most:
            return self._bins(rng, min(BINS, most))
        return self._values(most)

    def chosen(self, kinds: bytes, kind: int, places: Iterable[int]) -> tuple[int, ...]:
        """The units at these places among those of a kind, in order."""
        is_kind = bytes(int(code == kind) for code in range(256))
        of_kind = compress(self._seqs, kinds.translate(is_kind))
        ordered = sorted(places)
        gaps = (at - before - 1 for before, at in pairwise([-1, *ordered]))
        return tuple(next(islice(of_kind, gap, None)) for gap in gaps)

    def _values(self, most: int) -> tuple[list[str], bytes]:
        """A kind for each of the most frequent values, one for all others."""
        counts = Counter(self._codes)
        value_of = {code: value for value, code in self._code_of.items()}
        often = [code for code, _ in counts.most_common() if code in value_of]
        often = often if len(counts) <= most and len(often) == len(counts) else often[: most - 1]
        names = [_name(value_of[code]) for code in often]
        names += [OTHER] * (len(often) < len(counts))
        kind_of = [len(often)] * (DISTINCT + 1)
        for kind, code in enumerate(often):
            kind_of[code] = kind
        return names, bytes(map(kind_of.__getitem__, self._codes))

    def _bins(self, rng: random.Random, bins: int) -> tuple[list[str], bytes]:
        """A kind for each of so many equal parts of the numbers, fewer where many of them are the same."""
        ordered = sorted(rng.choices(self._numbers, k=LOOKED_AT) if len(self) > LOOKED_AT else self._numbers)
        edges = sorted({ordered[len(ordered) * n // bins] for n in range(1, bins)})
        names = [f"up to {edges[0]:,g}"] + [f"to {edge:,g}" for edge in edges[1:]] + [f"over {edges[-1]:,g}"]
        return names, bytes(map(partial(bisect_left, edges), self._numbers))


def draw(rows: Iterable[tuple[int, Value]], by: str, count: int, seed: int) -> Sample:
    """Choose `count` units from `rows` of (seq, value), each kind of value in proportion to its units.

    There are no more kinds than `count`, or two, so that each has at least one. Where no more units than
    `count` wait, all are chosen. The order of the rows is part of what the seed repeats.
    """
    kinds, rng = Kinds(rows), random.Random(seed)
    if not len(kinds):
        return Sample(by=by, seed=seed, asked=count, waiting=0, strata=())
    names, kind_of = kinds.named(rng, count)
    sizes = [0] * len(names)
    for kind, size in Counter(kind_of).items():
        sizes[kind] = size
    shares = allocate(sizes, count)
    places = [rng.sample(range(size), share) for size, share in zip(sizes, shares, strict=True)]
    strata = (
        Stratum(name=name, waiting=sizes[kind], seqs=kinds.chosen(kind_of, kind, places[kind]))
        for kind, name in enumerate(names)
        if sizes[kind]
    )
    return Sample(by=by, seed=seed, asked=count, waiting=len(kinds), strata=tuple(strata))


def allocate(sizes: Sequence[int], count: int) -> list[int]:
    """How many of `count` fall to groups of these sizes: in proportion, but at least one to each.

    Where there are more groups than that, the largest have one each.
    """
    total = sum(sizes)
    count = min(count, total)
    if count == 0 or count < sum(size > 0 for size in sizes):
        largest = sorted(range(len(sizes)), key=lambda group: -sizes[group])[:count]
        return [int(group in largest) for group in range(len(sizes))]
    shares = [max(min(1, size), count * size // total) for size in sizes]
    while (left := count - sum(shares)) != 0:
        step = 1 if left > 0 else -1
        may = [g for g in range(len(sizes)) if (shares[g] < sizes[g] if step > 0 else shares[g] > 1)]
        shares[max(may, key=lambda g: step * (count * sizes[g] / total - shares[g]))] += step
    return shares


def _name(value: Value) -> str:
    if value is None or value == "":
        return NONE
    return value if isinstance(value, str) else f"{value:,g}"
