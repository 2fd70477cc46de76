"""Small pages in many languages and mark-ups: headline, day and authors of each, as a reader of the page would say."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from coranto.records import Content

_TEXTS = {
    "ar": (
        "أعيد فتح جسر الميناء أمام حركة المرور بعد عامين من الإصلاحات، حسبما أعلن مجلس المدينة في بيان.",
        "واستبدل المهندسون جميع الكابلات الأربعين، وكلف العمل أقل بالثلث مما كان مخططا له، وفقا للتقرير.",
    ),
    "bn": (
        "দুই বছরের মেরামতের পর বন্দরের সেতুটি আবার যান চলাচলের জন্য খুলে দেওয়া হয়েছে, নগর পরিষদ এক বিবৃতিতে জানিয়েছে।",
        "প্রকৌশলীরা চল্লিশটি তারই বদলে দিয়েছেন, এবং প্রতিবেদন অনুযায়ী কাজে পরিকল্পনার চেয়ে এক-তৃতীয়াংশ কম খরচ হয়েছে।",
    ),
    "de": (
        "Die Hafenbrücke ist nach zwei Jahren Bauzeit wieder für den Verkehr frei, teilte die Stadt am Freitag mit.",
        "Ingenieure haben alle vierzig Seile ersetzt; die Arbeiten kosteten ein Drittel weniger als geplant, heißt es.",
    ),
    "en": (
        "The harbour bridge was opened to traffic on Friday after two years of repairs, the city council said.",
        "Engineers replaced all forty cables, and the work cost a third less than planned, according to the report.",
    ),
    "fa": (
        "پل بندر پس از دو سال تعمیر دوباره به روی رفت و آمد باز شد، شورای شهر در بیانیه‌ای اعلام کرد.",
        "مهندسان همه چهل کابل را عوض کردند و به گفته گزارش، کار یک سوم کمتر از برنامه هزینه داشت.",
    ),
    "fr": (
        "Le pont du port a rouvert à la circulation après deux ans de travaux, a annoncé la mairie dans un communiqué.",
        "Les ingénieurs ont remplacé les quarante câbles, et le chantier a coûté un tiers de moins que prévu, selon le rapport.",
    ),
    "ka": (
        "ნავსადგურის ხიდი ორწლიანი რემონტის შემდეგ კვლავ გაიხსნა მოძრაობისთვის, განაცხადა ქალაქის საკრებულომ.",
        "ინჟინრებმა ორმოცივე ბაგირი გამოცვალეს, სამუშაო კი დაგეგმილზე მესამედით იაფი დაჯდა, ნათქვამია ანგარიშში.",
    ),
    "ko": (
        "항구 다리가 2년간의 보수 공사를 마치고 금요일 다시 개통됐다고 시의회가 성명을 통해 밝혔다.",
        "기술자들은 케이블 40개를 모두 교체했으며 보고서에 따르면 공사비는 계획보다 3분의 1 적게 들었다.",
    ),
    "lv": (
        "Ostas tilts pēc divu gadu remonta piektdien atkal atvērts satiksmei, paziņojumā informē pilsētas dome.",
        "Inženieri nomainīja visas četrdesmit troses, un darbi izmaksāja par trešdaļu mazāk, nekā plānots, teikts ziņojumā.",
    ),
    "nl": (
        "De havenbrug is vrijdag na twee jaar herstelwerk weer opengesteld voor het verkeer, meldt de gemeente.",
        "Ingenieurs vervingen alle veertig kabels, en het werk kostte een derde minder dan gepland, aldus het rapport.",
    ),
    "pl": (
        "Most portowy został ponownie otwarty dla ruchu po dwóch latach remontu, poinformował urząd miasta.",
        "Inżynierowie wymienili wszystkie czterdzieści lin, a prace kosztowały o jedną trzecią mniej, niż planowano.",
    ),
    "pt": (
        "A ponte do porto foi reaberta ao trânsito após dois anos de obras, informou a prefeitura em comunicado.",
        "Os engenheiros trocaram os quarenta cabos, e a obra custou um terço a menos do que o previsto, segundo o relatório.",
    ),
    "ro": (
        "Podul din port a fost redeschis circulației după doi ani de reparații, a anunțat primăria într-un comunicat.",
        "Inginerii au înlocuit toate cele patruzeci de cabluri, iar lucrările au costat cu o treime mai puțin.",
    ),
    "ru": (
        "Мост в порту снова открыли для движения после двух лет ремонта, сообщили в городской администрации.",
        "Инженеры заменили все сорок тросов, а работы обошлись на треть дешевле, чем планировалось, говорится в отчёте.",
    ),
    "sv": (
        "Hamnbron öppnades för trafik på fredagen efter två års reparationer, meddelade kommunen i ett uttalande.",
        "Ingenjörerna bytte ut alla fyrtio vajrar, och arbetet kostade en tredjedel mindre än planerat, enligt rapporten.",
    ),
    "th": (
        "สะพานท่าเรือเปิดให้สัญจรอีกครั้งหลังซ่อมแซมนานสองปี สภาเมืองระบุในแถลงการณ์เมื่อวันศุกร์ที่ผ่านมา",
        "วิศวกรเปลี่ยนสายเคเบิลทั้งสี่สิบเส้น และงานมีค่าใช้จ่ายน้อยกว่าที่วางแผนไว้หนึ่งในสาม ตามรายงานของคณะกรรมการ",
    ),
}


class Case(NamedTuple):
    """A page: what stands above its text and below it, what its head holds, and what must be read."""

    language: str
    above: str
    title: str
    day: str | None = None
    authors: tuple[str, ...] = ()
    window: str | None = None
    """The title of the window; the headline when None."""
    head: str = ""
    below: str = ""
    url: str = "https://paper.example/news/1"


_MENU = '<nav><a href="/">1</a><a href="/s">2</a></nav>'

CASES = {
    "Bengali words for the date and the author": Case(
        "bn",
        "<h1>বন্দরের সেতু আবার খুলল</h1><div>লেখক: রহিম উদ্দিন</div><div>প্রকাশ: ০৪ মে ২০২৩, ১০:৩০</div>",
        "বন্দরের সেতু আবার খুলল",
        "2023-05-04T10:30",
        ("রহিম উদ্দিন",),
    ),
    "Thai numbers in Buddhist years": Case(
        "th", "<h1>สะพานท่าเรือเปิดอีกครั้งแล้ว</h1><div>04/05/2566 10:30 น.</div>", "สะพานท่าเรือเปิดอีกครั้งแล้ว", "2023-05-04"
    ),
    "Persian numbers with dashes": Case(
        "fa", "<h1>پل بندر دوباره باز شد</h1><div>۱۴۰۲-۰۲-۱۴ ۱۰:۳۰</div>", "پل بندر دوباره باز شد", "2023-05-04"
    ),
    "a Persian date in an element for machines": Case(
        "fa",
        '<h1>پل بندر دوباره باز شد</h1><time datetime="1402-02-14T10:30:00">۱۴ اردیبهشت ۱۴۰۲</time>',
        "پل بندر دوباره باز شد",
        "2023-05-04",
    ),
    "Georgian month": Case("ka", "<h1>ნავსადგურის ხიდი გაიხსნა</h1><p>4 მაისი, 2023</p>", "ნავსადგურის ხიდი გაიხსნა", "2023-05-04"),
    "Latvian order, byline by class": Case(
        "lv",
        "<h1>Ostas tilts atkal atvērts</h1><p>2023. gada 4. maijs</p><p class=author>Anna Kalniņa</p>",
        "Ostas tilts atkal atvērts",
        "2023-05-04",
        ("Anna Kalniņa",),
    ),
    "a Korean name before the role": Case(
        "ko",
        "<h1>항구 다리 다시 개통</h1><p>입력 2023.05.04 오후 6:40</p><p>김철수 기자 kim@news.example</p>",
        "항구 다리 다시 개통",
        "2023-05-04T18:40",
        ("김철수",),
    ),
    "two authors and their town": Case(
        "pt",
        "<h1>Ponte do porto reaberta</h1><p>Por João da Silva e Maria dos Santos, de São Paulo</p><p>04/05/2023</p>",
        "Ponte do porto reaberta",
        "2023-05-04",
        ("João da Silva", "Maria dos Santos"),
    ),
    "writer, editor and day in one line": Case(
        "en",
        "<h1>Harbour bridge opens again</h1><p>Written by Jane Doe | Edited by Max Roe | Published : May 4, 2023</p>",
        "Harbour bridge opens again",
        "2023-05-04",
        ("Jane Doe",),
    ),
    "two authors in two lines": Case(
        "en", "<h1>Harbour bridge opens again</h1><div class=byline>Jane Doe<br>Max Roe</div>", "Harbour bridge opens again",
        authors=("Jane Doe", "Max Roe"),
    ),
    "day, month and year in three lines": Case(
        "en", "<h1>Harbour bridge opens</h1><div class=date>4<br>May<br>2023</div>", "Harbour bridge opens", "2023-05-04",
    ),
    "a picture agency stated as a person": Case(
        "en", "<h1>Harbour bridge opens again</h1>", "Harbour bridge opens again",
        head='<script type="application/ld+json">{"@type": "NewsArticle", "headline": "Harbour bridge opens again", '
        '"author": {"@type": "Person", "name": "Getty Images"}}</script>',
    ),
    "Czech authors": Case(
        "pl", "<h1>Most znovu otevřen</h1><p>Autor: Jan Novák a Eva Svobodová</p>", "Most znovu otevřen",
        authors=("Jan Novák", "Eva Svobodová"),
    ),
    "Catalan authors": Case(
        "fr", "<h1>El pont del port reobre</h1><p>Per Jordi Puig i Marta Soler</p><p>4 de maig del 2023</p>",
        "El pont del port reobre", "2023-05-04", ("Jordi Puig", "Marta Soler"),
    ),
    "a Vietnamese name alone at the end": Case(
        "fr", "<h1>Cầu cảng mở cửa trở lại</h1>", "Cầu cảng mở cửa trở lại", authors=("Nguyễn Văn An",),
        below="<p><strong>Nguyễn Văn An</strong></p>",
    ),
    "agency, author and editor in one Chinese line": Case(
        "ko", "<h1>港口大桥重新开放</h1><p>2023-05-04 10:30 来源：新华社 作者：王小明 责任编辑：李四</p>", "港口大桥重新开放",
        "2023-05-04T10:30", ("王小明",),
    ),
    "site's name behind a star": Case(
        "ru", "", "Мост в порту открыли после ремонта", window="Мост в порту открыли после ремонта ⋆ Портовые вести",
        head='<meta property="og:site_name" content="Портовые вести">',
    ),
    "site's name in brackets": Case(
        "ru", "", "Мост в порту открыли после ремонта", window="Мост в порту открыли после ремонта (Портовые вести)",
        head='<meta property="og:site_name" content="Портовые вести">',
    ),
    "breaking news above the headline": Case(
        "de", f"<div><h1>Eilmeldung: Wahl beendet</h1></div>{_MENU}<h1>Hafenbrücke wieder offen</h1>", "Hafenbrücke wieder offen",
        window="Hafenbote",
    ),
    "French line that tells of the change first": Case(
        "fr", "<h1>Le pont du port rouvert</h1><span>Mis à jour le 06/05/2023 à 10h30, publié le 04/05/2023 à 08h15</span>",
        "Le pont du port rouvert", "2023-05-04T08:15",
    ),
    "day, month and year in three elements": Case(
        "en", "<div><span>04</span><span>May</span><span>2023</span></div><h1>Harbour bridge opens</h1>", "Harbour bridge opens",
        "2023-05-04",
    ),
    "a stamp that a script turns into words": Case(
        "en", "<h1>Harbour bridge opens</h1><span data-timestamp=1683180000>2 years ago</span>", "Harbour bridge opens",
        "2023-05-04",
    ),
    "a day in the first paragraph": Case(
        "en", "<h1>Harbour bridge opens</h1><p>On 12 March 1998 the first harbour bridge was opened, and it stood for years, "
        "the city council said.</p>", "Harbour bridge opens",
    ),
    "a place and a day before the first sentence": Case(
        "de", "<h1>Hafenbrücke wieder offen</h1><p>Hamburg, 4. Mai 2023 – Die Hafenbrücke ist offen, teilte die Stadt mit, "
        "nach zwei Jahren.</p>", "Hafenbrücke wieder offen", "2023-05-04",
    ),
    "today's date above a menu of links": Case(
        "en", "<div>Sat 20 May 2023</div><ul><li><a href=/>Home</a><li><a href=/s>Sport</a><li><a href=/k>Culture</a></ul>"
        "<h1>Harbour bridge opens</h1>", "Harbour bridge opens",
    ),
    "day, author and sections in one line": Case(
        "en", "<h1>Harbour bridge opens</h1><p>Posted on May 4, 2023 by Jane Doe in News, Transport — No Comments</p>",
        "Harbour bridge opens", "2023-05-04", ("Jane Doe",),
    ),
    "a link to all articles of the author": Case(
        "de", '<h1>Hafenbrücke wieder offen</h1><div class=author><a href="/author/haus">Alle Beiträge</a></div>',
        "Hafenbrücke wieder offen",
    ),
    "name, role and town": Case(
        "pt", "<h1>El puente del puerto reabre</h1><p>Ana Pérez | Corresponsal en Londres</p><p>4 de mayo de 2023</p>",
        "El puente del puerto reabre", "2023-05-04", ("Ana Pérez",),
    ),
    "name and mail address": Case(
        "en", "<h1>Harbour bridge opens</h1><p>Jane Doe <a href=mailto:j@paper.example>j@paper.example</a></p><p>4 May 2023</p>",
        "Harbour bridge opens", "2023-05-04", ("Jane Doe",),
    ),
    "a quoted person is no author": Case(
        "en",
        "<h1>Harbour bridge opens again</h1>",
        "Harbour bridge opens again",
        below="<blockquote>It is a fine bridge.<cite>By Ada Lovelace</cite></blockquote>",
    ),
    "authors and days of other articles": Case(
        "fr",
        "<h1>Le pont du port rouvert</h1>",
        "Le pont du port rouvert",
        below="<section><article><h3><a href=/b>Le marché ouvre demain matin</a></h3><span>Par Paul Martin</span>"
        '<time datetime="2023-05-09">9 mai 2023</time></article><article><h3><a href=/c>La gare fermée tout le mois</a></h3>'
        '<span>Par Anne Petit</span><time datetime="2023-05-08">8 mai 2023</time></article></section>',
    ),
    "words instead of a day beside the headline": Case(
        "de",
        '<h1>Hafenbrücke wieder offen</h1><time datetime="2023-05-04T08:00:00+02:00">gestern um 8 Uhr</time>',
        "Hafenbrücke wieder offen",
        "2023-05-04",
        head='<meta property="og:type" content="website">',
    ),
    "headline below the site's name": Case(
        "pl", f"<h1>Głos Portu</h1>{_MENU}<h2>Most portowy znów otwarty</h2>", "Most portowy znów otwarty",
        window="Głos Portu: Most portowy znów otwarty",
    ),
    "headline below the section, which the window repeats": Case(
        "sv", "<h1>Sport</h1><h2>Hamnbron öppnad för trafik igen</h2>", "Hamnbron öppnad för trafik igen",
        window="Hamnbron öppnad för trafik igen | Sport | Bladet",
    ),
    "headline below the section, which the window names alone": Case(
        "nl", "<h1>Nieuws</h1><h2>Havenbrug weer open voor verkeer</h2>", "Havenbrug weer open voor verkeer",
        window="Nieuws - De Havenkrant",
    ),
    "two first headings": Case(
        "ro", f"<h1>Ziarul Portului</h1>{_MENU}<h1>Podul din port a fost redeschis</h1>", "Podul din port a fost redeschis",
        window="Podul din port a fost redeschis - Ziarul Portului",
    ),
    "a badge that touches the headline": Case(
        "fr", "<h1><span>EN DIRECT</span>Le pont du port rouvert à la circulation</h1>", "Le pont du port rouvert à la circulation",
        window="Le pont du port rouvert à la circulation - Le Journal",
    ),
    "headline escaped twice": Case(
        "de", "<h1>Tom &amp;amp; Anna: &amp;quot;Brücke offen&amp;quot;</h1>", 'Tom & Anna: "Brücke offen"',
        window="Bote",
    ),
    "headline whole on the page, cut for previews": Case(
        "ru", "<h1>Мост в порту открыли для движения после двух лет ремонта</h1>",
        "Мост в порту открыли для движения после двух лет ремонта",
        window="Мост в порту открыли для движения... | Вести",
        head='<meta property="og:title" content="Мост в порту открыли для движения...">',
    ),
    "site's name on the other side in Arabic": Case(
        "ar", "<h1>إعادة فتح جسر الميناء بعد عامين</h1><p>كتب: أحمد محمود</p><p>٤ مايو ٢٠٢٣</p>",
        "إعادة فتح جسر الميناء بعد عامين", "2023-05-04", ("أحمد محمود",),
        window="صحيفة الميناء - إعادة فتح جسر الميناء بعد عامين",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_headline_day_and_authors_are_those_of_the_page(case: Case, read_article: Callable[..., Content]) -> None:
    text = "".join(f"<p>{line}</p>" for line in _TEXTS[case.language] * 2)
    page = f"""<!doctype html><html lang="{case.language}"><head><meta charset="utf-8"><title>{case.window or case.title}</title>
        {case.head}</head><body>{case.above}{text}{case.below}</body></html>"""
    article = read_article(page.encode(), case.url)
    assert article.title == case.title
    assert tuple(person.name for person in article.authors) == case.authors
    if case.day is None:
        assert article.published is None
    else:
        assert article.published is not None
        assert article.published.text.startswith(case.day)
