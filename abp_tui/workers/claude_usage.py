"""What a run of Claude Code consumed, from the results it gave."""

from __future__ import annotations

import json
from collections.abc import Sequence

from abp_tui.domain.model import Event, EventKind, Usage
from abp_tui.workers.loose import Json, mapping, number, objects, whole

INCREMENT = "model_usage_since_last_result"
_FIGURES = (INCREMENT, "num_turns", "usage", "modelUsage", "total_cost_usd")
_OF_RUN = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens")
_OF_MODEL = ("inputTokens", "cacheReadInputTokens", "cacheCreationInputTokens", "outputTokens")


def figures_of(result: Json) -> Json:
    """What `usage_of` needs of a result, without the answer in it."""
    return {key: result[key] for key in _FIGURES if key in result}


def usage_of(results: Sequence[Json], *, resumed: bool = False) -> Usage:
    """Cost, tokens (cached ones included) and turns of one run, all unknown without a result.

    In a session that goes on, `total_cost_usd` counts from the start of the session in newer versions and
    from the start of the run in older ones. The newest tell the increment beside it. Where none is told, the
    cost of a `resumed` run is known only if the tokens of the models are those of the run.
    """
    if not results:
        return Usage()
    turns = sum(whole(result, "num_turns") or 0 for result in results)
    if all(isinstance(result.get(INCREMENT), dict) for result in results):
        increments = [model for result in results for model in _models(result, INCREMENT)]
        cost: float | None = sum(number(model, "costUSD") or 0.0 for model in increments)
        tokens = _tokens(increments, _OF_MODEL)
    else:
        last = results[-1]
        tokens = _tokens([mapping(result, "usage") for result in results], _OF_RUN)
        alone = not resumed or _tokens(_models(last, "modelUsage"), _OF_MODEL) == tokens
        cost = number(last, "total_cost_usd") if alone else None
    return Usage(cost_usd=cost, input_tokens=sum(tokens[:-1]), output_tokens=tokens[-1], turns=turns)


def cost_told(event: Event) -> float | None:
    """What the event of a result says that its session has cost so far."""
    if event.kind is not EventKind.RESULT or not event.raw:
        return None
    try:
        result = json.loads(event.raw)
    except ValueError:
        return None
    return number(result, "total_cost_usd") if isinstance(result, dict) else None


def _models(result: Json, key: str) -> list[Json]:
    return objects({"all": list(mapping(result, key).values())}, "all")


def _tokens(counts: Sequence[Json], keys: Sequence[str]) -> list[int]:
    return [sum(whole(each, key) or 0 for each in counts) for key in keys]
