from __future__ import annotations

import os
import threading

from abp_tui.execution.engines.wire import CancelAll, Hurry, packed, read_body, unpacked, write_all


def test_messages_come_whole_and_in_order_and_then_there_is_an_end() -> None:
    source, drain = os.pipe()
    long = CancelAll("x" * 1_000_000)  # more than a pipe holds
    writer = threading.Thread(
        target=lambda: (write_all(drain, packed(long) + packed(Hurry())), os.close(drain))
    )
    writer.start()
    bodies = [read_body(source) for _ in range(3)]
    writer.join(10)
    os.close(source)
    assert [body and unpacked(body) for body in bodies] == [long, Hurry(), None]


def test_a_message_that_breaks_off_is_none() -> None:
    source, drain = os.pipe()
    write_all(drain, packed(Hurry())[:-1])
    os.close(drain)
    assert read_body(source) is None
    os.close(source)
