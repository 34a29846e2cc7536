"""The connection of one invocation: who logs in where, and how errors of the SDK become one line.

Owns the environment variables, the login and the wording of failures. Must not know any command. The SDK, and with it
`requests`, is loaded with the first call, so that a wrong command line costs nothing.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from hanami_cli.errors import CliError
from hanami_cli.text import one_line

if TYPE_CHECKING:
    from hanami_sdk.hanami_exceptions import HanamiException

__all__ = ["Connection", "connect"]


@dataclass
class Connection:
    """A login that takes place with the first question.

    :param address: `http://host:port` without a slash at the end.
    :param user: id of the user.
    :param passphrase: in plain text.
    :param verify: whether the certificate of the server must be valid.
    """

    address: str
    user: str
    passphrase: str
    verify: bool = True

    @cached_property
    def token(self) -> str:
        """The token of the user.

        :raises CliError: if the login fails.
        """
        from hanami_sdk import hanami_token

        try:
            with _one_line_errors():
                return hanami_token.request_token(self.address, self.user, self.passphrase, self.verify)
        except CliError as error:
            raise CliError(f"login of '{self.user}' failed: {error}") from error

    def call(self, function: Callable[..., Any], *values: Any) -> Any:
        """Call a function of the SDK, such as `cluster.get_cluster`, and return what it returns.

        :param values: its parameters between `address` and `verify_connection`.
        :raises CliError: if the server refuses, or can not be reached.
        """
        token = self.token
        with _one_line_errors():
            return function(token, self.address, *values, verify_connection=self.verify)

    def ask(self, function: Callable[..., bytes | str], *values: Any) -> dict[str, Any]:
        """Call a function of the SDK and return the JSON object that the server answered.

        :raises CliError: as `call`, and if the answer is none.
        """
        try:
            answer = json.loads(self.call(function, *values))
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise CliError("unexpected answer of the server: no JSON object")
        return answer


def connect(environment: Mapping[str, str] = os.environ, verify: bool = True) -> Connection:
    """Return the connection that the environment asks for; nothing is sent yet.

    :raises CliError: if a variable is missing; they are checked in the order user, passphrase, address.
    """
    user = _variable(environment, "HANAMI_USER")
    passphrase = _variable(environment, "HANAMI_PASSPHRASE", "HANAMI_PW")
    address = _variable(environment, "HANAMI_ADDRESS").rstrip("/")
    if not address.startswith(("http://", "https://")):
        raise CliError("HANAMI_ADDRESS must begin with http:// or https://")
    if not verify:
        warnings.filterwarnings("ignore", message="Unverified HTTPS request")
    return Connection(address, user, passphrase, verify)


def _variable(environment: Mapping[str, str], *names: str) -> str:
    for name in names:
        if value := environment.get(name):
            return value
    raise CliError(f"{names[0]} is not set")


@contextmanager
def _one_line_errors() -> Iterator[None]:
    from hanami_sdk.hanami_exceptions import HanamiException

    try:
        yield
    except HanamiException as error:
        raise CliError(_wording(error)) from error
    except FileNotFoundError as error:
        raise CliError(f"open {error.filename}: no such file or directory") from error
    except OSError as error:
        raise CliError(one_line(str(error))) from error


def _wording(error: HanamiException) -> str:
    text = one_line(str(error))
    return f"status {error.status}: err {text}" if error.status else text
