"""The field's terms, each with the Chinese word in use. Values are what stands on the wire and in the log."""

from __future__ import annotations

from enum import StrEnum


class Level(StrEnum):
    """Incident level (事件级别), lowest first. Reporting and final level use the same four words.

    The statute's four grades: 突发事件应对法 Art. 3. A missing level means not yet judged (未定级).
    """

    ORDINARY = "ordinary"  # 一般
    LARGER = "larger"  # 较大
    MAJOR = "major"  # 重大
    ESPECIALLY_MAJOR = "especially_major"  # 特别重大

    @property
    def rank(self) -> int:
        """1 for 一般 to 4 for 特别重大, to compare levels by."""
        return _RANKS[self]

    @property
    def is_major(self) -> bool:
        """重大及以上: the level at which the one-hour rule bites."""
        return self.rank >= 3


_RANKS = {level: rank for rank, level in enumerate(Level, start=1)}


class Scale(StrEnum):
    """Which of an incident's two levels is meant (domain.md 0.3)."""

    REPORTING = "reporting"  # 信息报送口径: missing, trapped and possible outcomes count
    FINAL = "final"  # 核定级别: confirmed deaths and losses; the yearly statistics use it


class Channel(StrEnum):
    """How a report travels, or in a rule: how it must."""

    PHONE = "phone"  # 电话
    WRITTEN = "written"  # 书面
    ANY = "any"  # 不限 (rules only)


class Stage(StrEnum):
    """Kinds of report (报告类型), domain.md 1.4.1."""

    INITIAL = "initial"  # 首报
    FOLLOW_UP = "follow_up"  # 续报
    UPGRADE = "upgrade"  # 升级首报
    DAILY = "daily"  # 日报 / 零报告
    VERIFIED = "verified"  # 核报
    FINAL = "final"  # 终报
    CHECK_BACK = "check_back"  # 核查反馈: the answer to what those above asked


class ClockStart(StrEnum):
    """The moment a reporting rule counts from. Laws differ, so it is data, not code (domain.md 1.2)."""

    OCCURRED = "occurred"  # 事发时间
    DISCOVERED = "discovered"  # 发现时间
    DISCOVERED_OR_KNOWN = "discovered_or_known"  # 发现或者得知
    UNIT_HEAD_INFORMED = "unit_head_informed"  # 单位负责人接到报告
    RECEIVED = "received"  # 接报时间, per actor
    KNOWN_IN_CHAIN = "known_in_chain"  # 本级获知时间
    GRADED = "graded"  # 研判达级时间
    ORDER_RECEIVED = "order_received"  # 接到指令时间
    FACT_CHANGED = "fact_changed"  # 伤亡人数变化
    STABLE = "stable"  # 灾情稳定时间


class Post(StrEnum):
    """Who a person is at the desk. Rights hang on the post, never on the name."""

    DUTY_OFFICER = "duty_officer"  # 值班员
    DUTY_LEADER = "duty_leader"  # 带班领导
    LIAISON = "liaison"  # 联合值守部门
    FIELD_COMMANDER = "field_commander"  # 现场指挥
    LEADERSHIP = "leadership"  # 领导席
    AUDITOR = "auditor"  # 审计
    ADMIN = "admin"  # 系统管理


class Standing(StrEnum):
    """How an obligation stands at a given moment."""

    RUNNING = "running"  # 计时中
    DUE_SOON = "due_soon"  # 即将到时
    OVERDUE = "overdue"  # 已超时
    MET = "met"  # 按时完成
    MET_LATE = "met_late"  # 迟完成
    EXCUSED = "excused"  # 免报


class Precision(StrEnum):
    """How well a time of occurrence is known (事发时间精度)."""

    EXACT = "exact"  # 精确
    ABOUT = "about"  # 约: whole minutes are compared
    UNKNOWN = "unknown"  # 不详


class EntryKind(StrEnum):
    """Kinds of duty-log entry that a person writes (值班日志条目), domain.md 4.3."""

    CALL_IN = "call_in"  # 来电
    CALL_OUT = "call_out"  # 去电
    DOCUMENT_IN = "document_in"  # 来文
    DOCUMENT_OUT = "document_out"  # 发文
    DOCUMENT = "document"  # 文电
    SYSTEM_MESSAGE = "system_message"  # 系统消息
    WARNING = "warning"  # 预警
    VIDEO = "video"  # 视频调度
    ROLL_CALL = "roll_call"  # 点名
    INSTRUCTION = "instruction"  # 领导指示
    ASSIGNMENT = "assignment"  # 交办
    FEEDBACK = "feedback"  # 反馈
    INSPECTION = "inspection"  # 巡检
    DISPATCH = "dispatch"  # 力量调派
    ARRIVAL = "arrival"  # 力量到达
    SITREP = "sitrep"  # 情况报告
    NOTE = "note"  # 记事


class Category(StrEnum):
    """Kinds of incident (事件类别). A finer kind follows a slash: `hazmat/leak`."""

    WORK_SAFETY = "work_safety"  # 生产安全事故
    HAZMAT = "hazmat"  # 危险化学品事故
    COAL_MINE = "coal_mine"  # 煤矿事故
    MINE = "mine"  # 非煤矿山事故
    ROAD_TRAFFIC_ACCIDENT = "road_traffic_accident"  # 道路交通事故
    FIRE_ACCIDENT = "fire_accident"  # 火灾事故
    FOREST_FIRE = "forest_fire"  # 森林火灾
    FLOOD = "flood"  # 洪涝灾害
    DROUGHT = "drought"  # 干旱灾害
    WEATHER = "weather"  # 气象灾害
    EARTHQUAKE = "earthquake"  # 地震灾害
    GEOLOGICAL_DISASTER = "geological_disaster"  # 地质灾害
    MARINE = "marine"  # 海洋灾害
    ENVIRONMENT = "environment"  # 突发环境事件
    PUBLIC_HEALTH = "public_health"  # 公共卫生事件
    ANIMAL_EPIDEMIC = "animal_epidemic"  # 动物疫情
    SOCIAL_SECURITY = "social_security"  # 社会安全事件
    OTHER = "other"  # 其他


#: Counts of people hurt or in danger. A first report is valid when at least one of these is a number or an
#: explicit unknown (domain.md 1.5.2).
CASUALTIES = (
    "dead",  # 死亡
    "missing",  # 失联、下落不明
    "trapped",  # 被困
    "endangered",  # 涉险
    "seriously_injured",  # 重伤
    "lightly_injured",  # 轻伤
    "injured",  # 受伤 (轻重待核)
    "poisoned",  # 中毒
    "hospital_observed",  # 住院观察
)

#: Other whole numbers.
COUNTS = (
    "evacuated",  # 已转移
    "to_evacuate",  # 应转移
    "resettled",  # 已安置
    "to_resettle",  # 需安置
    "affected",  # 受灾人口
    "houses_collapsed",  # 倒塌房屋 (间)
    "houses_damaged",  # 损坏房屋 (间)
    "forces_people",  # 投入人员
    "forces_vehicles",  # 投入车辆
    "serious_pollution",  # 严重环境污染 (1 yes, 0 no)
    "important_place_endangered",  # 危及重要场所设施 (1 yes, 0 no)
)

#: Measured quantities, at most four decimals.
MEASURES = (
    "loss_wan",  # 直接经济损失, 万元
    "forest_ha",  # 受害森林面积, 公顷
    "burnt_ha",  # 过火面积, 公顷
    "crops_ha",  # 农作物受灾面积, 公顷
    "magnitude",  # 震级
)

FACTS = CASUALTIES + COUNTS + MEASURES

#: Recipients and senders outside the unit tree (domain.md 1.1).
OUTSIDE_ACTORS = ("PRV_EMB", "PRV_GOV", "MEM", "SC", "NTF", "SITE", "UNIT", "VIL")
#: Actor codes that mean a unit of the tree, worked out per incident.
CHAIN_ACTORS = ("TWN", "CNT_EMB", "CNT_GOV", "CNT_DEPT", "CTY_EMB", "CTY_GOV", "CTY_HQ")
