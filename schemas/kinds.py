"""The finer kinds of incident, behind the slash of a category (`hazmat/leak`), by their names.

Source: the event codes of emergency broadcasting and early warning, 1xXyy, as far as they could be read
(domain.md 2.2.2); a kind has its code there where it has one, what a desk needs beside them has none. A kind
that is not here is another program's own: it is kept, counted under its category, and shown as it is.
"""

from __future__ import annotations

from typing import NamedTuple


class FinerKind(NamedTuple):
    """A kind by its name on the screens, as what a report says happened (发生…), and in English."""

    name: str
    event: str
    name_en: str
    code: str | None = None


_Rows = dict[str, tuple[str, str, str, str | None]]

_COAL_MINE: _Rows = {
    "gas": ("瓦斯", "煤矿瓦斯事故", "Gas", "12A01"),
    "roof_fall": ("顶板", "煤矿顶板事故", "Roof fall", "12A02"),
    "haulage": ("运输", "煤矿运输事故", "Haulage", "12A03"),
    "water_inrush": ("水害", "煤矿水害事故", "Water inrush", "12A04"),
    "machinery": ("机电", "煤矿机电事故", "Machinery and electricity", "12A05"),
    "blasting": ("放炮", "煤矿放炮事故", "Blasting", "12A06"),
    "fire": ("火灾", "煤矿火灾事故", "Fire", "12A07"),
    "other": ("其他", "煤矿事故", "Other", "12A99"),
}
_MINE: _Rows = {
    "roof_fall": ("顶板", "非煤矿山顶板事故", "Roof fall", "12B01"),
    "water_inrush": ("水害", "非煤矿山水害事故", "Water inrush", "12B02"),
    "poisoning": ("中毒和窒息", "非煤矿山中毒和窒息事故", "Poisoning and asphyxiation", "12B03"),
    "tailings_dam": ("尾矿库垮坝", "尾矿库垮坝事故", "Tailings dam failure", "12B04"),
    "fire": ("火灾", "非煤矿山火灾事故", "Fire", "12B05"),
    "machinery": ("机电", "非煤矿山机电事故", "Machinery and electricity", "12B06"),
    "haulage": ("运输", "非煤矿山运输事故", "Haulage", "12B07"),
    "blasting": ("放炮", "非煤矿山放炮事故", "Blasting", "12B08"),
    "explosives": ("火药爆炸", "非煤矿山火药爆炸事故", "Explosives", "12B09"),
    "collapse": ("坍塌", "非煤矿山坍塌事故", "Collapse", None),
    "other": ("其他", "非煤矿山事故", "Other", "12B99"),
}
_HAZMAT: _Rows = {
    "explosion": ("爆炸", "危险化学品爆炸事故", "Explosion", "12D01"),
    "leak": ("泄漏", "危险化学品泄漏事故", "Leak", "12D02"),
    "fire": ("火灾", "危险化学品火灾事故", "Fire", "12D03"),
    "poisoning": ("中毒和窒息", "危险化学品中毒和窒息事故", "Poisoning and asphyxiation", "12D04"),
    "burns": ("灼烫", "危险化学品灼烫事故", "Burns and scalds", "12D05"),
    "gas_leak": ("燃气泄漏", "燃气泄漏事故", "Fuel gas leak", None),
    "fuel_spill": ("燃油泄漏", "燃油泄漏事故", "Fuel spill", None),
    "transport": ("运输", "危险化学品运输事故", "Transport", None),
    "other": ("其他", "危险化学品事故", "Other", "12D99"),
}
_WORK_SAFETY: _Rows = {
    "construction": ("建筑施工", "建筑施工事故", "Construction", "12C01"),
    "fireworks_production": ("烟花爆竹生产", "烟花爆竹生产事故", "Fireworks production", "12E01"),
    "fireworks_transport": ("烟花爆竹运输", "烟花爆竹运输事故", "Fireworks transport", "12E02"),
    "explosives": ("民用爆炸物", "民用爆炸物事故", "Civil explosives", "12E03"),
    "industry_trade": ("工矿商贸", "工矿商贸事故", "Industry and trade", "12F00"),
    "special_equipment": ("特种设备", "特种设备事故", "Special equipment", "12N00"),
    "infrastructure": ("基础设施", "基础设施和公用设施事故", "Infrastructure and utilities", "12P00"),
    "water_works": ("水利设施", "水利设施事故", "Water works", "12P07"),
    "power": ("电力设施", "电力设施事故", "Power supply", "12P08"),
    "oil_and_gas": ("油气设施", "油气设施事故", "Oil and gas facilities", "12P09"),
    "telecom": ("通信设施", "通信设施事故", "Telecommunications", "12P10"),
    "lifeline": ("城市生命线", "城市生命线事故", "City lifelines", "12P12"),
    "building_collapse": ("建筑垮塌", "建筑垮塌事故", "Building collapse", "12P13"),
    "farm_machinery": ("农业机械", "农业机械事故", "Farm machinery", "12R00"),
    "energy_outage": ("能源供应中断", "能源供应中断事件", "Energy supply cut", "12U00"),
    "explosion": ("爆炸", "爆炸事故", "Explosion", None),
    "collapse": ("坍塌", "坍塌事故", "Collapse", None),
    "machinery": ("机械伤害", "机械伤害事故", "Machinery injury", None),
    "fall": ("高处坠落", "高处坠落事故", "Fall from height", None),
    "struck": ("物体打击", "物体打击事故", "Struck by an object", None),
    "lifting": ("起重伤害", "起重伤害事故", "Lifting", None),
    "electrocution": ("触电", "触电事故", "Electrocution", None),
    "poisoning": ("中毒和窒息", "中毒和窒息事故", "Poisoning and asphyxiation", None),
    "dust_explosion": ("粉尘爆炸", "粉尘爆炸事故", "Dust explosion", None),
    "other": ("其他", "生产安全事故", "Other", "12Y00"),
}
_ROAD: _Rows = {
    "rollover": ("翻车", "翻车道路交通事故", "Rollover", "12H01"),
    "collision": ("撞车", "车辆相撞道路交通事故", "Collision", "12H02"),
    "plunge": ("坠水坠沟", "车辆坠水坠沟道路交通事故", "Plunge into water or a ditch", "12H03"),
    "fire": ("起火", "车辆起火道路交通事故", "Vehicle fire", "12H04"),
    "school_bus": ("校车", "校车道路交通事故", "School bus", "12H05"),
    "other": ("其他", "道路交通事故", "Other", "12H99"),
}
_FIRE: _Rows = {
    "industrial": ("一般工业建筑", "工业建筑火灾事故", "Industrial building", "12G01"),
    "special_industrial": ("特种工业建筑", "特种工业建筑火灾事故", "Special industrial building", "12G02"),
    "residential": ("一般民用建筑", "民用建筑火灾事故", "Civil building", "12G03"),
    "high_rise": ("高层民用建筑", "高层民用建筑火灾事故", "High-rise building", "12G04"),
    "underground": ("地下建筑", "地下建筑火灾事故", "Underground building", "12G05"),
    "public": ("公用建筑", "公用建筑火灾事故", "Public building", "12G06"),
    "tunnel": ("隧道", "隧道火灾事故", "Tunnel", "12G07"),
    "structure": ("建筑火灾", "建筑火灾事故", "Structure fire", None),
    "vehicle": ("车辆火灾", "车辆火灾事故", "Vehicle fire", None),
    "rail": ("轨道交通火灾", "轨道交通火灾事故", "Rail fire", None),
    "outside": ("室外火灾", "室外火灾", "Outside fire", None),
    "smoke": ("室外烟雾", "室外烟雾警情", "Smoke outside", None),
    "alarm": ("自动报警", "火灾自动报警警情", "Automatic alarm", None),
    "other": ("其他", "火灾事故", "Other", "12G99"),
}
_FOREST_FIRE: _Rows = {
    "domestic": ("境内森林火灾", "森林火灾", "Forest fire inside the country", "11G01"),
    "cross_border": ("跨境森林火灾", "跨境森林火灾", "Forest fire across the border", "11G02"),
    "foreign_threat": ("境外威胁森林火灾", "境外威胁森林火灾", "Forest fire from abroad", "11G03"),
    "other": ("其他森林火灾", "森林火灾", "Other forest fire", "11G04"),
    "grassland": ("草原火灾", "草原火灾", "Grassland fire", None),
}
_FLOOD: _Rows = {
    "river": ("洪水", "洪水灾害", "River flood", "11A01"),
    "waterlogging": ("内涝", "内涝灾害", "Waterlogging", "11A02"),
    "reservoir": ("水库重大险情", "水库重大险情", "Reservoir in danger", "11A03"),
    "embankment": ("堤防重大险情", "堤防重大险情", "Embankment in danger", "11A04"),
    "ice": ("凌汛", "凌汛灾害", "Ice flood", "11A05"),
    "flash_flood": ("山洪", "山洪灾害", "Flash flood", "11A51"),
    "dam": ("大坝险情", "大坝险情", "Dam in danger", None),
    "other": ("其他", "水旱灾害", "Other", "11A99"),
}
_DROUGHT: _Rows = {
    "farming": ("农业干旱", "农业干旱", "Farm drought", "11A52"),
    "town_water": ("城镇缺水", "城镇缺水", "Water shortage in towns", "11A53"),
    "ecological": ("生态干旱", "生态干旱", "Ecological drought", "11A54"),
}
_WEATHER: _Rows = {
    "typhoon": ("台风", "台风灾害", "Typhoon", "11B01"),
    "rainstorm": ("暴雨", "暴雨灾害", "Rainstorm", "11B03"),
    "snowstorm": ("暴雪", "暴雪灾害", "Snowstorm", "11B04"),
    "cold_wave": ("寒潮", "寒潮灾害", "Cold wave", "11B05"),
    "gale": ("大风", "大风灾害", "Gale", "11B06"),
    "heat": ("高温", "高温灾害", "Heat", "11B09"),
    "lightning": ("雷电", "雷电灾害", "Lightning", "11B14"),
    "hail": ("冰雹", "冰雹灾害", "Hail", "11B15"),
    "frost": ("霜冻", "霜冻灾害", "Frost", "11B16"),
    "fog": ("大雾", "大雾灾害", "Fog", "11B17"),
}
_EARTHQUAKE: _Rows = {
    "induced": ("人工地震", "人工地震", "Induced earthquake", "11C01"),
    "natural": ("天然地震", "地震灾害", "Natural earthquake", "11C02"),
}
_GEOLOGICAL: _Rows = {
    "landslide": ("滑坡", "滑坡灾害", "Landslide", "11D01"),
    "debris_flow": ("泥石流", "泥石流灾害", "Debris flow", "11D02"),
    "rockfall": ("崩塌", "崩塌灾害", "Rockfall", "11D03"),
    "ground_collapse": ("地面塌陷", "地面塌陷灾害", "Ground collapse", "11D04"),
    "ground_fissure": ("地裂缝", "地裂缝灾害", "Ground fissure", "11D05"),
    "subsidence": ("地面沉降", "地面沉降灾害", "Land subsidence", "11D06"),
}
_MARINE: _Rows = {
    "tsunami": ("海啸", "海啸灾害", "Tsunami", "11E01"),
    "storm_surge": ("风暴潮", "风暴潮灾害", "Storm surge", "11E02"),
    "sea_ice": ("海冰", "海冰灾害", "Sea ice", "11E03"),
    "waves": ("巨浪", "巨浪灾害", "High waves", "11E04"),
    "red_tide": ("赤潮", "赤潮灾害", "Red tide", "11E05"),
    "collision": ("船舶碰撞", "船舶碰撞事故", "Ship collision", "12J01"),
    "distress": ("海上遇险", "海上遇险事件", "Distress at sea", "12J08"),
    "fishing": ("沿海渔业设施", "沿海渔业设施事故", "Coastal fishing facilities", "12J10"),
    "fire": ("船舶火灾", "船舶火灾事故", "Ship fire", None),
}
_ENVIRONMENT: _Rows = {
    "water": ("水污染", "突发水污染事件", "Water pollution", None),
    "air": ("大气污染", "突发大气污染事件", "Air pollution", None),
    "soil": ("土壤污染", "突发土壤污染事件", "Soil pollution", None),
    "oil_spill": ("溢油", "溢油污染事件", "Oil spill", None),
    "radiation": ("辐射", "辐射事故", "Radiation", "12T00"),
}
_PUBLIC_HEALTH: _Rows = {
    "infectious": ("传染病", "传染病事件", "Infectious disease", "13A00"),
    "plague": ("鼠疫", "鼠疫疫情", "Plague", "13A01"),
    "cholera": ("霍乱", "霍乱疫情", "Cholera", "13A02"),
    "food_poisoning": ("食物中毒", "食物中毒事件", "Food poisoning", None),
    "food_drug_safety": ("食品药品安全", "食品药品安全事件", "Food and drug safety", None),
    "mass_poisoning": ("群体性中毒、感染", "群体性中毒、感染事件", "Mass poisoning or infection", None),
}
_SOCIAL: _Rows = {
    "finance": ("金融", "金融突发事件", "Finance", None),
    "information_security": ("信息安全", "信息安全事件", "Information security", None),
    "terror": ("恐怖袭击", "恐怖袭击事件", "Terrorist attack", None),
    "mass_gathering": ("大规模集会", "大规模集会事件", "Mass gathering", None),
}
_OTHER: _Rows = {
    "biological": ("生物灾害", "生物灾害", "Biological disaster", "11F00"),
    "railway": ("铁路", "铁路交通事故", "Railway", "12K00"),
    "metro": ("城市轨道", "城市轨道交通事故", "Metro", "12L00"),
    "aircraft": ("民用航空器", "民用航空器事故", "Civil aircraft", "12M00"),
    "stampede": ("踩踏", "踩踏事件", "Stampede", "12S00"),
    "stampede_event": ("大型活动踩踏", "大型活动踩踏事件", "Stampede at an event", "12S01"),
    "stampede_school": ("校园踩踏", "校园踩踏事件", "Stampede at a school", "12S02"),
    "rail": ("轨道交通", "轨道交通事故", "Rail", None),
    "rescue": ("高空救援", "高空救援", "High-angle rescue", None),
    "water_rescue": ("水域救援", "水域救援", "Water rescue", None),
    "drowning": ("溺水", "溺水事件", "Drowning", None),
    "extrication": ("破拆救人", "破拆救人", "Extrication", None),
    "elevator": ("电梯困人", "电梯困人事件", "Trapped in a lift", None),
    "electrical": ("电气险情", "电气险情", "Electrical hazard", None),
    "carbon_monoxide": ("一氧化碳中毒", "一氧化碳中毒事件", "Carbon monoxide poisoning", None),
    "odor": ("不明异味", "不明异味警情", "Strange smell", None),
    "medical": ("医疗急救", "医疗急救", "Medical emergency", None),
    "service": ("群众求助", "群众求助", "Call for help", None),
}

#: By the whole slug: `hazmat/leak`.
FINER_KINDS: dict[str, FinerKind] = {
    f"{category}/{finer}": FinerKind(*row)
    for category, rows in {
        "work_safety": _WORK_SAFETY,
        "hazmat": _HAZMAT,
        "coal_mine": _COAL_MINE,
        "mine": _MINE,
        "road_traffic_accident": _ROAD,
        "fire_accident": _FIRE,
        "forest_fire": _FOREST_FIRE,
        "flood": _FLOOD,
        "drought": _DROUGHT,
        "weather": _WEATHER,
        "earthquake": _EARTHQUAKE,
        "geological_disaster": _GEOLOGICAL,
        "marine": _MARINE,
        "environment": _ENVIRONMENT,
        "public_health": _PUBLIC_HEALTH,
        "social_security": _SOCIAL,
        "other": _OTHER,
    }.items()
    for finer, row in rows.items()
}
