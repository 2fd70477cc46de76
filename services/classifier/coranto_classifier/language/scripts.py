"""Tells the scripts of languages that are written in two: Serbian and Chinese."""

from __future__ import annotations

import re

_LETTER = re.compile(r"[^\W\d_]")
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
_ONLY_SIMPLIFIED = _SIMPLIFIED - _TRADITIONAL
_ONLY_TRADITIONAL = _TRADITIONAL - _SIMPLIFIED


def with_script(code: str, text: str) -> str:
    """The language code with the script of the text, for languages whose readers may know only one of two scripts."""
    if code == "sr":
        letters = _LETTER.findall(text)
        return "sr-Cyrl" if 2 * sum("\u0400" <= letter <= "\u04ff" for letter in letters) > len(letters) else "sr-Latn"
    if code == "zh":
        simplified, traditional = (
            sum(letter in letters for letter in text) for letters in (_ONLY_SIMPLIFIED, _ONLY_TRADITIONAL)
        )
        return "zh-Hant" if traditional > simplified else "zh-Hans"
    return code
