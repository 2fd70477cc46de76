"""The page over HTTP: every screen in both languages, hostile articles, and each form."""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, datetime
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from tests.services.gateway.conftest import Serve, Served
from tests.services.gateway.test_articles import article
from tests.services.gateway.test_operating import KEYS, bury, submitted
from tests.shared.store.test_retraction import dropped

import coranto_gateway.page
from coranto.records import (
    Block,
    ClassifiedArticle,
    Entity,
    ExtractedArticle,
    Image,
    Mention,
    Person,
    Provenance,
    Story,
)
from coranto.records.envelope import encode
from coranto.streams.redis import RedisStreams
from coranto.topology import CLASSIFIER, FEEDER
from coranto.worker.stage import DELIVERY_REASONS
from coranto_gateway.page.words import Words

FOLDER = Path(str(coranto_gateway.page.__file__)).parent
HTML = {"Accept": "text/html"}
ATTACK = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}"


class Page(HTMLParser):
    """What a page consists of."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def said(self) -> str:
        """The text, white space folded."""
        return " ".join(self.text.split())


async def look(served: Served, path: str, *, status: int = 200, **headers: str) -> Page:
    answer = await served.client.get(path, headers=HTML | headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    page = Page(answer.text)
    hold_to_the_policy(page)
    return page


def hold_to_the_policy(page: Page) -> None:
    """Nothing of elsewhere, nothing inline: what the content security policy would refuse must not be asked for."""
    assert [each.get("src") for each in page.all("script")] == ["/static/htmx.min.js"]
    assert page.all("style") == []
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith(("on", "hx-on")) or name == "style"]
    for each in page.all("link"):
        assert str(each["href"]).startswith(("/", "data:"))
    assert page.all("img") == []
    assert len(page.all("h1")) == 1
    ids = [str(attributes["id"]) for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids)), "an id stands twice"
    labelled = {each.get("for") for each in page.all("label")}
    for tag in ("input", "select", "textarea"):
        for each in page.all(tag):
            is_in_label = each.get("type") in ("hidden", "radio", "checkbox")
            assert is_in_label or each.get("id") in labelled, each


async def post(served: Served, path: str, *, status: int = 303, **form: str) -> Any:
    answer = await served.client.post(path, data=form, headers=HTML)
    assert answer.status_code == status, answer.text
    return answer


def hostile() -> ClassifiedArticle:
    """An article with an attack in every field that takes text."""
    built = article("hostile", title=ATTACK, text=f"{ATTACK}\n{ATTACK}")
    content = built.content.model_copy(
        update={
            "lead": ATTACK,
            "authors": (Person(name=ATTACK, url="javascript:alert(1)"),),
            "publisher": ATTACK,
            "section": ATTACK,
            "tags": (ATTACK,),
            "correction": ATTACK,
            "image": Image(url="javascript:alert(3)", caption=ATTACK, credit=ATTACK),
            "origins": {ATTACK: Provenance.model_validate({"from": ATTACK, "confidence": 0.5})},
            "extractor_version": ATTACK,
        }
    )
    classification = built.classification.model_copy(
        update={
            "entities": (
                Entity(
                    type="person",
                    name=ATTACK,
                    count=2,
                    mentions=(
                        Mention(field="text", text=ATTACK, start=0, end=len(ATTACK)),
                        Mention(field="title", text=ATTACK, start=0, end=len(ATTACK)),
                    ),
                ),
            ),
            "models": {"language": ATTACK},
        }
    )
    discovery = built.discovery.model_copy(update={"source": ATTACK})
    return built.model_copy(update={"content": content, "classification": classification, "discovery": discovery})


@pytest.mark.parametrize(
    "path", ["/", "/articles", "/stories", "/sources", "/failures", "/alerts", "/subscribers", "/submit", "/sign-in"]
)
@pytest.mark.parametrize("language", ["en", "ru"])
async def test_an_empty_system_says_what_to_do_next_on_every_screen(served: Served, path: str, language: str) -> None:
    page = await look(served, path, **{"Accept-Language": f"{language},xx;q=0.5"})
    assert page.all("html")[0]["lang"] == language
    assert page.all("form"), "there is something to do"
    if language == "ru":
        assert re.search("[а-я]{4}", page.text)


async def test_attacks_in_every_field_are_shown_as_text(served: Served) -> None:
    built = hostile()
    (stored, *_) = await served.store(built, hostile().model_copy(update={"id": built.id}))
    for path in (
        f"/articles/{stored.id}",
        "/articles",
        "/",
        f"/articles?q=alert&name={ATTACK}",
        "/articles?where=<script>",
    ):
        page = await look(served, path)
        assert not [each for each in page.all("a") if str(each.get("href")).startswith("javascript:")], path
        assert "49" not in page.text
    page = await look(served, f"/articles/{stored.id}")
    assert page.text.count("<script>alert(1)</script>") >= 10


async def test_an_article_is_shown_with_its_names_revisions_and_copies(served: Served) -> None:
    text = "The Neva rose on Friday.\nAnna Petrova saw it."
    story = Story(id="0" * 32, role="original")
    entities = (
        Entity(type="place", name="Neva", count=1, mentions=(Mention(field="text", text="Neva", start=4, end=8),)),
        Entity(type="person", name="Anna Petrova", count=1,
               mentions=(Mention(field="text", text="Anna Petrova", start=25, end=37),
                         Mention(field="text", text="not there", start=2, end=11))),
    )  # fmt: skip

    def build(name: str, words: str, fetch: int = 1) -> ClassifiedArticle:
        built = article(name, text=words, fetch=fetch)
        classification = built.classification.model_copy(update={"entities": entities, "story": story})
        return built.model_copy(update={"classification": classification})

    first, *_ = await served.store(
        build("one", text), build("one", text.replace("Friday", "Monday"), fetch=2), build("two", text)
    )
    page = await look(served, f"/articles/{first.id}")
    names = [each["href"] for each in page.all("a") if str(each.get("class")).startswith("ent ")]
    assert names == ["/articles?name=Neva", "/articles?name=Anna+Petrova"]
    assert "text, paragraph 1" in page.said
    assert len(page.all("del")) == len(page.all("ins")) == 1
    assert [each for each in page.all("a") if each.get("href", "").startswith("/articles/")], (
        "the other one of the story"
    )
    listed = await look(served, "/articles")
    assert "1 more in the same story" in listed.said
    assert "Anna Petrova" in (await look(served, "/articles?name=Anna+Petrova")).said
    older = await look(served, f"/articles/{first.id}?before=1&after=1")
    assert older.all("del") == []


async def test_a_standfirst_is_read_once_and_its_names_are_marked(served: Served) -> None:
    built = article("lead", text="Neva rises.\nIt rose on Friday.")
    blocks = (Block(kind="standfirst", text="Neva rises."), Block(kind="paragraph", text="It rose on Friday."))
    content = built.content.model_copy(update={"lead": "Neva rises.", "paragraphs": blocks})
    neva = Entity(type="place", name="Neva", count=1, mentions=(Mention(field="text", text="Neva", start=0, end=4),))
    classification = built.classification.model_copy(update={"entities": (neva,)})
    (stored,) = await served.store(built.model_copy(update={"content": content, "classification": classification}))
    page = await look(served, f"/articles/{stored.id}")
    assert page.said.count("Neva rises.") == 1
    assert [each["href"] for each in page.all("a") if str(each.get("class")).startswith("ent ")] == [
        "/articles?name=Neva"
    ]


async def test_topics_are_named_in_the_language_of_the_page(served: Served) -> None:
    built = article("one")
    topic = built.classification.topics[0].model_copy(update={"name": "science and technology"})
    classification = built.classification.model_copy(update={"topics": (topic,)})
    await served.store(built.model_copy(update={"classification": classification}))
    for language, said in (("en", "science and technology"), ("ru", "наука и технологии")):
        for path in ("/articles?topic=13000000", "/articles?topic=medtop:13000000", "/"):
            page = await look(served, path, **{"Accept-Language": language})
            assert page.said.count(said) == (1 if path == "/" else 2), "of the article, and of what was asked for"


async def test_a_long_list_goes_on_to_older_articles(served: Served) -> None:
    await served.store(*(article(f"a{number}", hours=number) for number in range(25)))
    page = await look(served, "/articles?q=bridge")
    (older,) = [each["href"] for each in page.all("a") if each.get("rel") == "next"]
    rest = await look(served, str(older))
    assert len(rest.all("article")) == 5
    assert not [each for each in rest.all("a") if each.get("rel") == "next"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("q=!!!", "a word has a letter"),
        ("topic=polittics", "did you mean"),
        ("where=langauge+==+'ru'", "did you mean `language`"),
    ],
)
async def test_a_question_that_cannot_be_understood_says_why_beside_the_form(
    served: Served, query: str, said: str
) -> None:
    await served.store(article("one"))
    assert said in (await look(served, f"/articles?{query}")).said


async def test_dead_letters_are_shown_sent_back_mended_and_discarded(served: Served, redis: Redis) -> None:
    for number in range(3):
        await bury(redis, f"https://a.example/{number}", error=f"<b>no answer</b> after {number} s")
    await bury(redis, "https://b.example/9", reason="dns", error="no such name")
    page = await look(served, "/failures")
    assert "4 dead letters, from 2 causes." in page.said
    assert "<b>no answer</b> after 0 s" in page.text
    fields = {str(each["name"]): str(each["value"]) for each in page.all("input") if each.get("type") == "hidden"}
    refused = await post(served, "/failures/discard", **fields, scope="cause", sure="2", status=422)
    assert "type 3" in refused.text
    await post(served, "/failures/discard", **fields, scope="cause", sure="3")
    page = await look(served, "/failures")
    assert "1 dead letter, from 1 cause." in page.said
    fields = {str(each["name"]): str(each["value"]) for each in page.all("input") if each.get("type") == "hidden"}
    await post(served, "/failures/edit", letter=fields["letter"], message='{"type": "nonsense"}', status=422)
    answer = await post(served, "/failures/redeliver", letter=fields["letter"], scope="letter")
    page = await look(served, answer.headers["location"])
    assert "No dead letters." in page.said
    assert "1 letter sent back." in page.said


async def test_a_source_is_added_found_paused_and_removed(served: Served) -> None:
    feed = "https://news.example/feed.xml"
    answer = await post(served, "/sources/add", url=feed, source=ATTACK)
    page = await look(served, answer.headers["location"].partition("#")[0])
    assert "1 source" in page.said
    assert ATTACK in page.text
    await post(served, "/sources/pause", url=feed)
    assert "paused" in (await look(served, "/sources?state=paused")).said
    assert "No source matches." in (await look(served, "/sources?q=nothing")).said
    await post(served, "/sources/resume", url=feed)
    await post(served, "/sources/remove", url=feed)
    await post(served, "/sources/remove", url=feed, status=404)
    refused = await post(served, "/sources/add", url="javascript:alert(1)", status=422)
    assert "This was not done." in refused.text


async def test_a_list_of_sources_goes_in_and_says_what_became_of_each_line(served: Served) -> None:
    answer = await post(
        served,
        "/sources/import",
        status=200,
        list=f"https://a.example/feed\n{ATTACK}\n# a remark\nhttps://b.example/rss",
    )
    page = Page(answer.text)
    hold_to_the_policy(page)
    assert "2 sources added, 0 known before." in page.said
    assert "line 2" in page.said
    assert "<script>alert(1)</script>" in page.text
    refused = await post(served, "/sources/import", status=422, list="<html></html>")
    assert "OPML" in refused.text


async def test_sources_are_shown_by_group_and_page_by_page(served: Served) -> None:
    lines = "".join(f'<outline xmlUrl="https://s{number}.example/feed"/>' for number in range(130))
    opml = f'<opml version="2.0"><body><outline text="Regional">{lines}</outline></body></opml>'
    await post(served, "/sources/import", status=200, list=opml)
    await post(served, "/sources/add", url="https://other.example/feed", tags="World, Wire", source="The Wire")
    page = await look(served, "/sources?tag=Regional")
    assert "1 to 100 of 130 sources" in page.said
    assert "New, 130" in page.said
    (following,) = [each["href"] for each in page.all("a") if each.get("rel") == "next"]
    rest = await look(served, str(following))
    assert "101 to 130 of 130 sources" in rest.said
    assert "The Wire" in (await look(served, "/sources?tag=Wire")).said
    assert [each for each in (await look(served, "/sources")).all("option") if each.get("value") == ""]
    refused = await post(served, "/sources/add", url="https://x.example/", source="n" * 201, status=422)
    assert "source" in refused.text


async def test_a_source_has_a_page_of_its_own_with_how_it_does(served: Served) -> None:
    added = await served.post(
        "/v1/sources", {"url": "https://news.example/feed.xml", "source": ATTACK, "tags": ["Wire"]}, status=201
    )
    page = await look(served, f"/sources/{added['id']}")
    assert "Nothing of it has ended in the last week." in page.said
    built = article("one")
    discovery = built.discovery.model_copy(update={"source": ATTACK})
    await served.store(built.model_copy(update={"discovery": discovery}))
    page = await look(served, f"/sources/{added['id']}")
    assert "1, 1 stored" in page.said
    assert "Fields that records lack" in page.said
    assert "<script>alert(1)</script>" in page.text
    assert "/sources?tag=Wire" in [each.get("href") for each in page.all("a")]
    assert "За неделю" in (await look(served, f"/sources/{added['id']}", **{"Accept-Language": "ru"})).said
    await look(served, "/sources/unheard-of", status=404)


async def test_a_page_is_submitted_and_watched(served: Served, redis: Redis) -> None:
    await RedisStreams(redis, FEEDER, KEYS).ensure()
    answer = await post(served, "/submit", urls="https://news.example/1\n\nhttps://news.example/2\n")
    assert len(await submitted(redis)) == 2
    page = await look(served, answer.headers["location"])
    assert page.said.count("On its way") == 2
    (journeys,) = [each for each in page.all("div") if each.get("id") == "journeys"]
    assert journeys["hx-trigger"] == "every 2s"
    await post(served, "/submit", urls="https://news.example/3", html="<p>Words.</p>")
    assert (await submitted(redis))[-1].saved is not None
    refused = await post(served, "/submit", urls="file:///etc/passwd", status=422)
    assert "expected an http(s) address" in refused.text


async def test_a_page_that_died_under_way_is_not_said_to_be_on_its_way(served: Served, redis: Redis) -> None:
    await bury(redis, "https://a.example/dead", reason="timeout", error=ATTACK)
    for language, said in (("en", "Given up for now"), ("ru", "Не удалась")):
        page = await look(served, "/submit?url=https://a.example/dead", **{"Accept-Language": language})
        assert said in page.said
        assert "timeout" in page.said
        assert "<script>alert(1)</script>" in page.text
        assert {"href": "/failures"} in page.all("a")


async def test_what_became_of_a_submitted_page_is_told_with_its_times_and_in_words(served: Served) -> None:
    await served.store(article("bridge"))
    page = await look(served, "/submit?url=https://news.example/bridge")
    times = (await served.get("/v1/why", params={"url": "https://news.example/bridge"}))["times"]
    assert set(times) == {"feeder", "fetcher", "sink"}
    for at in times.values():
        assert datetime.fromisoformat(at).strftime("%H:%M:%S") in page.said
    assert len([each for each in page.all("rect") if each.get("class") == "c-pub"]) == 3
    assert "in all" in page.said
    moments = {stage: datetime.now(UTC) for stage in ("feeder", "fetcher", "extractor", "classifier")}
    (ferry,) = await served.store(article("ferry").model_copy(update={"stage_times": moments}))
    why = await served.get("/v1/why", params={"url": ferry.url})
    assert list(why["times"]) == ["feeder", "fetcher", "extractor", "classifier", "sink"]
    for path in (f"/submit?url={ferry.url}", f"/articles/{ferry.id}"):
        assert (await look(served, path)).said.count(f"{moments['extractor']:%H:%M:%S}") >= 2, path
    refused = dropped("paywall_stub", datetime.now(UTC), url="https://news.example/wall", stage="extractor")
    passed = {stage: moments[stage] for stage in ("feeder", "fetcher")}
    await served.drop(refused.model_copy(update={"stage_times": passed}))
    why = await served.get("/v1/why", params={"url": "https://news.example/wall"})
    assert list(why["times"]) == ["feeder", "fetcher", "extractor"]
    assert list(why["endings"][0]["times"]) == ["feeder", "fetcher"]
    for language, said in (("en", "instead of the text"), ("ru", "форма входа или подписки")):
        page = await look(served, "/submit?url=https://news.example/wall", **{"Accept-Language": language})
        assert said in page.said
        assert "paywall_stub" in page.said
        assert len([each for each in page.all("rect") if each.get("class") == "c-pub"]) == 3


async def test_a_stored_page_that_is_submitted_again_is_shown_as_stored_and_known(served: Served) -> None:
    (bridge,) = await served.store(article("bridge"))
    await served.drop(dropped("duplicate", datetime.now(UTC), url=bridge.url, stage="feeder"))
    page = await look(served, f"/submit?url={bridge.url}")
    assert "It is stored." in page.said
    assert "The article was found before" in page.said
    assert not [each for each in page.all("li") if each.get("class") == "is-bad"]


async def test_a_page_on_its_way_shows_when_the_stages_before_were_done(served: Served, redis: Redis) -> None:
    streams, at = RedisStreams(redis, CLASSIFIER, KEYS), datetime.now(UTC)
    await streams.ensure()
    record = ExtractedArticle.model_validate(article("ferry").model_dump(exclude={"classification"}))
    for stage in ("feeder", "fetcher", "extractor"):
        record = record.done_by(stage, at)
    await redis.xadd(streams.main, {"event": encode(record, source="test")})
    assert list((await served.get("/v1/why", params={"url": record.url}))["times"]) == [
        "feeder",
        "fetcher",
        "extractor",
    ]
    page = await look(served, f"/submit?url={record.url}")
    assert page.said.count(f"{at:%H:%M:%S}") == 3
    assert "Waiting for its turn." in page.said
    odd = record.model_copy(update={"id": "0" * 32}).model_dump_json().replace(str(at.year), "no time")
    await redis.xadd(streams.main, {"event": f'{{"data": {odd}}}'})
    assert (await served.get("/v1/why", params={"url": "0" * 32}))["times"] == {}


async def test_a_search_becomes_a_feed(served: Served) -> None:
    await served.store(article("one"), article("two", language="ru", title="O'Hara"))
    answer = await post(
        served, "/articles/feed", q="O'Hara", language="ru", source="news.example", name="Neva", topic="13000000",
        where="revision == 1 or revision == 2", status=200,
    )  # fmt: skip
    page = Page(answer.text)
    hold_to_the_policy(page)
    _, path = [str(each["href"]) for each in page.all("a") if str(each.get("href")).startswith("/feeds/")]
    feed = await served.get(path)
    assert [item["title"] for item in feed["items"]] == ["O'Hara"]
    assert "Feed of this search" in (await look(served, "/articles?language=ru")).said


async def test_a_foreign_page_cannot_send_our_forms(served: Served) -> None:
    foreign = {"Origin": "https://evil.example"}
    for path in ("/sources/add", "/submit", "/failures/discard", "/failures/redeliver", "/sign-in", "/sign-out"):
        answer = await served.client.post(path, data={"url": "https://news.example/f"}, headers=HTML | foreign)
        assert answer.status_code == 403, path


async def test_signing_in_keeps_the_token_out_of_reach_of_scripts(serve: Serve) -> None:
    token = "a-token-that-is-long-enough-1234"
    async with serve(token=token, public_url="https://news.example", allowed_hosts=("127.0.0.1",)) as served:
        asked = await served.client.get("/sources", headers=HTML)
        assert (asked.status_code, asked.headers["location"]) == (303, "/sign-in?next=/sources")
        assert (await served.client.get("/static/coranto.css")).status_code == 200
        wrong = await post(served, "/sign-in", token="wrong", next="/sources", status=401)
        assert "This token is not known here" in wrong.text
        signed = await post(served, "/sign-in", token=token, next="//evil.example")
        assert signed.headers["location"] == "/"
        cookie = signed.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert "secure" in cookie
        with_cookie = HTML | {"Cookie": f"coranto_token={token}"}
        assert (await served.client.get("/sources", headers=with_cookie)).status_code == 200


async def test_what_is_not_there_is_said_in_the_readers_language(served: Served) -> None:
    page = await look(served, "/articles/0", status=404, **{"Accept-Language": "ru"})
    assert "Здесь ничего нет." in page.said
    chosen = await served.client.get("/language/ru?back=//evil.example", headers=HTML)
    assert chosen.headers["location"] == "/"
    page = await look(served, "/sources", Cookie="coranto_language=ru")
    assert page.all("html")[0]["lang"] == "ru"


def test_every_text_of_the_page_has_its_russian() -> None:
    russian = tomllib.loads((FOLDER / "ru.toml").read_text(encoding="utf-8"))
    sources = [*FOLDER.glob("templates/*.html"), *FOLDER.glob("*.py")]
    used, nouns = set[str](), set[str]()
    for source in sources:
        text = source.read_text(encoding="utf-8")
        used |= {
            found.replace('\\"', '"')
            for found in re.findall(r'(?:\b_|words\.text|self\.text)\(\s*"((?:[^"\\]|\\.)*)"', text)
        }
        nouns |= set(re.findall(r'words\.count\([^"()]*(?:\([^()]*\))?[^"()]*, "([^"]+)"\)', text))
    assert used - set(russian["texts"]) == set()
    assert {"article", "source", "dead letter"} <= nouns <= set(russian["nouns"])
    for english, text in russian["texts"].items():
        assert set(re.findall(r"\{\w+\}", english)) == set(re.findall(r"\{\w+\}", text)), english


def test_every_reason_is_explained_in_both_languages() -> None:
    """The page imports no service, so it has its own copy of what their reasons mean: change it in `reasons.toml` too."""
    explained = tomllib.loads((FOLDER / "reasons.toml").read_text(encoding="utf-8"))
    given = {
        name: import_module(f"coranto_{name}.reasons").REASONS
        for name in ("feeder", "fetcher", "extractor", "classifier", "sink")
    }
    given |= {"delivery": DELIVERY_REASONS, "webhooks": import_module("coranto_gateway.webhooks.reasons").REASONS}
    assert {name: {word: both[0] for word, both in words.items()} for name, words in explained.items()} == given
    for words in explained.values():
        for word, (english, russian) in words.items():
            assert re.search("[а-яё]", russian), word
            assert english != russian


def test_a_reason_of_a_second_stage_or_of_delivery_is_explained_and_an_unknown_one_is_not() -> None:
    words = Words("ru", datetime.now(UTC))
    assert words.reason("extractor", "paywall_stub") == "Вместо текста — форма входа или подписки."
    assert words.reason("sink", "deadline") == words.reason("delivery", "deadline") != ""
    assert words.reason("ledger", "storage_corrupt") == words.reason("sink", "storage_corrupt") != ""
    assert words.reason("fetcher", "no_such_word") == ""


@pytest.mark.parametrize(
    ("number", "said"),
    [(1, "1 статья"), (2, "2 статьи"), (5, "5 статей"), (11, "11 статей"), (21, "21 статья"), (112, "112 статей")],
)
def test_russian_counts_its_nouns(number: int, said: str) -> None:
    assert Words("ru", datetime.now(UTC)).count(number, "article") == said
