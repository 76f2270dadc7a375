"""Programs that some tests run for real: where one is missing, they say so."""

from __future__ import annotations

import shutil

import pytest

needs_git = pytest.mark.skipif(
    shutil.which("git") is None, reason="there is no git here: apt-get install git"
)
needs_tmux = pytest.mark.skipif(
    shutil.which("tmux") is None, reason="there is no tmux here: apt-get install tmux"
)
needs_openssl = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="there is no openssl here: apt-get install openssl"
)
