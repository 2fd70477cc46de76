"""Takes messages out of the queues of hosts whenever the stage has a free slot and a host may be asked."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta

from coranto.streams.errors import is_transient
from coranto.worker import log as events
from coranto.worker.delivery import Delivery

# Other workers put messages into the queues too, and say so to nobody.
_LOOK_EVERY_SECONDS = 0.2
_AFTER_AN_ERROR_SECONDS = 0.5
# A host whose worker is lost hands out nothing for so long. Where a message takes longer, the next one of its host is refused by
# the host's lease and goes back to the front: cheaper than a host that rests for minutes.
_LEASE = timedelta(seconds=20)
# Of a worker's slots, and so of the fleet's: hosts that take their time must leave room for those that do not.
_SLOW_SHARE = 5


class HostClaims:
    """The claiming of one stage in one worker, over all partitions."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self._slow = max(1, delivery.stage.concurrency // _SLOW_SHARE)
        self._wake = asyncio.Event()
        self._first = 0
        self._log = events.get_logger(stage=delivery.stage.name, worker=delivery.consumer)

    def wake(self) -> None:
        """Look at once: something has come into a queue, or a host may be asked again."""
        self._wake.set()

    async def run(self) -> None:
        """Claim until cancelled."""
        while True:
            self._wake.clear()
            try:
                wait = await self.claim()
            except Exception as error:  # noqa: BLE001 - logged; what was claimed is pending and is claimed back
                if not is_transient(error):
                    self._log.exception(events.HOUSEKEEPING_FAILED, during="claim_hosts")
                await asyncio.sleep(_AFTER_AN_ERROR_SECONDS)
                continue
            if wait > 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._wake.wait()

    async def claim(self) -> float:
        """Fill the free slots from all partitions; gives the seconds to wait before the next look."""
        delivery, flow = self._delivery, self._delivery.flow
        room = await flow.acquire("host", max(1, flow.free))
        taken, next_seconds = 0, _LOOK_EVERY_SECONDS
        try:
            partitions = len(delivery.streams)
            # In turn: with few slots the first partition would have them all.
            self._first = (self._first + 1) % partitions
            for number in ((self._first + each) % partitions for each in range(partitions)):
                if taken == room:
                    return 0.0
                slow = max(0, self._slow - delivery.slow_in_flight)
                claims = await delivery.streams[number].claim_hosts(
                    delivery.consumer, count=room - taken, slow=slow, lease=_LEASE
                )
                taken += len(claims.entries)
                delivery.accept(number, claims.entries)
                if claims.next_ms is not None:
                    next_seconds = min(next_seconds, claims.next_ms / 1000)
        finally:
            flow.release(room - taken)
        # A host that is due and was not handed out waits for a slot, and so for the next commit.
        return max(0.005, next_seconds)
