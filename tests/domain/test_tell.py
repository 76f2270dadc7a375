from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abp_tui.domain.model import Outcome
from abp_tui.domain.tell import Tell, tells_in

ALL = frozenset(Tell)

QUESTIONS = [
    "I have read it. Should I rewrite the second paragraph?",
    "There are two ways.\n\n**Which one would you like me to take?**",
    "Would you like me to apply these changes?",
    "I found three.\n- Do you want me to fix them all?",
    "Shall I proceed?",
    "The file needs a licence. Could you please tell me which one?",
    "Proceed?",
    "I'm ready to help. What would you like me to do?",
]
REFUSALS = [
    "I couldn't read the file because it does not exist.",
    "I'm sorry, but I cannot access /etc/shadow.",
    "Unfortunately, I was unable to complete this task.",
    "I can’t edit the file: permission was denied.",
    "I could not find the file report.md.",
    "**I wasn't able to run the tests.**",
]
GOOD = [
    "I could not find any unclear sentences.",
    "I can't find anything wrong with this text.",
    "I couldn't spot a single mistake.",
    "I can't recommend this book enough.",
    "What is the capital of France?",
    "Quiz:\n1. Why is the sky blue?\n2. How do you say hello in French?",
    "The title ends in a question: Who's Afraid of Virginia Woolf?",
    "Could this be the end?",
    "Done. The README now answers the question 'should I use it?' at the top.",
    "```python\nif should_i_go():  # shall I?\n    pass\n```",
    "The author says: I cannot read this any more. That is the unclear sentence.",
    "Summary: the team was unable to complete the task in time.",
    "positive",
    "",
    "no unclear sentences",
]


@pytest.mark.parametrize("output", QUESTIONS)
def test_a_question_to_a_person_is_a_sign_of_doubt(output: str) -> None:
    (found,) = tells_in(Outcome(ok=True, output=output), ALL)
    assert found[0] is Tell.QUESTION
    assert found[1].startswith("it ends in a question: ")


@pytest.mark.parametrize("output", REFUSALS)
def test_an_answer_that_says_it_could_not_is_a_sign_of_doubt(output: str) -> None:
    assert [tell for tell, _ in tells_in(Outcome(ok=True, output=output), ALL)] == [Tell.REFUSAL]


@pytest.mark.parametrize("output", GOOD)
def test_a_good_answer_is_not_taken_for_a_doubtful_one(output: str) -> None:
    assert tells_in(Outcome(ok=True, output=output), ALL) == []


@given(st.text(st.characters(exclude_characters="?")))
def test_without_a_question_mark_nothing_is_a_question(output: str) -> None:
    assert tells_in(Outcome(ok=True, output=output), {Tell.QUESTION}) == []


@given(st.text(min_size=1500).filter(lambda text: len(text.strip()) > 1500))
def test_whoever_says_much_has_not_refused(output: str) -> None:
    assert tells_in(Outcome(ok=True, output=f"I cannot read this. {output}"), {Tell.REFUSAL}) == []


def test_an_answer_in_json_tells_nothing() -> None:
    outcome = Outcome(ok=True, output='"Should I go on?"', result="Should I go on?")
    assert tells_in(outcome, ALL) == []


def test_only_those_that_are_wanted_are_looked_for() -> None:
    assert tells_in(Outcome(ok=True, output=QUESTIONS[0]), {Tell.REFUSAL}) == []
    assert tells_in(Outcome(ok=True, output=REFUSALS[0]), {Tell.QUESTION}) == []


def test_what_is_shown_of_a_question_is_short() -> None:
    (found,) = tells_in(Outcome(ok=True, output="Should I " + "really " * 100 + "?"), ALL)
    assert len(found[1]) < 200
