"""Makes the gazetteer of countries: names from Unicode CLDR (Unicode License v3) and other names of our own."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

LANGUAGES = (
    *("en", "ru", "uk", "de", "cs", "pl"),
    *("bg", "da", "fi", "hr", "hu", "id", "no", "pt", "ro", "sk", "sl", "sr", "sr_Latn", "sv"),
)

_MORE_NAMES = {
    "RU": "Russian Federation|РФ|Российская Федерация",
    "US": "USA|US|U.S.|U.S.A.|United States of America|America|Соединенные Штаты Америки|США|Штаты|Америка|Сполучені Штати Америки",
    "GB": "UK|U.K.|Great Britain|Britain|Соединенное Королевство|Британия|Англия|Об'єднане Королівство",
    "KG": "Kirghizia|Кыргызстан|Киргизская Республика|Кыргызская Республика|Kyrgyz Republic",
    "BY": "Byelorussia|Белоруссия|Беларусь|Республика Беларусь",
    "MD": "Молдова|Молдавия|Republic of Moldova|Республика Молдова",
    "TM": "Туркмения|Туркменистан|Turkmenia",
    "CN": "People's Republic of China|PRC|КНР|Китайская Народная Республика",
    "KR": "South Korea|Republic of Korea|Южная Корея|Республика Корея",
    "KP": "North Korea|DPRK|КНДР|Северная Корея|Корейская Народно-Демократическая Республика",
    "DE": "Federal Republic of Germany|ФРГ|Федеративная Республика Германия",
    "AE": "UAE|U.A.E.|ОАЭ|Объединенные Арабские Эмираты|Эмираты",
    "CD": "DRC|DR Congo|Democratic Republic of the Congo|ДРК|ДР Конго|Демократическая Республика Конго",
    "CG": "Republic of the Congo|Республика Конго",
    "NL": "Holland|Голландия|the Netherlands",
    "MM": "Burma|Бирма|Мьянма",
    "CZ": "Czech Republic|Чешская Республика",
    "CI": "Ivory Coast|Берег Слоновой Кости",
    "IR": "Islamic Republic of Iran|Исламская Республика Иран|ИРИ",
    "SY": "САР|Сирийская Арабская Республика",
    "SA": "КСА|Королевство Саудовская Аравия",
    "ZA": "ЮАР|Южно-Африканская Республика|Republic of South Africa",
    "CF": "ЦАР|Central African Republic",
    "KZ": "Республика Казахстан",
    "UZ": "Республика Узбекистан",
    "TJ": "Республика Таджикистан",
    "AM": "Республика Армения",
    "AZ": "Азербайджанская Республика",
    "MK": "Macedonia|Македония",
    "VA": "Vatican|Ватикан|Holy See|Святой Престол",
    "PS": "Palestine|Палестина",
    "TR": "Turkey|Türkiye|Турция",
    "TL": "East Timor|Восточный Тимор",
    "LA": "Laos|Лаос",
    "CV": "Cape Verde|Кабо-Верде",
    "SZ": "Swaziland|Свазиленд",
    "HK": "Hong Kong|Гонконг",
    "MO": "Macau|Macao|Макао",
    "TW": "Taiwan|Тайвань",
    "LK": "Цейлон|Шри-Ланка",
    "UA": "the Ukraine",
    "EE": "Эстонская Республика",
    "LV": "Латвийская Республика",
    "LT": "Литовская Республика",
    "GE": "Republic of Georgia",
}

_LEFT_OUT = frozenset({"EU", "EZ", "UN", "QO", "ZZ", "XA", "XB", "AC", "CP", "CQ", "DG", "EA", "IC", "TA"})


def make_countries(target: Path) -> None:
    """Writes the table: ISO 3166-1 alpha-2 code, English and Russian name, every other name joined by a bar."""
    from babel import Locale

    locales: dict[str, dict[str, str]] = {language: dict(Locale.parse(language).territories) for language in LANGUAGES}
    codes = sorted(code for code in locales["en"] if len(code) == 2 and code.isalpha() and code not in _LEFT_OUT)
    owners = Counter(name for code in codes for name in {names.get(code) for names in locales.values()})
    lines = ["code\tname\tname_ru\tnames"]
    for code in codes:
        names = [locales[language].get(code) for language in LANGUAGES]
        # A name of two countries, such as Kongo, tells neither.
        others = dict.fromkeys(name for name in names[2:] if owners[name] == 1)
        others |= dict.fromkeys(_MORE_NAMES.get(code, "").split("|"))
        # A name in brackets or with "and" inside is the vocabulary's wording, never a newspaper's; it does no harm.
        lines.append(f"{code}\t{names[0]}\t{names[1]}\t{'|'.join(name for name in others if name)}")
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")
