"""Recipe versions: added, never changed."""

from __future__ import annotations

from typing import Any

from abp_tui.domain.model import Recipe
from abp_tui.errors import IllegalTransition, NotFound
from abp_tui.store.database import Database
from abp_tui.store.records import dump, now, recipe_from
from abp_tui.store.rows import name
from abp_tui.store.tables import JobRow, RecipeRow

_JSON = ("worker_options", "checks", "output_schema")


class Recipes:
    """Reads and appends the recipe versions of jobs."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def get(self, job_id: int, version: int) -> Recipe:
        """One version; raises `NotFound`."""
        query = RecipeRow.select().where((RecipeRow.job == job_id) & (RecipeRow.version == version))
        if row := self._db.row(query):
            return recipe_from(row)
        raise NotFound(f"job j{job_id} has no recipe version {version}", "see `abp prompt`")

    def all(self, job_id: int) -> list[Recipe]:
        """All versions, oldest first."""
        query = RecipeRow.select().where(RecipeRow.job == job_id).order_by(RecipeRow.version)
        return [recipe_from(row) for row in self._db.rows(query)]

    def add(self, base: Recipe, **changes: Any) -> Recipe:
        """Save an edit of `base` as the next version and make it current.

        Raises `IllegalTransition` where `base` is no longer the current version: someone else has
        edited the job in the meantime.
        """
        edited = base.model_copy(update={**changes, "version": base.version + 1})
        with self._db.writing() as db:
            moved = (
                JobRow.update(recipe_version=edited.version, change=JobRow.change + 1)
                .where((JobRow.id == base.job_id) & (JobRow.recipe_version == base.version))
                .execute(db)
            )
            if not moved:
                raise IllegalTransition(
                    f"version {base.version} of job j{base.job_id} is no longer the newest",
                    "someone else has edited it: look at theirs, then edit again",
                )
            RecipeRow.insert(recipe_columns(edited)).execute(db)
        return self.get(base.job_id, edited.version)


def recipe_columns(recipe: Recipe) -> dict[str, Any]:
    """The columns of a new recipe row, dated now."""
    columns = recipe.model_dump(mode="json", exclude={"job_id", "timers", "created_at"})
    for part in _JSON:
        columns[part] = None if columns[part] is None else dump(columns[part])
    return {
        **columns,
        "author": name(recipe.author),
        "job": recipe.job_id,
        "timers": dump(recipe.timers.model_dump(exclude_defaults=True)),
        "created_at": now(),
    }
