"""Conformance suite for Apis.

A plugin's tests derive a class from `ApiConformance`, name the Api, and say how its clients write what differs from the
plain way: statuses of errors, calls, and the first message of a websocket::

    class TestNotes(ApiConformance):
        name = "notes"
        statuses = {403: 404}
        document = "/notes/description.json"

        @pytest.fixture
        def credential(self, app):
            return header("authorization", f"Key {new_key(app.runtime)}")

The suite adds routes to the Api, one for each way to answer, and looks at what the Api makes of them.
Must not know any wire.
"""

from __future__ import annotations

import json
import logging
import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from string import Formatter
from typing import Any, ClassVar

import pytest

from hanami_core import errors
from hanami_core.access import ACCESS_DENIED, Action
from hanami_core.errors import (
    BadRequest,
    ClientError,
    Forbidden,
    InternalError,
    MethodNotAllowed,
    ServiceError,
    TooLarge,
    Unauthorized,
    VisibleError,
)
from hanami_core.http import Api
from hanami_core.plugin_host import EntryPoint
from hanami_core.testing.api_probe import DEFECT, SMALL, WORD, ApiProbe, Fields
from hanami_core.testing.apps import App
from hanami_core.testing.documents import faults_of, operations
from hanami_core.testing.probes import opened
from hanami_core.testing.requests import (
    ClientRequest,
    ClientResponse,
    Credential,
    as_falcon,
    media_type,
    no_credential,
    open_socket,
    plain_request,
    send,
    told,
)

__all__ = ["ApiConformance"]

KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type)
    and issubclass(kind, ClientError | ServiceError)
    and kind not in (ClientError, ServiceError)
]
ODD_TEXTS = (
    'line 3: "{x}" is {} and {0} <b>no</b> number & 100% of \\ it',
    "gr\u00fc\u00dfe \u2713 \U0001f338 \u2028 on\r\ntwo lines\t",
    "x" * 5000,
)
PARAMETERS: dict[str, Any] = {
    "allowed": "GET, POST",
    "field": "text",
    "identity": "4711",
    "limit": 5,
    "method": "BREW",
    "path": "/pot",
    "reason": "it is <tea>",
    "retry_after": 7,
    "thing": object(),
    "ratio": float("inf"),
}
WRONG = (
    ({"number": 7}, "text"),
    ({"text": "word"}, "number"),
    ({"text": "word", "number": "many"}, "number"),
    ({"text": "word", "number": 10}, "number"),
    ({"text": "x" * 17, "number": 7}, "text"),
    ({"text": "word", "number": 7, "flag": "perhaps"}, "flag"),
    ({"text": "word", "number": 7, "surplus": "x"}, "surplus"),
)
"""Fields that break a rule, and the name of the one that does."""
BODIES = (
    *(b"", b"{", b"[]", b"null", b"7", b"\xff\xfe\x00", b'{"text": NaN}', b'{"text": "word", "number": 7}x'),
    *(b"[" * 100_000, b'{"text":' * 10_000, b'{"text": "word", "number": ' + b"9" * 5000 + b"}", b"\x00" * 50),
)
QUERIES = ("text=%ff&number=7", "text=a&text=b&number=7", "=&&=", "%", "text=%zz", f"text={'x' * 4000}", "number=1e99")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_INTERNALS = re.compile(rf"Traceback|{DEFECT}|ValueError|\.py\b")


class ApiConformance:
    """Requirements for every Api. Set its name; override the fixture `credential` if it accepts any scheme."""

    name: ClassVar[str] = ""
    """Name of the Api."""
    plugins: ClassVar[tuple[EntryPoint, ...]] = ()
    """Plugins besides the installed ones, see `hanami_core.testing.apps.plugin_point`."""
    settings: ClassVar[Mapping[str, object]] = {}
    """Settings of the application, with two underscores for the dot."""
    statuses: ClassVar[Mapping[int, int]] = {}
    """Statuses of errors that are others on the wire."""
    codes: ClassVar[Mapping[str, int]] = {}
    """Statuses of some errors, by their codes, that neither they nor `statuses` tell."""
    document: ClassVar[str] = ""
    """Path and query under which its OpenAPI document is read, if it has one."""
    attempts = 100
    """How many random bodies, queries and first messages are tried."""

    @pytest.fixture(scope="class")
    @classmethod
    def probe(cls, tmp_path_factory: pytest.TempPathFactory) -> ApiProbe:
        """Return the probe that is added to the Api."""
        file = tmp_path_factory.mktemp("api") / "file"
        file.write_bytes(bytes(range(256)))
        return ApiProbe(cls.name, file)

    @pytest.fixture(scope="class")
    @classmethod
    def app(cls, tmp_path_factory: pytest.TempPathFactory, probe: ApiProbe) -> Iterator[App]:
        """Return the application that all tests of the class share."""
        points = (*cls.plugins, probe.point())
        with opened(tmp_path_factory.mktemp("api") / "data", points, dict(cls.settings)) as app:
            probe.by_path.place = f"{app.runtime.apis[cls.name].prefix}/conformance/socket"
            yield app

    @pytest.fixture
    def api(self, app: App) -> Api:
        """Return the Api."""
        return app.runtime.apis[self.name]

    @pytest.fixture
    def credential(self, api: Api) -> Credential:
        """Return a function that puts a valid credential into a request."""
        if api.schemes:
            raise NotImplementedError("override the fixture 'credential'")
        return no_credential

    def request(self, method: str, path: str, fields: Mapping[str, object]) -> ClientRequest:
        """Return a call with fields as a client writes it: in a JSON body, or in the query if it has none."""
        return plain_request(method, path, fields)

    def first_message(self, request: ClientRequest, target: str, resource: str) -> bytes | None:
        """Return the first message of a websocket whose request carries the credential; None if there are none."""
        return None

    # -- answers -------------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("name", ["struct", "mapping", "table", "list", "last"])
    def test_values_are_rendered(self, app: App, api: Api, probe: ApiProbe, name: str) -> None:
        """Structs, mappings and lists, with moments that have not come, and all that they say is told."""
        answer = self._get(app, api, probe, name)
        assert answer.status_code == 200
        assert WORD in told(answer), f"{name}: {answer.text[:200]}"
        assert name != "list" or "4711" in told(answer), "a client does not learn where the next page begins"
        assert media_type(answer)

    def test_what_is_no_value_is_sent_as_it_is(self, app: App, api: Api, probe: ApiProbe) -> None:
        """Pages, files, streams and events are no Api's to render."""
        page, file, stream, events = (self._get(app, api, probe, name) for name in ("page", "file", "stream", "events"))
        assert (page.content, media_type(page)) == (b"<p>page", "text/html")
        assert (file.content, media_type(file)) == (probe.file.read_bytes(), "application/x-conformance")
        assert (stream.content, media_type(stream)) == (b"onetwo", "text/plain")
        assert (events.content, media_type(events)) == (b"data: hello\n\n: alive\n\n", "text/event-stream")

    def test_nothing_is_an_answer(self, app: App, api: Api, probe: ApiProbe) -> None:
        """A handler may return None; then the answer is a success, and has no content if its status says so."""
        answer = self._get(app, api, probe, "nothing")
        assert 200 <= answer.status_code < 300
        assert answer.status_code != 204 or answer.content == b""

    def test_status_and_headers_of_the_handler_are_kept(self, app: App, api: Api, probe: ApiProbe) -> None:
        """What a handler has set in Falcon's response goes out with the answer."""
        answer = self._get(app, api, probe, "accepted")
        assert (answer.status_code, answer.headers.get("x-conformance")) == (202, "kept")

    def test_every_answer_names_the_server(self, app: App, api: Api, probe: ApiProbe) -> None:
        """Successes and errors, known paths and others have the header that the Api is made with."""
        for name in ("struct", "page", "stream", "nothing", "error", "defect", "fields", "no_such_path"):
            probe.error = BadRequest("conformance_failed")
            answer = self._get(app, api, probe, name)
            assert answer.headers.get("server") == api.server, name

    # -- errors --------------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
    def test_every_error_is_rendered(self, app: App, api: Api, probe: ApiProbe, kind: type[VisibleError]) -> None:
        """It has the status, the media type and the sentence of the Api, whatever its code and its parameters are."""
        for error in (kind("conformance_failed", **PARAMETERS), *map(kind, ODD_TEXTS)):
            self._is_refused(api, self._raised(app, api, probe, error), error)

    def test_every_sentence_can_be_told(self, app: App, api: Api, probe: ApiProbe) -> None:
        """Each of the Api's own, with all that it asks for."""
        for code, sentence in api.sentences.items():
            names = [name for _, name, _, _ in Formatter().parse(sentence) if name]
            given = {name: PARAMETERS.get(name, f"<{name}>") for name in names}
            assert _filled(sentence, given) is not None, f"{code}: {sentence!r} cannot be filled in by names"
            error = BadRequest(code, **given)
            self._is_refused(api, self._raised(app, api, probe, error), error)

    def test_a_defect_has_a_number_and_no_details(
        self, app: App, api: Api, probe: ApiProbe, caplog: pytest.LogCaptureFixture
    ) -> None:
        """What the client is told stands in the log, and nothing of the exception is told."""
        with caplog.at_level(logging.ERROR):
            answer = self._get(app, api, probe, "defect")
        assert answer.status_code == self._status(InternalError())
        numbers = set(_UUID.findall(told(answer)))
        logged = [record for record in caplog.records if numbers & set(map(str, vars(record).values()))]
        assert logged, f"the answer has no number that stands in the log: {answer.text[:200]}"
        assert DEFECT in str(logged[0].exc_info)
        assert not _INTERNALS.search(told(answer)), f"the answer tells about the inside: {answer.text[:200]}"

    def _raised(self, app: App, api: Api, probe: ApiProbe, error: VisibleError) -> ClientResponse:
        probe.error = error
        return self._get(app, api, probe, "error")

    def _is_refused(self, api: Api, answer: ClientResponse, error: VisibleError) -> None:
        what = f"{type(error).__name__}({error.code[:40]!r})"
        assert answer.status_code == self._status(error), f"{what} is answered with {answer.status_code}"
        assert media_type(answer) == api.description.error_type, f"{what} is answered as {media_type(answer)}"
        assert api.sentence(error) in told(answer), f"{what} is answered without its sentence: {answer.text[:200]}"

    def _status(self, error: VisibleError) -> int:
        return self.codes.get(error.code) or self.statuses.get(error.status, error.status)

    # -- paths and methods ---------------------------------------------------------------------------------------------

    def test_unknown_paths_are_answered(self, app: App, api: Api, credential: Credential) -> None:
        """In the Api's own words; and if it hides what there is, nobody learns them before having logged in."""
        for path in (f"{api.prefix}/no/such/path", f"{api.prefix}/no-such-path", f"{api.prefix}/%00%ff"):
            request = ClientRequest("GET", path)
            unknown = api.unknown(as_falcon(request), ())
            known, stranger = send(app, credential(request)), send(app, request)
            if api.hides_unknown:
                self._is_refused(api, stranger, Unauthorized("credential_missing"))
                # A policy may allow a path that nobody serves, or not.
                denied = Forbidden(ACCESS_DENIED)
                self._is_refused(api, known, denied if known.status_code == self._status(denied) else unknown)
            else:
                self._is_refused(api, known, unknown)
                self._is_refused(api, stranger, unknown)

    def test_unknown_methods_are_answered(self, app: App, api: Api, probe: ApiProbe, credential: Credential) -> None:
        """As errors of the Api; one that says "not this method" tells which."""
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            answer = send(app, credential(ClientRequest(method, probe.path(api, "struct"))))
            assert 400 <= answer.status_code < 500, f"{method}: {answer.status_code}"
            assert (media_type(answer), answer.headers.get("server")) == (api.description.error_type, api.server)
            if answer.status_code == MethodNotAllowed.status:
                assert "GET" in answer.headers.get("allow", ""), f"{method}: no header Allow"

    def test_a_head_has_no_body(self, app: App, api: Api, probe: ApiProbe) -> None:
        """But the status of its route, if the Api admits the method."""
        answer = send(app, ClientRequest("HEAD", probe.path(api, "struct")))
        assert answer.content == b""
        refusal = _refusal(api, ClientRequest("HEAD", probe.path(api, "struct")))
        assert answer.status_code == (200 if refusal is None else self._status(refusal))

    def test_options_tell_strangers_nothing_that_is_hidden(self, app: App, api: Api, probe: ApiProbe) -> None:
        """They are answered, in the name of the Api's server, but where paths are hidden only if a GET is, too."""
        for name in ("struct", "private", "no_such_path"):
            path = probe.path(api, name)
            answer, shown = (send(app, ClientRequest(method, path)) for method in ("OPTIONS", "GET"))
            assert answer.status_code < 500
            assert answer.headers.get("server") == api.server
            tells = api.hides_unknown and answer.status_code < 400 <= shown.status_code
            assert not tells, "OPTIONS tells a stranger which paths there are"

    # -- policy --------------------------------------------------------------------------------------------------------

    def test_policy_ids_find_their_routes(self, app: App, api: Api) -> None:
        """Each route has a name that policy files can have, which is its own, and the action that it declares."""
        for bound in app.runtime.routes:
            if bound.api is not api:
                continue
            action = api.action(bound.route)
            assert re.fullmatch(r"[!-~]*", action.endpoint), f"{bound.key}: {action.endpoint!r} cannot stand in a file"
            assert not action.endpoint.startswith("/"), f"{bound.key}: {action.endpoint!r} begins with a slash"
            assert action.endpoint == api.endpoint(bound.route)
            found = app.runtime.routes.called(action.method, action.endpoint)
            assert found is not None
            assert found.key == bound.key, f"{bound.key} and {found.key} have the same name"
            declared = bound.route
            assert (action.name, action.method) == (declared.action, declared.method)
            assert (action.verb, action.roles) == (declared.verb, declared.roles)

    def test_actions_of_sockets_stay_what_they_are(self, api: Api) -> None:
        """Only the endpoint becomes one of the Api, which is noted; what has none gets none."""
        action = Action("notes.watch", "PUT", "notes/watch", "write", ("member",))
        changed = api.socket_action(action)
        assert replace(changed, endpoint="") == replace(action, endpoint="", api=api.name)
        assert changed.endpoint.endswith(action.endpoint)
        assert api.socket_action(replace(action, endpoint="")).endpoint == ""

    def test_who_is_known_is_let_in_and_nobody_else(
        self, app: App, api: Api, probe: ApiProbe, credential: Credential
    ) -> None:
        """A route that needs a login is open to the credential; without one the Api says what is missing."""
        if not api.schemes:
            pytest.skip("the Api accepts no scheme")
        request = ClientRequest("GET", probe.path(api, "private"))
        assert send(app, credential(request)).status_code == 200
        self._is_refused(api, send(app, request), Unauthorized("credential_missing"))

    # -- requests ------------------------------------------------------------------------------------------------------

    def test_fields_are_read(self, app: App, api: Api, probe: ApiProbe) -> None:
        """From wherever a client of the Api writes them, with the types of the struct."""
        path = probe.path(api, "fields")
        for method in ("GET", "POST"):
            probe.fields = None
            answer = send(app, self.request(method, path, {"text": WORD, "number": 7}))
            assert answer.status_code == 200, f"{method}: {answer.text[:200]}"
            assert probe.fields == Fields(WORD, 7), method
        send(app, self.request("POST", path, {"text": "word", "number": 0, "flag": True, "words": ["a", "b"]}))
        assert probe.fields == Fields("word", 0, True, ["a", "b"])

    @pytest.mark.parametrize(("fields", "name"), WRONG, ids=lambda value: value if isinstance(value, str) else "")
    def test_a_wrong_field_is_named(
        self, app: App, api: Api, probe: ApiProbe, fields: Mapping[str, object], name: str
    ) -> None:
        """Missing, unknown, of another type or out of limits: the client learns which, and no handler is called."""
        for method in ("GET", "POST"):
            probe.fields = None
            answer = send(app, self.request(method, probe.path(api, "fields"), fields))
            assert probe.fields is None, f"{method} {fields} is accepted"
            assert answer.status_code == self._status(BadRequest()), f"{method} {fields}: {answer.status_code}"
            assert name in told(answer), f"{method}: {name} is not named: {answer.text[:200]}"
            assert media_type(answer) == api.description.error_type

    def test_broken_requests_are_refused(self, app: App, api: Api, probe: ApiProbe) -> None:
        """No body and no query ends in an internal error, and no handler gets anything but its struct."""
        path = probe.path(api, "fields")
        requests = [ClientRequest("POST", path, body=body) for body in (*BODIES, *_noise(self.attempts))]
        queries = (*QUERIES, *(noise.decode("latin-1").replace("#", "") for noise in _noise(self.attempts)))
        requests += [ClientRequest("GET", path, query.lstrip("?")) for query in queries]
        for request in requests:
            probe.fields = None
            answer = send(app, request)
            what = f"{request.method} {(request.query or request.body)[:40]!r}"
            accepted = probe.fields is not None
            assert (answer.status_code == 200) if accepted else (400 <= answer.status_code < 500), f"{what}: {answer}"

    def test_a_body_over_the_limit_is_refused(self, app: App, api: Api, probe: ApiProbe) -> None:
        """Of the server and of the route; and one that is shorter than announced is not a body."""
        limit = app.runtime.settings["http.max_body"]
        good = self.request("POST", probe.path(api, "fields"), {"text": "word", "number": 7})
        large = replace(good, path=probe.path(api, "small"), body=good.body + b" " * SMALL)
        probe.fields = None
        for answer in (send(app, good, announced=limit + 1), send(app, large)):
            assert answer.status_code == self._status(TooLarge())
        assert send(app, good, announced=len(good.body) + 1).status_code == self._status(BadRequest())
        assert probe.fields is None

    # -- websockets ----------------------------------------------------------------------------------------------------

    def test_a_websocket_is_opened_by_its_path(
        self, app: App, api: Api, probe: ApiProbe, credential: Credential
    ) -> None:
        """Who is known gets a session, and others an error of the Api."""
        if not api.schemes:
            pytest.skip("the Api accepts no scheme")
        request = ClientRequest("GET", probe.by_path.place).as_handshake()
        outcome = open_socket(app, credential(request))
        assert outcome.session is not None, f"no websocket is opened: {outcome.error}"
        outcome.session.close()
        refused = open_socket(app, request)
        assert (refused.session, refused.status) == (None, self._status(Unauthorized()))
        assert api.sentence(Unauthorized("credential_missing")) in told(refused)

    def test_a_websocket_is_opened_by_its_first_message(
        self, app: App, api: Api, probe: ApiProbe, credential: Credential
    ) -> None:
        """The target gets the resource, and the client is told; of what is wrong, too."""
        request = ClientRequest("GET", f"{api.prefix}/").as_handshake()
        message = self.first_message(credential(request), "conformance", "4711")
        if message is None:
            pytest.skip("the Api knows no first messages")
        outcome = open_socket(app, request, message)
        assert outcome.session is not None, f"no websocket is opened: {outcome.error}"
        outcome.session.close()
        assert probe.by_message.resource == "4711"
        for refused in (credential(request), request):
            wrong = self.first_message(refused, "no_such_target", "4711")
            assert wrong is not None
            nothing = open_socket(app, request, wrong)
            assert isinstance(nothing.error, ClientError)
            assert nothing.answer
            assert nothing.answer != outcome.answer

    def test_random_first_messages_are_refused(self, app: App, api: Api, credential: Credential) -> None:
        """What an Api does not understand it leaves to others, or refuses; none ends in an internal error."""
        request = credential(ClientRequest("GET", f"{api.prefix}/").as_handshake())
        good = self.first_message(request, "conformance", "4711") or b"{}"
        for message in (*BODIES, *(good[:size] for size in range(len(good))), *_noise(self.attempts)):
            try:
                opening = api.open_socket(as_falcon(request), message)
            except ClientError:
                continue
            except Exception as error:
                raise AssertionError(f"the first message {message[:40]!r} ends in {error!r}") from error
            assert opening is None or opening.target, f"{message[:40]!r} opens nothing by name"

    def test_every_error_can_be_told_on_a_websocket(self, api: Api) -> None:
        """And none looks like the message that tells of a success."""
        opened = api.socket_opened("4711")
        assert opened is None or "4711" in str(opened)
        for kind in KINDS:
            for error in (kind("conformance_failed", **PARAMETERS), *map(kind, ODD_TEXTS)):
                message = api.socket_refused(error)
                assert isinstance(message, bytes | str)
                assert message
                assert message != opened

    # -- description ---------------------------------------------------------------------------------------------------

    def test_it_is_an_api(self, app: App, api: Api) -> None:
        """It is served below its prefix, its schemes exist, and its description can be one."""
        assert isinstance(api, Api)
        assert api.prefix == "" or re.fullmatch(r"(/[A-Za-z0-9_.~-]+)+", api.prefix)
        assert not isinstance(api.schemes, str)
        missing = set(api.schemes) - set(app.runtime.authenticators)
        assert not missing, f"no plugin brings the scheme {', '.join(sorted(missing))}"
        about = api.description
        assert about.title
        assert set(about.security) <= set(api.schemes), "a scheme is described that the Api does not accept"
        assert all(re.fullmatch(r"[45][0-9]{2}", status) for status in about.errors)
        assert re.fullmatch(r"[a-z]+/[a-z0-9.+-]+", about.error_type)

    def test_its_document_names_all_routes(self, app: App, api: Api) -> None:
        """It is valid OpenAPI, and says of each route what it is, and of nothing else."""
        if not self.document:
            pytest.skip("the Api has no OpenAPI document")
        path, _, query = self.document.partition("?")
        answer = send(app, ClientRequest("GET", path, query))
        assert answer.status_code == 200
        document = json.loads(answer.content)
        assert list(faults_of(document)) == []
        own = {(b.route.method, _without_converters(b.path)) for b in app.runtime.routes if b.api is api}
        described = {(method, path) for method, path, _ in operations(document)}
        assert described == own, f"only described or only served: {described ^ own}"

    def _get(self, app: App, api: Api, probe: ApiProbe, name: str) -> ClientResponse:
        return send(app, ClientRequest("GET", probe.path(api, name)))


def _refusal(api: Api, request: ClientRequest) -> ClientError | None:
    try:
        api.admit(as_falcon(request))
    except ClientError as error:
        return error
    return None


def _filled(sentence: str, parameters: Mapping[str, object]) -> str | None:
    try:
        return sentence.format_map(parameters)
    except (LookupError, ValueError, AttributeError):
        return None


def _noise(attempts: int) -> Iterator[bytes]:
    chance = random.Random(2)  # noqa: S311 (every run must try the same bytes)
    for _ in range(attempts):
        yield bytes(chance.randrange(0x21, 0x100) for _ in range(chance.randrange(1, 60)))


def _without_converters(path: str) -> str:
    return re.sub(r":[^}]*}", "}", path)
