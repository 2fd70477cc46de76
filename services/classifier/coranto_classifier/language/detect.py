"""In which language a text is: a byte n-gram model, corrected where it is known to be blind.

The model (py3langid) folds close languages together or lacks them; letters and common words that one of a pair has
and the other has not decide there. The page's own declaration is a prior: it settles near ties and never overrules
the text.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from coranto_classifier.word_lists import word_list

UNKNOWN = "und"

_READ = 4000  # characters; enough for any text, and a megabyte without spaces costs no more
_SURE_ENOUGH = 0.12
_PRIOR = 2.5  # how much likelier the declared language is held to be before the text is read
_RARE_PRIOR = 0.4
_RARE = word_list("rare_languages")
# Few newspapers are written in these, and each has a large neighbour whose headlines it would take.
_PART_CHARACTERS = 300  # a part of a text this long is judged by itself for mixed pages
_PART_SHARE = 0.2
_PART_SURE = 0.9

_LETTER = re.compile(r"[^\W\d_]")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_CYRILLIC = re.compile(r"[\u0400-\u04ff]")
_HAN = re.compile(r"[\u4e00-\u9fff]")
_NOT_TEXT = re.compile(r"https?://\S+|www\.\S+|\S+@\S+|[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\x00]")

_SIMPLIFIED = frozenset(
    "们国这为来时个说对会发学经过还没进动样从里后么实现开问长关点见两电头门东车马书语话让认识计设诉论该请谁调谈业产亚儿击创别刘剂"
    "务区医华协单卖卫历厂双变听员响团园围图场坏块处备复够奖妈孙宁宝宽尔层岁岛师带帮干并应张强当录态总恶战户扩报护担择据损换"
    "数无旧显术机杀权条极构标树桥检楼欢气汉测济济满灵热爱环电画监盘确种积称稳竞笔签类粮红约级纪纳组织结给统继维网职联脑"
    "节药获营装规观觉触订讨训议讯记讲许证评译试诗详误读课负财责败货质购费资赛赶趋跃转轮软轻较输达迁运远违连迟适选递遗邮"
    "释针钟钢钱铁银错锋键队阳阴阵阶际陆险难页顶项顺须预领频题颜风飞饭馆验骑鱼鸟麦黄齐龙"
)
_TRADITIONAL = frozenset(
    "們國這為來時個說對會發學經過還沒進動樣從裡後麼實現開問長關點見兩電頭門東車馬書語話讓認識計設訴論該請誰調談業產亞兒擊創別劉劑"
    "務區醫華協單賣衛歷廠雙變聽員響團園圍圖場壞塊處備復夠獎媽孫寧寶寬爾層歲島師帶幫幹並應張強當錄態總惡戰戶擴報護擔擇據損換"
    "數無舊顯術機殺權條極構標樹橋檢樓歡氣漢測濟滿靈熱愛環畫監盤確種積稱穩競筆簽類糧紅約級紀納組織結給統繼維網職聯腦"
    "節藥獲營裝規觀覺觸訂討訓議訊記講許證評譯試詩詳誤讀課負財責敗貨質購費資賽趕趨躍轉輪軟輕較輸達遷運遠違連遲適選遞遺郵"
    "釋針鐘鋼錢鐵銀錯鋒鍵隊陽陰陣階際陸險難頁頂項順須預領頻題顏風飛飯館驗騎魚鳥麥黃齊龍"
)
_CANTONESE = frozenset("嘅喺咗唔冇佢哋嗰咁啲乜嘢畀睇喎㗎噉嚟咩攞搵揾瞓諗俾啦囉")
_TIGRINYA_LETTERS = frozenset("ቐቑቒቓቔቕቖኸኹኺኻኼኽኾኣ")
_TIGRINYA_WORDS = word_list("tigrinya")
_AMHARIC_WORDS = word_list("amharic")

_PIDGIN = re.compile(r"\b(?:dey|wey|dem|don|una|fit|sey|no be|go dey|di|pipo|tori|wetin|im)\b", re.IGNORECASE)

_WORDS = {
    "hr": word_list("croatian"),
    "bs": word_list("bosnian"),
    "id": word_list("indonesian"),
    "ms": word_list("malay"),
    "no": word_list("norwegian"),
    "nn": word_list("nynorsk"),
    "da": word_list("danish"),
}
"""Words of newspapers that a language has and a near relation of it has not, or spells otherwise."""
_LEAST_RANK = 1e-6
_WORD_SPEAKS = 3.0  # how much likelier one such word makes its language
_BOSNIAN_PRIOR = 0.5
# Where neither words nor the page tell Bosnian from Croatian, it is more often the one that more newspapers write.
_SPELLING: dict[str, re.Pattern[str]] = {
    # Rundi writes vy and c where Kinyarwanda writes by and cy.
    "rn": re.compile(r"vy|\bca\b|\bcane\b|\bivyo\b|\bubu\b|\bkugira\b|\bmuri ico\b|\bico\b|ndundi|nkuru ya"),
    "rw": re.compile(r"\bby|cy|\bcyane\b|\bibyo\b|\bkugira ngo\b|\bicyo\b|\bnk'|\bnyuma y|\bavuga ko\b|jye"),
}


@dataclass(frozen=True, slots=True)
class Language:
    """A language and how sure the answer is; further languages that a good part of the text is in."""

    code: str
    confidence: float
    also: tuple[str, ...] = ()


@cache
def _model() -> Any:
    """The n-gram model, read once a process."""
    from py3langid.langid import (  # type: ignore[import-untyped]  # ships no types
        MODEL_FILE,
        LanguageIdentifier,
    )

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def version() -> str:
    """Version of the model that tells languages."""
    from importlib.metadata import version as installed

    return f"py3langid-{installed('py3langid')}+rules-2"


def find_language(title: str, body: str, *, declared: str | None = None) -> Language:
    """The language of an article. `declared` is what the page says of itself, in BCP 47."""
    text = _NOT_TEXT.sub(" ", f"{title}\n{body}"[:_READ])
    code, confidence = _identify(text, _primary(declared))
    if code == UNKNOWN:
        return Language(UNKNOWN, 0.0)
    return Language(_with_script(code, text), round(confidence, 4), _also(code, text))


def _identify(text: str, declared: str | None) -> tuple[str, float]:
    """Primary code and probability."""
    if len(_LETTER.findall(text[:200])) < 2:
        return UNKNOWN, 0.0
    if _is_one_letter_over(text):
        return UNKNOWN, 0.0
    ranks: dict[str, float] = dict(_model().rank(text))
    ranks.pop("zxx", None)
    ranks["zh"] = ranks.get("zh", 0.0) + ranks.pop("wuu", 0.0) + ranks.pop("yue", 0.0)
    for code in _RARE & ranks.keys():
        ranks[code] *= _RARE_PRIOR
    if declared is not None and declared in ranks:
        ranks[declared] *= _PRIOR
    total = sum(ranks.values()) or 1.0
    best = max(ranks, key=lambda code: ranks[code])
    confidence = ranks[best] / total
    best = _among_siblings(best, ranks, text, declared)
    if confidence < _SURE_ENOUGH and best != declared:
        return UNKNOWN, confidence
    return best, confidence


def _is_one_letter_over(text: str) -> bool:
    """True for a wall of one or two letters, which no language is made of."""
    letters = _LETTER.findall(text[:2000])
    return len(letters) >= 40 and len(set(letters)) <= 2


def _among_siblings(best: str, ranks: dict[str, float], text: str, declared: str | None) -> str:
    """The language itself or the one of its near relations that the text's letters and words speak for."""
    for family, choose in _FAMILIES:
        if best in family:
            return choose(best, ranks, text, declared)
    return best


def _by_words(ranks: dict[str, float], text: str, codes: tuple[str, ...]) -> str:
    """The one that the model and the languages' own words make likeliest."""
    words = Counter(word.lower() for word in _WORD.findall(text))

    def likelihood(code: str) -> float:
        own = sum(count for word, count in words.items() if word in _WORDS[code])
        return math.log(max(ranks.get(code, 0.0), _LEAST_RANK)) + own * math.log(_WORD_SPEAKS)

    return max(codes, key=likelihood)


def _malay(_best: str, ranks: dict[str, float], text: str, _declared: str | None) -> str:
    return _by_words(ranks, text, ("id", "ms"))


def _scandinavian(_best: str, ranks: dict[str, float], text: str, _declared: str | None) -> str:
    return _by_words(ranks, text, ("da", "no", "nn"))


def _south_slavic(best: str, ranks: dict[str, float], text: str, declared: str | None) -> str:
    if _CYRILLIC.search(text):
        return best
    if declared not in ("bs", "sr"):
        ranks = {**ranks, "bs": ranks.get("bs", 0.0) * _BOSNIAN_PRIOR}
    found = _by_words(ranks, text, ("hr", "bs"))
    # Serbian in Latin letters and Bosnian share their words: there the page may say which it is.
    return "sr" if found == "bs" and declared == "sr" else found


def _ethiopic(best: str, _ranks: dict[str, float], text: str, _declared: str | None) -> str:
    words = text.split()
    tigrinya = sum(letter in _TIGRINYA_LETTERS for letter in text) + sum(word in _TIGRINYA_WORDS for word in words)
    return "ti" if tigrinya > 2 * sum(word in _AMHARIC_WORDS for word in words) and tigrinya > 1 else best


def _rwanda(best: str, _ranks: dict[str, float], text: str, declared: str | None) -> str:
    lower = text.lower()
    rundi, rwanda = (len(_SPELLING[code].findall(lower)) for code in ("rn", "rw"))
    if rundi == rwanda:
        return "rn" if declared == "rn" else best
    return "rn" if rundi > rwanda else "rw"


def _chinese(_best: str, _ranks: dict[str, float], text: str, _declared: str | None) -> str:
    marks = sum(letter in _CANTONESE for letter in text)
    return "yue" if marks and marks * 60 >= len(_HAN.findall(text)) else "zh"


def _pidgin(_best: str, _ranks: dict[str, float], text: str, _declared: str | None) -> str:
    return "pcm" if len(_PIDGIN.findall(text)) > 1 else "en"


_FAMILIES: tuple[tuple[frozenset[str], Callable[[str, dict[str, float], str, str | None], str]], ...] = (
    (frozenset({"hr", "bs"}), _south_slavic),
    (frozenset({"id", "ms"}), _malay),
    (frozenset({"da", "no", "nn"}), _scandinavian),
    (frozenset({"am", "ti"}), _ethiopic),
    (frozenset({"rw", "rn"}), _rwanda),
    (frozenset({"zh"}), _chinese),
    (frozenset({"pcm"}), _pidgin),
)


def _with_script(code: str, text: str) -> str:
    """The code with its script where readers of one cannot be given the other."""
    if code == "sr":
        letters = _LETTER.findall(text)
        return "sr-Cyrl" if 2 * sum("\u0400" <= letter <= "\u04ff" for letter in letters) > len(letters) else "sr-Latn"
    if code == "zh":
        simple, full = (sum(letter in letters for letter in text) for letters in (_ONLY_SIMPLIFIED, _ONLY_TRADITIONAL))
        return "zh-Hant" if full > simple else "zh-Hans"
    return code


_ONLY_SIMPLIFIED = _SIMPLIFIED - _TRADITIONAL
_ONLY_TRADITIONAL = _TRADITIONAL - _SIMPLIFIED


def _also(code: str, text: str) -> tuple[str, ...]:
    """Further languages that at least a fifth of a long text is in."""
    if len(text) < 2 * _PART_CHARACTERS:
        return ()
    parts: Counter[str] = Counter()
    buffer = ""
    for line in text.split("\n"):
        buffer += f"{line}\n"
        if len(buffer) >= _PART_CHARACTERS:
            found, confidence = _identify(buffer, None)
            parts[found if confidence >= _PART_SURE else UNKNOWN] += len(buffer)
            buffer = ""
    parts[UNKNOWN] += len(buffer)
    whole = sum(parts.values())
    return tuple(
        sorted(other for other, size in parts.items() if other not in (code, UNKNOWN) and size >= _PART_SHARE * whole)
    )


def _primary(tag: str | None) -> str | None:
    """Primary subtag of a declared language, as the model names it; None for what is no tag."""
    match = re.match(r"[A-Za-z]{2,3}(?![A-Za-z])", tag or "")
    if match is None:
        return None
    code = match.group().lower()
    return {"nb": "no", "iw": "he", "in": "id", "sh": "sr", "cmn": "zh"}.get(code, code)
