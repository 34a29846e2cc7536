"""Who sees which rows, in lists and one by one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanami_core.access import Access, Action, Actor, Verb
from hanami_core.errors import NotFound
from hanami_plugins.projects import Project
from hanami_plugins.users import User
from tests.plugins.identity import ADMIN, MEMBER, Note, Site, add_user

PROJECTS, OWNERS, VISIBILITIES = (
    ("proj_a", "proj_b", "admin"),
    ("tsugumi", "other", "asdf"),
    ("private", "shared", "public"),
)
VERBS: tuple[Verb, ...] = get_args(Verb)
READ = Action("notes.get", "GET", "v1.0alpha/note", "read", ("admin", "member"))

ACTORS = [
    Actor(user, user, project, role, is_admin, is_project_admin)
    for user, project, role, is_admin, is_project_admin in product(
        ("tsugumi", "asdf", "stranger"), PROJECTS, ("admin", "member"), (True, False), (True, False)
    )
]
ROWS = st.lists(
    st.tuples(st.sampled_from(PROJECTS), st.sampled_from(OWNERS), st.sampled_from(VISIBILITIES), st.booleans()),
    max_size=12,
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with Site(tmp_path_factory.mktemp("site")) as site:
        yield site


def store(rows: list[tuple[str, str, str, bool]]) -> list[Note]:
    """Replace all notes by the given ones."""
    Note.delete().execute()
    found = []
    for project, owner, visibility, deleted in rows:
        note = Note.create(project_id=project, owner_id=owner, visibility=visibility, name="note")
        if deleted:
            note.mark_deleted()
        found.append(note)
    return found


def expected(actor: Actor, verb: Verb, row: Note) -> bool:
    """The rules of visibility, written down once more."""
    if row.status != "active":
        return False
    here = row.project_id == actor.project_id
    if actor.is_admin or (actor.is_project_admin and here) or (here and row.owner_id == actor.user_id):
        return True
    return verb == "read" and (row.visibility == "public" or (row.visibility == "shared" and here))


def check(site: Site, actor: Actor, verb: Verb, rows: list[Note]) -> None:
    access = Access(actor, READ, site.runtime.plugins.access_rules)
    wanted = [row.uuid for row in rows if expected(actor, verb, row)]
    assert [row.uuid for row in access.visible(Note, verb)] == wanted
    for row in rows:
        if row.uuid in wanted:
            assert access.get(Note, row.uuid, "missing", verb) == row
            assert access.get(Note, row.uuid.upper(), "missing", verb) == row
        else:
            with pytest.raises(NotFound, match=r"^missing \(uuid "):
                access.get(Note, row.uuid, "missing", verb)


def test_every_actor_and_every_kind_of_row(site: Site) -> None:
    rows = store(list(product(PROJECTS, OWNERS, VISIBILITIES, (False, True))))
    for actor, verb in product(ACTORS, VERBS):
        access = Access(actor, READ, site.runtime.plugins.access_rules)
        found = {row.uuid for row in access.visible(Note, verb)}
        assert found == {row.uuid for row in rows if expected(actor, verb, row)}, (actor, verb)


@given(actor=st.sampled_from(ACTORS), verb=st.sampled_from(VERBS), rows=ROWS)
def test_a_list_shows_what_can_be_opened(
    site: Site, actor: Actor, verb: Verb, rows: list[tuple[str, str, str, bool]]
) -> None:
    check(site, actor, verb, store(rows))


def test_the_method_decides_which_rule_counts(site: Site) -> None:
    store([("test_project", "other", "shared", False)])
    for verb, count in (("read", 1), ("write", 0)):
        action = Action("notes.x", "GET", "v1.0alpha/note", verb, ())  # type: ignore[arg-type]
        assert Access(MEMBER, action, site.runtime.plugins.access_rules).visible(Note).count() == count


def test_users_and_projects_are_for_admins(site: Site) -> None:
    add_user("tsugumi")
    site.call(ADMIN, "POST", "project", id="test_project", name="test_project")
    project_admin = Actor("tsugumi", "tsugumi", "test_project", "admin", is_project_admin=True)
    for model, verb in product((User, Project), VERBS):
        for actor, count in ((ADMIN, 1), (MEMBER, 0), (project_admin, 0)):
            assert Access(actor, READ, site.runtime.plugins.access_rules).visible(model, verb).count() == count
