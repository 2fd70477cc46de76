"""Tells what passes by itself, while Redis restarts, fails over or runs out of room, from what does not.

Light, because the client needs it: redis and the standard library.
"""

from __future__ import annotations

import re

from redis.exceptions import (
    AskError,
    AuthenticationError,
    BusyLoadingError,
    ClusterError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import (
    ConnectionError as RedisConnectionError,
)
from redis.exceptions import (
    TimeoutError as RedisTimeoutError,
)

_NOT_READY: tuple[type[Exception], ...] = (
    RedisConnectionError, RedisTimeoutError, BusyLoadingError, ReadOnlyError, ConnectionError, TimeoutError, OSError,
    # A slot on its way to another node: redis-py follows it, and gives up when that takes long. MovedError is an AskError.
    ClusterError, AskError,
    # redis-py takes the word away from their text.
    OutOfMemoryError, TryAgainError,
)  # fmt: skip
# Server states that redis-py has no class for. Redis 6.2 hides them behind the script that met them: “Error running script
# (call to f_1d38…): @user_script:8: @user_script: 8: -MISCONF Errors writing to the AOF file”.
_TRANSIENT_STATE = re.compile(
    r"(?:^|: -)(?:MISCONF|OOM|MASTERDOWN|NOREPLICAS|LOADING|READONLY|CLUSTERDOWN|TRYAGAIN|UNBLOCKED|MOVED|ASK)\b"
)


def is_transient(error: BaseException) -> bool:
    """Whether the error is the server's state, which passes, and not our mistake."""
    if isinstance(error, AuthenticationError | NoPermissionError):
        return False
    if isinstance(error, _NOT_READY):
        return True
    if isinstance(error, ResponseError):
        return bool(_TRANSIENT_STATE.search(str(error)))
    return _is_lost_while_writing(error)


def _is_lost_while_writing(error: BaseException) -> bool:
    """Whether redis-py lost its connection between connecting and writing: it stumbles over its own `None` then."""
    if not isinstance(error, AttributeError) or "'NoneType' object" not in str(error):
        return False
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_globals.get("__name__") == "redis.asyncio.connection"
