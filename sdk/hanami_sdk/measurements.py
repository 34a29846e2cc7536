"""Measurements and hardware: power, temperature and speed over time, processors, threads.

All functions take a token, the address `http://HOST:PORT`, and `verify_connection` (check the certificate of an https
address). They return the body of the answer, JSON, and raise a `HanamiException` if the server refuses the request.

Values over time are `{"seconds": [60], "minutes": [60], "hours": [24], "days": [365]}`, oldest first, each a mean, and
0 where nothing was measured.
"""

from __future__ import annotations

from hanami_sdk import _calls

__all__ = ["get_power_consumption", "get_speed", "get_system_info", "get_temperature_production", "get_threading"]


def get_power_consumption(token: str, address: str, verify_connection: bool = True) -> bytes:
    """Return the power of all processors, in W.

    Args:
        token: token.
        address: address of the server.
        verify_connection: check the certificate.

    Returns:
        `{"power"}` with values over time.

    Raises:
        NotFoundException: the machine has no such sensor.
    """
    return _calls.get(token, address, "/power_consumption", verify_connection)


def get_temperature_production(token: str, address: str, verify_connection: bool = True) -> bytes:
    """Return how warm the processors were, in °C.

    Args:
        token: token.
        address: address of the server.
        verify_connection: check the certificate.

    Returns:
        `{"temperature"}` with values over time.

    Raises:
        NotFoundException: the machine has no such sensor.
    """
    return _calls.get(token, address, "/temperature_production", verify_connection)


def get_speed(token: str, address: str, verify_connection: bool = True) -> bytes:
    """Return how fast the cores ran, in MHz.

    Args:
        token: token.
        address: address of the server.
        verify_connection: check the certificate.

    Returns:
        `{"current_speed"}` with values over time.

    Raises:
        NotFoundException: the machine has no such sensor.
    """
    return _calls.get(token, address, "/speed", verify_connection)


def get_system_info(token: str, address: str, verify_connection: bool = True) -> bytes:
    """Return the processors of the machine.

    Args:
        token: token.
        address: address of the server.
        verify_connection: check the certificate.

    Returns:
        `{"info": {"hostname", "has_hyperthreading", "packages"}}`; a package has `cores`; speeds in kHz, power in W.
    """
    return _calls.get(token, address, "/system_info", verify_connection)


def get_threading(token: str, address: str, verify_connection: bool = True) -> bytes:
    """Return the logical processors that each thread of the server may use.

    Args:
        token: token.
        address: address of the server.
        verify_connection: check the certificate.

    Returns:
        `{"thread_map"}`, lists of numbers by the name of the thread.
    """
    return _calls.get(token, address, "/threading", verify_connection)
