"""Looking for a regular expression that anybody may have written, within a limit."""

from __future__ import annotations

REGEX_S = 1.0  # seconds that one expression may take on one text


def found(pattern: str, text: str) -> bool:
    """Whether a text holds it; other threads go on meanwhile. Raises `TimeoutError`, saying of what,
    and `ValueError` for what is no expression.
    """
    import regex  # here: most jobs need none

    try:
        return regex.search(pattern, text, timeout=REGEX_S, concurrent=True) is not None
    except regex.error as error:
        raise ValueError(f"/{pattern}/ is no regular expression: {error}") from None
    except TimeoutError:
        raise TimeoutError(f"/{pattern}/ takes longer than {REGEX_S:g} s") from None
