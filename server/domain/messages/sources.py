"""Who tells it: the unit, the name, the telephone, and by what way it came. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from server.domain.messages.findings import Finding, Span, Sure
from server.domain.units import Rank, UnitTree

_SURNAMES = (
    "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜戚谢邹喻柏窦章云苏潘葛奚范彭郎鲁韦昌马苗凤花方俞任袁柳鲍史唐费廉岑薛雷贺倪汤滕殷罗毕郝邬安常乐于时傅皮卞齐康伍余元卜顾孟平黄和穆萧尹姚邵"
    "湛汪祁毛禹狄米贝明臧计成戴谈宋茅庞熊纪舒屈项祝董梁杜阮蓝闵席季麻强贾路娄危江童颜郭梅盛林刁钟徐邱骆高夏蔡田樊胡凌霍虞万柯管卢莫房丁邓洪包左石崔吉龚程邢裴陆荣翁段侯宁仇武刘龙叶黎白蒲邸赖卓蔺蒙池乔阴闻党翟谭劳姬申"
    "扶冉宰桑桂濮牛寿通边扈燕冀尚农温庄晏柴瞿阎连习艾容向古易慎廖耿满匡文寇广欧殳沃利蔚师巩聂晁敖冷辛阚那简饶曾关佟隋苑仝"
)
_TITLE = (
    r"(?:值班员|值班长|主任|科长|股长|局长|副?镇长|副?乡长|书记|村主任|经理|先生|女士|同志|师傅|护林员"
    r"|报告人|队长|支书|所长|院长|校长)"
)
_NO_NAME = (
    r"(?!通报|路过|时间|安全|安委|成功|平安|常务|连夜|明火|明天|党委|方向|方面|高速|高度|广场|金属|黄金"
    r"|白天|温度|尚未|关于|项目|空气|经济|管理|管委|单位|支队|段|江|时|那边|古|应|和|于|万|向)"
)
_NAME = rf"(?:{_NO_NAME}[{_SURNAMES}](?:某某?|[一-鿿]{{1,2}})|[老小][{_SURNAMES}])"
_NAME_END = r"(?=[\s,。;)\d电联手]|$|\d)"
_UNIT_END = (
    r"(?:(?:应急管理|公安|生态环境|水务|气象|农业农村|海事|交通运输|住建|卫健|社发|林业|自然资源|消防|供电"
    r"|民政|教育)?局(?!长|部|面)|公安分局|分局|[一-鿿]安委办|安委办|防汛办|应急办|街道办(?:事处)?"
    r"|卫健委"
    r"|委宣传部|防指|指挥部|指挥中心|急救中心|监测中心|救援总队|救援支队|救援大队|安委会(?:办公室)?|公安(?=报[:,])|警察支队|警察大队|交警(?:支队"
    r"|大队)?|秦皇岛大队|支队|大队|人民政府|镇政府|乡政府|政府(?:办公室)?|管理处|管委会|值班室"
    r"|医院(?:急诊科?)?|供电公司|地震台网|台网|气象台|集团|部门|省厅|街道|[镇乡]|院)"
)
_UNIT = rf"[一-鿿\d]{{0,16}}?{_UNIT_END}(?:值班室|应急办|急诊科?|总值班室)?"
_TELLS = (
    r"(?:\d{1,2}月\d{1,2}日)?(?:[\d:时分点]{2,8})?(?:官方微[博信])?(?:书面|电话|紧急|快速|工作)?(?:报告"
    r"|通报|消息(?=[,:])|了解到|报称|来电|电告|转警|反映|获悉|电话(?=[,:])|报(?=[,:])|称(?=[,:])"
    r"|讯(?=[,:])|接报|发布|正式测定(?=[:])|关于[^:。\n]{2,40}的(?:首报|续报|终报|报告|快报"
    r"|情况))"
)
_BEGINS = re.compile(
    rf"(?:^|[\n。;,!:]|[】\"]|[电讯] )\s*(?:据|根据|接到?|按照|记者从|刚才|刚刚"
    rf"|经与)*\s*(?P<unit>{_UNIT})(?:{_TITLE})?(?P<name>{_NAME})?\s*(?P<tells>(?=[:])|(?<=急诊),"
    rf"|(?<=值班室),|,?\s*(?:\d{{1,2}}月\d{{1,2}}日)?{_TELLS})"
)
_SIGNED = re.compile(
    rf"(?:^|[\n。;!?,]|——"
    rf"|-)\s*(?P<unit>{_UNIT})\s*(?:{_TITLE})?\s*(?P<name>{_NAME})?\s*(?P<phone>1[3-9]\d{{9}}"
    rf"|0\d{{2,3}}-?\d{{7,8}})?"
    r"\s*(?:(?:20\d\d年)?\d{1,2}月\d{1,2}日(?:\d{1,2}[时点:]\d{0,2}分?)?(?:发布|报)?)?[\s。]*$"
)
_LABEL_UNIT = re.compile(
    rf"(?:(?:报告|填报|报送|来电|发文)(?:单位|部门)|(?:信息)?来源(?:单位|部门)?)[:](?P<unit>{_UNIT}"
    rf"|[一-鿿]{{3,16}}?(?=[\s;,。]))"
)
_LABEL_NAME = re.compile(
    rf"(?:报告人|联系人|来电人|反映人|举报人|发信人|发件人|报警人|填报人|值班员|护林员|我是"
    rf"|我叫)[:是为]?\s*(?P<unit>[一-鿿]{{2,8}}(?:办|局|政府|街道|镇|乡"
    rf"|站))?\s*(?P<name>{_NAME}(?:{_TITLE})?|[{_SURNAMES}](?:{_TITLE}))(?=[\s,。;)\d电手]|$)"
)
_NAME_PHONE = re.compile(
    rf"(?:^|[\n。;,\s]|物业|村|镇|乡)(?P<name>(?:{_NAME}|[{_SURNAMES}]{_TITLE}|[{_SURNAMES}](?:先生|女士"
    rf"|师傅)))\s*(?:电话|手机|:)?[:\s]*(?=1[3-9]\d{{9}}|0\d{{2,3}}-?\d{{7,8}}|\d{{7,8}}(?!\d))"
)
_I_AM = re.compile(rf"(?:我是|我这是|我们是)(?P<unit>{_UNIT})(?={_TITLE}|[,。的])")
_PHONE = re.compile(r"(?<![\d-])(?:1[3-9]\d{9}|0\d{2,3}-\d{7,8}|0\d{2,3}\d{7,8})(?!\d)")
_SHORT_PHONE = re.compile(rf"(?:电话|手机|联系人[:]?{_NAME})[:\s]*(?P<phone>\d{{7,8}})(?!\d)")

_CHANNELS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("12350", re.compile(r"(?<![\d-])12350(?!\d)")),
    ("tip", re.compile(r"(?:群众|匿名|实名|知情人|有人|来信)举报|举报人|举报称|举报电话")),
    ("12345", re.compile(r"(?<![\d-])12345(?!\d)")),
    ("110", re.compile(r"(?<!\d)110(?!\d)")),
    ("119", re.compile(r"(?<!\d)119(?!\d)|消防接警员")),
    ("122", re.compile(r"(?<!\d)122(?!\d)(?![人户名公米\d.])")),
    ("120", re.compile(r"(?<!\d)120(?=急救|指挥|中心|通报|调度)")),
    ("satellite", re.compile(r"卫星(?:监测|热点|林火)|热点\d个")),
    (
        "superior",
        re.compile(
            r"(?<![请报致呈])(?:省厅|省应急管理?厅|省安委办|国务院|应急管理部|省委|省政府"
            r"|省防指|省森防)"
        ),
    ),
    (
        "media",
        re.compile(
            r"网传|网上(?:流传|传|反映的视频)|新华[社网]|客户端|官方微[博信]|记者|截至发稿"
            r"|抖音|微博|网友|(?:日|晚|都市)报讯|\d日电|[日)]\s*电 "
        ),
    ),
    ("monitoring", re.compile(r"地震台网|预警平台|自动监测|监测系统|传感器报警")),
    ("subordinate", re.compile(r"[镇乡村](?:镇长|乡长|书记|村?主任|支书)[一-鿿]{2,3}(?:打来|来)电")),
    ("patrol", re.compile(r"护林员|巡查(?:人员|时|发现)|巡护员|群测群防员")),
)
_LOCAL = re.compile(r"[镇乡]人民?政府|管理处|街道办|^[一-鿿]{2,3}[镇乡]$")
_HEARD = re.compile(r"接到?(?P<who>[一-鿿]{2,10}?)(?:那边|方面)?(?:的)?(?:电话|来电|报告)")
_DEPARTMENT = re.compile(
    r"公安|交警|消防|气象|水务|卫健|海事|医院|急诊|急救|生态环境|住建|交通|农业农村|林业|供电|铁路|民航"
    r"|宣传部|应急管理局|地震局"
)


def source(text: str, tree: UnitTree) -> list[Finding]:
    """Findings for a folded text: unit, name, phone, channel of whoever tells it."""
    found = dict(_who(text))
    if channel := _channel(text, found.get("source.unit"), tree):
        found["source.channel"] = channel
    return list(found.values())


def _finding(field: str, match: re.Match[str], group: str, sure: Sure = Sure.LIKELY) -> Finding:
    return Finding(field, match[group].strip(), Span(*match.span(group)), sure)


def _who(text: str) -> Iterator[tuple[str, Finding]]:
    unit = name = None
    if (match := _LABEL_UNIT.search(text)) and _is_unit(match["unit"]):
        unit = _finding("source.unit", match, "unit", Sure.SURE)
    signed = _SIGNED.search(text)
    if signed is not None and not _is_unit(signed["unit"]):
        signed = None
    for match in (*_BEGINS.finditer(text), _I_AM.search(text), signed):
        if match is None or not _is_unit(match["unit"]):
            continue
        if match.re is _BEGINS and match["tells"] == "":
            # 市局值班室: … 卢龙县应急管理局: written to the first, signed by the second
            signed_by_another = signed is not None and signed.start("unit") != match.start("unit")
            if signed_by_another or re.match(r"市局|市应急局|县局|各", match["unit"]):
                continue
        if unit is None:
            unit = _finding("source.unit", match, "unit")
        if name is None and match.re is not _I_AM and match["name"]:
            name = _finding("source.name", match, "name")
    if (match := _LABEL_NAME.search(text)) or (match := _NAME_PHONE.search(text)):
        labelled = _finding("source.name", match, "name", Sure.SURE)
        if name is None or match.re is _LABEL_NAME:
            name = labelled
        if unit is None and "unit" in match.re.groupindex and match["unit"]:
            unit = _finding("source.unit", match, "unit")
    if unit is not None:
        yield "source.unit", unit
    if name is not None:
        yield "source.name", name
    if match := _PHONE.search(text):
        yield "source.phone", Finding("source.phone", match[0], Span(*match.span()), Sure.SURE)
    elif match := _SHORT_PHONE.search(text):
        yield "source.phone", _finding("source.phone", match, "phone")


_NO_UNIT = re.compile(
    r"^(?:我.*|.*(?:送|赶赴|前往|要求|已|由|向|在)|[县市]人民医院|各单位|市局|县局"
    r"|\d+月.*)$"
)


def _is_unit(words: str) -> bool:
    return (2 < len(words) <= 22 and not _NO_UNIT.match(words)) or words in ("省厅",)


def _channel(text: str, unit: Finding | None, tree: UnitTree) -> Finding | None:
    for slug, pattern in _CHANNELS:
        # A superior speaks at once; further on in a text it is spoken of.
        if match := pattern.search(text, 0, 40 if slug == "superior" else len(text)):
            return Finding("source.channel", slug, Span(*match.span()), Sure.LIKELY)
    if unit is None:
        heard = _HEARD.search(text)
        if heard and _channel_of(heard["who"], tree) == "subordinate":
            return Finding("source.channel", "subordinate", Span(*heard.span()), Sure.LIKELY)
        return None
    words = str(unit.value)
    if dict(_CHANNELS)["superior"].search(words):
        return Finding("source.channel", "superior", unit.span, Sure.LIKELY)
    if way := _channel_of(words, tree):
        return Finding("source.channel", way, unit.span, Sure.LIKELY)
    return None


def _channel_of(words: str, tree: UnitTree) -> str | None:
    """subordinate for a county's or township's own desk of ours; department for those beside it."""
    root = tree.get(tree.root)
    if root is not None and words.startswith(root.name) and "应急管理局" in words:
        return None  # our own
    for unit in tree:
        if unit.rank is Rank.DEPARTMENT and (unit.name in words or unit.name.removeprefix("秦皇岛") in words):
            return "department"
    if re.search(r"公安|交警|消防|医院|海事|气象", words):
        return "department"
    for unit in tree:
        if unit.rank in (Rank.COUNTY, Rank.TOWNSHIP) and unit.name in words:
            return "subordinate"
    counties = [re.sub(r"([一-鿿]族自治县|[县区])$", "", one.name) for one in tree if one.rank is Rank.COUNTY]
    if any(len(stem) >= 2 and stem in words for stem in counties) or _LOCAL.search(words):
        return "subordinate"
    return "department" if _DEPARTMENT.search(words) else None
