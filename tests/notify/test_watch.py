"""What one way does is nothing to the others."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from abp_tui.notify import Notice
from abp_tui.notify.channels import Command
from abp_tui.notify.watch import send
from abp_tui.settings import NotifySettings
from tests.notify.test_channels import Server, make_notice


def test_a_way_that_breaks_keeps_no_other_from_telling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: Command, notice: Notice) -> None:
        raise RuntimeError(notice.text)

    server = Server()
    server.answer(lambda c: c.sendall(b"HTTP/1.1 204 No Content\r\n\r\n"))
    monkeypatch.setattr(Command, "send", broken)
    settings = NotifySettings.model_validate({"command": ("true",), "webhook": server.url})
    with caplog.at_level(logging.ERROR):
        outcomes = {channel.name: error for channel, error in send(settings, make_notice("T0K3N"))}
    server.close()
    assert "command: RuntimeError" in str(outcomes["command"])
    assert outcomes["webhook"] is None
    assert "in broken" in caplog.text and "T0K3N" not in caplog.text
