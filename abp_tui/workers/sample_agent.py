"""The program of the `sample` worker: reads an item, counts, and reports in Claude Code's stream format.

    sample_agent.py SESSION_ID PACE_S [FILE] < PROMPT

It runs on its own, with nothing but the standard library, so that it starts in a moment.
"""

# ruff: noqa: PTH109, PTH119, PTH123
# pathlib is left alone: importing it would take as long as the rest of the program.

import json
import os
import re
import sys
import time


def main() -> int:
    """Report on the file or the prompt; exit 1 with an error result where the file can't be read."""
    session, pace, *files = sys.argv[1:]
    prompt = sys.stdin.buffer.read().decode("utf-8", "replace")
    tell = Teller(session)
    tell.send(type="system", subtype="init", cwd=os.getcwd(), tools=["Read"], mcp_servers=[],
              model="no-llm", permissionMode="default")  # fmt: skip
    tell.text("I am the offline sample: a small program that counts, no language model.")
    time.sleep(float(pace) / 2)
    try:
        item = tell.read(files[0]) if files else prompt
    except OSError as error:
        return tell.end(f"{files[0]} can't be read: {error.strerror}", is_error=True)
    time.sleep(float(pace) / 2)
    report = describe(item, os.path.basename(files[0]) if files else "The prompt")
    tell.text(report)
    return tell.end(report)


def describe(item: str, name: str) -> str:
    """What can be counted in a text, and a guess at how hard it reads."""
    words = re.findall(r"\w+", item)
    lines = item.splitlines()
    sentences = max(1, len(re.findall(r"[.!?](?:\s|$)", item)))
    first = next((line.strip() for line in lines if line.strip()), "(nothing)")
    longest = max(words, key=len, default="(none)")
    pace = len(words) / sentences
    reads = "easily" if pace < 12 else "normally" if pace < 22 else "heavily"
    return (
        f"{name}: {counted(len(words), 'word')} in {counted(len(lines), 'line')}, "
        f"{counted(len(item), 'character')}.\n"
        f"First line: {first[:120]}\n"
        f"Longest word: {longest[:80]}\n"
        f"{pace:.1f} words a sentence: reads {reads}.\n"
        "(Counted by the offline sample. It is no LLM and did not follow the prompt.)"
    )


def counted(number: int, noun: str) -> str:
    """`1 word`, `9 words`."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


class Teller:
    """Writes the messages of a conversation, one JSON object a line."""

    def __init__(self, session: str) -> None:
        self.session = session
        self.started = time.monotonic()
        self.turns = 1

    def send(self, **message: object) -> None:
        """One message."""
        print(json.dumps({**message, "session_id": self.session}), flush=True)  # noqa: T201

    def block(self, role: str, **block: object) -> None:
        """A message of the conversation with one block in it."""
        self.send(type=role, message={"role": role, "model": "no-llm", "content": [block]})

    def text(self, text: str) -> None:
        """Something said."""
        self.block("assistant", type="text", text=text)

    def read(self, path: str) -> str:
        """The text of a file, told as a tool call and its result; raises OSError."""
        self.turns += 1
        self.block("assistant", type="tool_use", id="read-1", name="Read", input={"file_path": path})
        with open(path, encoding="utf-8", errors="replace") as file:
            item = file.read()
        shown = item if len(item) <= 2000 else f"{item[:2000]}\n[...]"
        self.block("user", type="tool_result", tool_use_id="read-1", content=shown)
        return item

    def end(self, answer: str, *, is_error: bool = False) -> int:
        """The result; gives the exit code."""
        usage = {"input_tokens": 0, "output_tokens": 0}
        self.send(type="result", subtype="success", is_error=is_error, result=answer, num_turns=self.turns,
                  duration_ms=int((time.monotonic() - self.started) * 1000), total_cost_usd=0.0, usage=usage,
                  permission_denials=[], terminal_reason="completed")  # fmt: skip
        return 1 if is_error else 0


if __name__ == "__main__":
    sys.exit(main())
