"""The sections of an article record: one per stage, each frozen and written by that stage only.

Nothing here does anything: a section is what one service learned about one article. Which sections a
record has is the business of `articles`; how a record travels is the business of `envelope`.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, model_validator


def _in_utc(moment: datetime) -> datetime:
    """The moment in UTC, to the millisecond. Raises ValueError when it has no time zone: it would mean nothing to a subscriber."""
    if moment.tzinfo is None:
        raise ValueError("the time must carry a time zone, such as 2026-05-01T12:00:00Z")
    try:
        return moment.astimezone(UTC).replace(microsecond=moment.microsecond // 1000 * 1000)
    except (
        OverflowError
    ) as error:  # the last hours of 9999 west of Greenwich; pydantic only takes a ValueError for a verdict
        raise ValueError(f"the time must lie in the years 1 to 9999 in UTC, got {moment.isoformat()}") from error


def time_text(moment: datetime) -> str:
    """The moment as every output of ours writes it: RFC 3339 in UTC with `Z`, and milliseconds only where there are any."""
    return (
        moment.astimezone(UTC).isoformat(timespec="milliseconds" if moment.microsecond >= 1000 else "seconds")[:-6]
        + "Z"
    )


UtcTime = Annotated[datetime, AfterValidator(_in_utc), PlainSerializer(time_text, return_type=str, when_used="json")]
Score = Annotated[float, Field(ge=0.0, le=1.0)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Section(BaseModel):
    """Base of every section and of their parts: frozen, and strict about names where we write."""

    # Reading stays tolerant: `envelope.decode` validates with extra="ignore", so a newer writer breaks nobody.
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_timedelta="float")


# --- discovery: feeder -------------------------------------------------------------------------------------------


class Hints(Section):
    """What the place that named the page said about it; never trusted over the page itself."""

    title: str | None = Field(None, description="Headline as the feed or sitemap gives it.")
    published: UtcTime | None = Field(None, description="Publication time as the feed or sitemap gives it.")
    updated: UtcTime | None = Field(None, description="Time of last change as the feed or sitemap gives it.")
    summary: str | None = Field(None, description="Summary as the feed gives it, without markup.")
    body_html: str | None = Field(None, description="The feed's full content, for pages that cannot be read.")


class PageRef(Section):
    """A page kept in the page store."""

    sha256: Sha256 = Field(description="SHA-256 of the page's bytes; also its key in the page store.")
    size_bytes: int = Field(ge=0, description="Size of the page before compression, in bytes.")


class SavedPage(Section):
    """A page that was handed over together with its address, so that nothing has to be fetched."""

    page: PageRef = Field(description="Where the bytes are in the page store.")
    content_type: str = Field(description="Media type, from the file's name or the archive's record.")


class Discovery(Section):
    """How the article was found."""

    url: str = Field(description="Address that was asked for; `urn:sha256:…` for a saved page that names none.")
    submission: str = Field(
        description="Id of the submission that brought the article in; the same for each redelivery."
    )
    source: str = Field(description="Title of the feed, or name of the list or program, that named the article.")
    tags: tuple[str, ...] = Field(
        (), description="Tags of the feed, such as the folders of the OPML file it came from."
    )
    discovered_via: Literal["submit", "feed", "sitemap", "file", "warc"] = Field(description="Kind of source.")
    feed: str | None = Field(None, description="Address of the feed or sitemap that named the article.")
    discovered_at: UtcTime = Field(description="When the article was found.")
    priority: Literal["live", "backlog"] = Field(
        "live", description="Backlog yields to live articles of the same host."
    )
    is_recrawl: bool = Field(False, description="True when a known article is fetched again to look for changes.")
    hints: Hints = Field(default_factory=Hints, description="What the source said about the article.")
    saved: SavedPage | None = Field(
        None, description="The page itself, when it was handed over and need not be fetched."
    )


# --- fetch: fetcher ----------------------------------------------------------------------------------------------


class Redirect(Section):
    """One hop on the way to the page."""

    url: str = Field(description="Address that answered with a redirect.")
    status: int = Field(
        ge=200, le=399, description="HTTP status of the hop; 200 for a page that does nothing but send its reader on."
    )


class FetchedPart(Section):
    """A further page of an article that is spread over several."""

    url: str = Field(description="Address the part came from.")
    content_type: str | None = Field(None, description="Media type in lower case, without parameters.")
    charset: str | None = Field(None, description="Charset the server stated, if any.")
    page: PageRef = Field(description="The part's bytes in the page store.")


class Fetch(Section):
    """How the page was fetched, and where its bytes are."""

    final_url: str = Field(description="Address the page came from, after redirects.")
    redirects: tuple[Redirect, ...] = Field((), description="Hops on the way, in order.")
    status: int | None = Field(None, description="HTTP status; null when the page was handed over.")
    content_type: str | None = Field(None, description="Media type in lower case, without parameters.")
    charset: str | None = Field(None, description="Charset the server stated, if any; the extractor decides.")
    etag: str | None = Field(None, description="Value of the HTTP header ETag, for the next conditional request.")
    last_modified: UtcTime | None = Field(
        None, description="Time in the HTTP header Last-Modified, for the next conditional request."
    )
    page: PageRef = Field(description="The page's bytes in the page store.")
    parts: tuple[FetchedPart, ...] = Field((), description="Further parts of the same article, in order.")
    rights: tuple[str, ...] = Field((), description="Rights signals seen, such as `x-robots-tag: noai`.")
    fetched_at: UtcTime = Field(description="When the page was fetched.")
    elapsed_ms: int = Field(0, ge=0, description="Time from request to last byte, all hops, in milliseconds.")


# --- content: extractor ------------------------------------------------------------------------------------------


class Block(Section):
    """One block of the article's text, in reading order."""

    kind: Literal["paragraph", "standfirst", "heading", "quote", "list_item", "code"] = Field(
        "paragraph", description="What the block is; a standfirst is the lead as well."
    )
    text: str = Field(min_length=1, description="Text of the block, white space folded.")


class ArticleDate(Section):
    """A date or time as a page gives it. The moment is there only where the zone is known."""

    local: str = Field(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2})?)?$",
        description="Date, and time if the page gives one, on the page's own clock: ISO 8601 without a zone.",
    )
    precision: Literal["day", "minute", "second"] = Field(description="How much the page gives.")
    zone: str = Field(
        "unknown",
        description="Zone of `local`: an offset such as +03:00, a name such as Europe/Berlin, or unknown.",
    )
    zone_from: Literal["stated", "page", "domain", "language"] | None = Field(
        None,
        description="How the zone is known: stated with the time, or told by another time or a script on the page; assumed from "
        "the country of the domain, or of the language.",
    )
    at: UtcTime | None = Field(
        None,
        description="The moment in UTC; midnight on the page's clock when only the day is given. Null while the zone is unknown.",
    )

    @model_validator(mode="after")
    def _names_a_day(self) -> ArticleDate:
        datetime.fromisoformat(self.local)  # raises ValueError for 31 February
        return self

    @property
    def day(self) -> date:
        """The day on the page's own clock."""
        return date.fromisoformat(self.local[:10])

    @property
    def offset(self) -> timedelta | None:
        """Offset of the page's clock from UTC; None while the zone is unknown."""
        if self.at is None or self.zone == "unknown":
            return None
        return datetime.fromisoformat(self.local).replace(tzinfo=UTC) - self.at

    @property
    def sort_time(self) -> datetime:
        """A time to order articles by: the moment, or else the local time as if it were UTC. Never to be shown."""
        return self.at if self.at is not None else datetime.fromisoformat(self.local).replace(tzinfo=UTC)

    @property
    def text(self) -> str:
        """RFC 3339 with the page's offset; a bare date for a day, and no zone where none is known."""
        if self.precision == "day" or self.offset is None:
            return self.local
        local = datetime.fromisoformat(self.local)
        try:
            written = local.replace(tzinfo=timezone(self.offset)).isoformat()
        except ValueError:  # a foreign writer's offset of a day and more
            return self.local
        return written.removesuffix("+00:00") + "Z" if written.endswith("+00:00") else written


class Person(Section):
    """An author."""

    name: str = Field(description="Name as the page gives it.")
    url: str | None = Field(None, description="The author's page, when linked.")


class Image(Section):
    """A picture that belongs to the article."""

    url: str | None = Field(None, description="Absolute address of the picture; null in a text dump.")
    caption: str | None = Field(None, description="Caption without the credit.")
    credit: str | None = Field(None, description="Photographer or agency; never an author of the text.")


class Alternate(Section):
    """The same article in another form."""

    url: str = Field(description="Absolute address.")
    kind: Literal["amp", "language", "print"] = Field(description="What is different there.")
    language: str | None = Field(None, description="BCP 47 tag, for another language.")


class Link(Section):
    """A link inside the article's text."""

    url: str = Field(description="Absolute address.")
    text: str = Field(description="Linked words.")


class Provenance(Section):
    """Where a field came from."""

    source: str = Field(alias="from", description="For example json-ld, opengraph, h1, byline, visible-date.")
    confidence: Score = Field(description="0 to 1; comparable within one field only.")

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)


class Note(Section):
    """Something that was seen and turned down."""

    field: str = Field(description="Field it could have filled.")
    seen: str = Field(description="What the page gave, cut to 200 characters.")
    why: str = Field(description="Why it was not taken, in a word of a closed list.")


class Doubt(Section):
    """Why a page that was read as an article may be something else."""

    reason: str = Field(description="What it may be: the reason for which the extractor would drop it.")
    evidence: str = Field(description="What on the page says so.")
    probability: Score = Field(description="How likely it is not an article, 0.5 to 1.")


def _joined(fields: dict[str, Any]) -> str:
    # Without paragraphs the content is invalid, which is said of them.
    return "\n".join(block.text for block in fields.get("paragraphs", ()))


class Content(Section):
    """What the page says: the article itself."""

    title: str | None = Field(None, description="Headline, without site name and section.")
    lead: str | None = Field(
        None,
        description="The standfirst, or else the description the page states. A part of the text only if a block is a standfirst.",
    )
    paragraphs: tuple[Block, ...] = Field(description="The text in blocks, in reading order.")
    text: str = Field(
        default_factory=_joined, description="The text: blocks joined by newlines. Derived where it is left out."
    )
    authors: tuple[Person, ...] = Field((), description="Persons who wrote the text.")
    agencies: tuple[str, ...] = Field((), description="News agencies that byline or dateline names as the source.")
    signed_by: tuple[str, ...] = Field(
        (), description="Desks and other organisations that sign the text as its author."
    )
    publisher: str | None = Field(None, description="Name of the publication.")
    published: ArticleDate | None = Field(None, description="When it was published, if the page says so.")
    modified: ArticleDate | None = Field(None, description="When it was last changed, if the page says so.")
    section: str | None = Field(None, description="The publisher's own section.")
    breadcrumbs: tuple[str, ...] = Field((), description="Path of sections from the home page, without the article.")
    tags: tuple[str, ...] = Field((), description="The publisher's own tags.")
    image: Image | None = Field(None, description="Lead image.")
    images: tuple[Image, ...] = Field((), description="Further images in the text.")
    has_video: bool = Field(False, description="True when the article carries a video.")
    canonical_url: str | None = Field(
        None,
        description="Address the page declares as its own, believed or not; `url` of the record is the one to use.",
    )
    alternates: tuple[Alternate, ...] = Field((), description="AMP, print and other-language forms.")
    declared_language: str | None = Field(None, description="Language the page declares, BCP 47.")
    is_paywalled: bool | None = Field(None, description="True or false when the page tells, else null.")
    correction: str | None = Field(None, description="Correction or clarification note, if the article has one.")
    links: tuple[Link, ...] = Field((), description="Links in the text.")
    doubt: Doubt | None = Field(None, description="Why the page may not be an article; null when nothing says so.")
    next_page_url: str | None = Field(
        None, description="Next part that is not in the text, when the article is spread over several pages."
    )
    word_count: int = Field(0, ge=0, description="Number of words in the text.")
    origins: dict[str, Provenance] = Field(
        default_factory=dict, description="For each field that is filled, where it came from."
    )
    notes: tuple[Note, ...] = Field((), description="What was seen and turned down; only when asked for.")
    extractor_version: str = Field(description="Version of the extractor that read the page.")


# --- classification: classifier ----------------------------------------------------------------------------------


class Language(Section):
    """The language of the text."""

    code: str = Field(
        description="BCP 47 tag; `und` when it could not be told. Where nothing tells close languages apart, their "
        "macro-language: `sh` for Bosnian, Croatian or Serbian in Latin letters, `ms` for Malay or Indonesian; `notes` then "
        "has `macrolanguage`."
    )
    confidence: Score = Field(description="0 to 1.")
    also: tuple[str, ...] = Field((), description="Further languages that a good part of the text is in.")


class Topic(Section):
    """A topic of a controlled vocabulary."""

    scheme: str = Field("IPTC Media Topics", description="The vocabulary (IPTC NewsCodes, CC BY 4.0).")
    code: str = Field(pattern=r"^\d{8}$", description="Eight-digit code.")
    name: str = Field(description="English name.")
    names: dict[str, str] = Field(
        default_factory=dict, description="Names in other languages, where known, by BCP 47 tag."
    )
    score: Score = Field(description="Calibrated probability that the topic is right.")
    sources: tuple[str, ...] = Field(
        alias="from", description="What it was told by: section, tags, url, model, or a pluggable model's name."
    )

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)


class Mention(Section):
    """Where a name stands: `start` and `end` count the characters of one field of the content."""

    field: Literal["title", "text"] = Field(description="The field of `content` that the words stand in.")
    text: str = Field(description="The words as they stand.")
    start: int = Field(ge=0, description="First character.")
    end: int = Field(ge=0, description="One past the last character.")


class Entity(Section):
    """A person, organisation or place the article names."""

    type: Literal["person", "organisation", "place"] = Field(description="What it is.")
    name: str = Field(
        description="Normal form: nominative, the fullest form the text gives. See the note names_as_written."
    )
    count: int = Field(ge=1, description="Number of mentions.")
    mentions: tuple[Mention, ...] = Field((), description="Where it is named, first fifty.")
    aliases: tuple[str, ...] = Field((), description="Other normal forms of it in this text.")
    country: str | None = Field(None, description="ISO 3166-1 alpha-2 code, when the place is a country.")
    id: str | None = Field(
        None,
        description="The same in all languages: `iso3166:` and the code of a country, `geonames:` and the number of a city of "
        "100,000 or more whose name means no other, or `wikidata:` and that of a well-known person; null for anything else.",
    )


class Story(Section):
    """The story the article belongs to: near-duplicates of one text."""

    id: str = Field(description="Id of the story: the id of its first article.")
    role: Literal["original", "copy", "excerpt", "update"] = Field(description="What the article is in its story.")
    of: str | None = Field(None, description="Id of the record it was compared with, unless it is the original.")
    similarity: Score | None = Field(None, description="Share of the smaller text's shingles that the other has.")
    agency: str | None = Field(None, description="Agency the copy names as its source.")


class RelatedArticle(Section):
    """An earlier article on the same event, by another publisher or in another language."""

    id: str = Field(description="Id of the record.")
    similarity: Score = Field(description="Cosine of the two texts' vectors.")


class Classification(Section):
    """What the article is about."""

    language: Language = Field(description="Language of the text.")
    topics: tuple[Topic, ...] = Field((), description="Topics, surest first; empty when the classifier abstains.")
    entities: tuple[Entity, ...] = Field((), description="Names in normal form, most mentioned first.")
    keywords: tuple[str, ...] = Field(
        (),
        description="Up to ten: the names that matter most, those of title and lead first; in Russian, where they are fewer "
        "than three, nouns that the text repeats. None in a language without names. The publisher's tags are in content.",
    )
    story: Story | None = Field(None, description="Story of near-duplicates; null when the text is too short to tell.")
    related: tuple[RelatedArticle, ...] = Field(
        (), description="Earlier articles on the same event, most alike first; only when vectors are made."
    )
    summary: str | None = Field(None, description="Only when an external model was asked for one.")
    models: dict[str, str] = Field(default_factory=dict, description="Version of each model that had a part.")
    notes: tuple[str, ...] = Field(
        (),
        description="For example: text_cut, topics_not_supported (no model reads them from text in this language), "
        "names_not_supported, names_as_written (no dictionary put them into normal form), "
        "macrolanguage (nothing tells which of several close languages it is).",
    )


# --- storage: sink -----------------------------------------------------------------------------------------------


class Storage(Section):
    """What the sink did with the record."""

    revision: int = Field(ge=1, description="1 for the first version stored, one more for each change.")
    change: Literal["created", "updated", "reprocessed", "retracted"] = Field(
        description="What happened to the article; reprocessed: its page is as it was, and this system reads it otherwise; "
        "retracted: the page is gone; `updated` follows if it comes back."
    )
    changed_fields: tuple[str, ...] = Field(
        (), description="Fields that differ from the revision before, as section.field."
    )
    stored_at: UtcTime = Field(description="When the revision was committed.")
    publisher_changed_at: UtcTime | None = Field(
        None,
        description="Of `reprocessed`: when the latest revision was committed that the publisher's page brought.",
    )
    store: str | None = Field(
        None,
        description="Id of the store it was committed to; another store counts an article's revisions from 1 again.",
    )

    @property
    def changed_at(self) -> datetime:
        """When what the publisher says was last seen to change: reading it otherwise is no news."""
        return self.publisher_changed_at or self.stored_at
