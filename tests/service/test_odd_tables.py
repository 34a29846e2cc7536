"""Tables that nobody would draw in a textbook: each works, or is refused with the reason before anything is trained."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hanami_sdk import BadRequestException, Client, Cluster, Dataset, TaskFailedException, csv_table
from tests.local import LocalServer
from tests.service.processes import command_line, family, own_memory

ROWS = int(os.environ.get("HANAMI_TABLE_ROWS", "1000000"))
"""Rows of the long table; ``tox -e big`` asks for ten times as many."""
BLOCK = 100_000
MEMORY = 300e6
"""Bytes that the sidecar may need beyond what it had before."""
MOST_COLUMNS = 100_000


@pytest.fixture
def network(client: Client) -> Iterator[Cluster]:
    """A cluster that gets its network from its first training."""
    cluster = client.create_cluster("odd table")
    yield cluster
    client.delete_cluster(cluster)


def learn(client: Client, cluster: Cluster, dataset: Dataset, epochs: int = 1) -> None:
    tasks = [
        client.train(cluster, {"in": dataset["input"]}, {"out": dataset["label"]}, wait=False) for _ in range(epochs)
    ]
    for task in tasks:
        client.wait(task)


def ask(client: Client, cluster: Cluster, dataset: Dataset, rows: int) -> list[list[float]]:
    answers = client.request(cluster, {"in": dataset["input"]}, {"out": "answer"})
    return client.dataset_content(answers, "answer", rows)


def kind(answer: list[float]) -> int:
    return max(range(len(answer)), key=answer.__getitem__)


# -- refused ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("nan", "line 3, column 2 ('input[1]'): 'nan' is not a number"),
        ("NaN", "'NaN' is not a number"),
        ("inf", "'inf' is not a number"),
        ("-Infinity", "'-Infinity' is not a number"),
        ("1e39", "'1e39' is too big for a number of 32 bits"),
        ("", "'' is not a number"),
        ("N/A", "'N/A' is not a number"),
        ("1;5", "'1;5' is not a number"),
    ],
)
def test_cells_that_are_no_numbers_are_refused_with_their_place(client: Client, cell: str, reason: str) -> None:
    before = client.datasets()
    table = f"input[0],input[1],label\n1,2,0\n3,{cell},1\n"
    with pytest.raises(BadRequestException) as caught:
        client.upload_csv("odd table", table.encode())
    assert reason in str(caught.value)
    assert client.datasets() == before


def test_more_columns_than_a_table_may_have_are_refused(client: Client) -> None:
    header = ",".join(f"input[{n}]" for n in range(MOST_COLUMNS + 1))
    with pytest.raises(BadRequestException, match=f"{MOST_COLUMNS + 1} columns, at most {MOST_COLUMNS} are possible"):
        client.upload_csv("odd table", f"{header}\n{','.join('0' * (MOST_COLUMNS + 1))}\n".encode())


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ("input,label\n1,0\n2,-0.5\n", "output 'out' has a value that is not between 0 and 1 in cycle 1"),
        ("input,label\n1,0\n2,7\n", "output 'out' has a value that is not between 0 and 1 in cycle 1"),
        ("input,label\n3e38,0\n-3e38,1\n", "input 'in' has values that are too far apart"),
    ],
)
def test_what_can_not_be_learned_fails_with_the_reason(
    client: Client, network: Cluster, table: str, reason: str
) -> None:
    dataset = client.upload_csv("odd table", table.encode())
    with pytest.raises(TaskFailedException, match=reason):
        learn(client, network, dataset)
    assert client.cluster(network).cycles == 0


SYNAPSES = """version: 1
settings:
    growth: synapse
hexagons:
    1,1,1
    2,1,1
    3,1,1
inputs:
    in: 1,1,1
outputs:
    out: 3,1,1
"""


@pytest.fixture
def synapses(client: Client) -> Iterator[Cluster]:
    cluster = client.create_cluster("odd table", SYNAPSES)
    yield cluster
    client.delete_cluster(cluster)


def wild_table(values: list[int], rows: int) -> bytes:
    header = ",".join(f"input[{n}]" for n in range(len(values)))
    return f"{header},target\n".encode() + f"{','.join(map(str, values))},1000000000\n".encode() * rows


def test_a_training_that_diverges_fails_and_leaves_the_network_as_it_was(client: Client, synapses: Cluster) -> None:
    nines = [[9] * 40] * 500  # so many that no network of random weights leaves them all unconnected
    sound = client.upload_csv("odd table", csv_table(nines, targets=[[n % 2] for n in range(500)]))
    wild = client.upload_csv("odd table", wild_table(nines[0], rows=500))
    client.train(synapses, {"in": sound["input"]}, {"out": sound["target"]})
    before, cycles = ask(client, synapses, sound, 500), client.cluster(synapses).cycles
    with pytest.raises(TaskFailedException, match=r"the network diverges in cycle \d+"):
        client.train(synapses, {"in": wild["input"]}, {"out": wild["target"]})
    assert ask(client, synapses, sound, 500) == before
    assert client.cluster(synapses).cycles == cycles == 500


# -- fine -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [-1e6, -40.0, -0.5, 0.0, 1e6])
def test_negative_values_and_offsets(client: Client, network: Cluster, offset: float) -> None:
    rows = [[offset + n % 8, offset - n % 5] for n in range(400)]
    dataset = client.upload_csv("odd table", csv_table(rows, [n % 8 < 4 for n in range(400)]))
    learn(client, network, dataset, epochs=10)
    said = ask(client, network, dataset, 400)
    assert sum(kind(answer) == (n % 8 < 4) for n, answer in enumerate(said)) >= 390


def test_columns_of_zeros(client: Client, network: Cluster) -> None:
    dataset = client.upload_csv("odd table", csv_table([[0, 0, 0]] * 100, [n % 4 == 0 for n in range(100)]))
    learn(client, network, dataset, epochs=5)
    assert client.cluster(network).number_of_sections == 0
    said = ask(client, network, dataset, 2)
    assert said[0] == said[1]
    assert kind(said[0]) == 0


@pytest.mark.parametrize("classes", [["a"], ["a", "b"]])
def test_labels_that_are_always_the_same(client: Client, network: Cluster, classes: list[str]) -> None:
    rows = [[n % 9, n % 4] for n in range(200)]
    dataset = client.upload_csv("odd table", csv_table(rows, ["a"] * 200, classes=classes))
    learn(client, network, dataset, epochs=3)
    assert all(answer[0] > 0.8 for answer in ask(client, network, dataset, 200))


def test_a_class_that_never_occurs(client: Client, network: Cluster) -> None:
    rows = [[n % 2, 1 - n % 2] for n in range(300)]
    dataset = client.upload_csv("odd table", csv_table(rows, [n % 2 for n in range(300)], classes=[0, 1, 2]))
    learn(client, network, dataset, epochs=5)
    assert [kind(answer) for answer in ask(client, network, dataset, 300)] == [n % 2 for n in range(300)]


@pytest.mark.long
def test_a_single_row(client: Client, network: Cluster) -> None:
    dataset = client.upload_csv("odd table", csv_table([[3, -2, 0.5]], [1], classes=[0, 1]))
    learn(client, network, dataset, epochs=30)
    assert kind(ask(client, network, dataset, 1)[0]) == 1


def test_a_single_column(client: Client, network: Cluster) -> None:
    lines = "\n".join(f"{n % 10},{int(n % 10 > 4)}" for n in range(500))
    dataset = client.upload_csv("odd table", f"input,label\n{lines}\n".encode())
    learn(client, network, dataset, epochs=10)
    said = ask(client, network, dataset, 500)
    assert sum((answer[0] > 0.5) == (n % 10 > 4) for n, answer in enumerate(said)) >= 490


# -- much -------------------------------------------------------------------------------------------------------------


class Sidecar:
    """The process that holds the networks of a server, and how much memory it takes."""

    def __init__(self, server: LocalServer) -> None:
        self._pid = next(pid for pid in family(server.pid) if b"sidecar" in command_line(pid))
        self._before = self._most = own_memory(self._pid)
        self._end = threading.Event()
        self._watcher = threading.Thread(target=self._watch)
        self._watcher.start()

    def _watch(self) -> None:
        while not self._end.wait(0.01):
            self._most = max(self._most, own_memory(self._pid))

    def close(self) -> None:
        self._end.set()
        self._watcher.join()

    def more(self) -> int:
        """Return the most bytes that it took since the beginning, beyond what it had then."""
        return self._most - self._before


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[tuple[Client, Sidecar]]:
    """A server of its own, so that nobody else has used its memory before."""
    with LocalServer(tmp_path / "data") as server, Client(server.address, server.user, server.passphrase) as client:
        sidecar = Sidecar(server)
        yield client, sidecar
        sidecar.close()


@pytest.mark.long
def test_as_many_columns_as_a_table_may_have(fresh: tuple[Client, Sidecar]) -> None:
    client, sidecar = fresh
    width = MOST_COLUMNS - 2
    rows = [[(n + k) % 2 for k in range(width)] for n in range(6)]
    dataset = client.upload_csv("odd table", csv_table(rows, [n % 2 for n in range(6)]))
    network = client.create_cluster("very wide")
    learn(client, network, dataset, epochs=5)
    assert [kind(answer) for answer in ask(client, network, dataset, 6)] == [n % 2 for n in range(6)]
    assert sidecar.more() < MEMORY


def write_long_table(path: Path) -> None:
    """Write rows of four numbers and a class that two of them tell, a block at a time."""
    lines = [f"{n % 10},{n % 7 - 3},{n % 13 / 8},{1000 + n % 5},{int(n % 10 > 4)}\n" for n in range(BLOCK)]
    with path.open("w") as file:
        file.write("input[0],input[1],input[2],input[3],label\n")
        for _ in range(ROWS // BLOCK):
            file.writelines(lines)


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_more_rows_than_anyone_wants_to_hold_in_memory(fresh: tuple[Client, Sidecar], tmp_path: Path) -> None:
    client, sidecar = fresh
    write_long_table(tmp_path / "long.csv")
    dataset = client.upload_csv("odd table", tmp_path / "long.csv")
    assert dataset.number_of_rows == ROWS
    network = client.create_cluster("very long")
    learn(client, network, dataset)
    assert client.cluster(network).cycles == ROWS
    answers = client.request(network, {"in": dataset["input"]}, {"out": "answer"})
    said = client.dataset_content(answers, "answer", 1000, offset=ROWS - 1000)
    assert all((answer[0] > 0.5) == (n % 10 > 4) for n, answer in enumerate(said))
    assert sidecar.more() < MEMORY
