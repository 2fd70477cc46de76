"""Reporters and agencies in the brackets that open or end Chinese, Japanese and Korean articles."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from coranto.records import Content

Write = Callable[..., bytes]
Read = Callable[..., Content]

_CHINESE = (
    "港口的大桥在关闭三年之后于星期一重新开放，市政府表示维修工程总共花费了四千万元，约有两千名居民参加了开放仪式。",
    "市长在讲话中感谢工程师和工人的努力，并且表示下一步将修建通往码头的自行车道和人行道，预计明年春天完工。",
)
_KOREAN = (
    "항구의 다리가 3년간의 보수 공사를 마치고 월요일 다시 개통했다고 시가 밝혔다.",
    "공사에는 모두 400억원이 들었으며 주민 2천여명이 개통식에 참석했다.",
    "시장은 기념사에서 기술자와 노동자들의 노고에 감사하며 다음 단계로 부두까지 자전거 도로를 만들겠다고 말했다.",
)
_JAPANESE = (
    "港の橋が三年間の修理を終えて月曜日に再び開通したと市が発表した。工事には総額四十億円がかかり、住民およそ二千人が開通式に参加した。",
    "市長はあいさつで技術者や作業員の努力に感謝し、次の段階として埠頭まで自転車道を整備すると述べた。完成は来年の春になる見込みだ。",
)


def _page(write_page: Write, paragraphs: tuple[str, ...], before: str = "", after: str = "", line: str = "") -> bytes:
    first, *rest = paragraphs
    texts = [*([line] if line else []), before + first, *rest[:-1], rest[-1] + after]
    return write_page(body="".join(f"<p>{text}</p>" for text in texts), title=first[:8])


@pytest.mark.parametrize(
    ("paragraphs", "before", "authors", "agencies"),
    [
        (_CHINESE, "新华社北京1月10日电（记者张伟、李娜）", ["张伟", "李娜"], ["新华社"]),
        (_CHINESE, "中新网北京1月5日电 (记者 王芳)", ["王芳"], ["中新网"]),
        (_CHINESE, "本报讯（记者 刘洋 通讯员 陈静）", ["刘洋", "陈静"], []),
        (_CHINESE, "〔記者王小明／台北報導〕", ["王小明"], []),
        (_CHINESE, "（中央社記者王小明台北5日電）", ["王小明"], ["中央社"]),
        (_KOREAN, "(서울=연합뉴스) 홍길동 기자 = ", ["홍길동"], ["연합뉴스"]),
        (_KOREAN, "[부산=항구신문 선수민 기자] ", ["선수민"], []),
        (_KOREAN, "【서울=뉴시스】김철수·이영희 기자 = ", ["김철수", "이영희"], ["뉴시스"]),
        (_JAPANESE, "【ワシントン=山田太郎】", ["山田太郎"], []),
        (_JAPANESE, "【ニューヨーク＝時事】", [], ["時事"]),
        (_CHINESE, "（原标题：港口大桥重新开放）", [], []),
        (_KOREAN, "(사진=연합뉴스) ", [], []),
        (_KOREAN, "(사진=홍길동 기자) ", [], []),
        (_CHINESE, "（摄影：记者王芳）", [], []),
        (_CHINESE, "【记者 王芳 报道】", ["王芳"], []),
        (_JAPANESE, "（写真=山田太郎）", [], []),
    ],
)
def test_brackets_before_the_text_name_reporters_and_agency(
    paragraphs: tuple[str, ...],
    before: str,
    authors: list[str],
    agencies: list[str],
    write_page: Write,
    read_article: Read,
) -> None:
    article = read_article(_page(write_page, paragraphs, before))
    assert [person.name for person in article.authors] == authors
    assert list(article.agencies) == agencies


@pytest.mark.parametrize(
    ("paragraphs", "after", "authors"),
    [
        (_JAPANESE, "（山田太郎）", ["山田太郎"]),
        (_JAPANESE, "【佐藤花子、鈴木一郎】", ["佐藤花子", "鈴木一郎"]),
        (_JAPANESE, "（社会部・山田太郎）", ["山田太郎"]),
        (_JAPANESE, "（敬称略）", []),
        (_JAPANESE, "（続く）", []),
        (_JAPANESE, "（田中さん）", []),
        (_JAPANESE, "（松本市）", []),
        (_JAPANESE, "（石川県）", []),
        (_JAPANESE, "（小林製薬）", []),
        (_JAPANESE, "（伊藤園）", []),
        (_JAPANESE, "（記者会見）", []),
        (_CHINESE, "（记者手记）", []),
        (_CHINESE, "（记者 王芳）", ["王芳"]),
        (_CHINESE, "（完）", []),
        (_CHINESE, "（责任编辑：李明）", []),
    ],
)
def test_brackets_behind_the_text_name_reporters(
    paragraphs: tuple[str, ...], after: str, authors: list[str], write_page: Write, read_article: Read
) -> None:
    article = read_article(_page(write_page, paragraphs, after=after))
    assert [person.name for person in article.authors] == authors


@pytest.mark.parametrize(
    ("paragraphs", "line", "authors"),
    [
        (_CHINESE, "新华社记者任海军 许阳", ["任海军", "许阳"]),
        (_CHINESE, "记者 许雪毅 王橙澄", ["许雪毅", "王橙澄"]),
        (_CHINESE, "記者王小明／台北報導", ["王小明"]),
    ],
)
def test_line_above_the_text_names_several_reporters(
    paragraphs: tuple[str, ...], line: str, authors: list[str], write_page: Write, read_article: Read
) -> None:
    article = read_article(_page(write_page, paragraphs, line=line))
    assert [person.name for person in article.authors] == authors


@pytest.mark.parametrize(
    ("paragraphs", "line", "authors"),
    [
        (_JAPANESE, "（社会部・山田太郎）", ["山田太郎"]),
        (_KOREAN, "kim@news.example 김철수 기자", ["김철수"]),
        (_CHINESE, "（记者 王芳）", ["王芳"]),
    ],
)
def test_line_below_the_text_names_reporters(
    paragraphs: tuple[str, ...], line: str, authors: list[str], write_page: Write, read_article: Read
) -> None:
    article = read_article(_page(write_page, (*paragraphs, line)))
    assert [person.name for person in article.authors] == authors


def test_japanese_name_written_with_a_space_is_one_name(write_page: Write, read_article: Read) -> None:
    article = read_article(_page(write_page, _JAPANESE, line="文：高橋 和也"))
    assert [person.name for person in article.authors] == ["高橋 和也"]
