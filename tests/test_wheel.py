"""What is installed of it: the program alone, with its licence."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_wheel_holds_the_program_its_data_and_the_licence(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=60)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (licence,) = [name for name in names if name.endswith(".dist-info/licenses/LICENSE")]
        (metadata,) = [name for name in names if name.endswith(".dist-info/METADATA")]
        assert archive.read(licence).decode() == (ROOT / "LICENSE").read_text()
        assert "License-Expression: MIT\nLicense-File: LICENSE\n" in archive.read(metadata).decode()
    assert "abp_tui/tui/abp.tcss" in names
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"abp_tui"}
