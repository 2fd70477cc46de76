"""Article records: what travels between the services and reaches subscribers."""

from coranto.records.articles import (
    ClassifiedArticle,
    DiscoveredArticle,
    DroppedArticle,
    ExtractedArticle,
    FetchedArticle,
    FinishedArticle,
    RecalledArticle,
    Record,
    Submission,
    article_id,
    content_id,
)
from coranto.records.sections import (
    Alternate,
    Block,
    Classification,
    Content,
    Discovery,
    Entity,
    Fetch,
    FetchedPart,
    Hints,
    Image,
    Language,
    Link,
    Mention,
    Moment,
    Note,
    Origin,
    PageRef,
    Person,
    Redirect,
    RelatedArticle,
    SavedPage,
    Storage,
    Story,
    Topic,
)

__all__ = [
    "Alternate", "Block", "Classification", "ClassifiedArticle", "Content", "DiscoveredArticle", "Discovery",
    "DroppedArticle", "Entity", "ExtractedArticle", "Fetch", "FetchedArticle", "FetchedPart", "FinishedArticle", "Hints", "Image",
    "Language", "Link", "Mention", "Moment", "Note", "Origin", "PageRef", "Person", "RecalledArticle", "Record", "Redirect",
    "RelatedArticle", "SavedPage", "Storage", "Story", "Submission", "Topic", "article_id", "content_id",
]  # fmt: skip
