"""Codes of plotted signs (应急标绘), GB/T 35649-2017, as far as they could be confirmed, and what they mean.

The first letter is the kind: A what happened, B what is dangerous, C what is to be protected, D what helps.
The standard's drawings are not ours to copy: a sign is drawn as its code's frame with a character in it.
"""

from __future__ import annotations

from typing import NamedTuple

from schemas.terms import Category


class Symbol(NamedTuple):
    """A sign: its names, and the character that stands in its frame."""

    zh: str
    en: str
    sign: str


SYMBOLS: dict[str, Symbol] = {
    "A10100": Symbol("水旱灾害", "Flood or drought", "水"),
    "A10200": Symbol("气象灾害", "Weather", "气"),
    "A10300": Symbol("地震灾害", "Earthquake", "震"),
    "A10400": Symbol("地质灾害", "Geological disaster", "地"),
    "A10500": Symbol("海洋灾害", "Marine disaster", "海"),
    "A10600": Symbol("森林火灾", "Forest fire", "林"),
    "A10700": Symbol("草原火灾", "Grassland fire", "草"),
    "A20100": Symbol("煤矿事故", "Coal mine", "煤"),
    "A20200": Symbol("金属与非金属矿山事故", "Other mine", "矿"),
    "A20300": Symbol("建筑业事故", "Construction", "建"),
    "A20400": Symbol("危险化学品事故", "Hazardous chemicals", "危"),
    "A20500": Symbol("烟花爆竹和民用爆炸物事故", "Fireworks and explosives", "爆"),
    "A20600": Symbol("火灾事故", "Fire", "火"),
    "A20700": Symbol("道路交通事故", "Road traffic", "路"),
    "A20800": Symbol("水上交通事故", "Water traffic", "船"),
    "A20900": Symbol("铁路交通事故", "Railway", "铁"),
    "A21000": Symbol("城市轨道事故", "Urban rail", "轨"),
    "A21100": Symbol("民用航空器飞行事故", "Aircraft", "航"),
    "A21200": Symbol("特种设备事故", "Special equipment", "特"),
    "A21300": Symbol("基础设施和公用设施事故", "Infrastructure", "设"),
    "A21400": Symbol("环境污染和生态破坏事故", "Pollution", "污"),
    "A21500": Symbol("农业机械事故", "Farm machinery", "农"),
    "A21600": Symbol("踩踏事件", "Crowd crush", "踩"),
    "A30100": Symbol("传染病", "Infectious disease", "疫"),
    "A30200": Symbol("食品药品安全", "Food or medicine", "食"),
    "A30300": Symbol("群体性中毒、感染", "Mass poisoning", "毒"),
    "A30400": Symbol("动物疫情", "Animal epidemic", "畜"),
    "A40100": Symbol("金融", "Finance", "金"),
    "A40200": Symbol("信息安全", "Information security", "信"),
    "A40300": Symbol("恐怖袭击", "Terrorist attack", "恐"),
    "A40400": Symbol("核辐射", "Radiation", "核"),
    "A40500": Symbol("大规模集会", "Mass gathering", "众"),
    "B10100": Symbol("生产安全危险源", "Work hazard", "源"),
    "B10200": Symbol("运输安全危险源", "Transport hazard", "运"),
    "B10300": Symbol("环境污染危险源", "Pollution hazard", "染"),
    "C10100": Symbol("党政机关", "Government office", "政"),
    "C10200": Symbol("学校", "School", "校"),
    "C10400": Symbol("公众聚集场所", "Public place", "聚"),
    "C20500": Symbol("水利设施", "Water works", "坝"),
    "C20600": Symbol("电力基础设施", "Power supply", "电"),
    "D10100": Symbol("现场指挥部", "Command post", "指"),
    "D10200": Symbol("应急临时机构", "Temporary post", "临"),
    "D20400": Symbol("救援队", "Rescue team", "队"),
    "D30100": Symbol("物资储备库", "Depot", "库"),
    "D40100": Symbol("运输场站", "Transport station", "站"),
    "D40200": Symbol("救援车辆", "Rescue vehicle", "车"),
    "D50100": Symbol("医疗机构", "Hospital", "医"),
    "D60100": Symbol("避难场所", "Shelter", "避"),
}

#: The sign of an incident's category. What has no code of its own there has none here.
OF_CATEGORY: dict[Category, str] = {
    Category.HAZMAT: "A20400",
    Category.COAL_MINE: "A20100",
    Category.MINE: "A20200",
    Category.ROAD_TRAFFIC_ACCIDENT: "A20700",
    Category.FIRE_ACCIDENT: "A20600",
    Category.FOREST_FIRE: "A10600",
    Category.FLOOD: "A10100",
    Category.DROUGHT: "A10100",
    Category.WEATHER: "A10200",
    Category.EARTHQUAKE: "A10300",
    Category.GEOLOGICAL_DISASTER: "A10400",
    Category.MARINE: "A10500",
    Category.ENVIRONMENT: "A21400",
    Category.ANIMAL_EPIDEMIC: "A30400",
}


def symbol_of(category: str | None) -> str | None:
    """The code of an incident's kind (`hazmat/leak` too), where the standard has one that fits."""
    kind = (category or "").partition("/")[0]
    return OF_CATEGORY.get(Category(kind)) if kind in set(Category) else None
