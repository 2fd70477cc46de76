"""How right the classifier is on the labelled sets, beside cheap alternatives in the same run.

A model is never asked about a text it learned from: topics are judged on sets kept for evaluation and by folds, names
on texts kept apart. Figures on the half that decides are lower or higher by a few hundredths; these are the visible
half's.

    python tests/benchmarks/classification.py [--only language --only stories ...]
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import hashlib
import importlib.util
import json
import os
import re
import resource
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    # One thread: sums are then added in a fixed order, and the folds' figures are the same in every run. Not in the pool's
    # processes, which import this module under another name: there the service decides.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from redis.asyncio import Redis

from coranto_classifier.duplicates.fingerprint import Fingerprint, make_fingerprint
from coranto_classifier.duplicates.index import DuplicateIndex
from coranto_classifier.duplicates.roles import assign_story
from coranto_classifier.entities.linking import NamedEntity, mentions_with_entity, merge_mentions
from coranto_classifier.language.detect import find_language
from coranto_classifier.pool import BLAS_THREAD_VARIABLES, AnalysisPool
from coranto_classifier.settings import ClassifierSettings
from coranto_classifier.text_models import ArticleText, ModelPaths, TextModels
from coranto_classifier.topics.media_topics import TOP_CODES
from coranto_cli.local.redis_server import EmbeddedRedis

MATERIAL = Path(os.environ.get("CORANTO_MATERIAL", Path(__file__).resolve().parents[3] / "shared"))
DATA = MATERIAL / "data"
RESULTS = Path(__file__).parent / "results"

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table: what was measured, what is to be reached, and the floor that the gate holds."""

    job: str
    value: float
    reach: float | None = None
    floor: float | None = None
    is_better_low: bool = False

    @property
    def holds(self) -> bool:
        """Whether the floor is kept."""
        if self.floor is None:
            return True
        return self.value <= self.floor if self.is_better_low else self.value >= self.floor


_COMMON = "ar bg bn ca cs da de el en es et fa fi fr he hi hr hu id it ja ko lt lv ms nb nl pl pt ro ru sk sl sr sv th tr uk vi zh"
COMMON_LANGUAGES = frozenset(_COMMON.split())
"""The forty of the set's languages that a reader of news on the web meets most. Our own judgement: those with the most
websites, and Bengali, Hindi and Malay, which many speak and few sites are in."""


def rows(path: str) -> list[Row]:
    """Lines of one labelled set."""
    with gzip.open(DATA / path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def scorer() -> Any:
    """The scorer that lies beside the data."""
    spec = importlib.util.spec_from_file_location("score", DATA / "score.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(f"{DATA / 'score.py'} is missing")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def language() -> Iterable[Figure]:
    """Language by length of text; the bare model beside it."""
    truth, score = rows("language/language.jsonl.gz"), scorer()
    answers = {row["id"]: {"language": find_language("", row["text"]).code} for row in truth}
    ours = score.score_language(truth, answers)
    common = score.score_language([row for row in truth if row["language"].split("-")[0] in COMMON_LANGUAGES], answers)
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    bare = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    theirs = score.score_language(truth, {row["id"]: {"language": bare.classify(row["text"])[0]} for row in truth})
    yield Figure("language, all lengths", ours["all"]["accuracy"], 0.955, 0.96)
    yield Figure("language, headlines", ours["headline"]["accuracy"], None, 0.945)
    yield Figure("language, 40 common ones, all lengths", common["all"]["accuracy"], 0.965, 0.975)
    yield Figure("language, 40 common ones, headlines", common["headline"]["accuracy"], 0.965, 0.965)
    for code in ("ru", "uk", "be", "bg"):
        yield Figure(f"language, {code}", ours["all"]["languages"][code], 0.97, 0.97)
    yield Figure("  py3langid alone, all lengths", theirs["all"]["accuracy"])
    yield Figure("  py3langid alone, headlines", theirs["headline"]["accuracy"])


UNSEEN = frozenset({"ag-news-test", "bbc", "masakhanews"})
"""English sets that no shipped model has learned from."""


def topics_unseen() -> Iterable[Figure]:
    """Topics of English sets that no shipped model has learned from, as shipped: below the threshold there is no answer."""
    truth, answers = _answers_unseen()
    yield from _figures("topics en, unseen sets", truth, answers, (None, None), (0.69, 0.76))


def topics_others() -> Iterable[Figure]:
    """Topics of French, Nigerian Pidgin and African languages, of a set that no model has learned from."""
    models = TextModels()
    truth = [row for row in rows("topics/topics.jsonl.gz") if row["source"] == "masakhanews" and row["topic"]]
    answers = {row["id"]: _topic(models, row) for row in truth if row["language"] != "en"}
    result = scorer().score_topics([row for row in truth if row["id"] in answers], answers)
    for code, most in (("fr", 0.1), ("pcm", 0.1)):
        found = result[f"language {code}"]
        yield Figure(f"topics {code}, unseen set: accuracy of answered", found["accepted_accuracy_of_answered"])
        yield Figure(f"topics {code}, unseen set: calibration error", found["ece"], None, most, is_better_low=True)
    unknown = [row for row in truth if row["language"] not in ("en", "fr", "pcm")]
    answered = sum(answers[row["id"]]["topic"] is not None for row in unknown) / len(unknown)
    yield Figure("topics of African languages that no model knows: answered", answered, None, 0.0, is_better_low=True)


def topics_mixed() -> Iterable[Figure]:
    """English topics of many sites: the unseen sets as shipped, and HuffPost and the Telegram contest by folds."""
    truth, answers = _answers_unseen()
    others, held = _answers_held_out(frozenset({"huffpost", "telegram-contest"}))
    yield from _figures("topics en, mixed set", truth + others, answers | held, (0.52, 0.70), (0.525, 0.75))


def topics_free() -> Iterable[Figure]:
    """English topics of the free set by folds, with answers withheld below the threshold."""
    yield from _figures("topics en, free set by folds", *_answers_held_out(FREE), (0.66, 0.70), (0.665, 0.76))


def _answers_held_out(sources: frozenset[str]) -> tuple[list[Row], dict[str, Row]]:
    """English texts of the sources and the answers of models that have not seen them."""
    from training.topics import RECIPES

    texts, chances = held_out("en")
    chosen = [(text, chance) for text, chance in zip(texts, chances, strict=True) if text.source in sources]
    answers = {
        text.id: {
            "topic": TOP_CODES[int(chance.argmax())] if chance.max() >= RECIPES["en"].threshold else None,
            "score": float(chance.max()),
        }
        for text, chance in chosen
    }
    return [_as_row(text) for text, _ in chosen], answers


def _figures(
    name: str,
    truth: list[Row],
    answers: dict[str, Row],
    reach: tuple[float | None, float | None],
    floors: tuple[float, float],
) -> Iterable[Figure]:
    """What the scorer says of answers some of which are none."""
    whole = scorer().score_topics(truth, answers)["all"]
    right = sum(answers[row["id"]]["topic"] in row["accept"] for row in truth)
    yield Figure(f"{name}: macro-F1", whole["macro_f1"], reach[0], floors[0])
    yield Figure(f"{name}: accuracy of answered", whole["accepted_accuracy_of_answered"], reach[1], floors[1])
    yield Figure(f"{name}: accuracy of all", right / len(truth))
    yield Figure(f"{name}: coverage", whole["coverage"], None, 0.8)
    yield Figure(f"{name}: calibration error", whole["ece"], 0.045, 0.05, is_better_low=True)


@cache
def _answers_unseen() -> tuple[list[Row], dict[str, Row]]:
    models = TextModels()
    truth = [
        row
        for row in rows("topics/topics.jsonl.gz")
        if row["source"] in UNSEEN and row["language"] == "en" and row["topic"]
    ]
    return truth, {row["id"]: _topic(models, row) for row in truth}


def _topic(models: TextModels, row: Row) -> Row:
    found = models.topics.find(row["title"] or "", row["text"] or "", row["language"])
    best = next((topic for topic in found if topic.code in TOP_CODES), None)
    return {"topic": best.code if best else None, "score": best.score if best else 0.0}


FREE = frozenset({"wikipedia-current-events", "huffpost-balanced", "us-federal-titles"})
"""English sources of the free set."""


@cache
def held_out(code: str) -> tuple[list[Any], Any]:
    """Texts of a language and their probabilities by a model that has not seen them, with one temperature."""
    from coranto_classifier.topics.vectors import EnglishVectors, RussianVectors
    from training import topics as training

    files = [DATA / "topics/topics.jsonl.gz", DATA / "topics/weak.jsonl.gz", DATA / "topics_free/topics_free.jsonl.gz"]
    texts = [text for text in training.read_texts(files) if text.language == code]
    vectors = {"ru": RussianVectors, "en": EnglishVectors}[code](ModelPaths().shipped)
    recipe = training.RECIPES[code]
    counted = training.count(texts, recipe, vectors)
    logits = training.held_out_logits(texts, counted, recipe)
    scaled = logits / training.temperature_of(logits, counted.labels, counted.weights)
    chances = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return texts, chances / chances.sum(axis=1, keepdims=True)


def topics_folds() -> Iterable[Figure]:
    """Topics by folds: each text judged by a model that has not seen it; every text is answered."""
    score = scorer()
    floors = {"ru": (0.77, 0.94, 0.04), "en": (0.66, None, 0.05)}
    for code, (f1_floor, covered_floor, error_floor) in floors.items():
        texts, chances = held_out(code)
        judged = [index for index, text in enumerate(texts) if text.source != "lenta-weak"]
        truth = [_as_row(texts[index]) for index in judged]
        answers = {
            texts[index].id: {"topic": TOP_CODES[int(chances[index].argmax())], "score": float(chances[index].max())}
            for index in judged
        }
        result = score.score_topics(truth, answers)
        whole = result["all"]
        yield Figure(f"topics {code}, folds: macro-F1", whole["macro_f1"], {"ru": 0.77, "en": 0.66}[code], f1_floor)
        at_70 = whole["accuracy_at_coverage"]["70"]
        yield Figure(f"topics {code}, folds: accuracy at 70 % coverage", at_70, {"ru": 0.94}.get(code), covered_floor)
        yield Figure(
            f"topics {code}, folds: calibration error",
            whole["ece"],
            {"ru": 0.03, "en": 0.045}[code],
            error_floor,
            is_better_low=True,
        )
        telegram = result.get(f"source telegram-contest {code}")
        if telegram:
            accepted = telegram["accepted_accuracy_of_answered"]
            yield Figure(f"topics {code}, folds: Telegram contest accepted", accepted, 0.76, 0.74)


def _as_row(text: Any) -> Row:
    return {
        "id": text.id, "language": text.language, "source": text.source, "topic": text.topic, "accept": list(text.accept),
    }  # fmt: skip


def names() -> Iterable[Figure]:
    """Names: English as shipped, on PUD; Russian on bsnlp as shipped and by halves of factRuEval."""
    truth, score = rows("entities/entities.jsonl.gz"), scorer()
    shipped = TextModels()
    english = [row for row in truth if row["source"] == "uner-pud" and row["language"] == "en"]
    result = score.score_entities(english, {row["id"]: _mentions(shipped, row, "en") for row in english})
    yield Figure("names en, PUD: surface F1", result["uner-pud en"]["surface"]["all"]["f1"], 0.75, 0.785)
    slavic = [row for row in truth if row["source"] == "bsnlp" and row["language"] == "ru"]
    result = score.score_entities(slavic, {row["id"]: _mentions(shipped, row, "ru") for row in slavic})
    yield Figure("names ru, bsnlp: normal forms F1", result["bsnlp ru"]["normal"]["all"]["f1"], 0.66, 0.86)
    judged = [row for row in truth if row["source"] == "factrueval2016"]
    result = score.score_entities(judged, _by_halves(judged))["factrueval2016 ru"]
    yield Figure("names ru, factRuEval by halves: spans F1", result["spans"]["all"]["f1"], 0.80, 0.855)
    yield Figure("names ru, factRuEval by halves: normal forms F1", result["normal"]["all"]["f1"], 0.82, 0.82)


def names_unseen() -> Iterable[Figure]:
    """English names on wikigold by halves: the shipped tagger has learned from these documents, and from no others."""
    from coranto_classifier.entities.english.gazetteer import Gazetteer
    from coranto_classifier.entities.english.recognizer import EnglishRecognizer
    from coranto_classifier.entities.multilingual.opinions import OpinionMaker
    from coranto_classifier.entities.multilingual.pieces import PieceTable
    from coranto_classifier.entities.multilingual.sentence_network import SentenceNetwork
    from training import crf

    judged = [row for row in rows("entities/entities.jsonl.gz") if row["source"] == "wikigold"]
    sentences = rows("entities_free/wikigold_visible.jsonl.gz")
    letters = re.compile(r"\W+")
    texts = [letters.sub("", row["text"]).lower() for row in judged]
    answers: dict[str, Row] = {}
    table = PieceTable(ModelPaths().shipped)
    opinions, network = OpinionMaker(table), SentenceNetwork(ModelPaths().shipped, table)
    for half in (0, 1):
        learned = [
            row
            for row in sentences
            if any(letters.sub("", "".join(row["tokens"])).lower() in text for text in texts[half::2])
        ]
        with tempfile.TemporaryDirectory() as folder:
            models = Path(folder)
            own = models / "wikigold_half.jsonl.gz"
            with gzip.open(own, "wt", encoding="utf-8") as file:
                file.writelines(json.dumps(row) + "\n" for row in learned)
            (models / "english_lists.json.gz").symlink_to(ModelPaths().shipped / "english_lists.json.gz")
            others = [DATA / f"entities_free/{name}.jsonl.gz" for name in crf.SOURCES if name != "wikigold_visible"]
            crf.train([*others, own], Gazetteer(models), opinions, models / "english_names.crfsuite")
            recognizer = EnglishRecognizer(models, opinions, network)
            answers |= {
                row["id"]: _answer(merge_mentions(row["text"], recognizer.find(row["text"])))
                for row in judged[1 - half :: 2]
            }
    result = scorer().score_entities(judged, answers)["wikigold en"]["surface"]["all"]["f1"]
    yield Figure("names en, wikigold by halves: surface F1", result, 0.76, 0.73)


_FLOORS_APART = {
    "bg": 0.875,
    "cs": 0.8,
    "da": 0.805,
    "de": 0.735,
    "fi": 0.725,
    "hr": 0.845,
    "hu": 0.78,
    "id": 0.795,
    "no": 0.86,
    "pl": 0.69,
    "pt": 0.82,
    "ro": 0.77,
    "sk": 0.845,
    "sl": 0.865,
    "sr": 0.905,
    "sv": 0.795,
    "uk": 0.79,
}
_FLOORS_ON_OTHER_NEWS = {
    "bg": 0.795,
    "cs": 0.805,
    "de": 0.72,
    "hr": 0.815,
    "pl": 0.765,
    "sk": 0.71,
    "sl": 0.775,
    "uk": 0.715,
}
_NORMAL_FLOORS = {"bg": 0.785, "cs": 0.745, "hr": 0.69, "pl": 0.71, "sk": 0.635, "sl": 0.67, "uk": 0.665}
_OTHER_NEWS = {"bsnlp": "BSNLP's other events", "uner-pud": "PUD"}


def names_more() -> Iterable[Figure]:
    """Names in the languages that share word pieces: on blocks kept apart, and on news of other events where there is a set."""
    from coranto_classifier.entities.multilingual.recognizer import MODELS
    from training.many_names import read_language

    score, shipped = scorer(), TextModels()
    truth = rows("entities/entities.jsonl.gz")
    for code in sorted(code for languages in MODELS.values() for code in languages):
        apart = [
            _as_text(number, *sentence) for number, sentence in enumerate(read_language(DATA, code, held_out=True))
        ]
        result = score.score_entities(apart, {row["id"]: _mentions(shipped, row, code) for row in apart})
        yield Figure(
            f"names {code}, blocks kept apart: surface F1",
            result["apart "]["surface"]["all"]["f1"],
            None,
            _FLOORS_APART.get(code, 0.69),
        )
        other = [row for row in truth if row["language"] == code and row["source"] in _OTHER_NEWS]
        if other:
            (result,) = score.score_entities(
                other, {row["id"]: _mentions(shipped, row, code) for row in other}
            ).values()
            place = _OTHER_NEWS[other[0]["source"]]
            yield Figure(
                f"names {code}, {place}: surface F1",
                result["surface"]["all"]["f1"],
                0.70,
                _FLOORS_ON_OTHER_NEWS.get(code, 0.69),
            )
            if "normal" in result:
                normal = result["normal"]["all"]["f1"]
                yield Figure(f"names {code}, {place}: normal forms F1", normal, None, _NORMAL_FLOORS.get(code))


def _as_text(number: int, words: list[str], tags: list[str]) -> Row:
    """A sentence of the labelled sets in the form of the scorer: the words joined by spaces, with spans."""
    from coranto_classifier.entities.bio import entity_spans

    starts = [sum(len(word) + 1 for word in words[:index]) for index in range(len(words))]
    text = " ".join(words)
    spans = [
        {
            "start": (start := starts[first]),
            "end": (end := starts[last] + len(words[last])),
            "type": kind,
            "text": text[start:end],
        }
        for first, last, kind in entity_spans(tags)
    ]
    return {"id": str(number), "text": text, "spans": spans, "source": "apart", "language": ""}


def _mentions(models: TextModels, row: Row, code: str) -> Row:
    return _answer(merge_mentions(row["text"], models.recognizer(code).find(row["text"])))


def _answer(entities: Iterable[NamedEntity]) -> Row:
    return {
        "entities": [
            {
                "type": mention.type,
                "text": mention.text,
                "start": mention.start,
                "end": mention.end,
                "normal": entity.name if mention.type == "person" else mention.normal,
            }
            for mention, entity in mentions_with_entity(entities)
        ]
    }


def _by_halves(judged: list[Row]) -> dict[str, Row]:
    """Each half of the texts tagged by a tagger that learned from the other half."""
    from coranto_classifier.entities.russian.recognizer import RussianRecognizer
    from training import russian_names

    shipped = ModelPaths().shipped
    texts = list(russian_names.read_texts(DATA / "entities/entities.jsonl.gz"))
    answers: dict[str, Row] = {}
    for half in (0, 1):
        with tempfile.TemporaryDirectory() as folder:
            models = Path(folder)
            for name in ("slovnet_ner_news_v1.tar", "navec_news_v1_1B_250K_300d_100q.tar"):
                (models / name).symlink_to(shipped / name)
            learned = [text for text in texts if text.source != "factrueval2016" or _half(text.id) != half]
            russian_names.train(learned, models)
            recognizer = RussianRecognizer(models)
            for row in judged:
                if _half(row["id"]) == half:
                    answers[row["id"]] = _answer(merge_mentions(row["text"], recognizer.find(row["text"])))
    return answers


def _half(identifier: str) -> int:
    return hashlib.sha256(identifier.encode()).digest()[0] % 2


def stories() -> Iterable[Figure]:
    """Stories in a real Redis with four replicas at work at once; simhash and whole-text Jaccard beside them."""
    truth, score = rows("duplicates/clusters.jsonl.gz"), scorer()
    fingerprints = [make_fingerprint(row["title"] or "", row["text"] or "") for row in truth]
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedRedis(Path(folder))
        server.start()
        try:
            clusters, bytes_each, per_article_ms = asyncio.run(_assigned(server.url, truth, fingerprints))
        finally:
            server.kill()
    result = score.score_duplicates(
        truth, {row["id"]: {"cluster": name} for row, name in zip(truth, clusters, strict=True)}
    )
    yield Figure("stories: B-cubed F1", result["b_cubed"]["f1"], 0.98, 0.985)
    yield Figure("stories: B-cubed precision", result["b_cubed"]["precision"], 0.99, 0.98)
    yield Figure("stories: lead-only copies found", result["recall_by_edit"]["lead only"], 0.68, 0.9)
    yield Figure("stories: bytes an article in Redis", bytes_each, 3200, 3200, is_better_low=True)
    yield Figure("stories: ms an article", per_article_ms)
    simhash = score.score_duplicates(
        truth, {row["id"]: {"cluster": name} for row, name in zip(truth, _simhash(truth), strict=True)}
    )
    yield Figure("  simhash, B-cubed F1", simhash["b_cubed"]["f1"])


async def _assigned(url: str, truth: list[Row], fingerprints: list[Fingerprint]) -> tuple[list[str], float, float]:
    clients = [Redis.from_url(url) for _ in range(4)]
    replicas = [DuplicateIndex(client) for client in clients]
    before = (await clients[0].info("memory"))["used_memory"]
    started = time.perf_counter()
    found: dict[int, str] = {}

    async def replica(number: int) -> None:
        for index in range(number, len(truth), 4):
            story = await assign_story(truth[index]["id"], fingerprints[index], replicas[number])
            found[index] = story.cluster if story else truth[index]["id"]

    await asyncio.gather(*(replica(number) for number in range(4)))
    spent = time.perf_counter() - started
    grown = (await clients[0].info("memory"))["used_memory"] - before
    clusters = [await replicas[0].cluster_of(found[index]) for index in range(len(truth))]
    for client in clients:
        await client.aclose()
    return clusters, grown / len(truth), spent / len(truth) * 1000


def _simhash(truth: list[Row], *, bits: int = 64, distance: int = 6) -> list[str]:
    """Clusters by simhash of three-word runs, compared within four bands."""
    names: list[str] = []
    bands: dict[tuple[int, int], list[int]] = defaultdict(list)
    hashes: list[int] = []
    for index, row in enumerate(truth):
        words = re.findall(r"\w+", (row["text"] or "").lower())
        runs = Counter(" ".join(words[start : start + 3]) for start in range(max(1, len(words) - 2)))
        votes = [0] * bits
        for run, count in runs.items():
            value = int.from_bytes(hashlib.blake2b(run.encode(), digest_size=8).digest(), "little")
            for bit in range(bits):
                votes[bit] += count if value >> bit & 1 else -count
        own = sum(1 << bit for bit in range(bits) if votes[bit] > 0)
        near = [
            other
            for band in range(4)
            for other in bands[band, own >> (16 * band) & 0xFFFF]
            if (hashes[other] ^ own).bit_count() <= distance
        ]
        names.append(names[min(near)] if near else row["id"])
        hashes.append(own)
        for band in range(4):
            bands[band, own >> (16 * band) & 0xFFFF].append(index)
    return names


def keywords() -> Iterable[Figure]:
    """Keywords against RIA's own tags."""
    models = TextModels()
    truth = [row for row in rows("topics/topics.jsonl.gz") if row["source"] == "ria" and row.get("keywords")][:300]
    hits = guessed = wanted = 0
    for row in truth:
        tags = {_folded(tag) for tag in row["keywords"]}
        found = {_folded(word) for word in models.analyse(ArticleText(row["title"] or "", row["text"])).keywords}
        hits += len(found & tags)
        guessed += len(found)
        # Tags that are no words of the text (sections, projects) cannot be found in it by anyone.
        wanted += sum(tag[:5] in _folded(f"{row['title']} {row['text']}") for tag in tags)
    yield Figure("keywords: precision at ten", hits / guessed, 0.28, 0.2)
    yield Figure("keywords: recall at ten", hits / wanted, 0.62, 0.5)


def _folded(word: str) -> str:
    return word.lower().replace("ё", "е").strip()


def cost() -> Iterable[Figure]:
    """Processor time of a Russian article of 1,700 characters in the service's own pool, and memory of its process."""
    articles = [
        ArticleText(row["title"] or "", row["text"][:1600])
        for row in rows("topics/topics.jsonl.gz")
        if row["source"] == "ria"
    ][:60]
    spent_ms, peak = asyncio.run(_pool_cost(articles))
    yield Figure("CPU ms for a 1,700-character Russian article", spent_ms, 40, None, is_better_low=True)
    yield Figure("memory of a process at its peak, MB", peak, 450, 450, is_better_low=True)


async def _pool_cost(articles: list[ArticleText]) -> tuple[float, float]:
    """CPU milliseconds of 1,700 characters, over all threads of the worker process, and its peak memory in MB."""
    for variable in BLAS_THREAD_VARIABLES:
        os.environ.pop(variable, None)  # as users run it: the pool decides how many threads there are
    pool = AnalysisPool(ModelPaths(), ClassifierSettings(processes=1))
    await pool.start()
    try:
        for article in articles[:10]:
            await pool.analyse(article)
        before = await pool._processes.call(time.process_time)
        for article in articles[10:]:
            await pool.analyse(article)
        spent_ms = (await pool._processes.call(time.process_time) - before) * 1000
        peak = (await pool._processes.call(resource.getrusage, resource.RUSAGE_SELF)).ru_maxrss / 1024
    finally:
        await pool.stop()
    characters = sum(len(article.title) + len(article.text) for article in articles[10:])
    return spent_ms * 1700 / characters, peak


PARTS: dict[str, Callable[[], Iterable[Figure]]] = {
    "cost": cost,
    "language": language,
    "stories": stories,
    "keywords": keywords,
    "names": names,
    "names-unseen": names_unseen,
    "names-more": names_more,
    "topics-unseen": topics_unseen,
    "topics-folds": topics_folds,
    "topics-mixed": topics_mixed,
    "topics-others": topics_others,
    "topics-free": topics_free,
}
"""Parts of the table."""


def main() -> int:
    """Prints the table and keeps it; 1 when a floor is not held."""
    parser = argparse.ArgumentParser(description="How right the classifier is on the labelled sets.")
    parser.add_argument("--only", choices=sorted(PARTS), action="append", help="this part only; may be repeated")
    arguments = parser.parse_args()
    if not DATA.is_dir():
        sys.stdout.write("The labelled sets are not beside the repository; set CORANTO_MATERIAL.\n")
        return 0
    figures = []
    for name, part in PARTS.items():
        if not arguments.only or name in arguments.only:
            for figure in part():
                figures.append(figure)
                reach = "" if figure.reach is None else f"reach {figure.reach:g}"
                sys.stdout.write(
                    f"{figure.job:60s} {figure.value:10.4g}  {reach:12s} {'' if figure.holds else 'BELOW ITS FLOOR'}\n"
                )
                sys.stdout.flush()
    kept_in = RESULTS / "classification.json"
    # A run of some parts leaves the others' figures as they were.
    kept = json.loads(kept_in.read_text(encoding="utf-8")) if kept_in.exists() else {}
    kept |= {figure.job.strip(): round(figure.value, 4) for figure in figures}
    RESULTS.mkdir(exist_ok=True)
    kept_in.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0 if all(figure.holds for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
