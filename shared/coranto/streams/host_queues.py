"""Queues of a stage by host: a message waits for its host in Redis, and no worker's slot waits with it.

In each partition every host has two lists, live and backlog. Sorted sets hold the hosts that something waits for by the time
they may be asked. A message goes from its stream into its queue with its acknowledgement (`commit.lua`, kind Q), and from the
queue to a worker as a pending entry of the stage's `claimed` stream (`claim_hosts.lua`), which is acknowledged, renewed and
claimed back like any other. Whether a host may really be asked is for `coranto.frontier` to say: here is only a guess, which
saves the asking. How much may wait is decided where pages are handed in (`submit.lua`), host by host: nothing that waits here keeps
anything else from being read. Slow hosts have sets of their own, so that a worker can take a few of them and all of the others.

A stage whose hosts take turns (`StageSpec.takes_turns`) has queues with the same keys in front of its stream instead: what is
handed in while the stream holds enough waits there (`submit.lua`), and comes to it from there (`take_turns.lua`). Two more sorted
sets, `oldest:live` and `oldest:backlog`, hold the hosts by the time when the first that waits for each was handed in; `owed` counts
what was brought since the backlog had its share.
"""

from __future__ import annotations

from typing import Final

LANES: Final = ("live", "live:slow", "backlog", "backlog:slow")
"""Sorted sets of hosts, in the order in which they are served."""

MOST_IN_STREAM: Final = 200
"""Entries that wait in the stream of a stage whose hosts take turns, in one partition: what a page of an idle host finds in front
of it, at most."""
