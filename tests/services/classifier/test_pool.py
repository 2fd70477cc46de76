"""The models in worker processes: what one text can do to its process, and what the next text finds."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from coranto.worker.stage import Invalid
from coranto_classifier.pool import BLAS_THREAD_VARIABLES, AnalysisPool
from coranto_classifier.reasons import SYSTEMIC
from coranto_classifier.settings import ClassifierSettings
from coranto_classifier.text_models import ArticleText, ModelPaths

_SENTENCE = "Президент Киргизии Садыр Жапаров прибыл в Москву с рабочим визитом. "
_ARTICLE = ArticleText("Жапаров прилетел в Москву", _SENTENCE)


@pytest.fixture
async def pool() -> AsyncIterator[AnalysisPool]:
    settings = ClassifierSettings(deadline=timedelta(seconds=20), max_process_bytes=1_000_000_000)
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
    assert signal_.value.reason not in SYSTEMIC
    pool._processes.deadline = timedelta(seconds=60)
    assert (await pool.analyse(_ARTICLE)).language.code == "ru"


async def test_text_that_takes_too_much_memory_is_refused_and_the_next_is_answered(pool: AnalysisPool) -> None:
    # Every control character is replaced, and the pieces between them take twenty times the text's own memory.
    pool._processes.deadline = timedelta(seconds=120)
    with pytest.raises(Invalid, match="more than 1000000000 bytes of memory") as signal_:
        await pool.analyse(ArticleText("", "ab\x00" * 15_000_000))
    assert signal_.value.reason == "analysis_process_lost"
    assert signal_.value.reason not in SYSTEMIC  # a run of such texts must not stop the classifier for all others
    assert (await pool.analyse(_ARTICLE)).language.code == "ru"


async def test_text_whose_process_was_killed_once_is_analysed_again(pool: AnalysisPool) -> None:
    first = await pool._processes.call(os.getpid)
    analysis = asyncio.create_task(pool.analyse(ArticleText("Визит", _SENTENCE * 290)))
    await asyncio.sleep(0.05)
    os.kill(first, signal.SIGKILL)
    assert (await analysis).language.code == "ru"
    assert await pool._processes.call(os.getpid) != first


_THREADS_OF_A_PROCESS = """
import asyncio, json, os
from coranto_classifier.pool import AnalysisPool
from coranto_classifier.settings import ClassifierSettings
from coranto_classifier.text_models import ArticleText, ModelPaths

async def main():
    pool = AnalysisPool(ModelPaths(), ClassifierSettings())
    await pool.start()
    await pool.analyse(ArticleText("Жапаров прилетел в Москву", "Президент Киргизии прибыл в Москву."))
    print(json.dumps(len(await pool._processes.call(os.listdir, "/proc/self/task"))))
    await pool.stop()

if __name__ == "__main__":
    asyncio.run(main())
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="counts threads in /proc")
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core: BLAS starts no second thread")
def test_process_has_one_thread_for_linear_algebra_unless_the_operator_says_otherwise() -> None:
    unset = {name: value for name, value in os.environ.items() if name not in BLAS_THREAD_VARIABLES}

    def threads(**variables: str) -> int:
        program = [sys.executable, "-c", _THREADS_OF_A_PROCESS]
        return json.loads(subprocess.run(program, env=unset | variables, capture_output=True, check=True).stdout)

    assert threads() == threads(OPENBLAS_NUM_THREADS="1") == threads(OPENBLAS_NUM_THREADS="2") - 1
