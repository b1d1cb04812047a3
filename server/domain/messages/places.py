"""Where a text says that it happened: its own words, and the division of ours that they name. Pure.

The words are taken as they stand, from wherever in China they are. A division is given only where the text
names one of the tree, and never when the place named is plainly another city's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from server.domain.messages.findings import Finding, Span, Sure, blank, clauses, sentences
from server.domain.messages.triggers import HAPPENED
from server.domain.units import Rank, Unit, UnitTree

_LABEL = re.compile(
    r"(?:事故|事发|发生|案发|起火|出险|事件|具体)?(?:地点|地址|位置|景区)(?:[:为是]|在"
    r"|(?<=具体位置))\s*(?P<place>[^;。\n,!?]{2,80})"
)
_STARTS = re.compile(
    r"位于|坠入|冲入|困在|压在|埋在|行驶?至|驶至|驶到|行到|途[经径]|发生在"
    r"|在(?![建职校读册押逃岗业网场编医]|搜|找|抢|救|核|调|进|组|拆|清|检|施工|作业|用餐|家中|现场"
    r"|降)|辖区(?:内)?|境内|我[省市县区镇乡村](?:境内)?|贵[省市县]|[该本][省市县区镇乡村]"
    r"|沿(?=[一-鿿]{1,8}[路街道])"
    r"|到(?=[一-鿿]{2,8}[镇乡村])|称(?=[,:\x00])|系(?=\x00)|接报|记者|来源为"
)
_BREAK = re.compile(
    rf"{HAPPENED.pattern}"
    r"|[一两二三四五六七八九十\d]+[名辆台起艘只头条]|[三四五六七八九两]车|数?[\d一二两三四五六七八九十]+人"
    r"|有(?:人|群|学生|大|辆|车|[一二两三四五六七八九十\d]|部分|害|热点|个)|因|由于|被"
    r"|与(?![一-鿿]{1,7}(?:路|街|大道|道|线)(?:交|口|路口))|突然|水位|超(?:汛限|警戒)"
    r"|时(?=[,\s与被发突])|山体|路面|桥面|明火|工人|司机"
    r"|组织|养殖户死|不慎|驾驶|疑似|网传|正在|目前|已经?|停产|的路(?=塌)|一直|骤降|突降|普降|遭遇|暴发|翻沉"
    r"|[多数\d]+[栋间户]|安全检查|热点|坝脚|拆除|施工队|清掏|通报|报告|电话|反映|来电|的(?=情况"
    r"|行车|燃气管道|运送)|燃气|在拆|在建(?!.{0,14}(?:工地|项目|厂房|高速|隧道))"
)
_KINDS = (
    r"公司|集团|煤业|木业|钢铁|厂房|厂|矿(?!工|业权|山企业)|井下|车间|仓库?|库区|粮库|冷库|码头|锚地|货场"
    r"|大桥|桥|隧道|高速公路|高速|[国省县乡]道|公路|铁路|大街(?!道)|大道|街(?!道)|路段|路口|交叉口"
    r"|路|巷|胡同|段"
    r"|方向|匝道|出入?口|收费站|服务区|加[油气]站|气站|车站|站|处|附近|门口|[东南西北][侧边面]|小区|社区"
    r"|公寓|宿舍|号楼|单元|楼|大厦|广场|商场|超市|市场|酒店|宾馆|饭店|餐馆|店|民宿|KTV|会所|网吧"
    r"|养老院|福利院|医院|卫生院"
    r"|学校|中学|小学|大学|学院|幼儿园|食堂|工地|项目|标段|园区|产业园|景区|公园|游乐园|游泳馆|海域|海面"
    r"|水库|水渠|渠|河道|河|江|湖|塘|沟|山场|后山|山(?!企业|体)|岭|坡|坎|林场|林区|大棚|[养猪鸡]场"
    r"|石场|砖窑|作坊|摊子|民房|自建房|房屋|家中"
    r"|家里|院(?!墙)|电厂|变电站|尾矿库|断面|平台|沙洲|基地|中心|废品站|售楼处|化粪池|加药间|锅炉房|站台"
    r"|管网|管道|[污雨]?水井|检查井|车库|交口|桥梁|海边|步行街"
    r"|(?<!矿山)企业(?!负责|法人|主|家|职工|员工|管理|应急|专职|消防|内|在|已|擅|存|违)|皮带廊|K\d+(?:\+\d+)?|\d{2,3}线|公里|石化|水道|航道|水域|海里处|以[东南西北]约?\d+(?:海里"
    r"|公里|米)处?"
)
_ADMIN = (
    r"省|自治[区州县]|市(?![政委长民局])|[县区](?![长委])|[州盟旗]|镇(?!长)|乡(?!长)|苏木|街道(?:办事处)?|管理[处区]|村(?!民|委|干|支|里的?人)"
    r"|屯|庄|组"
)
_TAIL = re.compile(rf"(?:{_KINDS}|{_ADMIN})(?:[内外旁里上]|附近|门口|\d+[号楼层]|处)?")
_SPECIFIC = re.compile(_KINDS)
_ADMIN_NAME = re.compile(rf"[一-鿿]{{2,8}}?(?:{_ADMIN})")
_ORGANISATION = re.compile(
    r"(?:[局委办队厅]|政府|办公室|指挥部|值班室|防指|急诊科?|宣传部|交警|部门|指挥中心|急救中心|中心|支队"
    r"|大队|分局|气象台|急诊|地震台网|水务|工程局)$"
)
_TOLD = re.compile(
    r"\s*(?:[:]|报告|通报|报称|消息|电告|来电|电话|值班|反映|称|获悉|发布|转警|首报|关于"
    r"|,?报[,:])"
)
_OF_AN_ORGANISATION = re.compile(
    r"[一-鿿]{0,12}?(?:局|委|办|政府|大队|支队|中心|值班室|防指|医院|急诊|台)(?:[一-鿿]某"
    r"|\s*[一-鿿]{2,3})?\s*(?:[:,]|报告|通报|来电|反映|消息|电话|报)"
)
_DUTIES = re.compile(r"震源|深度|做好|要求|组织|负责|及时|立即|下游\d|开展|加强|各地")
_HEAD_JUNK = re.compile(
    r"^(?:[我本贵该][省市县区镇乡村](?=[一-鿿])|电|讯|针对|据|接|经|向|由|对|从|又|即|和|及|了|的|,|\s|关于|报告[:：]?|事故快报|快报|火情速报"
    r"|通报|紧急|急|市局|县局|请核实网上|网上反映的|反映|\x00|情况是这样|报送的|起(?=[一-鿿]{2,5}[县市区])|老[李王张]|您好|目前|现场"
    r"|“|\"|【|】|[.、\d]+[.、]|[一二三四五六七八九十]+、|一?名|上午|下午|收到)+"
)
#: Houses that are counted: 倒损房屋216间.
_NO_PLACE = re.compile(
    r"(?:因灾|倒塌|倒损|损坏|受损|冲毁|烧毁|严重|一般)*房屋|(?:倒塌|倒损|损坏|受损|冲毁)民房"
)
_GENERIC = re.compile(
    r"[我该本全各贵外跨城超门夜菜股县省地]市|[我该本全各贵邻]县|市(?=[局委政场民长级区第])"
    r"|县(?=[局医委城政道人防级境公]|、)|(?:市|县)(?=境)"
    r"|[小园社景校库港矿城市山郊辖厂林片灾疫牧服禁战误新湖]区|[一二三四五六七八九十]区"
)
_OTHER_CITY = re.compile(r"[一-鿿]{2,8}(?:省|自治区|[市县州盟旗])")
_NOT_A_COUNTY = "河湖江山路街桥大口寺港"
_MOST, _MOST_STARTS = 60, 12


@dataclass(frozen=True, slots=True)
class Named:
    """A unit of the tree that the text names."""

    start: int
    end: int
    unit: Unit
    full: bool  # by its whole name


class Places:
    """The tree's names, ready to be found in texts."""

    def __init__(self, tree: UnitTree) -> None:
        self._tree = tree
        root = tree.get(tree.root)
        assert root is not None
        self._root = root
        self._names: dict[str, tuple[Unit, bool]] = {}
        stem_of_root = root.name.removesuffix("市")
        for unit in tree:
            if unit.rank is Rank.DEPARTMENT:
                continue
            self._names[unit.name] = (unit, True)
            if unit.rank is Rank.COUNTY:
                for name, full in _also_called(unit.name, root.name, stem_of_root):
                    self._names.setdefault(name, (unit, full))
        ordered = sorted(self._names, key=len, reverse=True)
        self._pattern = re.compile("|".join(re.escape(name) for name in ordered))
        self._stems = {
            unit.code: stem
            for unit in tree
            if unit.rank is Rank.TOWNSHIP
            and len(stem := re.sub(r"(街道|管理处|[镇乡])$", "", unit.name)) >= 2
            and stem[-1] not in "路街道"
        }

    def named(self, text: str) -> list[Named]:
        """The counties, townships and so on of ours that a folded text names, in order."""
        found = []
        for match in self._pattern.finditer(text):
            unit, full = self._names[match[0]]
            after = text[match.end() : match.end() + 1]
            if not full and after and after in _NOT_A_COUNTY:
                continue
            found.append(Named(match.start(), match.end(), unit, full))
        return found

    def find(self, text: str, times: list[Span], occurred: Span | None) -> list[Finding]:
        """At most one place: its words, and `division` beside it where the text names one."""
        named = self.named(text)
        place = self._words(text, times, occurred, named)
        division = self._division(text, place, named)
        if place is None and division is not None:
            span = division.span
            place = Finding("place", text[span.start : span.end], span, Sure.LIKELY)
        return [one for one in (place, division) if one is not None]

    # The words

    def _words(
        self, text: str, times: list[Span], occurred: Span | None, named: list[Named]
    ) -> Finding | None:
        if label := _LABEL.search(text):
            start, end = label.span("place")
            words = text[start:end]
            if not re.match(r"市局|县局|会议", words):
                return Finding("place", words.strip(), Span(start, end), Sure.SURE)
        plain = blank(text, times)
        best: tuple[float, Span] | None = None
        all_found: list[tuple[float, Span]] = []
        for number, sentence in enumerate(sentences(plain)):
            holds = occurred is not None and sentence.start <= occurred.start < sentence.end
            happens = bool(HAPPENED.search(plain, sentence.start, sentence.end))
            for span, worth in self._candidates(plain, sentence, named):
                worth += (2.0 if holds else 0.0) + (1.0 if happens else -2.0) - 0.4 * min(number, 8)
                all_found.append((worth, span))
                if best is None or worth > best[0]:
                    best = (worth, span)
        if best is None or best[0] < 1.5:
            return None
        rough = best[1]
        best = self._more_exact(text, best, all_found)
        above = (rough,) if best[1] != rough and _ADMIN_NAME.search(plain[rough.start : rough.end]) else ()
        if above and _OTHER_CITY.search(_GENERIC.sub("", plain[best[1].start : best[1].end])):
            above = ()
        span = self._whole(plain, best[1], all_found)
        also = self._before(plain, span, named) or above
        words = "".join(text[one.start : one.end] for one in (*also, span))
        sure = Sure.SURE if best[0] >= 5 else Sure.LIKELY
        return Finding("place", words[:_MOST], span, sure, (), also)

    def _whole(self, text: str, span: Span, found: list[tuple[float, Span]]) -> Span:
        """…路口附近, 地铁工地…发生: the place goes on in the next clause, up to what happened there."""
        for worth, other in found:
            if (
                other.start == span.end + 1
                and text[span.end] == ","
                and worth > 0
                and HAPPENED.match(text, other.end)
            ):
                if other.end - span.start <= _MOST:
                    return Span(span.start, other.end)
        return span

    def _more_exact(
        self, text: str, best: tuple[float, Span], found: list[tuple[float, Span]]
    ) -> tuple[float, Span]:
        """A township alone, and a clause later a building: the building, to which the township is put."""
        if _SPECIFIC.search(_ADMIN_NAME.sub("", text[best[1].start : best[1].end])):
            return best
        later = [
            (worth, span)
            for worth, span in found
            if span.start >= best[1].end
            and worth >= 1.0
            and span.start - best[1].end < 60
            and _SPECIFIC.search(text[span.start : span.end])
            and "。" not in text[best[1].end : span.start]
        ]
        if not later:
            return best
        worth, span = max(later, key=lambda one: (one[0], -one[1].start))
        return best[0] + min(worth, 0.0), span

    def _candidates(self, text: str, sentence: Span, named: list[Named]) -> Iterator[tuple[Span, float]]:
        for at, clause in enumerate(clauses(text, sentence, ',:;。!?\n()\x00“”"—『』')):
            starts = {clause.start: 0.0}
            prepositions = islice(_STARTS.finditer(text, clause.start, clause.end), _MOST_STARTS)
            starts |= {match.end(): 1.5 for match in prepositions}
            starts |= {one.start: -0.5 for one in named if clause.start <= one.start < clause.end}
            for start, bonus in starts.items():
                if junk := _HEAD_JUNK.match(text[start : clause.end]):
                    start += junk.end()
                if found := self._candidate(text, Span(start, min(clause.end, start + 2 * _MOST)), named):
                    span, worth = found
                    yield span, worth + bonus - 0.2 * at

    def _candidate(self, text: str, within: Span, named: list[Named]) -> tuple[Span, float] | None:
        """The place that begins here, up to where something happens, and how much it looks like one."""
        stop = _BREAK.search(text, within.start, within.end)
        end = stop.start() if stop else within.end
        tails = [match.end() for match in _TAIL.finditer(text, within.start, end)]
        if not tails or tails[-1] - within.start < 2 or tails[-1] - within.start > _MOST:
            return None
        span = Span(within.start, tails[-1])
        words = text[span.start : span.end]
        if re.match(r"[\d:]+$", words) or not re.search(r"[一-鿿]", words):
            return None
        worth = 0.0
        inside = [one for one in named if span.start <= one.start and one.end <= span.end]
        if inside:
            worth += 3.0 if any(one.full for one in inside) else 2.0
        if _ADMIN_NAME.search(words):
            worth += 2.0
        if _SPECIFIC.search(words):
            worth += 2.0
        left_over = end - span.end
        worth -= 0.15 * left_over
        worth += 1.0 if stop and left_over <= 6 else 0.0
        worth += 0.02 * min(len(words), 30)
        after = text[span.end : within.end]
        if text[max(0, within.start - 2) : within.start + 2].find("关于") >= 0 or re.search(
            r"关于$", text[: span.start][-2:]
        ):
            worth -= 2.0
        before = text[max(0, span.start - 3) : span.start]
        if _OF_AN_ORGANISATION.match(text, span.end, span.end + 30) or (
            words.endswith("医院") and not HAPPENED.match(after)
        ):
            worth -= 5.0
        if _DUTIES.search(words):
            worth -= 4.0
        if _ORGANISATION.search(words):
            worth -= 5.0 if _TOLD.match(text[span.end :]) or not stop or left_over > 2 else 1.0
        elif _TOLD.match(text[span.end : span.end + 6]) and not (stop and HAPPENED.match(text, span.end)):
            worth -= 3.0
        if _NO_PLACE.fullmatch(words):
            return None
        if re.match(r"[该此其]", words) or re.fullmatch(r"[全我本该各贵]?[省市县区镇乡村]", words):
            return None
        if re.match(
            r"的?(?:一[辆台艘]|(?:大|中|小)?[客货]车|号牌|牌照)|[一-鿿\d]{0,6}牌(?:照|客|货)", after
        ) and words.endswith(("公司", "集团", "厂")):
            worth -= 3.0
        if re.match(r"\x00+,?(?:发生|突发)", text[span.end :]):
            worth += 2.0
        if re.search(r"送.{0,2}$|运往|前往$|赶赴$|由$|向$|为$", before) or re.match(
            r"救治|治疗|抢救|领导"
            r"|主要负责|负责同志|值班|工作组",
            after,
        ):
            worth -= 4.0
        if re.match(
            r"消防|县消防|市消防|出动|公安|县委|市委|省委|要求|请|各单位|联系|救护|医院$|伤者|受伤"
            r"|周边|附近$|现场$|目前|路过|沿海$|车上|船上",
            words,
        ):
            worth -= 3.0
        return span, worth

    def _before(self, text: str, span: Span, named: list[Named]) -> tuple[Span, ...]:
        """山海关区孟姜镇, 上午10点, 锅炉房…: the township that a clause before names alone."""
        if any(span.start <= one.start < span.end and one.unit.rank is not Rank.CITY for one in named):
            return ()
        if _OTHER_CITY.search(_GENERIC.sub("", text[span.start : span.end])):
            return ()
        for sentence in sentences(text):
            if not sentence.start <= span.start < sentence.end:
                continue
            for clause in clauses(text, Span(sentence.start, span.start), ",:;。\n\x00"):
                junk = _HEAD_JUNK.match(text[clause.start : clause.end])
                start = clause.start + (junk.end() if junk else 0)
                inside = [one for one in named if start <= one.start and one.end <= clause.end and one.full]
                if inside and start == inside[0].start and clause.end - inside[-1].end <= 4:
                    if not re.match(
                        r"\s*(?:应急|公安|消防|防|水务|气象|人民|急诊)", text[inside[-1].end : clause.end]
                    ):
                        return (Span(start, inside[-1].end),)
        return ()

    # The division

    def _division(self, text: str, place: Finding | None, named: list[Named]) -> Finding | None:
        spans = [place.span, *place.also] if place is not None else []
        inside = [one for one in named if any(s.start <= one.start and one.end <= s.end for s in spans)]
        inside = [one for one in inside if one.unit.rank is not Rank.CITY]
        elsewhere = self._is_elsewhere(text, spans, named)
        if elsewhere:
            return None
        counties = [
            one
            for one in (*inside, *named)
            if one.unit.rank is Rank.COUNTY and (one.full or not _has_full(named))
        ]
        towns = [one for one in inside if one.unit.rank is Rank.TOWNSHIP]
        if not towns and not [one for one in inside if one.unit.rank is Rank.COUNTY]:
            towns = [one for one in named if one.unit.rank is Rank.TOWNSHIP][:1]
        county = counties[0] if counties else None
        if towns:
            town = towns[0]
            if (
                county is not None
                and town.unit.parent != county.unit.code
                and not any(one is town for one in inside)
            ):
                town_ok = False
            else:
                town_ok = (
                    county is None
                    or town.unit.parent == county.unit.code
                    or not inside
                    or county not in inside
                )
            if town_ok:
                sure = (
                    Sure.SURE if county is not None and town.unit.parent == county.unit.code else Sure.LIKELY
                )
                return Finding("division", town.unit.code, Span(town.start, town.end), sure)
        if county is not None:
            if place is not None and (stem := self._stem_after(text, place.span, county)):
                return stem
            sure = Sure.SURE if county.full and county in inside else Sure.LIKELY
            return Finding("division", county.unit.code, Span(county.start, county.end), sure)
        return None

    def _stem_after(self, text: str, span: Span, county: Named) -> Finding | None:
        """坟坨管理区, 凉水河乡: a township by its bare name inside the place's words."""
        words = text[span.start : span.end]
        for code, stem in self._stems.items():
            unit = self._tree.get(code)
            assert unit is not None
            at = words.find(stem)
            if unit.parent != county.unit.code or at < 0:
                continue
            if span.start + at < county.end and stem in county.unit.name:
                continue
            if words[at + len(stem) : at + len(stem) + 2][:1] in ("路", "街", "河", "水", "山", "大", "海"):
                continue
            start = span.start + at
            return Finding("division", code, Span(start, start + len(stem)), Sure.LIKELY)
        return None

    def _is_elsewhere(self, text: str, spans: list[Span], named: list[Named]) -> bool:
        """Whether the place is another city's: its words, or those before, name a county that is not ours."""
        ours = [Span(one.start, one.end) for one in named]
        province = [Span(match.start(), match.end()) for match in re.finditer(r"河北省?|秦皇岛市?", text)]
        plain = _GENERIC.sub(lambda match: "\x00" * len(match[0]), blank(text, [*ours, *province]))
        for span in spans:
            if _OTHER_CITY.search(plain, span.start, span.end):
                return True
        if any(one.full and one.unit.rank is not Rank.TOWNSHIP for one in named):
            return False
        strangers = list(_OTHER_CITY.finditer(plain))
        return bool(strangers) and (
            not spans or any(one.start() <= max(s.end for s in spans) for one in strangers)
        )


def _also_called(name: str, city: str, stem_of_city: str) -> Iterator[tuple[str, bool]]:
    """Other ways to write a county-rank unit; the flag tells whether it is a whole name."""
    if name.endswith("经济技术开发区"):
        for prefix in (city, stem_of_city, ""):
            yield f"{prefix}经济技术开发区", True
        for prefix in (city, stem_of_city, "市"):
            yield f"{prefix}开发区", True
        return
    stem = re.sub(r"([一-鿿]族自治县|[县区])$", "", name)
    if name.endswith("族自治县"):
        stem = re.sub(r"[一-鿿]族自治县$", "", name)
        yield f"{stem}县", True
    if name.endswith("新区"):
        return
    if stem not in ("海港",) and len(stem) >= 2:  # 海港 is a harbour, too
        yield stem, False


def _has_full(named: list[Named]) -> bool:
    return any(one.full and one.unit.rank is Rank.COUNTY for one in named)
