"""What a short report is made of: its words, the marks of ids, how characters are folded and checked."""

from __future__ import annotations

from datetime import timedelta, timezone

BEIJING = timezone(timedelta(hours=8))
LONGEST = 70
MOST_PARTS = 9
PRIME = 65_537
COMMA = "，"
INCIDENT_DIGITS, MARK_DIGITS, OPEN_DIGITS, ORDER_DIGITS = 6, 8, 10, 6
#: The id of an incident that a tablet opens ends in its ten digits (a UUID of version 8).
OPENED = "fe2e6040-5000-8000-8000-"

KINDS = {
    "开": "open-incident",
    "记": "add-entry",
    "数": "establish-facts",
    "态": "set-field-status",
    "清": "count-heads",
    "援": "request-help",
    "收": "acknowledge-order",
}
ENTRY_KINDS = {
    "来电": "call_in", "去电": "call_out", "来文": "document_in", "发文": "document_out", "文电": "document",
    "系统": "system_message", "预警": "warning", "视频": "video", "点名": "roll_call", "指示": "instruction",
    "交办": "assignment", "反馈": "feedback", "巡检": "inspection", "调派": "dispatch", "到场": "arrival",
    "记事": "note", "情况": "sitrep",
}  # fmt: skip
STATUSES = {"途中": "en_route", "到达": "arrived", "开展": "engaged", "撤离": "withdrawn"}
DIRECTIONS = {"进": "in", "出": "out"}
HELP = {
    "人员": "people", "医疗": "medical", "车辆": "vehicles", "船艇": "boats", "物资": "supplies",
    "通信": "communications", "接应": "evacuation", "其他": "other",
}  # fmt: skip
CATEGORIES = {
    "生产": "work_safety", "危化": "hazmat", "煤矿": "coal_mine", "矿山": "mine",
    "交通": "road_traffic_accident",
    "火灾": "fire_accident", "林火": "forest_fire", "洪涝": "flood", "干旱": "drought", "气象": "weather",
    "地震": "earthquake", "地灾": "geological_disaster", "海洋": "marine", "环境": "environment",
    "卫生": "public_health", "疫病": "animal_epidemic", "社会": "social_security", "其他": "other",
    "不详": None,
}  # fmt: skip
FACTS = {
    "死亡": "dead", "失联": "missing", "被困": "trapped", "涉险": "endangered", "重伤": "seriously_injured",
    "轻伤": "lightly_injured", "受伤": "injured", "中毒": "poisoned", "留观": "hospital_observed",
    "转移": "evacuated", "应转": "to_evacuate", "安置": "resettled", "需安": "to_resettle",
    "受灾": "affected",
    "塌房": "houses_collapsed", "损房": "houses_damaged", "投人": "forces_people", "投车": "forces_vehicles",
    "重污": "serious_pollution", "危重": "important_place_endangered", "损失": "loss_wan",
    "林地": "forest_ha",
    "过火": "burnt_ha", "农田": "crops_ha", "震级": "magnitude",
}  # fmt: skip
UNKNOWN, NOTHING, DRILL, REAL, ALSO, TEAM = "核", "无", "演练", "真实", "附", "队"
#: What each command may carry; of anything else that a body says the officer is told.
CARRIED: dict[str, tuple[str, ...]] = {
    "open-incident": ("title", "category", "place", "known_at", "known_by", "facts", "drill"),
    "add-entry": ("kind", "text", "happened_at"),
    "establish-facts": ("known_at", "known_by", "facts", "explanation"),
    "set-field-status": ("status", "at", "text"),
    "count-heads": ("direction", "people", "team", "at", "text"),
    "request-help": ("kind", "quantity", "at", "text"),
    "acknowledge-order": ("order_id", "at", "text"),
}
#: Made by whoever writes it down, and what says how it came: no part of what is said.
ASIDE = frozenset(
    {"command_id", "incident_id", "entry_id", "count_id", "request_id", "device_at", "device_sent_at",
     "on_behalf_of", "words", "short_mark"}
)  # fmt: skip

COMMAS = ",，;；|｜"
#: White space, the same in every language that a tablet speaks.
SPACE = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008"
    "\u2009\u200a\u200b\u2028\u2029\u202f\u205f\u3000\ufeff"
)


class Unsayable(Exception):
    """A command that no short report can carry; `what` names the part."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class Garbled(Exception):
    """A message that cannot be right. `at`: near which character, from 1, where that can be known.

    `code` is `form`, `length`, `check`, `field` or `parts`; `by`: so many characters too many (or few).
    """

    def __init__(self, code: str, at: int | None = None, by: int = 0, message: int = 0) -> None:
        super().__init__(code)
        self.code, self.at, self.by, self.message = code, at, by, message


def _tail(id_: str) -> int:
    return int(id_[-12:], 16)  # a UUID's last group


def mark_of(command_id: str) -> str:
    return f"{_tail(command_id) % 10**MARK_DIGITS:0{MARK_DIGITS}d}"


def incident_mark(incident_id: str) -> str:
    return f"{_tail(incident_id) % 10**INCIDENT_DIGITS:0{INCIDENT_DIGITS}d}"


def order_mark(order_id: str) -> str:
    return f"{_tail(order_id) % 10**ORDER_DIGITS:0{ORDER_DIGITS}d}"


def incident_of(digits: str) -> str:
    """The id of the incident that a tablet opened under these ten digits."""
    return f"{OPENED}{int(digits):012x}"


def digits_of(incident_id: str) -> str | None:
    """The ten digits of such an incident; None of any other."""
    tail = _tail(incident_id)
    if not incident_id.lower().startswith(OPENED) or tail >= 10**OPEN_DIGITS:
        return None
    return f"{tail:0{OPEN_DIGITS}d}"


def _alike() -> dict[int, str]:
    """Each character that is said like another, and which; spaces are said like nothing."""
    wide = {code: chr(code - 0xFEE0) for code in range(ord("！"), ord("～") + 1)}
    same = wide | {code: chr(code) for code in range(ord("a"), ord("z") + 1)}
    same |= {ord(char): char for char in COMMAS}
    folded = {code: COMMA if char in COMMAS else char.upper() for code, char in same.items()}
    return folded | {ord(char): "" for char in SPACE}


_ALIKE = _alike()  # every entry of every log is folded: by a table, in one step


def fold(text: str) -> str:
    """What is said alike is alike; white space is nothing."""
    return text.translate(_ALIKE)


def check_digits(before: str) -> str:
    """The seven digits that end a message: the number of all its folded characters, and their sum."""
    folded = fold(before)
    total = sum((place + 1) * ord(char) for place, char in enumerate(folded)) % PRIME
    return f"{len(folded) + 7:02d}{total:05d}"


def plain(what: str, text: str) -> str:
    """A text that may travel. What is not in the basic plane counts as two in an SMS, and nobody says it by
    radio."""
    if any(ord(char) > 0xFFFF or char == "\x00" or 0xD800 <= ord(char) <= 0xDFFF for char in text):
        raise Unsayable(what)
    return text
