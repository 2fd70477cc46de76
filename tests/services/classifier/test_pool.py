"""The models in worker processes: what one text can do to its process, and what the next text finds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from coranto.worker.stage import Invalid
from coranto_classifier.pool import AnalysisPool
from coranto_classifier.settings import ClassifierSettings
from coranto_classifier.text_models import ArticleText, ModelPaths

_SENTENCE = "Президент Киргизии Садыр Жапаров прибыл в Москву с рабочим визитом. "
_ARTICLE = ArticleText("Жапаров прилетел в Москву", _SENTENCE)


@pytest.fixture
async def pool() -> AsyncIterator[AnalysisPool]:
    settings = ClassifierSettings(deadline=timedelta(seconds=20))
    one = AnalysisPool(ModelPaths(), settings)
    await one.start()
    yield one
    await one.stop()


async def test_text_that_takes_too_long_is_refused_and_the_next_is_answered(pool: AnalysisPool) -> None:
    assert (await pool.analyse(_ARTICLE)).language.code == "ru"
    pool._processes.deadline = timedelta(milliseconds=1)
    with pytest.raises(Invalid) as signal_:
        await pool.analyse(ArticleText("Визит", _SENTENCE * 300))
    assert signal_.value.reason == "analysis_deadline"
    pool._processes.deadline = timedelta(seconds=60)
    assert (await pool.analyse(_ARTICLE)).language.code == "ru"
