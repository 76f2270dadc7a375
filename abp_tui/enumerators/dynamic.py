"""Items that a person's own Python code finds: run only once approved, in a process of its own."""

from __future__ import annotations

import hashlib
import json
import os
import select
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from tempfile import TemporaryFile
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from abp_tui.enumerators import dynamic_child
from abp_tui.enumerators.base import Approval, Enumerator, EnumeratorConfig, Item
from abp_tui.enumerators.dynamic_run import Limits, Run
from abp_tui.enumerators.settings import limit_field
from abp_tui.errors import ApprovalNeeded, InvalidInput
from abp_tui.processes import end_all, family

ID = "_id"
KIND = "code"
MARK = "ABP_SOURCE"

MEMORY_BYTES = 2 << 30  # of address space
MORE_PROCESSES = 256
READ_SIZE = 1 << 16
PRINTED_TAIL = 2000
SECONDS: dict[str, Any] = {"gt": 0, "le": 30 * 24 * 3600}


def _empty_object(value: Any) -> Any:
    return {} if value in (None, "") else value


class DynamicConfig(EnumeratorConfig):
    """Which code, and what it is given."""

    code: str = Field(
        title="Code",
        description="Python that defines enumerate_items(context), which returns or yields dictionaries.",
        min_length=1,
        json_schema_extra={"format": "multi-line", "file": ".py"},  # a form takes the name of one, too
    )
    context: Annotated[dict[str, Any], BeforeValidator(_empty_object)] = Field(
        default={},
        title="Context",
        description="What the function is called with, as a JSON object.",
    )
    timeout_s: float = Field(
        default=3600, title="Time limit", description="The longest the code may take, in seconds.", **SECONDS
    )
    idle_s: float = Field(
        default=300,
        title="Silence limit",
        description="The longest it may take to its first item and from one to the next, in seconds.",
        **SECONDS,
    )
    max_items: int = Field(
        default=10_000_000,
        title="Most items",
        description="Code that gives more than these is taken for endless, which is an error.",
        ge=1,
    )
    limit: int | None = limit_field("items")


class DynamicEnumerator(Enumerator[DynamicConfig]):
    """The dictionaries that `enumerate_items(context)` returns or yields.

    Nothing of the code runs before `approve` was called with its hash. Then it runs in a session of its own,
    without input, with limits of memory and time; it and whatever it has started end with the enumeration.
    That protects this program and the items, not the machine: the code may do what its person may do.
    """

    name = "dynamic"
    title = "Python code"
    Config = DynamicConfig
    live_preview = False

    def __init__(self, config: DynamicConfig) -> None:
        super().__init__(config)
        self._approved = False
        self._abandoned = False

    def approval(self) -> Approval:
        """The code with its context, and the SHA-256 of both."""
        context = json.dumps(self.config.context, indent=2, ensure_ascii=False) if self.config.context else ""
        return Approval(KIND, sha256_of(self.config.code, self.config.context), self.config.code, context)

    def reserved(self) -> str:
        """Code."""
        return f"finds the items by running Python code, with its context of SHA-256 {self.approval().sha256}"

    def approve(self, sha256: str) -> None:
        """Let the code run; raises `ApprovalNeeded` where `sha256` is not that of code and context."""
        wanted = self.approval().sha256
        if sha256 != wanted:
            raise ApprovalNeeded(
                f"what was approved is {sha256[:80]}, this code with this context is {wanted}",
                "look at it again",
            )
        self._approved = True

    def validate(self) -> None:
        """Raise `InvalidInput` where the code is no Python; nothing of it runs."""
        try:
            compile(self.config.code, dynamic_child.FILE, "exec")
        except SyntaxError as error:
            raise InvalidInput(
                f"the code is no Python, line {error.lineno}: {error.msg}", "mend it"
            ) from None
        except (ValueError, RecursionError, MemoryError) as error:
            raise InvalidInput(f"the code is no Python: {error}", "mend it") from None

    def items(self) -> Iterator[Item]:
        """An item per dictionary, keyed by its `_id` if it has one, else by its position."""
        if not self._approved:
            raise ApprovalNeeded("this code was not approved", f"its SHA-256 is {self.approval().sha256}")
        with _running(self._request()) as child:
            config = self.config
            limits = Limits(config.idle_s, config.timeout_s, config.max_items)
            run = Run(child, limits, lambda: self._abandoned)
            for n, payload in enumerate(islice(run.items(), self.config.limit)):
                yield Item(_key(n, payload), payload)

    def abandon(self) -> None:
        """End the code soon, from whatever thread."""
        self._abandoned = True

    def why_empty(self) -> str:
        """What the code did."""
        return f"{dynamic_child.FUNCTION} gave no dictionaries"

    def _request(self) -> bytes:
        limits = {"memory": MEMORY_BYTES, "processes": _most_processes()}
        return json.dumps({"code": self.config.code, "context": self.config.context, **limits}).encode()


def sha256_of(code: str, context: Mapping[str, Any]) -> str:
    """The hash a person approves: of the code as its file has it and, where there is one, of the context."""
    digest = hashlib.sha256(code.encode("utf-8", "surrogatepass"))
    if context:
        digest.update(b"\0" + json.dumps(context, sort_keys=True).encode())
    return digest.hexdigest()


def _key(n: int, payload: Mapping[str, Any]) -> str:
    value = payload.get(ID)
    if value is None:
        return str(n)
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise InvalidInput(f"item {n + 1}: its {ID} is {value!r}"[:200], "an id is a text or a whole number")
    return str(value)


@contextmanager
def _running(request: bytes) -> Iterator[_Child]:
    child = _Child(request)
    try:
        yield child
    finally:
        child.end()


class _Child:
    """The process, the leader of its session, and our ends of its pipes."""

    def __init__(self, request: bytes) -> None:
        self._output, output = os.pipe()
        self._prints, prints = os.pipe()
        lifeline, self._lifeline = os.pipe()
        self._mark = uuid.uuid4().hex
        try:
            with TemporaryFile() as file:
                file.write(request)
                file.seek(0)
                self._process = self._start(file.fileno(), output, lifeline, prints)
        except OSError as error:
            self._close()
            raise InvalidInput(f"the code can't be started: {error}", "see whether Python can be") from error
        finally:
            for fd in (output, prints, lifeline):
                os.close(fd)
        self._poller = select.poll()
        for fd in (self._output, self._prints):
            os.set_blocking(fd, False)
            self._poller.register(fd, select.POLLIN)
        self._printed = b""

    def _start(self, request: int, output: int, lifeline: int, prints: int) -> subprocess.Popen[bytes]:
        numbers = (request, output, lifeline)
        return subprocess.Popen(
            # -P: the folder of the file, where a csv.py and a json.py are, is no place to import from
            [sys.executable, "-P", dynamic_child.__file__, *map(str, numbers)],
            stdin=subprocess.DEVNULL,
            stdout=prints,
            stderr=prints,
            pass_fds=numbers,
            env={**os.environ, MARK: self._mark},
            start_new_session=True,
        )

    def read(self, wait_ms: int) -> tuple[bytes, bool]:
        """What it has sent, waiting up to `wait_ms` for it; and whether no more can come."""
        over = self._process.poll() is not None
        ready = {fd for fd, _ in self._poller.poll(0 if over else wait_ms)}
        if self._prints in ready:
            printed = _read(self._prints)
            self._printed = (self._printed + printed)[-PRINTED_TAIL:]
            if not printed:
                self._poller.unregister(self._prints)
        data = _read(self._output) if self._output in ready else b""
        closed = self._output in ready and not data
        return data, over or closed

    @property
    def printed(self) -> str:
        """The last that it printed."""
        return self._printed.decode("utf-8", "replace")

    def wait(self) -> int:
        """Its exit status, once it has ended; it is killed if it has only closed its pipe."""
        try:
            return self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            self._kill_group()
            return self._process.wait()

    def end(self) -> None:
        """Leave nothing behind: no process that it has started, no zombie, no descriptor."""
        self._kill_group()
        end_all(lambda: family(MARK, self._mark.__eq__, [self._process.pid]))
        self._process.wait()
        self._close()

    def _kill_group(self) -> None:
        if self._process.returncode is None:  # till then the number of the group is ours
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _close(self) -> None:
        for fd in (self._output, self._prints, self._lifeline):
            os.close(fd)


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, READ_SIZE)
    except BlockingIOError:
        return b""


def _most_processes() -> int:
    """A limit that stops a fork bomb: what there is on this machine by now, and some more."""
    try:
        return int(Path("/proc/loadavg").read_text().split()[3].partition("/")[2]) + MORE_PROCESSES
    except (OSError, ValueError, IndexError):
        return 4096
