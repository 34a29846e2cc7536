"""Who sees, changes and names what: members, a project admin and a global admin in two projects of a real server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hanami_sdk import Client, csv_table
from hanami_sdk.hanami_exceptions import UnauthorizedException
from tests.server.harness import until
from tests.service.wire import Wire

SECRET = "a long passphrase"
PEOPLE = {
    "chief": ("garden", True),
    "first_member": ("garden", False),
    "other_member": ("garden", False),
    "neighbour": ("meadow", False),
}


@pytest.fixture(scope="module")
def tokens(wire: Wire) -> Iterator[dict[str, str]]:
    """Create projects and people, and return the token of each."""
    for project in ("garden", "meadow"):
        assert wire.body("POST", "project", {"id": project, "name": project}).status == 200
    for user, (project, chief) in PEOPLE.items():
        assert wire.body("POST", "user", {"id": user, "name": user, "password": SECRET}).status == 200
        place = {"id": user, "project_id": project, "role": "member", "is_project_admin": chief}
        assert wire.body("POST", "user/project", place).status == 200
    yield {user: wire.login(user, SECRET) for user in PEOPLE} | {"admin": wire.token}
    for user in PEOPLE:
        wire.query("DELETE", "user", id=user)
    for project in ("garden", "meadow"):
        assert wire.query("DELETE", "project", id=project).status == 200


@pytest.fixture
def clusters(wire: Wire, tokens: dict[str, str]) -> Iterator[dict[str, str]]:
    """Let everybody create a cluster, and return the uuid of each."""
    made = {}
    for user, token in tokens.items():
        answer = wire.body("POST", "cluster", {"name": f"cluster of {user}".replace("_", " ")}, token)
        made[user] = answer.json["uuid"]
    yield made
    for uuid in made.values():
        assert wire.query("DELETE", "cluster", uuid=uuid).status == 200


SEEN = {
    "admin": {"admin", "chief", "first_member", "other_member", "neighbour"},
    "chief": {"chief", "first_member", "other_member"},
    "first_member": {"first_member"},
    "other_member": {"other_member"},
    "neighbour": {"neighbour"},
}


@pytest.mark.parametrize("user", SEEN)
def test_everybody_lists_gets_and_changes_the_same_rows(
    wire: Wire, tokens: dict[str, str], clusters: dict[str, str], user: str
) -> None:
    listed = {row[1] for row in wire.query("GET", "cluster/all", tokens[user]).json["body"]} & set(clusters.values())
    assert listed == {clusters[owner] for owner in SEEN[user]}
    for owner, uuid in clusters.items():
        status = 200 if owner in SEEN[user] else 404
        assert wire.query("GET", "cluster", tokens[user], uuid=uuid).status == status
        assert wire.query("GET", "task/all", tokens[user], cluster_uuid=uuid).status == status
        change = {"uuid": uuid, "new_state": "TASK"}
        assert wire.body("PUT", "cluster/set_mode", change, tokens[user]).status == status
    for owner in set(clusters) - SEEN[user]:
        missing = (404, f"Cluster with uuid '{clusters[owner]}' not found")
        assert wire.query("DELETE", "cluster", tokens[user], uuid=clusters[owner]) == missing


def test_a_name_is_taken_among_what_one_sees(wire: Wire, tokens: dict[str, str]) -> None:
    made = []
    for user in ("first_member", "other_member", "neighbour"):
        answer = wire.body("POST", "cluster", {"name": "roses"}, tokens[user])
        assert answer.status == 200
        made.append(answer.json["uuid"])
        answer = wire.body("POST", "cluster", {"name": "roses"}, tokens[user])
        assert answer == (409, "Cluster with name 'roses' already exist.")
    for user in ("chief", "admin"):
        answer = wire.body("POST", "cluster", {"name": "roses"}, tokens[user])
        assert answer == (409, "Cluster with name 'roses' already exist.")
    for uuid in made:
        assert wire.query("DELETE", "cluster", uuid=uuid).status == 200


def test_what_a_project_or_a_user_leaves_behind_is_not_lost(wire: Wire, tokens: dict[str, str]) -> None:
    assert wire.body("POST", "user", {"id": "guest", "name": "guest", "password": SECRET}).status == 200
    assert wire.body("POST", "project", {"id": "sheds", "name": "sheds"}).status == 200
    assert wire.body("POST", "user/project", {"id": "guest", "project_id": "sheds", "role": "member"}).status == 200
    token = wire.login("guest", SECRET)
    uuid = wire.body("POST", "cluster", {"name": "spades"}, token).json["uuid"]
    text = "Project with id 'sheds' still contains 1 resources, delete them first."
    assert wire.query("DELETE", "project", id="sheds") == (409, text)
    assert wire.query("GET", "cluster", token, uuid=uuid).status == 200
    assert wire.query("DELETE", "user", id="guest").status == 200
    again = wire.body("POST", "user", {"id": "guest", "name": "guest", "password": SECRET})
    assert again == (409, "A deleted user with id 'guest' still owns 1 resources, delete them first.")
    assert wire.query("GET", "cluster", uuid=uuid).json["owner_id"] == "guest"
    assert wire.query("DELETE", "cluster", uuid=uuid).status == 200
    assert wire.body("POST", "user", {"id": "guest", "name": "guest", "password": SECRET}).status == 200
    assert wire.query("GET", "user", id="guest").json["projects"] == []
    for path, identity in (("user", "guest"), ("project", "sheds")):
        assert wire.query("DELETE", path, id=identity).status == 200


def test_a_user_without_a_place_can_not_log_in(wire: Wire) -> None:
    assert wire.body("POST", "user", {"id": "nowhere_man", "name": "nowhere man", "password": SECRET}).status == 200
    answer = wire.body("POST", "token", {"id": "nowhere_man", "password": SECRET}, "")
    assert answer == (401, "User with id 'nowhere_man' has no project assigned.")
    answer = wire.body("POST", "token", {"id": "nowhere_man", "password": "wrong passphrase"}, "")
    assert answer == (401, "ACCESS DENIED!\nUser or passphrase is incorrect.")
    assert wire.query("DELETE", "user", id="nowhere_man").status == 200


# who of all that are not its owner sees a row of the first member
READERS = {
    "private": {"admin", "chief"},
    "shared": {"admin", "chief", "other_member"},
    "public": {"admin", "chief", "other_member", "neighbour"},
}


@pytest.mark.parametrize("visibility", READERS)
def test_owners_say_who_reads(wire: Wire, tokens: dict[str, str], clusters: dict[str, str], visibility: str) -> None:
    uuid, owner = clusters["first_member"], tokens["first_member"]
    change = {"uuid": uuid, "visibility": visibility}
    assert wire.body("PUT", "cluster/visibility", change, owner).json["visibility"] == visibility
    for user in set(tokens) - {"first_member"}:
        sees = user in READERS[visibility]
        assert wire.query("GET", "cluster", tokens[user], uuid=uuid).status == (200 if sees else 404)
        listed = {row[1] for row in wire.query("GET", "cluster/all", tokens[user]).json["body"]}
        assert (uuid in listed) == sees
        # Who reads does not write.
        writes = user in ("admin", "chief")
        assert wire.body("PUT", "cluster/visibility", change, tokens[user]).status == (200 if writes else 404)
        if not writes:
            assert wire.query("DELETE", "cluster", tokens[user], uuid=uuid).status == 404


def test_a_shared_network_is_asked_and_not_trained_by_others(wire: Wire, tokens: dict[str, str]) -> None:
    owner, other, neighbour = tokens["first_member"], tokens["other_member"], tokens["neighbour"]
    with Client(wire.address, "first_member", SECRET) as mine, Client(wire.address, "other_member", SECRET) as theirs:
        data = mine.upload_csv("petals", csv_table([[1, 2], [5, 6]] * 20, ["rose", "oak"] * 20))
        network = mine.create_cluster("tells plants")
        mine.train(network, {"size": data["input"]}, {"kind": data["label"]})
        checkpoint = mine.save(network, "summer")
        questions = theirs.upload_csv("questions", csv_table([[1, 2], [5, 6]]))
        fields = {"name": "what is it", "cluster_uuid": network.uuid}
        inputs = [{"dataset_uuid": questions.uuid, "dataset_column": "input", "hexagon_name": "size"}]
        ask = fields | {"inputs": inputs, "results": [{"dataset_column": "answer", "hexagon_name": "kind"}]}
        missing = (404, f"Cluster with uuid '{network.uuid}' not found")
        assert wire.body("POST", "task/request", ask, other) == missing
        mine.set_cluster_visibility(network, "shared")
        answers = theirs.request(network, {"size": questions["input"]}, {"kind": "answer"})
        assert [row.index(max(row)) for row in theirs.dataset_content(answers, "answer", 2)] == [1, 0]
        assert wire.body("POST", "task/request", ask, neighbour) == missing
        train = fields | {"inputs": inputs, "outputs": inputs}
        assert wire.body("POST", "task/train", train, other) == missing
        # What one has asked, one may remove; what others have asked stays theirs.
        uuids = {"cluster_uuid": network.uuid}
        assert wire.query("DELETE", "task", other, **uuids, uuid=answers.uuid) == (200, "{}")
        trained = mine.tasks(network)[0]
        assert wire.query("DELETE", "task", other, **uuids, uuid=trained.uuid) == missing
        # A shared checkpoint is loaded into a network of one's own.
        copy = theirs.create_cluster("tells plants too")
        load = {"cluster_uuid": copy.uuid, "checkpoint_uuid": checkpoint.uuid}
        gone = (404, f"Checkpoint with uuid '{checkpoint.uuid}' not found")
        assert wire.body("POST", "cluster/load", load, other) == gone
        mine.set_checkpoint_visibility(checkpoint, "shared")
        theirs.restore(copy, checkpoint)
        assert theirs.cluster(copy).cycles == 40
        assert wire.body("POST", "cluster/load", load, owner) == (404, f"Cluster with uuid '{copy.uuid}' not found")
    for noun in ("cluster", "dataset", "checkpoint"):
        for row in wire.query("GET", f"{noun}/all").json["body"]:
            if row[2] == "garden":
                assert wire.query("DELETE", noun, uuid=row[1]).status == 200


def test_a_login_that_fails_is_no_answer_about_calls(wire: Wire, tokens: dict[str, str]) -> None:
    with Client(wire.address, "neighbour", SECRET) as client:
        assert client.may_call("GET", "/cluster/all")
        assert not client.may_call("GET", "/user/all")
    with Client(wire.address, "neighbour", "another passphrase") as client, pytest.raises(UnauthorizedException):
        client.may_call("GET", "/cluster/all")


def test_those_who_may_only_ask_leave_room_for_the_owner(wire: Wire, tokens: dict[str, str]) -> None:
    owner, other = tokens["first_member"], tokens["other_member"]
    with Client(wire.address, "first_member", SECRET) as mine:
        data = mine.upload_csv("leaves", csv_table([[1, 2], [5, 6]] * 4, ["rose", "oak"] * 4))
        mine.set_dataset_visibility(data, "shared")
        network = mine.create_cluster("tells leaves")
        mine.train(network, {"size": data["input"]}, {"kind": data["label"]})
        mine.set_cluster_visibility(network, "shared")
        mine.set_mode(network, "DIRECT")  # in which no task starts
        uuids = {"cluster_uuid": network.uuid}
        inputs = [{"dataset_uuid": data.uuid, "dataset_column": "input", "hexagon_name": "size"}]
        results = [{"dataset_column": "answer", "hexagon_name": "kind"}]
        ask = uuids | {"name": "what is it", "inputs": inputs, "results": results}
        asked = [wire.body("POST", "task/request", ask, other) for _ in range(9)]
        assert [answer.status for answer in asked] == [200] * 8 + [409]
        assert asked[8].text == (
            f"Cluster with uuid '{network.uuid}' has 8 open requests of others already, try again when they have ended"
        )
        # The owner may stop what others ask, which makes room again.
        assert wire.query("DELETE", "task", owner, **uuids, uuid=asked[0].json["uuid"]).status == 200
        own = [wire.body("POST", "task/request", ask, user) for user in (other, owner, tokens["chief"])][1:]
        # Whoever may change the cluster goes first; then they and the others take turns.
        mine.set_mode(network, "TASK")
        until(lambda: all(task.state == "finished" for task in mine.tasks(network)), what="all are answered")
        known = {answer.json["uuid"]: place for place, answer in enumerate(own)}
        results = {task.uuid for task in mine.tasks(network)}
        made = [row[1] for row in wire.query("GET", "dataset/all").json["body"] if row[1] in results]
        assert [known.get(uuid, "other") for uuid in made] == [0, "other", 1, *["other"] * 7]
        for uuid in made:
            assert wire.query("DELETE", "dataset", uuid=uuid).status == 200
        mine.delete_cluster(network)
        mine.delete_dataset(data)
