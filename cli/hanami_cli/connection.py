"""The connection of one invocation: who logs in where, and how errors of the SDK become one line.

Owns the environment variables, the login and the wording of failures. Must not know any command.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hanami_cli.errors import CliError
from hanami_cli.files import read_secret
from hanami_cli.prompts import ask_passphrase, at_a_terminal
from hanami_cli.text import one_line
from hanami_sdk import Client, hanami_request, hanami_token
from hanami_sdk.hanami_exceptions import HanamiException, UnauthorizedException

__all__ = ["Connection", "as_object", "connect", "one_line_errors"]

T = TypeVar("T")

PASSPHRASES = ("HANAMI_PASSPHRASE", "HANAMI_PW")


@dataclass
class Connection:
    """A login that takes place with the first question.

    Attributes:
        address: `http://host:port` without a slash at the end.
        user: id of the user.
        passphrase: in plain text.
        verify: whether the certificate of the server must be valid.
        timeout: seconds without a sign of the server after which to give up; None takes the SDK's.
        project: project to work in; None takes the one of every login.
    """

    address: str
    user: str
    passphrase: str = field(repr=False)
    verify: bool = True
    timeout: float | None = None
    project: str | None = None
    _token: str = field(default="", init=False, repr=False)
    _answered: bool = field(default=False, init=False, repr=False)

    def call(self, function: Callable[..., T], *values: object) -> T:
        """Call a function of the SDK, such as `cluster.get_cluster`, and return what it returns.

        Args:
            function: a function whose first parameters are token and address.
            values: its parameters between `address` and `verify_connection`.

        Raises:
            CliError: the login failed, the server refused, or it cannot be reached.
        """
        with one_line_errors():
            try:
                return self._call(function, values)
            except UnauthorizedException:
                if not self._answered:
                    raise
                self._token = ""  # it was good before, so it may be its time that is over
                return self._call(function, values)

    def ask(self, function: Callable[..., bytes | str], *values: object) -> dict[str, Any]:
        """Call a function of the SDK and return the JSON object that the server answered.

        Raises:
            CliError: as `call`, or the answer is none.
        """
        try:
            return as_object(json.loads(self.call(function, *values)))
        except ValueError:
            return as_object(None)

    @contextmanager
    def client(self) -> Iterator[Client]:
        """Lend a client of the SDK, which keeps its token fresh, for work that takes long.

        Raises:
            CliError: as `call`, also for what happens in the `with` block.
        """
        more: dict[str, Any] = {} if self.timeout is None else {"timeout": self.timeout}
        login = Client(self.address, self.user, self.passphrase, verify=self.verify, project=self.project, **more)
        with one_line_errors(), login as client:
            self._login(client.login)
            yield client

    def _call(self, function: Callable[..., T], values: Sequence[object]) -> T:
        self._token = self._token or self._login(self._new_token)
        answer = function(self._token, self.address, *values, verify_connection=self.verify)
        self._answered = True
        return answer

    def _new_token(self) -> str:
        token = hanami_token.request_token(self.address, self.user, self.passphrase, self.verify)
        if self.project is None:
            return token
        return hanami_token.renew_token(token, self.address, self.project, self.verify)

    def _login(self, login: Callable[[], T]) -> T:
        try:
            with one_line_errors():
                return login()
        except CliError as error:
            where = "" if self.project is None else f" in project '{self.project}'"
            raise CliError(f"login of '{self.user}'{where} failed: {error}") from error


def connect(
    verify: bool = True,
    timeout: float | None = None,
    project: str | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Connection:
    """Return the connection that the environment asks for; nothing is sent yet.

    Args:
        verify: whether the certificate of the server must be valid.
        timeout: seconds without a sign of the server after which to give up; None takes the SDK's.
        project: project to work in; None takes that of the environment, which may name none.
        environment: where the variables are looked up.

    Raises:
        CliError: a variable is missing, and a passphrase that is missing cannot be asked for. They are checked in the
            order user, passphrase, address.
    """
    user = _variable(environment, "HANAMI_USER")
    passphrase = _passphrase(environment)
    address = _variable(environment, "HANAMI_ADDRESS").rstrip("/")
    if not address.startswith(("http://", "https://")):
        raise CliError("HANAMI_ADDRESS must begin with http:// or https://")
    if not verify:
        warnings.filterwarnings("ignore", message="Unverified HTTPS request")
    if timeout is not None:
        hanami_request.set_default_timeout(timeout)
    if passphrase is None:
        passphrase = ask_passphrase(user)
    return Connection(address, user, passphrase, verify, timeout, project or environment.get("HANAMI_PROJECT") or None)


def as_object(answer: object) -> dict[str, object]:
    """Return `answer` if it is a JSON object.

    Raises:
        CliError: it is none.
    """
    if not isinstance(answer, dict):
        raise CliError("unexpected answer of the server: no JSON object")
    return answer


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn errors of the SDK, and of what is below it, into a `CliError`."""
    try:
        yield
    except HanamiException as error:
        if error.status:
            raise CliError(f"status {error.status}: err {one_line(str(error))}") from error
        raise CliError(_cause(error)) from error
    except (OSError, ValueError) as error:  # of requests, or because a file is not what its name says
        raise CliError(_cause(error)) from error


def _cause(error: BaseException) -> str:
    """Return what the system said at the bottom of an error that was wrapped several times, and where."""
    from ssl import SSLCertVerificationError  # loaded by then, and not worth it before

    chain: list[BaseException] = []
    while error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__ or error
    requests = [getattr(link, "request", None) for link in chain]
    url = next((request.url for request in requests if request is not None), None)
    said = [link.strerror for link in chain if isinstance(link, OSError) and link.strerror]
    if any(isinstance(link, TimeoutError) for link in chain):
        said.append("timed out")
    text = said[-1] if said else str(chain[0])
    if any(isinstance(link, SSLCertVerificationError) for link in chain):
        text += " (--insecure skips this check)"
    return one_line(f"{url}: {text}" if url else text)


def _passphrase(environment: Mapping[str, str]) -> str | None:
    """Return the passphrase, None if it is to be asked for."""
    path = environment.get("HANAMI_PASSPHRASE_FILE")
    known = any(environment.get(name) for name in PASSPHRASES)
    if path and not known:
        return read_secret(path)
    return None if not known and at_a_terminal() else _variable(environment, *PASSPHRASES)


def _variable(environment: Mapping[str, str], *names: str) -> str:
    for name in names:
        if value := environment.get(name):
            return value
    raise CliError(f"{names[0]} is not set")
