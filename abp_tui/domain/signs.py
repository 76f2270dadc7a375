"""Signs in an answer that its agent has not done what it was run for, though it says that it has ended well.

They are few and narrow: a good answer that is taken for a doubtful one costs a person more than the reverse.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from abp_tui.domain.model import Outcome
from abp_tui.domain.question import question
from abp_tui.domain.tell import Tell

SHORT = 1500  # characters: whoever says more than that has done something, however it begins
BRIEF = 600  # characters: in an answer of no more, it may be said in a later paragraph, too
SHOWN = 120

_CODE = re.compile(r"(?ms)^[ \t]*(```|~~~).*?(?:\1|\Z)")
_LETTER = re.compile(r"\W*(?:dear|subject:)\s", re.IGNORECASE)
_BEFORE = (  # marks, but none of a quotation; how it is softened; what was tried, or why it is so
    r"[^\w\"'“”„«‘>|`]*"
    r"(?:(?:(?:i'm|i am) (?:very |so |really |terribly )?(?:sorry|afraid)|(?:my )?apologies|sorry"
    r"|i (?:do |must |sincerely )?apologi[sz]e)(?: (?:about|for) [\w' ]+?)?[,.;:!—-]*\s+"
    r"|(?:unfortunately|regrettably|sadly|it (?:seems|appears|looks like))[,:;]?\s+"
    r"|i(?:'ve| have)? (?:tried|attempted|looked|searched)\b[^.\n]{0,80}?[, ](?=but )"
    r"|(?:after|as|because|since|despite|without) [^,.\n]{1,80},\s+|(?:but|however|that)[, ]\s*)*"
)
_I_CAN_NOT = (
    r"i (?:still |currently |also )?(?:can'?t|cannot|can not|couldn'?t|could not)"
    r"|i (?:won'?t|will not) be able to"
    r"|i(?:'m| am| was|'ve been| have been) (?:currently |still )?(?:not able|unable) to|i wasn'?t able to"
    r"|i failed to"
)
_NOBODY_CAN = r"(?:was |were |i'm |still )?(?:unable|not able) to|can'?t|cannot|couldn'?t|could not"
_DO = (  # what an agent is asked for, not what a person who writes of himself or of a text can't do
    r"\s+(?:actually |directly |fully |successfully |even )*(?:"
    r"(?:access|open|read|load|view|retrieve|fetch|download|reach|complete|finish|carry out|perform|run"
    r"|execute|edit|modify|update|write|create|save|delete|remove|rename|install|commit|process|proceed|continue|assist"
    r"|comply|fulfil|analy[sz]e|summari[sz]e|review|translate|rewrite|classify|convert|extract|parse|generate"
    r"|produce|provide|locate|determine|browse|connect)"
    r"\b(?! (?:my|any(?:thing|one|body)?|propert(?:y|ies))\b)"
    r"|help\b(?! (?:but|\w+ing)\b)|do (?:this|that|it|so|what)\b"
    r"|(?:make|apply|add|fix|change|answer|see|get|give|test) (?:the|this|that|these|those|your|its|you)\b"
    r"|find (?:the|that|this|your) (?:\w+ )?(?:file|folder|directory|document|path|item)\b"
    r"|find (?:any |a |such )+(?:file|folder|directory|document|path|item)s?\b"
    r"(?=\W*(?:$|\n|[.,;:(]\s)| (?:named|called|at|with (?:that|this|the) name)\b))"
)
_HAVE_NO = (
    r"i (?:(?:do not|don'?t|didn'?t|did not) (?:currently |actually )?have|have no|lack)\s+"
    r"(?:the |any |a |your )?(?:necessary |required |needed |direct |write |read |file )*"
)
_LEAVE = r"(?:permissions?|authori[sz]ation|approval|privileges|rights)"
_COULD_NOT = re.compile(
    rf"{_BEFORE}(?:(?:{_I_CAN_NOT}){_DO}|{_HAVE_NO}(?:access|ability|tools?|means|way|{_LEAVE})\b"
    rf"|i (?:was|am|have been)(?: not (?:allowed|permitted) to\b|n't (?:allowed|permitted) to\b| denied\b)"
    rf"|i'm not (?:allowed|permitted) to\b|i (?:still )?need (?:the |your |\w+ )?{_LEAVE} (?:to|for|before)\b"
    rf"|(?:{_LEAVE}|access)(?: (?:to|for) [^\n]{{1,80}}?)? (?:was|were|is|has been|have been) "
    rf"(?:denied|refused|not granted|required to|needed to)\b|(?:permission|access) denied(?=\W*$|[.:;!,]))",
    re.IGNORECASE,
)
_AT_ONCE = re.compile(
    rf"{_BEFORE}(?:(?:{_NOBODY_CAN}){_DO}|(?:no|without) (?:access|{_LEAVE}) to\b|(?:do not|don't) have "
    rf"(?:access|{_LEAVE})\b)",
    re.IGNORECASE,
)
_PERMISSION = re.compile(rf"\b{_LEAVE}\b|(?:\bnot|n't) (?:allowed|permitted)\b|\bdenied\b", re.IGNORECASE)


def tells_in(outcome: Outcome, wanted: Collection[Tell]) -> list[tuple[Tell, str]]:
    """The wanted tells in a good outcome, each with the words that show it; none in an answer in JSON."""
    if outcome.result is not None:
        return []
    found = []
    if Tell.QUESTION in wanted and (asked := question(outcome.output)):
        found.append((Tell.QUESTION, f"it ends in a question: {_short(asked)}"))
    refusal = _refusal(outcome.output)
    tell = Tell.PERMISSION if _PERMISSION.search(refusal) else Tell.REFUSAL
    if refusal and tell in wanted:
        what = "it lacked a permission" if tell is Tell.PERMISSION else "it could not"
        found.append((tell, f"it says that {what}: {_short(refusal)}"))
    return found


def _refusal(output: str) -> str:
    """The line of a short answer that says what could not be done: its first, or that of a later paragraph.

    Later ones count in a brief answer only, where it is said of oneself and not in a letter.
    """
    text = output.strip()
    if len(text) > SHORT:
        return ""
    first, *later = [part.strip().partition("\n")[0] for part in re.split(r"\n\s*\n", _CODE.sub("", text))]
    if _says(_AT_ONCE, first):
        return first
    counts = [first, *later] if len(text) <= BRIEF and not _LETTER.match(text) else [first]
    return next((line for line in counts if _says(_COULD_NOT, line)), "")


def _says(form: re.Pattern[str], line: str) -> bool:
    return form.match(line.replace("’", "'")) is not None


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
