"""The lead image, and its credit separate from its caption."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from coranto.records import Content
from coranto_extractor.page.captions import credit_of, split_caption

Write = Callable[..., bytes]
Read = Callable[..., Content]


@pytest.mark.parametrize(
    ("line", "caption", "credit"),
    [
        ("The bridge at night. Photo: Max Roe / Agency", "The bridge at night.", "Max Roe / Agency"),
        ("The bridge at night. (Photo by Max Roe for Agency)", "The bridge at night", "Max Roe for Agency"),
        ("The bridge at night. (Max Roe / Agency)", "The bridge at night.", "Max Roe / Agency"),
        ("Die Brücke. Foto: Bild: Agentur/Max Roe", "Die Brücke.", "Agentur/Max Roe"),
        ("Image Credits: Agency", None, "Agency"),
        ("Мост ночью. Фото: Агентство", "Мост ночью.", "Агентство"),
        ("The bridge (left) at night", "The bridge (left) at night", None),
        ("The bridge at night © 2024", "The bridge at night", None),
        ("Duran Duran", "Duran Duran", None),
        ("A photo by the river", "A photo by the river", None),
        ("A photo by Max Roe hangs in the hall", "A photo by Max Roe hangs in the hall", None),
        ("The bridge Photo by Max Roe courtesy of Agency", "The bridge", "Max Roe courtesy of Agency"),
        # An agency in brackets, behind a sentence or behind a stroke needs no label.
        ("The bridge in Salem, Ore. (AP)", "The bridge in Salem, Ore.", "AP"),
        ("The bridge at night. (AP Photo/Max Roe)", "The bridge at night.", "AP Photo/Max Roe"),
        ("The bridge at night [File: Reuters]", "The bridge at night", "File: Reuters"),
        ("El puente. Europa Press", "El puente.", "Europa Press"),
        ("Most nocą / Shutterstock", "Most nocą", "Shutterstock"),
        ("Max Roe, ASSOCIATED PRESS", None, "Max Roe, ASSOCIATED PRESS"),
        ("다리가 다시 열렸다. 연합뉴스", "다리가 다시 열렸다.", "연합뉴스"),
        ("The mayor. She had told so on Monday, Reuters", "The mayor. She had told so on Monday, Reuters", None),
        ("«Fest»: Jana Roe (l.) am Tor. © Max Roe/dpa", "«Fest»: Jana Roe (l.) am Tor.", "Max Roe/dpa"),
        ("A unit of Roe Co. in Salem. Image: Max Roe/Reuters", "A unit of Roe Co. in Salem.", "Max Roe/Reuters"),
        ("(Symbolbild) Ein Tor. (Archiv) © AP/dpa | Max Roe", "(Symbolbild) Ein Tor. (Archiv)", "AP/dpa | Max Roe"),
        ("Le moulin est vide. / Jeanne Roe", "Le moulin est vide.", "Jeanne Roe"),
        ("Le moulin est vide. / Une photo du soir", "Le moulin est vide. / Une photo du soir", None),
        ("강가의 방앗간 사진= 매인숙", "강가의 방앗간", "매인숙"),
        # Behind a sentence a label needs no colon.
        ("Das Haus steht leer. Bild Jana Roe", "Das Haus steht leer.", "Jana Roe"),
        ("Мост открыт. Фото с сайта most.example", "Мост открыт.", "most.example"),
        ("Die Schau ist offen. Foto zum Fest", "Die Schau ist offen. Foto zum Fest", None),
        ("The show is open. Photo Festival 2024", "The show is open. Photo Festival 2024", None),
        ("The bridge is open. | Local News", "The bridge is open. | Local News", None),
        # In East Asia the label stands behind the name.
        ("大橋重新開放。（陳俊雄攝）", "大橋重新開放。", "陳俊雄"),
        ("大桥重新开放。本报记者 王芳 摄", "大桥重新开放。", "本报记者 王芳"),
        # What surrounds a credit: dates, notices of rights, several labels.
        ("Das Tor. © Jana Roe - 14.01.2022, 11:17 Uhr", "Das Tor.", "Jana Roe"),
        ("Copyright © 2022, Max Roe. All rights reserved.", None, "Max Roe"),
        ("Der Hafen © Sender Foto: Jana Roe", "Der Hafen", "Jana Roe / Sender"),
        ("Website by:", "Website by:", None),
    ],
)
def test_caption_and_credit_are_separated(line: str, caption: str | None, credit: str | None) -> None:
    without, made_by = split_caption(line)
    assert made_by == credit
    assert (without or "").strip(" .") == (caption or "").strip(" .")


@pytest.mark.parametrize(
    ("line", "caption"),
    [
        ("Enlarge Image The bridge at night", "The bridge at night"),
        ("The bridge at night. Vis mer", "The bridge at night."),
        ("이미지 확대보기 다리가 다시 열렸다.", "다리가 다시 열렸다."),
        ("播放 | 暫停 | 圖片 1 / 2 大橋重新開放", "大橋重新開放"),
        ("3/12 The bridge at night", "The bridge at night"),
        ("3/4 of the bridge", "3/4 of the bridge"),
        ("9/11 Memorial at night", "9/11 Memorial at night"),
        ("Bild vergrößern", None),
        ("What the lens makes with a zoom", "What the lens makes with a zoom"),
    ],
)
def test_words_of_a_picture_viewer_are_no_part_of_the_caption(line: str, caption: str | None) -> None:
    assert split_caption(line) == (caption, None)


@pytest.mark.parametrize(
    ("text", "credit"),
    [
        ("Max Roe | Getty Images", "Max Roe | Getty Images"),
        ("HANDOUT / AFP", "HANDOUT / AFP"),
        ("( Max Roe / Anadolu via Getty Images)", "Max Roe / Anadolu via Getty Images"),
        ("REUTERS/Max Roe Purchase Licensing Rights , opens new tab", "REUTERS/Max Roe"),
        ("The bridge in the city of the north. Reuters", "Reuters"),
        ("Max Roe (CC BY 2.0)", "Max Roe (CC BY 2.0)"),
        ("Max Roe (Copyright)", "Max Roe"),
        ("打印 | 字号：", None),
        ("Tous droits réservés", None),
        ("Did you like this picture?", None),
    ],
)
def test_text_marked_as_credit_is_tidied(text: str, credit: str | None) -> None:
    assert credit_of(text) == credit


@pytest.mark.parametrize(
    "caption",
    [
        "<figcaption><span>The bridge at night.</span><span>Agency</span></figcaption>",
        "<figcaption>The bridge at night.<span class='credit'>Agency</span></figcaption>",
        "<figcaption><span>The bridge at night.</span><small>© Agency</small></figcaption>",
    ],
)
def test_credit_in_an_element_of_its_own_is_not_part_of_the_caption(
    caption: str, write_page: Write, read_article: Read
) -> None:
    image = read_article(write_page(above=f'<figure><img src="/b.jpg">{caption}</figure>')).image
    assert image is not None
    assert (image.caption, image.credit) == ("The bridge at night.", "Agency")


@pytest.mark.parametrize(
    "picture",
    [
        '<figure><img src="/b.jpg" data-c-caption="The bridge at night." data-c-credit="Max Roe"></figure>',
        '<div><figure><img src="/b.jpg"></figure><i class="caption">The bridge at night.</i><i class="credit">Max Roe</i></div>',
        '<div><img src="/b.jpg"><em class="img_desc">The bridge at night. Photo: Max Roe</em></div>',
    ],
)
def test_caption_beside_a_figure_or_on_its_picture_is_found(
    picture: str, write_page: Write, read_article: Read
) -> None:
    image = read_article(write_page(above=picture)).image
    assert image is not None
    assert (image.caption, image.credit) == ("The bridge at night.", "Max Roe")


def test_picture_in_a_figure_without_any_text_is_the_articles(write_page: Write, read_article: Read) -> None:
    image = read_article(write_page(above='<figure><img src="/b.jpg" alt=""></figure>')).image
    assert image is not None
    assert image.url == "https://news.example/b.jpg"


def test_logo_is_not_the_lead_image(write_page: Write, read_article: Read) -> None:
    head = '<meta property="og:image" content="/lead-wide.jpg">'
    figure = '<figure><img src="/b.jpg"><figcaption>The bridge at night. Photo: Max Roe</figcaption></figure>'
    image = read_article(write_page(head=head, above=f'<img src="/logo.png" alt="Post logo">{figure}')).image
    assert image is not None
    assert (image.url, image.caption, image.credit) == (
        "https://news.example/b.jpg",
        "The bridge at night.",
        "Max Roe",
    )


@pytest.mark.parametrize(
    "address",
    [
        "/img/spacer.gif",
        "/img/1x1.gif",
        "/img/default-share.png",
        "/img/logo_fb_1200x630.jpg",
        "/img/ExamplePost-Logo.svg",
        "/img/social-media.jpg",
    ],
)
def test_placeholder_is_not_the_lead_image(address: str, write_page: Write, read_article: Read) -> None:
    publisher = {"@type": "Organization", "name": "The Example Post", "logo": {"url": "/img/social-media.jpg"}}
    stated = json.dumps({"@type": "NewsArticle", "headline": "Harbour bridge opens again", "publisher": publisher})
    head = f'<meta property="og:image" content="{address}"><script type="application/ld+json">{stated}</script>'
    assert read_article(write_page(head=head, above=f'<img src="{address}" alt="The Post">')).image is None
    figure = '<figure><img src="/b.jpg"><figcaption>The bridge at night.</figcaption></figure>'
    image = read_article(write_page(head=head, above=figure)).image
    assert image is not None
    assert (image.url, image.caption) == ("https://news.example/b.jpg", "The bridge at night.")


@pytest.mark.parametrize(
    "name", ["alibaba-logo-getty.jpg", "f957-4181_ratio_default_0.jpg", "359959517_default.jpg", "default.jpg"]
)
def test_picture_of_an_article_may_have_logo_in_its_name(name: str, write_page: Write, read_article: Read) -> None:
    image = read_article(write_page(head=f'<meta property="og:image" content="/{name}">')).image
    assert image is not None
    assert image.url == f"https://news.example/{name}"


def test_picture_outside_the_text_that_links_to_another_page_is_not_the_articles(
    write_page: Write, read_article: Read
) -> None:
    teaser = '<div><a href="/other"><img src="/t.jpg" alt="A ship in a storm"></a></div>'
    assert read_article(write_page(above=teaser)).image is None
    enlarged = teaser.replace("/other", "/large/t.jpg")
    image = read_article(write_page(above=enlarged)).image
    assert image is not None
    assert image.caption == "A ship in a storm"


def test_script_in_a_figure_is_not_a_caption(write_page: Write, read_article: Read) -> None:
    caption = "<figcaption><script>show('x')</script><style>.a{fill:red}</style>The bridge at night.</figcaption>"
    image = read_article(write_page(above=f'<figure><img src="/b.jpg">{caption}</figure>')).image
    assert image is not None
    assert image.caption == "The bridge at night."


def test_preview_picture_does_not_get_the_caption_of_another(write_page: Write, read_article: Read) -> None:
    head = '<meta property="og:image" content="/social/card.png">'
    caption = '<div class="image-caption">The tank. Image credit: Max Roe</div>'
    hero = f'<div class="hero"><img src="/tank.jpg" width="900">{caption}</div>'
    image = read_article(write_page(head=head, above=hero)).image
    assert image is not None
    assert (image.url, image.credit) == ("https://news.example/tank.jpg", "Max Roe")
    alone = read_article(write_page(head=head)).image
    assert alone is not None
    assert (alone.url, alone.caption) == ("https://news.example/social/card.png", None)


@pytest.mark.parametrize(
    "attribute",
    ['data-actualsrc="/granary.jpg"', 'data-hi-res="/granary.jpg?w=9"', 'srcset="/b.jpg 640w, /granary.jpg 1280w"'],
)
def test_picture_that_a_script_loads_late_is_found(attribute: str, write_page: Write, read_article: Read) -> None:
    figure = f'<figure><img src="data:image/gif;base64,R0lGOD" {attribute}><figcaption>Guests in the granary.</figcaption></figure>'
    image = read_article(write_page(above=figure)).image
    assert image is not None
    assert image.url is not None
    assert image.url.startswith("https://news.example/granary.jpg")


@pytest.mark.parametrize(
    "control",
    [
        '<a href="javascript:window.print()"><img src="/i/p.gif" alt="Print this article"></a>',
        '<a href="#"><img src="/i/close.png" alt="Close window"></a>',
        '<a href="mailto:?subject=x"><span><img src="/i/mail.gif" alt="Mail to a friend"></span></a>',
        '<img src="/icons/small/date.png" alt="Created">',
        '<img src="/i/save_icon.jpg" alt="Save this">',
        '<img class="icon" src="/i/x.png" alt="Comments">',
        '<img id="search-icon" src="/i/x.png" alt="search">',
    ],
)
def test_control_is_no_picture_of_the_article(control: str, write_page: Write, read_article: Read) -> None:
    article = read_article(write_page(above=f"<p>{control}</p>"))
    assert (article.image, article.images) == (None, ())


def test_picture_with_a_caption_may_open_a_script(write_page: Write, read_article: Read) -> None:
    picture = '<a href="javascript:zoom()"><img src="/b.jpg" alt="x"></a><figcaption>The bridge at night.</figcaption>'
    image = read_article(write_page(above=f"<figure>{picture}</figure>")).image
    assert image is not None
    assert image.caption == "The bridge at night."


@pytest.mark.parametrize(
    "text", [".", "Photo", "IMG_0239", "DSC00417", "bridge_final.jpg", "usatsi-21653153-lowres-1", "Bild:"]
)
def test_file_name_mark_or_label_is_no_caption(text: str, write_page: Write, read_article: Read) -> None:
    image = read_article(write_page(above=f'<figure><img src="/b.jpg"><figcaption>{text}</figcaption></figure>')).image
    assert image is not None
    assert image.caption is None


@pytest.mark.parametrize("text", ["Bananen", "Tesla-Chef", "Bundespressekonferenz", "Sunak 2023", "チコちゃん"])
def test_word_may_be_a_caption(text: str, write_page: Write, read_article: Read) -> None:
    image = read_article(write_page(above=f'<figure><img src="/b.jpg"><figcaption>{text}</figcaption></figure>')).image
    assert image is not None
    assert image.caption == text


@pytest.mark.parametrize(
    "alt",
    [
        "The Voice: Ruby &amp;#8216;sings&amp;#8217;",
        "The Voice: <b>Ruby</b> ‘sings’",
        "The Voice:&amp;nbsp; Ruby ‘sings’",
    ],
)
def test_caption_has_no_entities_and_tags(alt: str, write_page: Write, read_article: Read) -> None:
    image = read_article(write_page(above=f'<img src="/one.jpg" width="900" alt="{alt}">')).image
    assert image is not None
    assert image.caption == "The Voice: Ruby ‘sings’"


@pytest.mark.parametrize(
    "picture",
    [
        '<picture><source srcset="/one-400.webp 400w, /one.webp 1200w"><img src="" alt="A bridge"></picture>',
        '<picture><source><source srcset="/one.webp 2x"><img src="data:image/gif;base64,AA" alt="A bridge"></picture>',
        '<img srcset="/one-400.webp 400w,\n /one.webp 1200w" alt="A bridge">',
        '<img data-srcset="/one.webp" alt="A bridge">',
    ],
)  # fmt: skip
def test_picture_that_only_a_srcset_gives_is_found_in_its_largest_size(
    picture: str, write_page: Write, read_article: Read
) -> None:
    image = read_article(write_page(above=picture), url="https://post.example/city/bridge").image
    assert image is not None
    assert image.url == "https://post.example/one.webp"
