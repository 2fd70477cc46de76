"""Pages of kinds that are no articles, in several languages and markups, and articles that look like them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from coranto.records import Content
from coranto_extractor.page_request import PageRequest
from coranto_extractor.reader import read
from coranto_extractor.refusal import NotAnArticle

_URL = "https://post.example/section/city"
_Story = tuple[str, str, str]  # headline, date, line


@dataclass(frozen=True)
class _Language:
    menu: tuple[str, ...]
    section: str
    introduction: str
    stories: tuple[_Story, ...]


_LANGUAGES = {
    "en": _Language(
        ("Home", "Politics", "Economy", "Sports", "Culture"), "City",
        "All news and background on the city: what is built, what is planned, and what the council does about it.",
        (
            ("Harbour bridge opens after two years of repairs", "7 May 2024", "The first ferry passes at noon."),
            ("Council votes on cheaper bus tickets", "6 May 2024", "A single ride may cost one pound from autumn."),
            ("School gets a new gym", "6 May 2024", "Work begins in June."),
            ("Storm fells forty trees in the park", "5 May 2024", "Nobody was hurt, the fire brigade said on Sunday."),
        ),
    ),
    "tr": _Language(
        ("Anasayfa", "Siyaset", "Ekonomi", "Spor", "Kültür"), "Şehir",
        "Şehirle ilgili tüm haberler: neler yapılıyor, neler planlanıyor ve belediye meclisi ne diyor.",
        (
            ("Liman köprüsü iki yıl sonra açıldı", "7 Mayıs 2024", "İlk vapur öğlen geçecek."),
            ("Meclis ucuz otobüs biletini oyluyor", "6 Mayıs 2024", "Bir yolculuk sonbaharda ucuzlayacak."),
            ("Okula yeni spor salonu", "6 Mayıs 2024", "İnşaat haziranda başlıyor."),
            ("Fırtına parkta kırk ağacı devirdi", "5 Mayıs 2024", "Yaralanan olmadı."),
        ),
    ),
    "ru": _Language(
        ("Главная", "Политика", "Экономика", "Спорт", "Культура"), "Город",
        "Все новости города: что строят, что планируют и что об этом думает городской совет.",
        (
            ("Мост в порту открыли после двух лет ремонта", "7 мая 2024", "Первый паром пройдёт в полдень."),
            ("Совет голосует за дешёвые билеты на автобус", "6 мая 2024", "Поездка осенью подешевеет."),
            ("Школа получит новый спортзал", "6 мая 2024", "Работы начнутся в июне."),
            ("Буря повалила сорок деревьев в парке", "5 мая 2024", "Никто не пострадал."),
        ),
    ),
    "ja": _Language(
        ("ホーム", "政治", "経済", "スポーツ", "文化"), "街",
        "街に関するすべてのニュース。何が建てられ、何が計画され、市議会はどうするのか。",
        (
            ("港の橋、二年ぶりに開通", "2024年5月7日", "最初の船は正午に通る。"),
            ("市議会、バス料金の値下げを採決", "2024年5月6日", "秋から百円になる。"),
            ("学校に新しい体育館", "2024年5月6日", "工事は六月に始まる。"),
            ("嵐で公園の木四十本が倒れる", "2024年5月5日", "けが人はなかった。"),
        ),
    ),
    "ar": _Language(
        ("الرئيسية", "سياسة", "اقتصاد", "رياضة", "ثقافة"), "المدينة",
        "كل أخبار المدينة: ما يبنى وما يخطط له وما يفعله المجلس البلدي بشأن ذلك كله.",
        (
            ("إعادة فتح جسر الميناء بعد عامين من الإصلاح", "7 مايو 2024", "تمر أول عبارة ظهرا."),
            ("المجلس يصوت على تذاكر أرخص للحافلات", "6 مايو 2024", "ستكلف الرحلة دينارا واحدا."),
            ("صالة رياضية جديدة للمدرسة", "6 مايو 2024", "يبدأ العمل في يونيو."),
            ("العاصفة تقتلع أربعين شجرة في الحديقة", "5 مايو 2024", "لم يصب أحد بأذى."),
        ),
    ),
}  # fmt: skip
_CARDS = {
    "headings": '<div class="card"><h3><a href="/a{n}">{title}</a></h3><p>{line}</p></div>',
    "pictures": '<article><a href="/a{n}"><img src="/i{n}.jpg" alt=""></a><div><time>{date}</time>'
    '<h2><a href="/a{n}">{title}</a></h2><p>{line}</p></div></article>',
    "lines": '<li><a href="/a{n}">{title}</a> <span>{date}</span></li>',
    "boxes": '<div class="item"><div><a href="/a{n}">{title}</a></div><div>{date}</div></div>',
    "links around": '<div class="item"><a href="/a{n}"><h3>{title}</h3><p>{line}</p><span>{date}</span></a></div>',
    "more": '<section><h2>{title}</h2><p>{line} <a href="/a{n}">…</a></p></section>',
}
_FIGURE = "<figure><img src='/g.jpg'><figcaption>A boat at dawn</figcaption></figure>"
_CONCERT = "<div><h3>Konzert {0}</h3><p>Fr., 20 Uhr</p><a href='/e{0}'>Mehr</a></div>"
_BRIDGE = (
    "The bridge over the harbour was opened again on Friday after two years of repairs, the council said.",
    "Engineers replaced four of the nine piers and all of the cables, which had been in place since 1931.",
    "“We are glad that it is done,” said the mayor, who crossed the bridge on foot with a hundred children.",
)
_PROSE = "".join(f"<p>{line}</p>" for line in _BRIDGE)


def _page(title: str, body: str, *, language: str = "en", head: str = "") -> str:
    menu = "".join(f'<li><a href="/s{n}">{word}</a></li>' for n, word in enumerate(_LANGUAGES["en"].menu))
    if language in _LANGUAGES:
        menu = "".join(f'<li><a href="/s{n}">{word}</a></li>' for n, word in enumerate(_LANGUAGES[language].menu))
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>{title} | Example Post</title>{head}'
        f'</head><body><header><a href="/"><img src="/logo.png" alt="Example Post"></a><nav><ul>{menu}</ul></nav></header>'
        f"<main><h1>{title}</h1>{body}</main><footer><p>© 2024 Example Post</p></footer></body></html>"
    )


def _cards(name: str, language: str, count: int = 4) -> str:
    stories = _LANGUAGES[language].stories[:count]
    return "".join(
        _CARDS[name].format(n=n, title=title, date=date, line=line) for n, (title, date, line) in enumerate(stories)
    )


def _judged(page: str, url: str = _URL) -> str | None:
    """The reason for which the page is refused or doubted; None for an article."""
    result = read(page.encode(), PageRequest(url=url))
    if isinstance(result, NotAnArticle):
        return result.reason
    return result.doubt.reason if result.doubt else None


@pytest.mark.parametrize("language", _LANGUAGES)
@pytest.mark.parametrize("card", _CARDS)
def test_front_of_a_section_is_a_list_whatever_its_cards_are_made_of(card: str, language: str) -> None:
    page = _page(_LANGUAGES[language].section, _cards(card, language), language=language)
    # Lines of headline and date alone are taken for a text by the last reading, and are certainly no sentences.
    assert _judged(page) in ({"index_page", "other_page"} if card == "lines" else {"index_page"})


@pytest.mark.parametrize("language", ["en", "ru", "ar"])
def test_list_of_three_short_cards_says_that_it_is_a_list(language: str) -> None:
    page = _page(_LANGUAGES[language].section, _cards("boxes", language, 3), language=language)
    assert _judged(page) == "index_page"


@pytest.mark.parametrize("language", ["en", "ru", "ja"])
@pytest.mark.parametrize("card", ["headings", "pictures", "links around"])
def test_introduction_above_cards_is_no_article(card: str, language: str) -> None:
    words = _LANGUAGES[language]
    body = f"<p>{words.introduction}</p>{_cards(card, language)}"
    assert _judged(_page(words.section, body, language=language)) == "index_page"


def test_date_of_the_first_card_is_not_the_date_of_the_page(read_article: Callable[..., Content]) -> None:
    body = f"<p>{_LANGUAGES['en'].introduction}</p>{_cards('pictures', 'en')}"
    assert read_article(_page("City", body).encode()).published is None


def test_table_of_scores_is_doubted() -> None:
    row = "<tr><td>18:30</td><td>Harbour United</td><td>{0} : 1</td><td>Bridge City</td></tr>"
    assert _judged(_page("Live scores", f"<table>{''.join(map(row.format, range(20)))}</table>")) == "other_page"


def test_forum_is_doubted() -> None:
    rows = (("General", "Everything that fits nowhere else"), ("Gardening", "Questions on plants, soil and tools"),
            ("Cooking", "Recipes from our readers"), ("Travel", "Where to go and how"))  # fmt: skip
    table = "".join(
        f'<tr><td><a href="/f{n}">{board}</a><div>{line}</div></td><td>{n}04</td><td>3 May 2024, 18:2{n}</td></tr>'
        for n, (board, line) in enumerate(rows)
    )
    head = "<tr><th>Board</th><th>Topics</th><th>Last post</th></tr>"
    assert _judged(_page("Forum", f"<table>{head}{table}</table>"), "https://post.example/forum/") is not None


@pytest.mark.parametrize(
    ("language", "title", "text"),
    [
        ("en", "Contact us", ("Our newsroom is open from 8 a.m. to 8 p.m., Monday to Friday. For questions on your "
         "subscription, please call our service team or fill in the form below.")),
        ("de", "Über uns", ("Die Beispielpost wurde 1898 gegründet und ist die Tageszeitung von Hafenstadt. In unserer "
         "Redaktion arbeiten vierzig Menschen, die über den Hafen und den Rat schreiben.")),
        ("es", "Aviso legal", ("El titular de este sitio es Correo Ejemplo, S. L., con domicilio en la calle del Puerto, 1. "
         "El acceso al sitio supone la aceptación de las condiciones que siguen.")),
        ("ru", "Политика конфиденциальности", ("Мы серьёзно относимся к защите ваших персональных данных. Настоящая политика "
         "описывает, какие данные мы собираем и для чего их используем.")),
        ("ja", "利用規約", ("この規約は、当サイトが提供するすべてのサービスの利用条件を定めるものです。"
         "利用者は、この規約に同意したうえで、サービスを利用するものとします。当社は規約を変更することがあります。")),
    ],
)  # fmt: skip
def test_page_of_a_site_about_itself_is_doubted(language: str, title: str, text: str) -> None:
    page = _page(title, f"<p>{text}</p>", language=language)
    assert _judged(page, "https://post.example/x1") == "other_page"


def test_dated_article_with_such_a_title_is_an_article() -> None:
    head = '<meta property="article:published_time" content="2024-05-07T10:00:00Z"><meta property="og:type" content="article">'
    assert _judged(_page("Contact", _PROSE, head=head)) is None


@pytest.mark.parametrize(
    ("language", "title", "text"),
    [
        ("it", "La tua privacy è importante per noi", ("Noi e i nostri 742 partner archiviamo informazioni sul dispositivo e "
         "trattiamo dati personali per mostrare annunci personalizzati. Puoi accettare o rifiutare.")),
        ("pl", "Cenimy Twoją prywatność", ("My i nasi 742 partnerzy przechowujemy informacje na urządzeniu i przetwarzamy dane "
         "osobowe, aby wyświetlać spersonalizowane reklamy. Możesz zaakceptować lub odmówić.")),
        ("fr", "Example Post", ("Nous et nos 742 partenaires stockons des informations sur votre appareil et traitons des données "
         "personnelles pour afficher des publicités. Vous pouvez accepter ou refuser.")),
    ],
)  # fmt: skip
def test_wall_for_consent_is_known_by_its_words_with_a_number_between(language: str, title: str, text: str) -> None:
    page = (
        f'<html lang="{language}"><head><title>{title}</title></head><body><h1>{title}</h1><p>{text}</p></body></html>'
    )
    assert _judged(page, "https://post.example/a/4711") == "consent_wall"


def test_article_about_cookies_is_no_wall_for_consent() -> None:
    body = "<p>7 May 2024</p><p>By Jane Doe</p>" + "".join(
        f"<p>Most sites ask you to accept all cookies before you continue, and few say no. Part {n} of our series.</p>"
        for n in range(4)
    )
    assert _judged(_page("How cookies follow you", body), "https://post.example/a/4711") is None


@pytest.mark.parametrize(
    ("reason", "title", "body"),
    [
        ("video_or_gallery", "The week in pictures", _FIGURE * 8),
        ("paywall_stub", "Connexion", "<p>Pour continuer :</p><form><input name=e><input name=p type=password></form>"),
        ("index_page", "Termine", "".join(map(_CONCERT.format, range(4)))),
        ("search_result", "نتائج البحث عن: جسر", f"<p>4</p>{_cards('headings', 'ar')}"),
        ("error_page", "الصفحة غير موجودة", "<p>الصفحة التي تبحث عنها غير موجودة.</p>"),
        ("product_page", "Aurora pirinç lamba", ("<p>899 TL</p><button>Sepete ekle</button><p>Küçük bir atölyede elde yapılan, "
         "yeşil cam abajurlu pirinç lamba. İki metrelik kablo ve anahtar ile gelir. Ampul dahil değildir.</p>")),
        ("too_short", "Bridge", "<p>Soon.</p>"),
    ],
)  # fmt: skip
def test_page_with_hardly_any_text_says_what_it_is(reason: str, title: str, body: str) -> None:
    assert _judged(_page(title, body, language="ar" if "ال" in title else "de"), "https://post.example/x?q=1") == reason


@pytest.mark.parametrize(
    "body",
    [
        f"{_PROSE}<aside><h3>Related</h3>{_cards('headings', 'en')}</aside>",
        f"<p>7 May 2024</p><p>{_BRIDGE[0]}</p><div><h3>More</h3>{_cards('headings', 'en')}</div>",
        f"{_PROSE * 2}<div><h3>More</h3>{_cards('pictures', 'en')}</div>",
        "<p>7 May 2024</p>" + "".join(
            f"<h2>{n}. Lamp</h2><p>This lamp stands well on a small desk. We used it for three weeks and liked its switch.</p>"
            f"<p><a href='https://shop.example/p{n}'>Buy now</a></p>" for n in range(6)),
        "<p>7 May 2024</p><ul>" + "".join(
            f"<li><a href='https://other{n}.example/x'>A story of the week number {n}</a>: We liked the part on the ferries, and "
            "the author has a point when he says that nobody asked them about it.</li>" for n in range(6)) + "</ul>",
        "<p>7 May 2024</p>" + "".join(
            f"<p>{1931 + 9 * n}: The council decided to look at the piers again, and <a href='/a{n}'>found cracks</a> there.</p>"
            for n in range(9)),
        f"<p>7 May 2024</p>{_PROSE}<table>" + "".join(
            f"<tr><td>{n}</td><td>Team {n}</td><td>{30 - n}</td></tr>" for n in range(18)) + "</table>",
        "<p>7 May 2024</p><p>By Jane Doe</p>" + "<p>Above the water stands a wall of stone<br>and iron that our fathers made "
        "alone<br>the ships go by below it in the night<br>and every lamp upon it is a light</p>" * 3,
    ],
    ids=["related", "brief", "cards below", "guide", "links of the week", "timeline", "table", "poem"],
)  # fmt: skip
def test_article_that_looks_like_a_list_is_not_doubted(body: str) -> None:
    assert (
        _judged(_page("Harbour bridge opens again", body), "https://post.example/city/bridge-opens-again-4711.html")
        is None
    )
