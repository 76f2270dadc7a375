"""Versions of a job's recipe: listed, compared, and one of them chosen."""

from __future__ import annotations

from abp_tui.domain.model import Recipe
from abp_tui.domain.recipe_diff import recipe_diff
from abp_tui.domain.version import Comparison, Version, changed_parts, output_diff
from abp_tui.errors import InvalidInput
from abp_tui.verbs.base import Ref
from abp_tui.verbs.editing import Editing


class Versions(Editing):
    """What a job's units were, are and could be run with."""

    def versions(self, job_id: Ref) -> list[Version]:
        """All versions, oldest first, with what each changed and how many results it made."""
        job = self.repository.jobs.find(job_id)
        recipes = self.repository.recipes.all(job.id)
        results = self.repository.attempts.results_by_version(job.id)
        return [
            Version(
                version=recipe.version,
                created_at=recipe.created_at,
                author=recipe.author,
                changed=changed_parts(before, recipe) if before else (),
                is_current=recipe.version == job.recipe.version,
                results=results.get(recipe.version, 0),
            )
            for before, recipe in zip([None, *recipes], recipes, strict=False)
        ]

    def version_diff(self, job_id: Ref, old: int, new: int) -> str:
        """What differs between two versions as a unified diff; raises `NotFound`."""
        job = self.repository.jobs.find(job_id)
        get = self.repository.recipes.get
        return "\n".join(recipe_diff(get(job.id, old), get(job.id, new)))

    def compare(self, job_id: Ref, left: int, right: int) -> Comparison:
        """What came of the units that were tested or piloted under both versions; raises `NotFound`."""
        job = self.repository.jobs.find(job_id)
        for version in (left, right):
            self.repository.recipes.get(job.id, version)
        pairs = self.repository.attempts.pairs(job.id, left, right)
        return Comparison(left=left, right=right, pairs=tuple(pairs))

    def comparable(self, job_id: Ref, version: int) -> int | None:
        """The newest other version that has units in common with this one, else the newest; None without."""
        job = self.repository.jobs.find(job_id)
        others = [
            recipe.version for recipe in self.repository.recipes.all(job.id) if recipe.version != version
        ]
        shared = (
            other for other in reversed(others) if self.repository.attempts.pairs(job.id, other, version)
        )
        return next(shared, others[-1] if others else None)

    def compare_outputs(self, left: int, right: int) -> str:
        """What differs between what two attempts answered, as a unified diff."""
        get = self.repository.attempts.get
        return output_diff(get(left), get(right))

    def use_version(self, job_id: Ref, version: int, *, based_on: int | None = None) -> Recipe:
        """Make an older version the current one again, as a new version; what is current stays on record.

        It holds from when any edit would. Raises `EditConflict` where `based_on` is no longer the newest
        version, and `InvalidInput` where it is the current one already.
        """
        job = self.repository.jobs.find(job_id)
        chosen = self.repository.recipes.get(job.id, version)
        base = job.recipe if based_on is None else self.repository.recipes.get(job.id, based_on)
        if not changed_parts(chosen, job.recipe):
            raise InvalidInput(
                f"version {version} of job {job.name} is what it has now", "choose another one"
            )
        same = chosen.model_dump(exclude={"job_id", "version", "created_at", "timers"})
        recipe = self._save(job, base, {**same, "timers": chosen.timers})
        self.repository.logs.add(job.id, f"version {version} was chosen, as version {recipe.version}")
        return recipe
