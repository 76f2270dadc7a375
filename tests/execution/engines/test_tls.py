from __future__ import annotations

import subprocess
from pathlib import Path

import dask
import pytest
from distributed import Client
from distributed import config as _loaded  # noqa: F401 - so that Dask knows its settings before they are changed
from distributed.security import Security

from abp_tui.domain.model import Placement
from abp_tui.domain.status import JobStatus
from abp_tui.errors import EngineUnavailable
from abp_tui.execution.engines import dask_cluster
from abp_tui.execution.executor import JobExecutor
from abp_tui.store.repository import Repository
from tests.execution.engines.cluster import Cluster
from tests.execution.engines.jobs import dask_job, outputs, said
from tests.programs import needs_openssl

pytestmark = pytest.mark.slow

KEYS = (
    "ca-file",
    *(f"{role}.{what}" for role in ("client", "scheduler", "worker") for what in ("cert", "key")),
)


def certificate(folder: Path) -> dict[str, str]:
    """Dask's settings with one certificate, made for this test, for everybody."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    subject = ["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", *subject]
    subprocess.run([*made, "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    return {f"distributed.comm.tls.{name}": str(key if name.endswith("key") else cert) for name in KEYS}


@needs_openssl
def test_a_cluster_with_tls_is_one_with_its_settings_and_none_without(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = certificate(tmp_path)
    for name, value in settings.items():
        monkeypatch.setenv(f"DASK_{name.replace('.', '__').replace('-', '_').upper()}", value)
    cluster = Cluster(tmp_path / "cluster")
    try:
        cluster.start_scheduler(protocol="tls")
        cluster.start_node("a")
        cluster.wait_for_nodes()
        assert cluster.address.startswith("tls://")
        job = dask_job(repository, cluster.address, 2)
        with pytest.raises(EngineUnavailable, match="can't be reached"):
            JobExecutor(repository, job.id).run()
        with dask.config.set(settings):
            assert JobExecutor(repository, job.id).run() is JobStatus.COMPLETED
    finally:
        cluster.end()
    assert outputs(repository, job) == ["a", "a"]
    assert "unencrypted" not in said(repository, job)


@pytest.mark.parametrize("security", [None, Security.temporary()], ids=["none", "others"])
def test_a_cluster_of_its_own_lets_in_nobody_without_its_credentials(security: Security | None) -> None:
    cluster = dask_cluster.Cluster(Placement(engine="dask"))
    cluster.open()
    try:
        scheduler = str(cluster._local.scheduler_address)
        nodes = cluster.call(cluster.addresses())
        assert all(address.startswith("tls://127.0.0.1:") for address in (scheduler, *nodes))
        for address in (scheduler, scheduler.replace("tls:", "tcp:")):
            with pytest.raises((OSError, RuntimeError, TypeError)):
                Client(address, security=security, timeout=3, set_as_default=False)
    finally:
        cluster.close()


def test_a_job_runs_on_a_cluster_of_its_own_and_warns_of_nothing(repository: Repository) -> None:
    job = dask_job(repository, "", 2, script="echo here")
    assert JobExecutor(repository, job.id).run() is JobStatus.COMPLETED
    assert outputs(repository, job) == ["here", "here"]
    assert "unencrypted" not in said(repository, job)
