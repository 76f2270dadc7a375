"""Packages of other people, for tests: installed for real, each into a folder of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def install(name: str, into: Path) -> Path:
    """Install the package as pip does, from a copy and without a registry; returns the folder for a path."""
    into.mkdir(exist_ok=True)
    project, site = into / "project", into / "site"
    shutil.copytree(HERE / name, project)
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-build-isolation", "--no-deps"]
    done = subprocess.run(
        [*pip, "--target", str(site), str(project)], capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    return site
