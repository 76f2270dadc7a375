from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abp_tui.domain.model import Outcome
from abp_tui.domain.signs import tells_in
from abp_tui.domain.tell import Tell

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
    "Which of these do you want me to use? Let me know.",
    "Shall I go on?\n\n- a\n- b",
    "Which one would you prefer?\n\n1. **Tabs**: as it is.\n2. **Spaces**: as PEP 8.\n\nI'd suggest spaces.",
    "I have not changed anything yet. Please confirm.",
    "This deletes 14 files. Please confirm that I may do so.",
    "There are two modules of that name. Please tell me which one you mean.",
    "Let me know which of the two you'd like.",
    "Both would work. Let me know how you'd like to proceed.",
    "Should I also change the tests? If not, I'll stop here.",
    "Do you want me to overwrite it? (y/n)",
    "I have a few questions:\n1. Which format do you want?\n2. Should I include the drafts?\n\nThanks!",
    "The plan is above. Does that sound good?",
    "Is it okay if I delete the old file? I can't go on without that.",
    "Are you sure? This can't be undone and I won't start before you say so. Is that what you want?",
    "Please provide the text of the file, and I'll summarise it.",
    "I only see an empty file. Could you share its contents? Once I have them, I will go on.",
    "How should I handle the missing values?",
    "Ready to proceed?",
    "Soll ich weitermachen?",
    "Möchten Sie, dass ich die Datei überschreibe?",
    "Voulez-vous que je continue ?",
    "¿Quiere que continúe?",
    "我找到了两个文件。您希望我修改哪一个？",
    "是否继续？",
    "请确认。",
    "二つの方法があります。進めてもよろしいですか？",
    "파일을 삭제할까요?",
    "- Done so far: three files.\n- Shall I do the others as well?",
    "Use the `old` or the `new` name? Which one do you prefer? Both are short.",
    "```diff\n-a\n+b\n```\n\nShall I apply this?",
    "Which file do you mean?",
    "Which option should we use, A or B?",
    "Which of the two modules did you mean?",
    "Do I have permission to edit this file?",
    "Done with the first half. Would you like me to go on with the second?",
    "I have a plan. Would you like me to carry it out?",
]
REFUSALS = [
    "I couldn't read the file because it does not exist.",
    "I'm sorry, but I cannot access /etc/shadow.",
    "Unfortunately, I was unable to complete this task.",
    "I could not find the file report.md.",
    "**I wasn't able to run the tests.**",
    "I apologize, but I cannot access the file.",
    "I apologise for the confusion, but I can't open that page.",
    "I'm afraid I can't open this file.",
    "I am really sorry. I could not process the request.",
    "Unable to read the file.",
    "Could not open report.md: it is a folder.",
    "Couldn't download the page.",
    "I don't have access to the internet.",
    "I do not have direct access to that folder, so I made nothing.",
    "I have no tools to look at images.",
    "I couldn't find any file named x.",
    "I couldn't find any file.",
    "I cannot provide a summary as the file is empty.",
    "I was not able to update the file.",
    "I looked at the folder first.\n\nUnfortunately, I could not complete the task.",
    "The file is empty.\n\nI can't summarize it.",
    "I'm sorry, I can't help with that.",
    "I tried to open the file, but I could not read it.",
    "After looking through all folders, I couldn't locate the document.",
    "As an AI language model, I cannot browse the web.",
    "Because the file is empty, I was unable to summarise it.",
    "It seems that I can't access that path.",
    "❌ Unable to process the item.",
    "However, I could not fix the error.",
    "I failed to generate the report.",
    "I still cannot make the change you asked for.",
    "Sorry, but I won't be able to translate this.",
]
PERMISSIONS = [
    "I can’t edit the file: permission was denied.",
    "I do not have permission to write to this file.",
    "I don't have the necessary permissions to run that command.",
    "I'm sorry, but I don't have permission to do that.",
    "Permission denied.",
    "Permission to write to out.txt was denied.",
    "Access denied: the folder belongs to another user.",
    "I need your permission to write to out.txt.",
    "I need write permission to go on.",
    "I was not allowed to run git push.",
    "I am not permitted to edit files in plan mode.",
    "I was denied the Bash tool.",
    "Unfortunately, the rest is missing: see below.\n\nI don't have permission to read it.",
    "It looks like I don't have permission to edit that file.",
    "Unable to write the file: permission denied",
    "No permission to edit the file.",
    "I could not write out.txt, because I wasn't allowed to.",
    "I lack the privileges to install that.",
    "I have no rights to this folder.",
    "Permission has been refused.",
    "I tried to write the file twice, but permission was denied.",
    "I couldn't save it. Without your approval nothing can be written.",
    "I still need approval to run the tests.",
    "It seems I'm not allowed to delete it.",
    "I apologize, but I lack the authorization to read it.",
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
    '"""Whether to try again.\n\nShould I stay or should I go?\n"""',
    'def ask():\n    """Shall I go on?"""\n    return input("Shall I go on? ")',
    "Returns the answer to `Shall I go on?`",
    "The dialogue asks “Do you want to continue?”",
    'It ends with "Would you like me to continue?"',
    "> Should I use it?",
    "## Should I use it?\n\n- Yes, if you have many files.\n- No, if you have one.",
    "| question | count |\n| Should I go? | 3 |",
    "Should I keep the old name? I kept it, because two callers use it.",
    "Shall I compare thee to a summer's day?\nThou art more lovely and more temperate.",
    "Q: Should I invest?\nA: It depends on your plans.",
    "All 12 tests pass. Let me know if you'd like me to change anything.",
    "The summary is above. Let me know what you think!",
    "Done. Feel free to ask if you have questions.",
    "Please confirm your e-mail address by Friday.\n\nKind regards,\nAnn",
    "I have asked the reader to please confirm the date, as you wanted it.",
    '{"question": "Should I go on?"}',
    "你好吗？",
    "Wie spät ist es?",
    "The function asks whether one should go on?",
    "How are you?",
    "Why is the sky blue?\n\n- Because of scattering\n- Because of the sea",
    "What did the author want?",
    "Who should pay for it?",
    "Translation: Quo vadis?",
    "# main.py\n# should I?\nprint(1)",
    "Hi there friend",
    "The tool said: 1\tfile content ABC\n2\t",
    "The tool said: File created successfully at: /home/user/d2.txt (file state is current in your context — "
    "no need to Read it back)",
    "Hello, welcome to the team of Claude agents.",
    'The tool said: {"result":[{"id":"j1","state":"queued"}]}',
    "done: tool",
    "bare",
    "The tool said: (Bash completed with no output)",
    "no unclear sentences",
    "Done. All tests pass. Would you like me to also update the README?",
    "All done! Do you want me to change anything else?",
    "The tests now pass.\n\nWant me to clean up the branch?",
    "I could not find any file that uses eval.",
    "I couldn't find any path traversal issues.",
    "I cannot find any items of concern.",
    "I can't help but admire this book.",
    "I cannot read anything unclear into it.",
    "I can't open my account since Monday, please help.",
    "I can't see a single mistake.",
    "I can't get enough of it.",
    '"I cannot open the door," she said.',
    "> I cannot open the door.",
    "Dear Ann,\n\nUnfortunately, I could not finish the report in time.\n\nKind regards",
    "The log shows this:\n\n```\nUnable to read the file.\n```",
    "```\nPermission denied\n```",
    "Here is the message for the user:\n\nCould not open the file. Try another.",
    "Permission denied errors come from the mode of the folder.",
    "Permissions are checked in auth.py.",
    "Access is granted to all.",
    "The function raises PermissionError where writing is not permitted.",
    "Access control: I added a check for permissions.",
    "I don't have any concerns about this text.",
    "I have no further remarks.",
    "I need to say that this is well written.",
    "It was denied by the court.",
    "The user says that she can't access her account.",
    "Cannot be improved.",
    "Cannot read property 'name' of undefined",
    "Failed to connect to the database",
    "negative: the reviewer could not open the lid",
    "Which planet do we live on?",
    "I was allowed to read all of it, and found nothing.",
    "I fixed the bug. " + "It was in the parser. " * 30 + "\n\nI could not run the slow tests.",
]


@pytest.mark.parametrize("output", QUESTIONS)
def test_a_question_to_a_person_is_a_sign_of_doubt(output: str) -> None:
    (found,) = tells_in(Outcome(ok=True, output=output), ALL)
    assert found[0] is Tell.QUESTION
    assert found[1].startswith("it ends in a question: ")


@pytest.mark.parametrize("output", REFUSALS)
def test_an_answer_that_says_it_could_not_is_a_sign_of_doubt(output: str) -> None:
    assert [tell for tell, _ in tells_in(Outcome(ok=True, output=output), ALL)] == [Tell.REFUSAL]


@pytest.mark.parametrize("output", PERMISSIONS)
def test_an_answer_that_says_it_lacked_a_permission_is_a_sign_of_doubt(output: str) -> None:
    ((tell, words),) = tells_in(Outcome(ok=True, output=output), ALL)
    assert tell is Tell.PERMISSION
    assert words.startswith("it says that it lacked a permission: ")


@pytest.mark.parametrize("output", GOOD)
def test_a_good_answer_is_not_taken_for_a_doubtful_one(output: str) -> None:
    assert tells_in(Outcome(ok=True, output=output), ALL) == []


@given(st.text(st.characters(exclude_characters="?？؟")))
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
    assert tells_in(Outcome(ok=True, output=REFUSALS[0]), {Tell.QUESTION, Tell.PERMISSION}) == []
    assert tells_in(Outcome(ok=True, output=PERMISSIONS[0]), {Tell.QUESTION, Tell.REFUSAL}) == []


def test_what_is_shown_of_a_question_is_short() -> None:
    (found,) = tells_in(Outcome(ok=True, output="Should I " + "really " * 100 + "?"), ALL)
    assert len(found[1]) < 200
