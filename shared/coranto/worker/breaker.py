"""A circuit breaker for one stage: it stops the stage while everything fails, or while everything ends as a dead letter.

Closed: every message is started. Open: none is, until the pause is over. Half-open: one message at a time is tried; a success
closes the breaker, another failure opens it for twice as long (M. Nygard, "Release It!", 2007, chapter 5).

Two things open it: a run of failures for one systemic reason, and too many dead letters, in a row or as a share of what
ended lately (as `DlqLimit` in Sentry's arroyo has both). A failure that may be a page's own doing, such as a bug that it
brings out, is systemic only when pages of several sites have it: no site may stop the stage for all others. The rule about
dead letters keeps a producer's mistake from emptying a stream into them: while it holds, what would die is delayed instead.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Literal, Self

from coranto.worker.settings import BreakerSettings

State = Literal["closed", "open", "half_open"]
Verdict = Literal["success", "systemic", "inconclusive", "none"]
"""What an outcome says about the world. success: the handler did its work, whatever it decided; systemic: it failed for a
reason that is not the message's; inconclusive: it asked for another attempt for a reason of its own, such as a slow host;
none: the handler had no say, as with an entry that does not parse."""
Change = Literal["opened", "closed"]

TOO_MANY_DEAD = "dead_letters"
"""The breaker's reason when dead letters opened it."""
# So many trials in a row that ended without the failure that opened the breaker count as a success: a fetcher whose
# waiting pages all belong to slow hosts must not stay at one page at a time.
_INCONCLUSIVE_TO_CLOSE = 3
# Fewer sites than these cannot open the breaker by failures that their pages may have brought about.
_SITES_TO_OPEN = 3


class Permit:
    """Leave to start one message, as a context manager: whatever happens inside, the permit comes back."""

    __slots__ = ("_breaker", "is_trial")

    def __init__(self, breaker: Breaker, *, is_trial: bool) -> None:
        self._breaker = breaker
        self.is_trial = is_trial
        """True when this message is the one that a half-open breaker tries."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.is_trial:
            self._breaker.end_trial()

    def report(
        self, reason: str, verdict: Verdict, *, is_dead: bool, is_end: bool, site: str | None = None
    ) -> Change | None:
        """Tell how the message ended; gives what this changed. `site` as for `Breaker.report`."""
        return self._breaker.report(reason, verdict, is_dead=is_dead, is_end=is_end, is_trial=self.is_trial, site=site)


class Breaker:
    """Says when a message of the stage may be started, from how those before it ended."""

    def __init__(self, settings: BreakerSettings, *, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._run = 0
        self._run_reason = ""
        self._run_sites: set[str] = set()
        self._dead_run = 0
        self._ends: deque[bool] = deque(maxlen=settings.dead_window)
        self._dead_in_window = 0
        self._quiet_ends = 0
        self._inconclusive = 0
        self._pause_seconds = 0.0
        self._open_until = 0.0
        self._trial_since: float | None = None
        self._changed = asyncio.Event()
        self.is_closed = True
        self.reason: str | None = None
        """Why it is not closed: a systemic reason, or `dead_letters`; None while it is closed."""

    @property
    def state(self) -> State:
        """What the breaker does now."""
        if self.is_closed:
            return "closed"
        return "half_open" if self._clock() >= self._open_until else "open"

    @property
    def may_try(self) -> bool:
        """Whether a message started now would be the trial of a half-open breaker."""
        return not self.is_closed and self._trial_since is None and self._clock() >= self._open_until

    @property
    def trial_age_seconds(self) -> float | None:
        """How long the present trial has been going on; None when there is none."""
        return None if self._trial_since is None else self._clock() - self._trial_since

    @property
    def holds_back_dead_letters(self) -> bool:
        """Whether a message that would become a dead letter should be delayed instead."""
        return self.reason == TOO_MANY_DEAD

    @property
    def seconds_to_trial(self) -> float:
        """Seconds until a message may be tried; 0 when one may be now."""
        return 0.0 if self.is_closed else max(0.0, self._open_until - self._clock())

    async def permit(self) -> Permit:
        """Leave to start one message; waits for as long as that must not be."""
        while not self.is_closed:
            if self.may_try:
                self._trial_since = self._clock()
                return Permit(self, is_trial=True)
            wait = self.seconds_to_trial
            self._changed.clear()
            try:
                async with asyncio.timeout(wait if wait > 0 else None):
                    await self._changed.wait()
            except TimeoutError:
                continue
        return Permit(self, is_trial=False)

    def note_success(self) -> bool:
        """Note a success in the quickest way; False when it has to be reported in full."""
        if not self.is_closed or self._run or self._dead_in_window:
            return False
        self._dead_run = 0
        self._quiet_ends += 1
        return True

    def end_trial(self) -> None:
        """Let the next message be tried, when this one said nothing."""
        self._trial_since = None
        self._changed.set()

    def report(
        self, reason: str, verdict: Verdict, *, is_dead: bool, is_end: bool, is_trial: bool, site: str | None = None
    ) -> Change | None:
        """Note how a message ended; gives what this changed.

        `site` is whose page it was, where a systemic failure may be the page's own doing; None where it cannot.
        """
        if self._quiet_ends:
            self._ends.extend([False] * min(self._quiet_ends, self._settings.dead_window))
            self._quiet_ends = 0
        if is_end:
            self._count_end(is_dead)
        if self.is_closed:
            return self._note_while_closed(reason, verdict, site)
        if verdict == "systemic" or (self.holds_back_dead_letters and is_dead):
            # Stragglers that were started before it opened say nothing new.
            if is_trial:
                self._reopen()
        elif verdict == "success":
            return self._close()
        elif verdict == "inconclusive" and is_trial:
            self._inconclusive += 1
            if self._inconclusive >= _INCONCLUSIVE_TO_CLOSE:
                return self._close()
        elif is_dead and self._has_too_many_dead():
            self.reason = TOO_MANY_DEAD
            self._reopen()
        return None

    def _count_end(self, is_dead: bool) -> None:
        self._dead_run = self._dead_run + 1 if is_dead else 0
        if len(self._ends) == self._settings.dead_window:
            self._dead_in_window -= self._ends[0]
        self._ends.append(is_dead)
        self._dead_in_window += is_dead

    def _note_while_closed(self, reason: str, verdict: Verdict, site: str | None) -> Change | None:
        if verdict == "systemic":
            if reason != self._run_reason:
                self._end_run()
            self._run += 1
            self._run_reason = reason
            if site is not None and len(self._run_sites) < _SITES_TO_OPEN:
                self._run_sites.add(site)
            is_everywhere = site is None or len(self._run_sites) >= _SITES_TO_OPEN
            if self._run >= self._settings.failures and is_everywhere:
                return self._open(reason)
        elif verdict == "success":
            self._end_run()
        if self._dead_in_window and self._has_too_many_dead():
            return self._open(TOO_MANY_DEAD)
        return None

    def _end_run(self) -> None:
        self._run = 0
        self._run_sites.clear()

    def _has_too_many_dead(self) -> bool:
        settings = self._settings
        if self._dead_run >= settings.max_dead_in_a_row:
            return True
        is_enough = len(self._ends) * 2 >= settings.dead_window
        return is_enough and self._dead_in_window > settings.max_dead_share * len(self._ends)

    def _open(self, reason: str) -> Change:
        self.is_closed, self.reason = False, reason
        self._inconclusive = 0
        self._pause_seconds = self._settings.probe_after.total_seconds()
        self._open_until = self._clock() + self._pause_seconds
        return "opened"

    def _reopen(self) -> None:
        self._inconclusive = 0
        self._pause_seconds = min(self._pause_seconds * 2, self._settings.max_pause.total_seconds())
        self._open_until = self._clock() + self._pause_seconds

    def _close(self) -> Change:
        self.is_closed, self.reason = True, None
        self._end_run()
        self._dead_run = self._dead_in_window = self._inconclusive = 0
        self._ends.clear()
        self._changed.set()
        return "closed"
