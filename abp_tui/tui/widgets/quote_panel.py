"""What a pilot says of the rest: cost and time as ranges, what they can promise and what not."""

from __future__ import annotations

from textual.content import Content
from textual.geometry import Size
from textual.reactive import reactive
from textual.widget import Widget

from abp_tui.domain.quote import Quote, sample_words
from abp_tui.tui.widgets.facts import Fact, facts, fitted, paragraph
from abp_tui.tui.widgets.figures import count, money, roughly, span
from abp_tui.tui.widgets.glyphs import BOLD, DIM, WARN
from abp_tui.tui.widgets.text import one_line

WIDE = 50  # cells: wider than a panel beside something


class QuotePanel(Widget):
    """Beside the units of a pilot; `keys` are keys with what they do now."""

    DEFAULT_CSS = """
    QuotePanel { background: $surface; padding: 1 2; }
    """
    quote: reactive[Quote | None] = reactive(None, layout=True)
    keys: reactive[tuple[tuple[str, str], ...]] = reactive(())

    def render(self) -> Content:
        """In plain words; what there is no room for is left out from the end, and said."""
        if self.quote is None:
            return Content()
        width, height = self.content_size
        lines = _in_short(self.quote, width) if width > WIDE else _in_full(self.quote, width)
        return fitted(lines, self.keys, width, height)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As high as the short form is."""
        return len(_in_short(self.quote, width)) if self.quote else 1


def cost_words(quote: Quote) -> str:
    """The cost of the rest as a range."""
    if quote.cost_usd is None:
        return "not known"
    if quote.cost_usd.high == 0:
        return "nothing, as this pilot" if quote.rest else "nothing"
    return ("≥ " if quote.cost_is_floor else "") + roughly(quote.cost_usd.low, quote.cost_usd.high, "$")


def time_words(quote: Quote) -> str:
    """The time of the rest as a range."""
    return f"{span(quote.seconds.low)} to {span(quote.seconds.high)}" if quote.seconds else ""


def _pilots(quote: Quote) -> str:
    return "this pilot" if quote.pilots == (quote.pilot,) else count(len(quote.pilots), "pilot")


def _in_full(quote: Quote, width: int) -> list[Content]:
    lines = [
        Content.styled(f"The rest, by {_pilots(quote)}", BOLD),
        *facts(_rows(quote), width, label_width=8),
    ]
    if quote.no_quote:
        lines += [Content(), *paragraph(f"No quote: {quote.no_quote}.", width, WARN)]
    if quote.can:
        lines += [Content(), Content.styled("It can say", BOLD)]
        lines += [line for words in quote.can for line in _point(words, width, "")]
    if quote.cannot:
        lines += [Content(), Content.styled("It can't say", BOLD)]
        lines += [line for words in quote.cannot for line in _point(words, width, _style(quote, words))]
    return lines


def _in_short(quote: Quote, width: int) -> list[Content]:
    """The same below the list, where there are few lines."""
    said = [f"{label} {value}" for label, value, *_ in _rows(quote) if value and label in SHORT]
    lines = paragraph(f"The rest, by {_pilots(quote)}: " + " · ".join(said), width, "")
    if quote.no_quote:
        lines += paragraph(f"No quote: {quote.no_quote}.", width, WARN)
    lines += [line for words in quote.can for line in paragraph(words, width, "")]
    return lines + [line for words in quote.cannot for line in paragraph(words, width, _style(quote, words))]


SHORT = ("units", "cost", "time", "budget")


def _rows(quote: Quote) -> list[Fact]:
    kinds = "; ".join(f"{one_line(s.name, 30)}: {s.sampled:,} of {s.waiting:,}" for s in quote.strata)
    known = not quote.no_quote
    return [
        ("units", f"{quote.rest:,} with {count(quote.workers, 'worker')}"),
        ("cost", cost_words(quote) if known else ""),
        ("time", time_words(quote) if known else ""),
        ("budget", f"b: {money(quote.budget_usd)}, the upper end" if quote.budget_usd else ""),
        ("sample", one_line(sample_words(quote), 100)),
        ("kinds", kinds),
        ("version", str(quote.recipe_version)),
    ]


def _style(quote: Quote, words: str) -> str:
    """That it is of another version must not be overlooked."""
    return WARN if quote.is_of_another_version and words == quote.cannot[0] else DIM


def _point(words: str, width: int, style: str) -> list[Content]:
    return facts([("·", words, style)], width, label_width=1)
