"""What a run of Claude Code consumed, from the results it gave."""

from __future__ import annotations

from collections.abc import Sequence

from abp_tui.domain.model import Usage
from abp_tui.workers.loose import Json, mapping, number, objects, whole

INCREMENT = "model_usage_since_last_result"
_FIGURES = (INCREMENT, "num_turns", "usage", "total_cost_usd")


def figures_of(result: Json) -> Json:
    """What `usage_of` needs of a result, without the answer in it."""
    return {key: result[key] for key in _FIGURES if key in result}


def usage_of(results: Sequence[Json]) -> Usage:
    """Cost, tokens (cached ones included) and turns of one run, all unknown without a result.

    Where a session goes on, `total_cost_usd` of newer versions counts from the session's start; they tell
    the increments beside it. Older ones have no increments and count from the start of the run.
    """
    if not results:
        return Usage()
    turns = sum(whole(result, "num_turns") or 0 for result in results)
    if all(isinstance(result.get(INCREMENT), dict) for result in results):
        models = [
            model for result in results for model in objects({"all": [*result[INCREMENT].values()]}, "all")
        ]
        return Usage(
            cost_usd=sum(number(model, "costUSD") or 0.0 for model in models),
            input_tokens=sum(
                _tokens(model, "inputTokens", "cacheReadInputTokens", "cacheCreationInputTokens")
                for model in models
            ),
            output_tokens=sum(_tokens(model, "outputTokens") for model in models),
            turns=turns,
        )
    used = [mapping(result, "usage") for result in results]
    return Usage(
        cost_usd=number(results[-1], "total_cost_usd"),
        input_tokens=sum(
            _tokens(each, "input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
            for each in used
        ),
        output_tokens=sum(_tokens(each, "output_tokens") for each in used),
        turns=turns,
    )


def _tokens(counts: Json, *keys: str) -> int:
    return sum(whole(counts, key) or 0 for key in keys)
