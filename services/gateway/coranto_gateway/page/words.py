"""English and Russian: texts, counted nouns, numbers, times."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal

from coranto.media_topics import name_in

Language = Literal["en", "ru"]
LANGUAGES: Final[tuple[Language, ...]] = ("en", "ru")

_MONTHS: Final[Mapping[Language, tuple[str, ...]]] = {
    "en": ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
           "December"),
    "ru": ("января", "февраля", "марта", "апреля", "мая", "июня", "июля", "августа", "сентября", "октября", "ноября",
           "декабря"),
}  # fmt: skip
_DAYS: Final[Mapping[Language, tuple[str, ...]]] = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "ru": ("понедельник", "вторник", "среда", "четверг", "пятница", "суббота", "воскресенье"),
}
_UNITS: Final[Mapping[Language, tuple[str, str, str, str]]] = {
    "en": ("s", "min", "h", "d"),
    "ru": ("с", "мин", "ч", "д"),
}


_DAY_ONLY: Final = len("2026-03-14")


@cache
def _russian() -> Mapping[str, Any]:
    text = files("coranto_gateway.page").joinpath("ru.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@cache
def _reasons() -> Mapping[str, Mapping[str, Sequence[str]]]:
    text = files("coranto_gateway.page").joinpath("reasons.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


class Words:
    """The words of one language."""

    def __init__(self, language: Language, now: datetime) -> None:
        self.language = language
        self.now = now.astimezone(UTC)

    def text(self, english: str, **values: object) -> str:
        """The text in this language, with the values put in."""
        found = _russian()["texts"].get(english, english) if self.language == "ru" else english
        return found.format(**values) if values else found

    def count(self, number: int, noun: str) -> str:
        """The number with its noun, such as "3 articles"."""
        return f"{self.number(number)} {self.noun(number, noun)}"

    def noun(self, number: int, noun: str) -> str:
        """The noun as it stands beside the number."""
        forms = _russian()["nouns"][noun]
        if self.language == "en":
            return noun if number == 1 else forms[0]
        tens, ones = number % 100 // 10, number % 10
        if tens == 1 or ones == 0 or ones > 4:
            return str(forms[3])
        return str(forms[1] if ones == 1 else forms[2])

    def reason(self, stage: str, reason: str) -> str:
        """What the reason means when this stage gives it; nothing for a word that is not known here."""
        known = _reasons()
        # A service's second stage shares its list.
        for given in (known.get(stage, {}), known["delivery"], *known.values()):
            if reason in given:
                return given[reason][LANGUAGES.index(self.language)]
        return ""

    def topic(self, code_or_name: str) -> str:
        """The topic's name in this language, or that of a broader one."""
        return name_in(code_or_name, self.language)

    def number(self, number: float) -> str:
        """The number with its thousands apart: 2,026, in Russian with a narrow space."""
        return f"{round(number):,}".replace(",", "\N{NARROW NO-BREAK SPACE}" if self.language == "ru" else ",")

    def decimal(self, number: float) -> str:
        """The number with two decimals."""
        return self._with_comma(f"{number:.2f}")

    def _with_comma(self, text: str) -> str:
        return text.replace(".", ",") if self.language == "ru" else text

    def span(self, seconds: float) -> str:
        """A span of time, such as "38 s" or "4 min"."""
        second, minute, hour, day = _UNITS[self.language]
        seconds = max(0.0, seconds)
        for size, unit in ((86_400, day), (3600, hour), (60, minute)):
            if seconds >= 2 * size:
                return f"{self.number(seconds // size)} {unit}"
        return f"{round(seconds)} {second}"

    def short_span(self, seconds: float) -> str:
        """A span with a tenth of a second, such as "3.1 s", where it is short."""
        if seconds >= 60:
            return self.span(seconds)
        return f"{self._with_comma(f'{max(0.0, seconds):.1f}')} {_UNITS[self.language][0]}"

    def milliseconds(self, number: float) -> str:
        """A span of so many milliseconds."""
        return f"{self.number(number)} {'мс' if self.language == 'ru' else 'ms'}"

    def adds(self, stage: str, reason: str, detail: str) -> str:
        """What the detail says beyond the meaning of the reason."""
        return "" if detail == Words("en", self.now).reason(stage, reason) else detail

    def when(self, moment: datetime | None) -> str:
        """A moment in UTC: the hour for today, a weekday within the week, a date beyond."""
        if moment is None:
            return ""
        moment = moment.astimezone(UTC)
        hour = f"{moment:%H:%M}"
        days = (self.now.date() - moment.date()).days
        if days == 0:
            return f"{self.text('today')}, {hour}"
        if 0 < days < 7:
            return f"{_DAYS[self.language][moment.weekday()]}, {hour}"
        return f"{self.date(moment)}, {hour}"

    def published(self, text: str | None) -> str:
        """A date as a record has it: with its own clock and offset where it gives one, and a bare day where it gives no more."""
        if text is None:
            return ""
        moment = datetime.fromisoformat(text)
        day = self.date(moment)
        if len(text) == _DAY_ONLY:
            return day
        offset = moment.utcoffset()
        zone = "" if offset is None else " UTC" if not offset else f" UTC{moment:%z}"
        return f"{day}, {moment:%H:%M}{zone[:7]}{':' + zone[7:] if len(zone) > 7 and zone[7:] != '00' else ''}"

    def second(self, moment: datetime) -> str:
        """The moment to the second, in UTC, with its day unless that is today."""
        moment = moment.astimezone(UTC)
        day = "" if moment.date() == self.now.date() else f"{self.date(moment)}, "
        return f"{day}{moment:%H:%M:%S}"

    def millisecond(self, moment: datetime) -> str:
        """The moment to the millisecond."""
        return f"{self.second(moment)}.{moment.microsecond // 1000:03}"

    def clock(self, unix: float) -> str:
        """The hour of a Unix time, in UTC."""
        return f"{datetime.fromtimestamp(unix, UTC):%H:%M}"

    def date(self, moment: datetime) -> str:
        """A day, such as "14 March 2026"."""
        year = f" {moment.year}" if moment.year != self.now.year else ""
        return f"{moment.day} {_MONTHS[self.language][moment.month - 1]}{year}"

    def day_and_hour(self) -> str:
        """The present, for the head of a page."""
        return (
            f"{_DAYS[self.language][self.now.weekday()]}, {self.now.day} {_MONTHS[self.language][self.now.month - 1]} "
            f"{self.now.year}, {self.now:%H:%M} UTC"
        )

    def due(self, moment: datetime | None) -> str:
        """How long it is until the moment."""
        if moment is None:
            return ""
        left = moment - self.now
        return (
            self.text("now") if left <= timedelta(0) else self.text("in {span}", span=self.span(left.total_seconds()))
        )
