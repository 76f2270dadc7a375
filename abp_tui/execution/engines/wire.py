"""What passes between an executor and a node that runs units for it: frames of pickled values.

Pickled as all is that Dask moves: whoever can write to a cluster runs code on it anyway, which is why the
messages are as safe as the cluster's own connections are.
"""

from __future__ import annotations

import os
import pickle
import struct
from dataclasses import dataclass, field
from typing import Any

from abp_tui.domain.model import Event, Job
from abp_tui.execution.attempt import Ended
from abp_tui.store.claims import Claim, Started

_LENGTH = struct.Struct("!Q")


# From the executor


@dataclass(frozen=True, slots=True)
class Opening:
    """The first message: the job, and all that is the same for each of its units.

    Without a beat for `lease_s` seconds the node ends its agents: nobody hears them any more.
    """

    job: Job
    store_uuid: str
    slots: int
    lease_s: float


@dataclass(frozen=True, slots=True)
class File:
    """A file that travels, by its path within the folder of its unit."""

    path: str
    data: bytes
    mode: int


@dataclass(frozen=True, slots=True)
class Parcel:
    """A unit to run, with the files it is about if they travel; else `shared` is one that must be there."""

    claim: Claim
    files: tuple[File, ...] = ()
    shared: str | None = None

    @property
    def attempt_id(self) -> int:
        """The id of the attempt."""
        return self.claim.attempt_id


@dataclass(frozen=True, slots=True)
class CancelAll:
    """End all running attempts."""

    reason: str


@dataclass(frozen=True, slots=True)
class End:
    """End one attempt for good."""

    attempt_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class Hurry:
    """Have all attempts that are being ended be over now."""


@dataclass(frozen=True, slots=True)
class Beat:
    """The executor lives, and has heard what was said last."""


# From the node


@dataclass(frozen=True, slots=True)
class Ready:
    """The node can run units of this job."""

    host: str
    boot_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The node can't, and why."""

    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Over:
    """The end of an attempt. `files` are those that it has changed, where they travel; `kept_back` in words
    what of them does not.
    """

    attempt_id: int
    ended: Ended
    files: tuple[File, ...] = ()
    kept_back: str = ""


@dataclass(frozen=True, slots=True)
class News:
    """What has come of the units since the last news, and when it was sent, by the node's clock."""

    sent_at: float
    started: list[Started] = field(default_factory=list)
    sessions: list[tuple[int, str]] = field(default_factory=list)
    events: list[tuple[int, float, Event]] = field(default_factory=list)
    over: list[Over] = field(default_factory=list)


def packed(message: object) -> bytes:
    """A message as a frame."""
    body = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(body)) + body


def unpacked(body: bytes) -> Any:
    """The message in a frame's body."""
    return pickle.loads(body)


def read_body(fd: int) -> bytes | None:
    """The body of the next frame of a pipe; None at its end, also amid a frame."""
    head = _read_exactly(fd, _LENGTH.size)
    return None if head is None else _read_exactly(fd, _LENGTH.unpack(head)[0])


def write_all(fd: int, data: bytes) -> None:
    """Write all of it; raises `OSError` where nobody reads any more."""
    left = memoryview(data)
    while left:
        left = left[os.write(fd, left) :]


def _read_exactly(fd: int, count: int) -> bytes | None:
    pieces = []
    while count:
        piece = os.read(fd, min(count, 1 << 20))
        if not piece:
            return None
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)
