"""When a host may be asked: one request at a time and a pause after each, whichever process asks and whatever for.

Feeder and fetcher share it. The whole of it for somebody who wants to send one request:

    answer = await hosts.acquire(host_key(address), "feed:17", delay=policy.delay_for(host, crawl_delay=None))
    if not isinstance(answer, HostLease):
        ...  # busy or set aside: come back in `answer.retry_after`, and hold no slot meanwhile
    try:
        async with hosts.keep(answer):
            response = await web.get(url)
    finally:
        await hosts.release(answer, HostFeedback.FINE)

What waits for a host in queues is `coranto.streams`' part.
"""

from __future__ import annotations

from coranto.frontier.heartbeat import HostLostError
from coranto.frontier.host_key import host_key
from coranto.frontier.host_leases import (
    BackOff,
    HostBusy,
    HostFeedback,
    HostLease,
    HostLeases,
    HostPause,
    HostSetAside,
    HostTrouble,
    RedisHostLeases,
    find_trouble,
)
from coranto.frontier.host_policy import HostPolicy, HostRule, WrongHostsFileError, read_hosts_file
from coranto.frontier.one_process import InProcessHostLeases

__all__ = [
    "BackOff",
    "HostBusy",
    "HostFeedback",
    "HostLease",
    "HostLeases",
    "HostLostError",
    "HostPause",
    "HostPolicy",
    "HostRule",
    "HostSetAside",
    "HostTrouble",
    "InProcessHostLeases",
    "RedisHostLeases",
    "WrongHostsFileError",
    "find_trouble",
    "host_key",
    "read_hosts_file",
]
