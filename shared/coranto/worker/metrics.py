"""Every metric a worker exposes, declared in one place; `docs/reference/metrics.md` is made from this module.

Labels come from closed sets: stages of the topology, outcome kinds, reasons of the stages' lists. Only the groups of
subscribers have names of others' choosing; their number is bounded.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

_SECONDS = (0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """The metrics of one worker process, in a registry of its own."""

    def __init__(self) -> None:
        # A `_created` line beside each counter doubles the page, and nobody asks for them.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # prometheus_client declares no types for it
        self.registry = CollectorRegistry()
        add = self.registry
        # Messages the stage began to handle. received = published + dropped + retried + dead, but for those in flight.
        self.received = Counter("coranto_messages_received", "Messages begun.", ["stage"], registry=add)
        # How messages ended, each exactly once. `reason` is a word of the stage's closed list, or of delivery's.
        self.outcomes = Counter(
            "coranto_messages_settled", "Messages by how they ended.", ["stage", "outcome", "reason"], registry=add
        )
        # Outcomes that took no effect because another worker had settled the message first.
        self.superseded = Counter(
            "coranto_messages_superseded",
            "Results given up because the message was settled elsewhere.",
            ["stage"],
            registry=add,
        )
        # From the message's arrival at the stage to the start of its handling.
        self.queue_seconds = Histogram(
            "coranto_message_wait_seconds",
            "Time a message waited for the stage.",
            ["stage"],
            buckets=_SECONDS,
            registry=add,
        )
        # The handler alone.
        self.handle_seconds = Histogram(
            "coranto_message_handling_seconds", "Time the handler took.", ["stage"], buckets=_SECONDS, registry=add
        )
        # One script call settles a group of messages.
        self.commits = Counter("coranto_commit_calls", "Commit calls made to Redis.", ["stage"], registry=add)
        # Messages of dead workers that this one took over.
        self.claimed = Counter(
            "coranto_messages_claimed", "Messages taken over from workers that were gone.", ["stage"], registry=add
        )
        # Messages that this process has read and not settled, begun or not.
        self.in_flight = Gauge("coranto_messages_in_flight", "Messages read and not settled.", ["stage"], registry=add)
        # The whole stage, all replicas: the same number from each of them; take the maximum, not the sum.
        self.waiting = Gauge(
            "coranto_stream_lag_messages", "Messages no worker has taken yet.", ["stage", "partition"], registry=add
        )
        self.pending = Gauge(
            "coranto_stream_pending_messages", "Messages taken and not settled.", ["stage", "partition"], registry=add
        )
        self.delayed = Gauge(
            "coranto_retry_delayed_messages", "Messages waiting for their retry.", ["stage", "partition"], registry=add
        )
        self.queued = Gauge(
            "coranto_host_queue_messages",
            "Messages waiting in the queues of hosts.",
            ["stage", "partition"],
            registry=add,
        )
        self.dead = Gauge("coranto_dead_letters", "Dead letters kept.", ["stage", "partition"], registry=add)
        self.oldest_age = Gauge(
            "coranto_stream_oldest_message_age_seconds",
            "Age of the oldest unsettled message.",
            ["stage", "partition"],
            registry=add,
        )
        # 1 while the stage does not read because too much waits downstream.
        self.paused = Gauge(
            "coranto_stage_paused", "1 while the stage waits for the one downstream.", ["stage"], registry=add
        )
        # 0 closed, 1 open, 2 half-open. Open for minutes: see the log's breaker.opened for the reason.
        self.breaker = Gauge("coranto_breaker_state", "0 closed, 1 open, 2 half-open.", ["stage"], registry=add)
        # What a stream holds beyond its backlog: finished articles, dropped events, dead letters. Every stage that reads or
        # writes the stream shows the same number.
        self.kept_entries = Gauge("coranto_stream_entries", "Entries that a stream holds.", ["stream"], registry=add)
        self.kept_bytes = Gauge(
            "coranto_stream_bytes", "Memory that a stream takes in Redis.", ["stream"], registry=add
        )
        # 1 means that the oldest entries go. `limit` is age, entries or bytes. Bytes at 1: give Redis memory, or keep less.
        self.kept_fullness = Gauge(
            "coranto_retention_used_ratio",
            "Share of a limit that a kept stream uses.",
            ["stream", "limit"],
            registry=add,
        )
        # Programs that subscribe, by the group they chose: at most 100 groups. No alert is as useful as one on the age.
        self.subscriber_waiting = Gauge(
            "coranto_subscriber_lag_messages",
            "Events that no program of a subscribers' group has taken.",
            ["stream", "group"],
            registry=add,
        )
        self.subscriber_pending = Gauge(
            "coranto_subscriber_pending_messages",
            "Events that a subscribers' group has taken and not acknowledged.",
            ["stream", "group"],
            registry=add,
        )
        self.subscriber_oldest_age = Gauge(
            "coranto_subscriber_oldest_message_age_seconds",
            "Age of the oldest event that a subscribers' group has not acknowledged; 0 when there is none.",
            ["stream", "group"],
            registry=add,
        )
        # Longest of the last one to two minutes, however often it is read. `clock` is `wall` for the time others had to wait,
        # `cpu` for how much of it the worker itself computed: high alone, `wall` tells of a machine that is short of CPU.
        self.loop_stall = Gauge(
            "coranto_event_loop_stall_seconds", "Longest time the event loop stood still.", ["clock"], registry=add
        )
        self.redis_up = Gauge("coranto_redis_up", "1 while Redis answers this worker.", registry=add)
