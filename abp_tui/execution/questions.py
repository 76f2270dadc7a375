"""Questions of running agents: a slot waits for the answer, the executor's loop writes and brings them."""

from __future__ import annotations

import select
from collections.abc import Sequence

from abp_tui.store.journal import Journal
from abp_tui.workers.cancel import Cancel


class Asked:
    """One question, from the slot that asks it to the answer. `over` once nobody waits for that any more."""

    def __init__(self, attempt_id: int, text: str, options: Sequence[str]) -> None:
        self.attempt_id = attempt_id
        self.text = text
        self.options = tuple(options)
        self.over = False
        self._answered = Cancel()  # a flag with a word to it that can be waited for: the word is the answer

    def wait(self, over: Cancel, timeout_s: float) -> str | None:
        """The answer; None after `timeout_s` seconds (0: never), or once `over` was requested."""
        with self._answered as answered:
            select.select([answered, over], [], [], timeout_s or None)
            self.over = True
            return answered.reason

    def answer(self, option: str) -> None:
        """Bring the answer to the slot."""
        self._answered.request(option)


class OpenQuestions:
    """Those that the store has and that wait for an answer. For the one thread that writes."""

    def __init__(self) -> None:
        self._open: dict[int, Asked] = {}
        self._withdrawn: list[int] = []

    def write(self, journal: Journal, asked: Sequence[Asked]) -> dict[int, Asked]:
        """Within a transaction: write down new questions, and that others are over; returns the new ones."""
        self._withdrawn = [number for number, each in self._open.items() if each.over]
        journal.questions.withdraw(self._withdrawn)
        new = [each for each in asked if not each.over]
        return {journal.questions.ask(each.attempt_id, each.text, each.options): each for each in new}

    def written(self, new: dict[int, Asked]) -> None:
        """That transaction has been committed."""
        self._open.update(new)
        for number in self._withdrawn:
            self._open.pop(number, None)

    def bring_answers(self, journal: Journal) -> None:
        """Look for answers, and bring them to whoever waits."""
        if not self._open:
            return
        for number, option in journal.questions.answers(list(self._open)):
            self._open.pop(number).answer(option)
