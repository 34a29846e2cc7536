"""What an estimator leaves on the server when its machine has crashed ends with a lease."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest

from hanami_sdk import Client, _leases, _leftovers
from hanami_sdk.sklearn import HanamiClassifier
from tests.local import LocalServer
from tests.server.harness import until

QUICK = ("--set", "clusters.leases=0.2", "--set", "datasets.leases=0.2")
X = np.linspace(0, 1, 40).reshape(-1, 1)
Y = (X[:, 0] > 0.5).astype(int)
FIT = """
import threading
import numpy as np
from hanami_sdk import Client, _leases, _leftovers
_leases.SECONDS = {seconds}
from hanami_sdk.sklearn import HanamiClassifier
X = np.linspace(0, 1, 40).reshape(-1, 1)
estimator = HanamiClassifier(epochs=1).fit(X, X[:, 0] > 0.5)
lent = Client.from_environment().upload_csv(_leftovers.temporary_name(), b"a\\n1\\n", lease=_leases.SECONDS)
print(estimator.cluster_, flush=True)
threading.Event().wait()
"""


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A server that looks often for leases that are over."""
    with LocalServer(tmp_path_factory.mktemp("leases") / "data", *QUICK) as server:
        yield server


@pytest.fixture
def admin(quick: LocalServer) -> Iterator[Client]:
    with Client(quick.address, quick.user, quick.passphrase) as client:
        yield client


def clusters(client: Client) -> set[str]:
    return {row.uuid for row in client.clusters()}


@pytest.mark.long
def test_what_a_crash_leaves_goes_and_a_process_that_lives_renews(quick: LocalServer, admin: Client) -> None:
    environment = os.environ | {
        "HANAMI_ADDRESS": quick.address,
        "HANAMI_USER": quick.user,
        "HANAMI_PASSPHRASE": quick.passphrase,
    }
    script = FIT.format(seconds=3)
    process = subprocess.Popen([sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        cluster = process.stdout.readline().strip()
        until(lambda: not admin.datasets(), 60)  # nobody renews datasets: more than a lease has passed
        assert cluster in clusters(admin)
    finally:
        process.kill()
        process.communicate()
    until(lambda: cluster not in clusters(admin), 60)


def test_an_estimator_has_a_lease_until_it_is_kept(admin: Client) -> None:
    estimator = HanamiClassifier(client=admin, epochs=1).fit(X, Y)
    cluster = estimator.cluster_
    assert admin.cluster(cluster).lease == _leases.SECONDS
    assert _leftovers.is_left_behind(admin.cluster(cluster).name) is False
    assert estimator.keep_cluster("my favourite") == cluster
    assert (admin.cluster(cluster).lease, admin.cluster(cluster).name) == (None, "my favourite")
    assert estimator.score(X, Y) >= 0
    estimator.close()
    assert cluster in clusters(admin)
    admin.delete_cluster("my favourite")


def test_what_somebody_else_has_kept_is_not_deleted(admin: Client) -> None:
    estimator = HanamiClassifier(client=admin, epochs=1).fit(X, Y)
    cluster = estimator.cluster_
    admin.keep_cluster(cluster)
    estimator.close()
    assert cluster in clusters(admin)
    admin.delete_cluster(cluster)
    kept = HanamiClassifier(client=admin, epochs=1, keep=True).fit(X, Y).cluster_
    assert admin.cluster(kept).lease is None
    admin.delete_cluster(kept)


def test_what_is_left_behind_and_kept_stays(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = admin.create_cluster("of a dead process", lease=60)
    left = admin.create_cluster("of another one", lease=60)
    admin.keep_cluster(kept)
    monkeypatch.setattr(_leftovers, "is_left_behind", lambda name: name.startswith("of a"))
    _leftovers._seen.discard(admin)
    _leftovers.remove_left_behind(admin)
    assert (kept.uuid in clusters(admin), left.uuid in clusters(admin)) == (True, False)
    admin.delete_cluster(kept)
