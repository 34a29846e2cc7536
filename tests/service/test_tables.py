"""Tables other than pictures, through the whole service: classes and numbers that are to be predicted."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from hanami_sdk import Client, Cluster, Dataset, Scale, TaskFailedException, csv_table

TABLES = Path(__file__).parent / "tables"
TEMPLATE = """version: 1
settings:
    blocks: {blocks}
hexagons:
    1,1,1
    2,1,1
    3,1,1
inputs:
    input: 1,1,1
outputs:
    {output}: 3,1,1
"""

Rows = list[list[float]]


def shuffled(name: str) -> tuple[list[str], Rows]:
    """Return header and rows of a table in an order that is the same every time."""
    header, *lines = (TABLES / f"{name}.csv").read_text().split()
    rows = [[float(cell) for cell in line.split(",")] for line in lines]
    random.Random(7).shuffle(rows)
    return header.split(","), rows


def parted(rows: Rows) -> tuple[Rows, Rows]:
    """Return rows to learn and, a fifth of all, rows to ask."""
    cut = len(rows) * 4 // 5
    return rows[:cut], rows[cut:]


def upload(client: Client, name: str, content: bytes) -> Dataset:
    return client.upload_csv(f"table {name}", content)


@pytest.fixture
def network(client: Client, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A network with the input `input`; the test's marker may name its output and say how many blocks it has."""
    output, blocks = getattr(request, "param", ("label", 2))
    cluster = client.create_cluster(f"table {output}", TEMPLATE.format(output=output, blocks=blocks))
    yield cluster
    client.delete_cluster(cluster)


def learn(client: Client, cluster: Cluster, dataset: Dataset, output: str, epochs: int) -> None:
    columns = {"input": dataset["input"]}, {output: dataset[output]}
    # The same network each time: of many of them, one in fifty is a little worse than all others.
    tasks = [client.train(cluster, *columns, seed=seed, wait=False) for seed in range(epochs)]
    client.wait(tasks[-1])


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "network", "epochs", "percent"),
    [
        ("digits", ("label", 8), 20, 98.0),
        ("wine", ("label", 2), 20, 94.0),
        ("breast_cancer", ("label", 2), 5, 97.0),
    ],
    indirect=["network"],
)
def test_raw_columns_are_learned(client: Client, network: Cluster, name: str, epochs: int, percent: float) -> None:
    header, rows = shuffled(name)
    assert header[-1] == "class"
    classes = sorted({row[-1] for row in rows})
    known, unknown = (
        upload(client, part, csv_table([row[:-1] for row in half], [row[-1] for row in half], classes=classes))
        for part, half in zip(("known", "unknown"), parted(rows), strict=True)
    )
    learn(client, network, known, "label", epochs)
    answers = client.request(network, {"input": unknown["input"]}, {"label": "answer"})
    assert client.check(answers, unknown) >= percent


def test_a_table_as_it_was_exported(client: Client, network: Cluster) -> None:
    """A file with numbered names goes up as it is; a column of width 1 is as good an output as any."""
    columns = "size[0],size[1],small"
    lines = [f"{n % 10},{n % 7 + 40},{int(n % 10 < 5)}" for n in range(300)]
    dataset = upload(client, "export", "\n".join([columns, *lines]).encode())
    assert dict(dataset.columns) == {"size": range(2), "small": range(2, 3)}
    for _ in range(5):
        client.train(network, {"input": dataset["size"]}, {"label": dataset["small"]})
    answers = client.request(network, {"input": dataset["size"]}, {"label": "small"})
    said = client.dataset_content(answers, "small", 300)
    right = sum((value[0] > 0.5) == (n % 10 < 5) for n, value in enumerate(said))
    assert right >= 290


@pytest.mark.long
@pytest.mark.parametrize("network", [("target", 2)], indirect=True)
def test_a_number_is_predicted_in_its_own_unit(client: Client, network: Cluster) -> None:
    """The area of cells from their other measures, which says almost all about it."""
    header, rows = shuffled("breast_cancer")
    place = header.index("mean_area")
    known, unknown = parted([[*row[:place], *row[place + 1 : -1], row[place]] for row in rows])
    scale = Scale.of([row[-1:] for row in known])
    targets = scale.apply([row[-1:] for row in known])
    dataset = upload(client, "areas", csv_table([row[:-1] for row in known], targets=targets))
    learn(client, network, dataset, "target", 40)
    asked = upload(client, "others", csv_table([row[:-1] for row in unknown]))
    answers = client.request(network, {"input": asked["input"]}, {"target": "area"})
    areas = [row[0] for row in scale.restore(client.dataset_content(answers, "area", len(unknown)))]
    expected = [row[-1] for row in unknown]
    mean = sum(expected) / len(expected)
    unexplained = sum((a - e) ** 2 for a, e in zip(areas, expected, strict=True))
    explained = 1 - unexplained / sum((e - mean) ** 2 for e in expected)
    assert explained >= 0.9


@pytest.mark.parametrize("value", ["1.001", "-0.001", "1000"])
def test_outputs_outside_of_0_to_1_are_refused_before_training(client: Client, network: Cluster, value: str) -> None:
    dataset = upload(client, "wide", f"input,label\n1,0\n2,1\n3,{value}\n".encode())
    with pytest.raises(TaskFailedException, match="output 'label' has a value that is not between 0 and 1 in cycle 2"):
        learn(client, network, dataset, "label", 1)
    assert client.cluster(network).cycles == 0
