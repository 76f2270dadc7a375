"""Whether an answer ends by asking a person to decide something, instead of with what was wanted."""

from __future__ import annotations

import re

LOOKED_AT = 20_000  # characters at the end of an answer, for code that begins far above
SHORT = 1500  # characters at the end in which it is asked
MOST_BEHIND = 12  # sentences, or items of a list, behind it
WRAPPED = "*_`\"'”’) \t"

_IN_ENGLISH = (
    r"\b(?:should|shall|may) i\b",
    r"\bshall we\b",
    r"\b(?:can|could) i (?:go|proceed|continue|start|have|get|use|edit|delete)\b",
    r"\bwould you (?:like|prefer|rather|want|mind)\b",
    r"\bdo you (?:want|prefer|wish|need me)\b",
    r"\b(?:can|could|will|would) you (?:please|clarify|confirm|provide|share|specify|tell me|let me|paste)\b",
    r"\b(?:can|could|will|would) you (?:upload|send me|point me|give me|grant|approve|allow)\b",
    r"\bwant me to\b",
    r"\b(?:how|what) would you like\b",
    r"\bwhich (?:one )?(?:would|do) you\b",
    r"\bwhich\b[^?]{1,60} (?:(?:would|do|did) you (?:want|mean|prefer|need|like)|should (?:we|i))\b",
    r"\bdo i have (?:your )?(?:permission|leave|approval|access|consent)\b",
    r"\bhow should (?:i|we|this|it)\b",
    r"\b(?:ok(?:ay)?|all right|alright|fine) (?:if|for me to|with you)\b",
    r"\bis (?:that|this|it) (?:ok(?:ay)?|correct|right|what you (?:want|meant?))\b",
    r"\bare you (?:sure|ok(?:ay)?)\b",
    r"\b(?:sounds? (?:good|right|ok(?:ay)?)|works? for you)\b",
    r"^(?:ready (?:for me )?to )?(?:proceed|continue|start|go (?:ahead|on)|confirm)\b",
    r"^ok(?:ay)? to \w+\b",
)
_ELSEWHERE = (
    r"\b(?:soll(?:en)? (?:ich|wir)|darf ich|möchte(?:n sie|st du)|wollen sie|willst du)\b",
    r"\b(?:dois-je|puis-je|voulez-vous|souhaitez-vous|veux-tu)\b",
    r"¿(?:debo|puedo|quieres?|desea|prefieres?|te gustaría)\b",
    r"\b(?:devo (?:continuar|prosseguir|continuare|procedere)|você quer que|vuoi che|preferisci che)\b",
    r"要我|需要我|希望我|我(?:应该|可以|是否)|是否(?:继续|需要)|继续吗",
    r"しましょうか|よろしいで(?:す|しょう)か|(?:進め|続け)ますか|ご希望ですか",
    r"할까요|드릴까요|원하시나요|괜찮을까요",
)
_TO_A_PERSON = re.compile("|".join((*_IN_ENGLISH, *_ELSEWHERE)), re.IGNORECASE)

# Not what is said out of politeness, such as to let it know of further wishes, or in a letter to another.
_ASKED = re.compile(
    r"(?:^|[^\w\s]\s*|\b(?:so|and|but|then) )(?:"
    r"please (?:confirm|clarify|specify|advise|choose|select|pick|approve)"
    r"(?:\W*$|,? (?:that|whether|if|which|what|how|one|this|so|and|before|to|the)\b)"
    r"|please (?:provide|share|send|paste|upload) (?:me )?(?:the |its )?"
    r"(?:\w+ )?(?:file|path|contents?|text|code|document|details)\b"
    r"|(?:please )?(?:let me know|tell me) (?:which|whether|where|what to do"
    r"|how to (?:proceed|continue|go on)|(?:how|what) you(?:'d| would)? (?:like|want|prefer)))"
    r"|请(?:您)?(?:确认|告诉我|提供|选择)|(?:教えて|確認して|選んで)ください"
    r"|\bbitte (?:bestätige|wähle)|\bveuillez (?:confirmer|choisir)|\bpor favor,? (?:confirm|elij)",
    re.IGNORECASE,
)

# How sentences begin that an agent says behind its question and that don't answer it.
_BESIDE = re.compile(
    r"(?:please|thank|thanks|just|reply|say|tell me|let me know|waiting|awaiting|once|then i|if|unless"
    r"|otherwise|either|or|for (?:example|instance)|without|until|as soon as|depending|options?|both|happy to"
    r"|my (?:recommendation|suggestion|preference)"
    r"|i(?:'ll| will|'m| am|'d| would| can| can't| cannot| could| need| won't| recommend| suggest| lean))\b",
    re.IGNORECASE,
)
# What is offered after finished work waits for nobody.
_FINISHED = re.compile(
    r"(?:^|[.!]\s|\n)\W*(?:(?:all |everything is |it is |it's )?(?:done|finished|complete)"
    r"|(?:task|work) completed?)(?=\W*(?:$|\n|[.!:,—]))|\btests (?:now |all )*pass(?:ed)?\b",
    re.IGNORECASE,
)
_OFFER = re.compile(r"\b(?:would you like|do you want|want) (?:me to|anything)\b", re.IGNORECASE)
_ITEM = re.compile(r"\s*(?:[-*•+]|\(?(?:\d{1,2}|[a-z])[.)])\s+", re.IGNORECASE)
_YES_OR_NO = re.compile(r"[(\[]y(?:es)?\s*/\s*no?[)\]]\W*$", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[.!?:])[*_)]*\s+(?=\W*[A-Z¿ÄÖÜÉ])|(?<=[。！？])\s*")

# A question in code, a docstring, a heading, a table or in quotation marks is asked of nobody.
_NOT_SAID = re.compile(
    r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|(\"{3}|'{3}).*?(?:\1|\Z)|^[ \t]*(?:>|\||#+\s|//|\d+\t).*?$"
    r"|`[^`\n]*`|\"[^\"\n]*\"|“[^”\n]*”|«[^»\n]*»|「[^」\n]*」|(?<!\w)'[^'\n]*'(?!\w)",
    re.DOTALL | re.MULTILINE,
)


def question(output: str) -> str:
    """The sentence at the end that asks a person to decide; nothing where there is none.

    A list of what there is to choose from may stand behind it, and what is said beside, as `let me know`.
    An offer to do more, after words that all is done, is none.
    """
    said = _sentences(output)
    for at in reversed(range(max(0, len(said) - MOST_BEHIND), len(said))):
        words = said[at].lstrip(WRAPPED + "-")
        if _asks(words):
            is_offer = _OFFER.search(words) and _FINISHED.search("\n".join(said[:at]))
            return "" if is_offer else words.strip()
        if not (_ITEM.match(said[at]) or _BESIDE.match(words)):
            return ""
    return ""


def _asks(sentence: str) -> bool:
    asked = _YES_OR_NO.sub("", sentence).rstrip(WRAPPED)
    return bool((_TO_A_PERSON if asked.endswith(("?", "？", "؟")) else _ASKED).search(asked))


def _sentences(output: str) -> list[str]:
    """What is said at the end, sentence by sentence; those of a list have a mark before them."""
    said = _NOT_SAID.sub("…", output[-LOOKED_AT:].replace("’", "'"))[-SHORT:]
    return [sentence for line in said.splitlines() for sentence in _of_line(line)]


def _of_line(line: str) -> list[str]:
    mark = _ITEM.match(line)
    sentences = _SENTENCE.split(line[mark.end() :] if mark else line)
    return [f"- {words}" if mark else words for words in sentences if words.strip(WRAPPED)]
