"""What other plugins add to the schema, by the hook ``backendai_admin_graphql``, and what resolvers get."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hanami_core import hookspec
from hanami_core.access import Access
from hanami_core.errors import Forbidden, VisibleError
from hanami_core.runtime import Runtime
from hanami_plugins.api_backendai import ACCESS_KEY

if TYPE_CHECKING:
    from graphql import GraphQLResolveInfo

__all__ = ["GraphqlCaller", "GraphqlHooks", "GraphqlPart", "Resolver", "caller_of"]

Resolver = Callable[..., Any]
"""Called as ``resolver(source, info, **arguments)``; `caller_of` says of `info` who asks. Returns a mapping by names of
fields, a list of such, or a plain value; raises a `VisibleError` for whoever asks."""


@dataclass(frozen=True)
class GraphqlPart:
    """Something that GraphQL can be asked.

    Attributes:
        sdl: definitions of types, and extensions such as ``extend type Query { ... }``; none, if the part only resolves
            what the schema has already.
        resolvers: by type and field, such as ``Query.vfolder_list``. A resolver of a part comes before that of this
            plugin; fields without one are taken from their object.
    """

    sdl: str = ""
    resolvers: Mapping[str, Resolver] = field(default_factory=dict)


class GraphqlHooks:
    """What other plugins may add to the GraphQL of Backend.AI's clients."""

    @staticmethod
    @hookspec
    def backendai_admin_graphql() -> Iterable[GraphqlPart]:  # type: ignore[empty-body]
        """Return further parts of the schema."""


@dataclass(frozen=True)
class GraphqlCaller:
    """Who asks, in one request.

    Attributes:
        runtime: the process' runtime.
        access: what the caller may do; its action is a writing one only in a mutation.
        sentence: returns the text of an error at this API.
    """

    runtime: Runtime
    access: Access
    sentence: Callable[[VisibleError], str]

    @property
    def user_id(self) -> str:
        """Id of the user."""
        return self.access.actor.user_id

    @property
    def is_admin(self) -> bool:
        """Whether the user is a global admin, whom clients know as a super-admin."""
        return self.access.actor.is_admin

    @property
    def access_key(self) -> str | None:
        """Access key that has signed the request, None after a login by cookie."""
        return self.access.actor.attributes.get(ACCESS_KEY)

    def require_self(self, user_id: str | None) -> None:
        """Raise `Forbidden` if anybody but an admin names somebody else."""
        if user_id not in (None, self.user_id) and not self.is_admin:
            raise Forbidden("others_hidden")


def caller_of(info: GraphQLResolveInfo) -> GraphqlCaller:
    """Return who asks."""
    caller: GraphqlCaller = info.context
    return caller
