"""What of Redis passes by itself, and what is a mistake."""

from __future__ import annotations

import pytest
from redis.asyncio.connection import Connection
from redis.exceptions import AuthenticationError, ConnectionError, ReadOnlyError, ResponseError  # noqa: A004 - Redis' own

from coranto.streams.errors import is_transient


@pytest.mark.parametrize(
    "error",
    [
        ConnectionError("Connection refused"),
        TimeoutError(),
        ReadOnlyError("You can't write against a read only replica."),
        ResponseError("MISCONF Errors writing to the AOF file: No space left on device"),
        ResponseError("OOM command not allowed when used memory > 'maxmemory'."),
        ResponseError(
            "Error running script (call to f_1d38a4): @user_script:8: @user_script: 8: -MISCONF Errors writing to the"
            " AOF file: No space left on device"
        ),
        ResponseError("MISCONF Errors writing to the AOF file script: f_1d38a4, on @user_script:8."),
    ],
)
def test_what_redis_says_while_it_restarts_fails_over_or_is_full_passes(error: Exception) -> None:
    assert is_transient(error)


@pytest.mark.parametrize(
    "error",
    [
        AuthenticationError("invalid password"),
        ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value"),
        ResponseError("Error running script (call to f_1d38a4): @user_script:8: attempt to index a nil value (OOM)"),
        ValueError("MISCONF"),
    ],
)
def test_mistakes_and_refused_passwords_do_not_pass(error: Exception) -> None:
    assert not is_transient(error)


async def test_a_connection_that_is_lost_while_it_is_written_to_passes() -> None:
    connection = Connection()
    connection._writer = None  # as another task leaves it that met the same lost connection
    with pytest.raises(AttributeError) as caught:
        await connection._send_packed_command([b"PING"])
    assert is_transient(caught.value)
    assert not is_transient(AttributeError("'NoneType' object has no attribute 'writelines'"))
