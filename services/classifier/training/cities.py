"""Makes the list of well-known cities by language: the cities of time zones in Unicode CLDR (Unicode License v3)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

_LOCALES = {"sr": ("sr_Latn", "sr")}
_CYRILLIC = ("sr", "uk")
_CONTINENTS = ("Africa/", "America/", "Asia/", "Australia/", "Europe/", "Pacific/")
_SHORTEST = 4  # letters; shorter names are too like other words to be found by their stem


def make_cities(target: Path, languages: Iterable[str]) -> None:
    """Write the list: a language and its names of cities, joined by bars, on each line. The same bytes each time."""
    from babel import Locale
    from babel.core import get_global

    zones_known = [zone for zone in get_global("zone_territories") if zone.startswith(_CONTINENTS)]
    lines = ["language\tcities"]
    for language in languages:
        names: set[str] = set()
        for code in _LOCALES.get(language, (language,)):
            zones = Locale.parse(code).time_zones
            names |= {str(zone["city"]) for zone in zones.values() if "city" in zone}
            if code not in _CYRILLIC:
                # CLDR leaves out a name that is spelled as in the zone's own.
                names |= {zone.rsplit("/", 1)[1] for zone in zones_known if "city" not in zones.get(zone, {})}
        kept = sorted(name for name in names if len(name) >= _SHORTEST and name.isalpha())
        lines.append(f"{language}\t{'|'.join(kept)}")
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")
