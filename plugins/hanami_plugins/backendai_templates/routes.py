"""Routes of session templates."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from hanami_core.clock import Moment
from hanami_core.http import Call, Handler, Page, Route, RouteGroup
from hanami_plugins.api_backendai import (
    DEFAULT,
    group_of,
    group_uuid,
    owner_access,
    require_domain,
    route,
    user_uuid,
)
from hanami_plugins.backendai_templates import documents, payloads, service
from hanami_plugins.backendai_templates.models import SessionTemplate
from hanami_plugins.backendai_templates.sentences import SENTENCES

R = TypeVar("R", bound=msgspec.Struct)
GROUP = RouteGroup("backendai_templates", "Write down once what sessions are to be like.", 950)
PATH = "/template/session"
MEDIA_TYPES = {"yaml": "application/yaml; charset=utf-8", "json": "application/json"}
EXAMPLE_KEY = "AKIAIOSFODNN7EXAMPLE"
EXAMPLE_ID = "8b2f4a1e6c3d4e5f9a7b0c1d2e3f4a5b"
EXAMPLE_TEMPLATE = {
    "api_version": "v1",
    "kind": "taskTemplate",
    "metadata": {"name": "nightly"},
    "spec": {"kernel": {"image": "python:3.6-ubuntu18.04"}, "resources": {"cpu": "2", "mem": "4g"}},
}
EXAMPLE_PAYLOAD = payloads.dump(EXAMPLE_TEMPLATE, "yaml")

TemplateId = Annotated[str, Meta(max_length=64, examples=[EXAMPLE_ID])]
AnyId = Annotated[str, Meta(examples=[EXAMPLE_ID])]
Payload = Annotated[str, Meta(max_length=payloads.MOST_BYTES, examples=[EXAMPLE_PAYLOAD])]
AccessKey = Annotated[str, Meta(max_length=64, examples=[EXAMPLE_KEY])]
Named = Annotated[str, Meta(max_length=254, examples=[DEFAULT])]


class CreateTemplate(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A new template.

    Attributes:
        payload: the template, in YAML or JSON.
        group_name: id or UUID of the project that sessions are started in; the one that you work in if missing.
        domain_name: name of the domain, `default`.
        owner_access_key: access key of the user whom it is for, for admins only; you if missing.
    """

    payload: Payload
    group_name: Named | None = None
    domain_name: Named | None = None
    owner_access_key: AccessKey | None = None


class CreatedTemplate(msgspec.Struct):
    """A template that was just stored.

    Attributes:
        id: UUID of the template, without dashes.
        user: UUID of its user, without dashes.
    """

    id: AnyId
    user: AnyId


class ListTemplates(msgspec.Struct, forbid_unknown_fields=True):
    """Which templates.

    Attributes:
        all: whether those of all users are listed, for admins only.
    """

    all: Annotated[bool, Meta(examples=[False])] = False


class GetTemplate(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A template.

    Attributes:
        id: UUID of the template.
        format: `yaml` or `json`.
        owner_access_key: access key of its user, for admins only; you if missing.
    """

    id: TemplateId
    format: Annotated[Literal["yaml", "json"], Meta(examples=["yaml"])] = "yaml"
    owner_access_key: AccessKey | None = None


class UpdateTemplate(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What a template is to say.

    Attributes:
        id: UUID of the template.
        payload: the template, in YAML or JSON.
        owner_access_key: access key of its user, for admins only; you if missing.
    """

    id: TemplateId
    payload: Payload
    owner_access_key: AccessKey | None = None


class DeleteTemplate(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A template.

    Attributes:
        id: UUID of the template.
        owner_access_key: access key of its user, for admins only; you if missing.
    """

    id: TemplateId
    owner_access_key: AccessKey | None = None


class ListedTemplate(msgspec.Struct, kw_only=True):
    """A template in a list.

    Attributes:
        name: name of the sessions.
        id: UUID of the template, without dashes.
        created_at: when it was created, in UTC.
        is_owner: whether it is yours.
        user: UUID of its user.
        group: UUID of the project that sessions are started in.
        user_email: id of its user.
        group_name: id of the project.
        domain_name: name of the domain.
        type: `user`.
        template: what it says, without a git password.
    """

    name: Annotated[str, Meta(examples=["nightly"])]
    id: AnyId
    created_at: Moment
    is_owner: Annotated[bool, Meta(examples=[True])]
    user: AnyId
    group: AnyId
    user_email: Annotated[str, Meta(examples=["katherine"])]
    group_name: Annotated[str, Meta(examples=["flower_shop"])]
    domain_name: Annotated[str, Meta(examples=[DEFAULT])] = DEFAULT
    type: Annotated[str, Meta(examples=["user"])] = "user"
    template: Annotated[dict[str, Any], Meta(examples=[EXAMPLE_TEMPLATE])]


class TemplateChanged(msgspec.Struct):
    """What a change answers.

    Attributes:
        success: true.
    """

    success: Annotated[bool, Meta(examples=[True])] = True


def routes() -> list[Route]:
    """Return the routes."""

    def one(method: str, path: str, verb: str, request: type[R], response: object, handler: Handler[R]) -> Route[R]:
        return route(method, path, f"backendai_templates.{verb}", request, response, handler, errors=SENTENCES)

    return GROUP.of(
        one("POST", PATH, "create", CreateTemplate, CreatedTemplate, create),
        one("GET", PATH, "list", ListTemplates, list[ListedTemplate], list_all),
        one("GET", f"{PATH}/{{id}}", "get", GetTemplate, Page, get),
        one("PUT", f"{PATH}/{{id}}", "update", UpdateTemplate, TemplateChanged, update),
        one("DELETE", f"{PATH}/{{id}}", "delete", DeleteTemplate, TemplateChanged, delete),
    )


def create(call: Call, request: CreateTemplate) -> CreatedTemplate:
    """Store a template."""
    require_domain(request.domain_name)
    access = owner_access(call, request.owner_access_key)
    membership = group_of(call.runtime, access, request.group_name)
    new = service.create_template(call.runtime, access, membership.project_id, request.payload)
    return CreatedTemplate(_hex(new.uuid), _hex(user_uuid(new.owner_id)))


def list_all(call: Call, request: ListTemplates) -> list[ListedTemplate]:
    """List your templates; an admin can list those of all users."""
    found = (
        service.list_all_templates(call.access) if request.all else service.list_templates(call.runtime, call.access)
    )
    return [_listed(call, one) for one in found]


def get(call: Call, request: GetTemplate) -> Page:
    """Return a template as text, which can be stored again.

    A git password is shown to the owner of the template only.
    """
    access = owner_access(call, request.owner_access_key)
    found = service.get_template(call.runtime, access, request.id)
    own = found.owner_id == access.actor.user_id
    values = documents.written(service.read_document(call.runtime, found)) if own else documents.outline(found.document)
    text = payloads.dump(values, request.format)
    return Page(text.encode(), MEDIA_TYPES[request.format])


def update(call: Call, request: UpdateTemplate) -> TemplateChanged:
    """Replace what a template says."""
    access = owner_access(call, request.owner_access_key)
    service.update_template(call.runtime, access, request.id, request.payload)
    return TemplateChanged()


def delete(call: Call, request: DeleteTemplate) -> TemplateChanged:
    """Delete a template."""
    service.delete_template(call.runtime, owner_access(call, request.owner_access_key), request.id)
    return TemplateChanged()


def _listed(call: Call, one: SessionTemplate) -> ListedTemplate:
    return ListedTemplate(
        name=one.name,
        id=_hex(one.uuid),
        created_at=Moment(one.created_at),
        is_owner=one.owner_id == call.actor.user_id,
        user=user_uuid(one.owner_id),
        group=group_uuid(one.project_id),
        user_email=one.owner_id,
        group_name=one.project_id,
        template=documents.outline(one.document),
    )


def _hex(value: str) -> str:
    return uuid.UUID(value).hex
