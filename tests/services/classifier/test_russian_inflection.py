"""Russian names in the nominative, and their boundaries: without the tagger."""

from __future__ import annotations

import re

import pytest

from coranto_classifier.entities.mention import EntityType
from coranto_classifier.entities.russian.boundaries import corrected_spans
from coranto_classifier.entities.russian.recognizer import RussianRecognizer
from coranto_classifier.text_models import TextModels


@pytest.fixture(scope="module")
def finder(models: TextModels) -> RussianRecognizer:
    """The shipped Russian recognizer."""
    found = models.recognizer("ru")
    assert isinstance(found, RussianRecognizer)
    return found


def marked(text: str) -> tuple[str, int, int]:
    """The text without its square brackets, and where they stood."""
    start = text.index("[")
    end = text.index("]") - 1
    return text.replace("[", "").replace("]", ""), start, end


def form(finder: RussianRecognizer, text: str, kind: EntityType) -> str:
    plain, start, end = marked(text)
    return finder.normalizer.normal_forms(plain, [(start, end, kind)])[0]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Портрет, составленный [Вилденштейном] в прошлом году.", "Вилденштейн"),
        ("Приговор огласили в деле [Сергея Скрипаля] утром.", "Сергей Скрипаль"),
        ("Гол забил форвард [Криштиану Роналду] в конце матча.", "Криштиану Роналду"),
        ("Об этом рассказали в семье [Анджелины Джоли] вчера.", "Анджелина Джоли"),
        ("Делегацию отправили по приказу [Ким Чен Ына] весной.", "Ким Чен Ын"),
        ("Переговоры с [Ван Цзюнем] отложены.", "Ван Цзюнь"),
        ("Главный редактор [Виген Акопян] ушёл.", "Виген Акопян"),
        ("Об этом сообщила [Н.Прянишникова] в среду.", "Н. Прянишникова"),
        ("Встреча с [М.С. Горбачевым] состоялась.", "М. С. Горбачев"),
        ("Рассказ о жизни [Жана-Шарля Моро] вышел.", "Жан-Шарль Моро"),
        ("Заявление [Олега Дерипаски] прозвучало вчера.", "Олег Дерипаска"),
        ("Источник сообщил об аресте [Сейджи Маехары].", "Сейджи Маехара"),
        ("По словам [Тони Донилона], переговоры идут.", "Тони Донилон"),
        ("Тренер [Йоахим Лёв] остался доволен.", "Йоахим Лёв"),
        ("Интервью [Александры Стреляной] опубликовано.", "Александра Стреляная"),
        ("Орден [Андрея Первозванного] вручили.", "Андрей Первозванный"),
        ("Президент [Саломе Зурабишвили] прибыла.", "Саломе Зурабишвили"),
        ("Лидер партии [Марин Ле Пен] победила.", "Марин Ле Пен"),
        ("Поездка [Тины Канделаки] отложена.", "Тина Канделаки"),
        ("Гонщик [Люк Ван Велли] финишировал.", "Люк Ван Велли"),
    ],
)
def test_person_is_put_into_the_nominative(finder: RussianRecognizer, text: str, name: str) -> None:
    assert form(finder, text, "person") == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Решение принял пленум [Высшего совета судей] днём.", "Высший совет судей"),
        ("Агент [Федерального бюро расследований] дал показания.", "Федеральное бюро расследований"),
        ("Читатели [Частного корреспондента] спорят.", "Частный корреспондент"),
        ("Ответ [британского МИД] пришёл вечером.", "британский МИД"),
        ("Съезд [Монархической партии России] закрыт.", "Монархическая партия России"),
        ("Доклад [Организации Объединённых Наций] готов.", "Организация Объединённых Наций"),
        ("Премия [благотворительного фонда Владимира Потанина] вручена.", "благотворительный фонд Владимира Потанина"),
        ("Члены [жюри «Новой волны»] голосуют.", "жюри «Новой волны»"),
        ("Акции [компании «Ив Роше»] выросли.", "Ив Роше"),
        ("Отчёт [НК «Роснефть] опубликован.", "Роснефть"),
        ("Президент [Западного экономического и валютного союза] прибыл.", "Западный экономический и валютный союз"),
        ("Тренер «[Эвертона]» доволен.", "Эвертон"),
        ("По данным [Росстата], цены выросли.", "Росстат"),
        ("Об этом сообщили в [Роструде].", "Роструд"),
        ("Приговор участницам [панк-группы Pussy Riot] смягчён.", "Pussy Riot"),
        ("Конкурс проводится [медиакомпанией Deutsche Welle] летом.", "Deutsche Welle"),
        ("Акции [консорциума ААР] выросли.", "ААР"),
        ("Акции [компании ОАО «Роснефтегаз»] выросли.", "Роснефтегаз"),
        ("Акции [ЗАО СК «Ритейл»] выросли.", "Ритейл"),
        ("Эфир [украинского телеканала 1+1] начался.", "1+1"),
        ("Гранты [фонда Потанина] вручили.", "фонд Потанина"),
        ("Премьера [театра Вахтангова] удалась.", "театр Вахтангова"),
        ("В интервью [радиостанции rbb-Inforadio] она ответила.", "rbb-Inforadio"),
        ("Председатель [правления «Газпром-медиа»] ушёл.", "правление «Газпром-медиа»"),
        ("«[Карамба ТВ]» создано весной.", "Карамба ТВ"),
    ],
)
def test_organisation_is_put_into_the_nominative(finder: RussianRecognizer, text: str, name: str) -> None:
    assert form(finder, text, "organisation") == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Выборы прошли в штате [Невада] в ноябре.", "Невада"),
        ("Экс-губернатор [Миннесоты] выступил.", "Миннесота"),
        ("Король [Тонги] прибыл.", "Тонга"),
        ("Посол [Боснии и Герцеговины] уехал.", "Босния и Герцеговина"),
        ("Мосты строят в [Донецкой] и Луганской народных республиках.", "Донецкая народная республика"),
        ("Глава [Донецкой] и Луганской народных республик прибыл.", "Донецкая народная республика"),
        ("Дороги чинят в [Тульской] и Псковской областях.", "Тульская область"),
        ("Дороги чинят в Тульской и [Псковской областях].", "Псковская область"),
        ("Рейсы в [Сан Луисе] отменены.", "Сан Луис"),
        ("В городе [Аль Аин] жарко.", "Аль Аин"),
        ("Отдых в [Кушадаси] дешевеет.", "Кушадаси"),
        ("Турнир в [Васюках] завершён.", "Васюки"),
        ("Экспедиция достигла [острова Врангеля] утром.", "остров Врангеля"),
        ("Корабль вышел в [море Лаптевых] утром.", "море Лаптевых"),
        ("Выставка открылась в [городе Пушкине] утром.", "Пушкин"),
        ("Школу построили в [посёлке Кировский] летом.", "Кировский"),
        ("Саммит прошёл в [замке Эльмау] летом.", "Эльмау"),
    ],
)
def test_place_is_put_into_the_nominative(finder: RussianRecognizer, text: str, name: str) -> None:
    assert form(finder, text, "place") == name


def test_surname_takes_the_form_that_the_full_name_shows(finder: RussianRecognizer) -> None:
    text = "Выставка Клода Моне открыта. Ранние картины Моне продали."
    full, short = text.index("Клода"), text.rindex("Моне")
    spans: list[tuple[int, int, EntityType]] = [(full, full + 10, "person"), (short, short + 4, "person")]
    assert finder.normalizer.normal_forms(text, spans) == ["Клод Моне", "Моне"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("[Аркадия] и [Бориса Ротенбергов] ищут.", ["Аркадий Ротенберг", "Борис Ротенберг"]),
        ("[Анна] и [Сергей Ивановы] приехали.", ["Анна Иванова", "Сергей Иванов"]),
        ("[Ксения] и [Борис Немцов] приехали.", ["Ксения", "Борис Немцов"]),
    ],
)
def test_people_named_together_share_their_surname(finder: RussianRecognizer, text: str, names: list[str]) -> None:
    spans: list[tuple[int, int, EntityType]] = [
        (*found.span(1), "person") for found in re.finditer(r"\[([^]]+)\]", text)
    ]
    assert finder.normalizer.normal_forms(text.replace("[", " ").replace("]", " "), spans) == names


def edges(finder: RussianRecognizer, text: str, kind: EntityType) -> list[str]:
    plain, start, end = marked(text)
    return [
        plain[left:right] for left, right, _ in corrected_spans(plain, start, end, kind, finder.normalizer.dictionary)
    ]


@pytest.mark.parametrize(
    ("text", "kind", "names"),
    [
        ("Бастуют [пилоты Ryanair] в Риме.", "organisation", ["Ryanair"]),
        ("Доля [продукции компании Harles] растёт.", "organisation", ["компании Harles"]),
        ("[Территория Кыргызстана] мала.", "organisation", ["Кыргызстана"]),
        ("[Почта Кыргызстана] бастует.", "organisation", ["Почта Кыргызстана"]),
        ("Ему дали грант [Фонда Кыргызстана] вчера.", "organisation", ["Фонда Кыргызстана"]),
        ("[Эксперты ОБСЕ] прибыли.", "organisation", ["ОБСЕ"]),
        ("Заявил [российский МИД] днём.", "organisation", ["российский МИД"]),
        ("Решил [совет директоров «Роснефти»] днём.", "organisation", ["совет директоров «Роснефти»"]),
        ("Живёт в [столице провинции Пенджаб] давно.", "place", ["провинции Пенджаб"]),
        ("Санкций, [наложенных Вашингтоном], много.", "place", ["Вашингтоном"]),
        ("Поезд в [Восточной Европе] опоздал.", "place", ["Восточной Европе"]),
        ("Через [Бельгию, Испанию] и далее.", "place", ["Бельгию", "Испанию"]),
        ("[Христианка Асия Биби] свободна.", "person", ["Асия Биби"]),
        ("Суд отказал [Голополосову и Сиваку] вчера.", "person", ["Голополосову", "Сиваку"]),
        ("Спор [ДНР и ЛНР] окончен.", "organisation", ["ДНР", "ЛНР"]),
    ],
)
def test_name_begins_after_the_common_words_before_it(
    finder: RussianRecognizer, text: str, kind: EntityType, names: list[str]
) -> None:
    assert edges(finder, text, kind) == names
