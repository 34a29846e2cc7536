"""Which names of the contracts are described in ``docs/contracts.md``, in which order, and from where they come."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["CHAPTERS", "INTERNAL", "Chapter"]


class Chapter(NamedTuple):
    """A heading, a sentence, and names by the module that plugins import them from."""

    heading: str
    text: str
    names: dict[str, tuple[str, ...]]


CHAPTERS = (
    Chapter(
        "A plugin and its process",
        "What hooks receive and return.",
        {
            "hanami_core": ("hookimpl", "hookspec"),
            "hanami_core.deprecation": ("Deprecated",),
            "hanami_core.runtime": ("Runtime",),
            "hanami_core.roles": ("Role",),
            "hanami_core.settings": ("Setting", "Settings"),
            "hanami_core.stash": ("StashKey", "Stash"),
            "hanami_core.clock": ("Clock", "SystemClock", "Moment", "stamp"),
            "hanami_core.processes": ("Process", "ProcessContext"),
            "hanami_core.schedules": ("Schedule",),
            "hanami_core.pauses": ("about_to_wait",),
            "hanami_core.plugin_host": (
                "PluginHost",
                "Plugin",
                "PluginState",
                "Registry",
                "Contribution",
                "EntryPoint",
            ),
        },
    ),
    Chapter(
        "HTTP",
        "Routes, Apis, and what a handler receives and returns.",
        {
            "hanami_core.http": (
                "Route",
                "RouteGroup",
                "Handler",
                "Call",
                "Body",
                "ContentBody",
                "media_type",
                "Empty",
                "Paging",
                "Listing",
                "listing",
                "paged",
                "TableAnswer",
                "table",
                "rows_like",
                "Page",
                "File",
                "Download",
                "Stream",
                "Events",
                "ServerEvent",
                "Api",
                "ApiDescription",
                "SocketOpening",
                "BoundRoute",
                "RouteTable",
            ),
            "hanami_core.ids": ("Name", "Id", "UserId", "Uuid", "new_uuid"),
        },
    ),
    Chapter(
        "Websockets",
        "Targets that a websocket can be opened for.",
        {
            "hanami_core.sockets": (
                "SocketTarget",
                "SocketSession",
                "SocketConnection",
                "SocketRequest",
                "OpenSession",
                "Reply",
                "SocketClosed",
                "SocketFull",
                "CloseSocket",
            ),
        },
    ),
    Chapter(
        "Who may do what",
        "Actors, rules, schemes, the directory of users, and limits.",
        {
            "hanami_core.access": ("Actor", "Action", "Rule", "Access", "ANY_ROLE"),
            "hanami_core.identity": (
                "Authenticator",
                "IdentityProvider",
                "Account",
                "Principal",
                "ProjectMembership",
                "membership_of",
            ),
            "hanami_core.keys": ("secret_key", "Sealer"),
            "hanami_core.admission": ("Claim", "Holder"),
        },
    ),
    Chapter(
        "Tables and transactions",
        "What models are derived from, and how rows are changed.",
        {
            "hanami_core.storage.database": (
                "BaseModel",
                "Record",
                "OwnedRecord",
                "NameField",
                "BlobField",
                "RecordGuard",
                "atomic",
                "after_commit",
                "relaxed",
                "compare_and_set",
                "hold",
                "exclusive",
                "data_version",
                "commit_unit",
            ),
            "hanami_core.storage.contract": ("DatabaseBackend", "Database", "StorageContext"),
            "hanami_core.storage.texts": ("KeepsTexts",),
        },
    ),
    Chapter(
        "Blobs",
        "Durable files and the stores that keep them.",
        {
            "hanami_core.storage.blobs": ("Blobs", "BlobLease"),
            "hanami_core.storage.blob_stores": ("BlobBackend", "BlobStore", "LocalFile", "PlainFile"),
        },
    ),
    Chapter(
        "Tasks",
        "Work that takes time.",
        {"hanami_core.queue": ("TaskKind", "Job", "Task", "TaskEntry", "TaskQueue", "Partition")},
    ),
    Chapter(
        "Datasets and files that leave",
        "Formats for uploads, tables, and formats for downloads.",
        {
            "hanami_core.datasets": ("DatasetFormat", "TableWriter", "Table"),
            "hanami_core.decoding": ("decode", "Limits"),
            "hanami_core.exports": ("Export", "NetworkExport", "TableExport"),
            "hanami_core.network.formula": ("Formula", "Graph", "Step", "Loop"),
        },
    ),
    Chapter(
        "Hosts and networks",
        "Compute hosts, rule sets, live networks, and the placement of clusters.",
        {
            "hanami_core.compute": (
                "ComputeHost",
                "HostContext",
                "HostDescription",
                "OnRequest",
                "NetworkRules",
                "LiveNetwork",
                "Rows",
                "Columns",
                "Run",
            ),
            "hanami_core.host_calls": ("HostCalls",),
            "hanami_core.compute.memory": ("TellsMemory",),
            "hanami_core.compute.states": ("ChecksStates", "HasFormula", "HasVersion"),
            "hanami_core.compute.placement": ("PlacementRequest", "Candidate", "HostLoad"),
            "hanami_core.network": ("NetworkState", "StateHead", "Topology"),
        },
    ),
    Chapter(
        "Templates",
        "Templates and the languages in which they are written.",
        {
            "hanami_core.dialects": ("TemplateDialect", "TemplateWriter"),
            "hanami_core.network": (
                "Template",
                "Settings",
                "Input",
                "Output",
                "Axon",
                "Position",
                "in_a_line",
            ),
            "hanami_core.network.declared": ("Declarations", "Declared"),
        },
    ),
    Chapter(
        "Observing",
        "Events, metrics and checks.",
        {
            "hanami_core.events": (
                "Event",
                "CallAllowed",
                "CallFailed",
                "CheckpointSaved",
                "ClusterCreated",
                "ClusterDeleted",
                "DatasetReady",
                "LoginFailed",
                "LoginSucceeded",
                "PluginBroken",
                "ProjectDeleted",
                "TaskEnded",
                "UserDeleted",
            ),
            "hanami_core.metrics": ("Metric", "Sample", "Histogram", "Distribution"),
            "hanami_core.checks": ("Check", "Finding"),
        },
    ),
    Chapter(
        "Errors",
        "Errors to raise. The class determines the status, and a code with parameters determines the text.",
        {
            "hanami_core.errors": (
                "HanamiError",
                "VisibleError",
                "ClientError",
                "BadRequest",
                "InvalidFile",
                "TaskError",
                "TemplateError",
                "Unauthorized",
                "Forbidden",
                "NotFound",
                "MethodNotAllowed",
                "Conflict",
                "PreconditionFailed",
                "TooLarge",
                "UnsupportedMedia",
                "Unprocessable",
                "TooManyRequests",
                "ServiceError",
                "Unavailable",
                "InsufficientStorage",
                "CorruptFile",
                "SettingsError",
                "StartupError",
                "PluginError",
                "LeaseLost",
            ),
        },
    ),
    Chapter(
        "Commands",
        "Commands for `hanami` and `hanamictl`. They come from the entry-point group `hanami.cli`.",
        {"hanami_cli": ("Command", "hookimpl")},
    ),
    Chapter(
        "Tests",
        "Suites to derive from, and what they need. The fixtures `app`, `make_app`, `server` and `make_server` "
        "come with them.",
        {
            "hanami_core.testing.apps": ("App", "Server", "plugin_point"),
            "hanami_core.testing.formats": ("FormatConformance",),
            "hanami_core.testing.hosts": ("HostConformance", "host_context"),
            "hanami_core.testing.networks": ("RulesConformance", "NetworkConformance"),
            "hanami_core.testing.routes": ("RouteConformance", "Example", "RawBody"),
            "hanami_core.testing.apis": ("ApiConformance",),
            "hanami_core.testing.authenticators": ("AuthenticatorConformance",),
            "hanami_core.testing.targets": ("TargetConformance",),
            "hanami_core.testing.databases": ("DatabaseConformance",),
            "hanami_core.testing.blob_stores": ("BlobStoreConformance",),
            "hanami_core.testing.storage": ("storage_context",),
            "hanami_core.testing.requests": (
                "ClientRequest",
                "ClientResponse",
                "Credential",
                "SocketOutcome",
                "header",
            ),
            "hanami_core.testing.sockets": ("RecordedConnection",),
        },
    ),
)

INTERNAL = {
    "hanami_core.storage.reserve.Reserve",
    "hanami_core.storage.schema.SchemaOwner",
    "hanami_core.testing.api_probe.ApiProbe",
    "hanami_core.testing.authenticators.Surroundings",
}
"""Classes that public ones mention and that plugins have no use for."""
