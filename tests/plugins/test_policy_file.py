"""The plugin `policy_file`."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hanami_core.access import ANY_ROLE, Access, Action, Actor, Rule
from hanami_core.errors import Forbidden, StartupError
from hanami_core.http import METHODS
from hanami_plugins.policy_file import PolicyError, parse_policy
from tests.plugins.identity import POLICY, Note, Site


def word(alphabet: str) -> st.SearchStrategy[str]:
    found = st.text(string.ascii_letters + string.digits + alphabet, min_size=1, max_size=12)
    return found.filter(lambda text: text not in (*METHODS, "-"))


ROLES = st.lists(word("_"), min_size=1, max_size=3)
RULES = st.lists(st.tuples(st.sampled_from(METHODS), ROLES), min_size=1, max_size=4)
ENTRIES = st.lists(st.tuples(word("_/.-~{}"), RULES), min_size=1, max_size=5)
BLANK = st.text(" \t\n", max_size=3)
GAP = st.text(" \t\n", min_size=1, max_size=3)


@st.composite
def written(draw: st.DrawFn) -> tuple[str, list[tuple[str, list[tuple[str, list[str]]]]]]:
    """Return a policy as text and as its parts."""
    entries, text = draw(ENTRIES), draw(BLANK)
    for endpoint, rules in entries:
        text += endpoint
        for method, roles in rules:
            comma = draw(BLANK) + "," + draw(BLANK)
            text += f"{draw(GAP)}-{draw(GAP)}{method}{draw(BLANK)}:{draw(BLANK)}{comma.join(roles)}"
        text += draw(GAP)
    return text, entries


@given(written())
def test_a_policy_says_what_was_written(policy: tuple[str, list[tuple[str, list[tuple[str, list[str]]]]]]) -> None:
    text, entries = policy
    parsed = parse_policy(text)
    for name, _ in entries:
        first = next(rules for endpoint, rules in entries if endpoint == name)
        for method in METHODS:
            last = next((roles for other, roles in reversed(first) if other == method), [])
            assert parsed.roles(name, method) == set(last)
    assert len(parsed.entries) == len({name for name, _ in entries})


@given(st.text(string.ascii_letters + "-:,/. \nGETé#", max_size=60))
@example("")
def test_any_text_is_a_policy_or_an_error_with_a_place(text: str) -> None:
    try:
        parse_policy(text)
    except PolicyError as error:
        message = str(error)
    else:
        message = "line "
    assert message.startswith("line ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1, column 1: the file ends too early, expected a word"),
        ("v1/x\n", "line 1, column 1: the file ends too early, expected '- '"),
        ("v1/x\n  -GET: admin", "line 2, column 3: unexpected '-GET', expected '- '"),
        ("v1/x - GET admin", "line 1, column 12: unexpected 'admin', expected ':'"),
        (
            "v1/x - get: admin",
            "line 1, column 8: unexpected 'get', expected DELETE or GET or HEAD or OPTIONS or PATCH or POST or PUT",
        ),
        ("v1/x - GET: ad/min", "line 1, column 13: 'ad/min' is not the name of a role"),
        ("v1/x - GET: admin,", "line 1, column 18: the file ends too early, expected a word"),
        ("v1/x - GET: admin # all", "line 1, column 19: invalid character '#'"),
        ("GET - GET: admin", "line 1, column 1: unexpected 'GET', expected a word"),
    ],
)
def test_errors_name_the_place(text: str, message: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy(text)
    assert str(caught.value) == message


def test_first_entry_and_last_rule_win() -> None:
    policy = parse_policy("v1/x - GET: a - GET: b\nv1/x - GET: c - PUT: d")
    assert policy.roles("v1/x", "GET") == {"b"}
    assert policy.roles("v1/x", "PUT") == set()


def test_endpoints_match_exactly() -> None:
    policy = parse_policy("v1/x - GET: a")
    for endpoint in ("v1", "v1/x/", "v1/X", "/v1/x", "v1/x/y", ""):
        assert policy.roles(endpoint, "GET") == set()


# -- in the server -----------------------------------------------------------------------------------------------------


def allowed(site: Site, role: str, endpoint: str = "v1.0alpha/cluster", method: str = "GET") -> bool:
    actor = Actor("tsugumi", "tsugumi", "test_project", role)
    action = Action("clusters.get", method, endpoint, "read", ("admin", "member"))
    try:
        Access(actor, action, site.runtime.plugins.access_rules).require()
    except Forbidden as error:
        return str(error) != "access_denied"
    return True


def test_without_a_file_the_roles_of_the_route_count(tmp_path: Path) -> None:
    with Site(tmp_path) as site:
        assert [allowed(site, role) for role in ("admin", "member", "guest", "")] == [True, True, False, False]


def test_with_a_file_nothing_else_counts(tmp_path: Path) -> None:
    tmp_path.joinpath("own.policy").write_text("v1.0alpha/cluster\n  - GET : guest\n")
    with Site(tmp_path, policy_file__path="own.policy") as site:
        assert [allowed(site, role) for role in ("admin", "member", "guest")] == [False, False, True]
        assert not allowed(site, "guest", method="POST")
        assert not allowed(site, "guest", endpoint="v1.0alpha/cluster/all")


def test_a_file_says_nothing_about_what_has_no_endpoint(tmp_path: Path) -> None:
    tmp_path.joinpath("own.policy").write_text("v1.0alpha/cluster\n  - GET : guest\n")
    with Site(tmp_path, policy_file__path="own.policy") as site:
        assert [allowed(site, role, "", "PUT") for role in ("admin", "member", "guest")] == [True, True, False]
        anybody = Action("notes.send", "PUT", "", "write", (ANY_ROLE,))
        assert Rule(True) in site.runtime.plugins.access_rules(Actor("x", "x", "test_project", "guest"), anybody)
        nobody = Action("", "GET", "", "read", ())
        assert Rule(False, "access_denied") in site.runtime.plugins.access_rules(
            Actor("x", "x", "test_project", "admin"), nobody
        )


def test_rows_are_none_of_its_business(tmp_path: Path) -> None:
    with Site(tmp_path) as site:
        Note.create(project_id="test_project", owner_id="tsugumi", name="note")
        actor = Actor("tsugumi", "tsugumi", "test_project", "guest")
        action = Action("notes.get", "GET", "v1.0alpha/note", "read", ("admin",))
        assert Access(actor, action, site.runtime.plugins.access_rules).visible(Note).count() == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "own.policy: line 1, column 1: the file ends too early"),
        (b"v1/x - GET admin", "own.policy: line 1, column 12"),
        (b"\xff", "own.policy: 'utf-8' codec"),
        (None, "No such file"),
    ],
)
def test_a_broken_file_stops_the_start(tmp_path: Path, content: bytes | None, message: str) -> None:
    if content is not None:
        tmp_path.joinpath("own.policy").write_bytes(content)
    with pytest.raises(StartupError, match=message):
        Site(tmp_path, policy_file__path="own.policy")


def test_the_shipped_policy_agrees_with_the_routes(tmp_path: Path) -> None:
    policy = parse_policy(POLICY.read_text())
    with Site(tmp_path) as site:
        actions = [bound.action for bound in site.routes.values() if not bound.route.anonymous]
        assert len(actions) == 14
        for action in actions:
            # What OpenHanami does not have cannot be in the file that it ships.
            roles = set() if action.name == "passphrases.change" else set(action.roles)
            assert policy.roles(action.endpoint, action.method) == roles, action


def test_the_shipped_policy_works_as_a_file(tmp_path: Path) -> None:
    with Site(tmp_path, policy_file__path=str(POLICY)) as site:
        assert allowed(site, "member")
        assert not allowed(site, "member", endpoint="v1.0alpha/error_log")
        assert allowed(site, "admin", endpoint="v1.0alpha/error_log")
