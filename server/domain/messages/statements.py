"""One sentence about people: which number belongs to which word for what became of them. Pure.

A number counts only together with such a word, in the same clause or the one that goes on with it. Numbers of
vehicles, hectares, rescuers, ages and telephones have no such word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from server.domain.messages import states
from server.domain.messages.findings import Span, clauses
from server.domain.messages.numbers import AMOUNT, HAN, amount_at
from server.domain.messages.tallies import Mention

_BREAKS = ",、()\n\t \x00"
_COUNTED = re.compile(
    r"个?人(?![民次均工家以])|名|位(?!于|置)|例|具|口人?"
    r"|个(?=人|小?孩|老|大人|娃|学|外地|[民农职员矿]?工|伤|游客|乘客|男|女|村民|群众|死|重|轻|受|没|被|埋"
    r"|困|在|[,。;]|$|还|都|也)"
)
_NOT_COUNTED = re.compile(r"以[上下内]")
_PAIR = re.compile(r"[俩仨]")
_RESPONDERS = re.compile(
    r"(?:[一-鿿]{0,4}(?:消防|指战|队员|民警|警力|救援|搜救|医护|医务|干部|专家|志愿者|力量|救护|官兵|战士"
    r"|工作人员|海巡|特勤))"
)
_NOUNS = r"(?:人员|群众|者|工人|矿工|村民|居民|游客|学生|乘客|人口|住户|员工|船员|儿童|民工|作业人员|总|中)"
_CONNECTED = re.compile(
    rf"(?:了|着)?{_NOUNS.replace('|中', '')}?(?:总?人数|数量|数字|数)?(?:[:为是有约共达到至升增上计已的]"
    rf"|分别|总计|累计|合计|新增|目前|仍有?)*了?"
)
_LOOSE = ("evacuated", "resettled", "endangered")
_BARE = re.compile(
    rf"(?P<n>\d+|[{HAN}]+)(?P<s>死|亡|重伤|轻伤|伤|失联|失踪|被困|重(?=[\d一二两三四五六七八九十)、,])"
    rf"|轻(?=[\d)、,]|$))(?!者|员)"
)
_BARE_FIELD = {"死": "dead", "亡": "dead", "重伤": "seriously_injured", "重": "seriously_injured"}
_BARE_FIELD |= {"轻伤": "lightly_injured", "轻": "lightly_injured", "伤": "injured", "失联": "missing"}
_BARE_FIELD |= {"失踪": "missing", "被困": "trapped"}
_NUMBER_AFTER = re.compile(rf"[:]?(?P<n>\d+|[{HAN}]+)(?=[,、;。\s)]|$)")
_RELATIVE = re.compile(r"[一-鿿]{0,4}的(?:\d|[一二三四五六七八九十])")
_ROSE = re.compile(
    rf"(?:总?人数|人员)?由(?P<from>\d+|[{HAN}]+)人?(?:上升|增加|增|升|更正|变|下降|减少)(?:至|到"
    rf"|为)(?P<n>\d+|[{HAN}]+)人?"
)
_THIS_ONE = re.compile(r"(?:这|该|此)[名位][一-鿿]{0,14}$")
_BEFORE_DEATH = ("missing", "trapped", "seriously_injured", "injured")
_LATER = re.compile(r"(?:后|随后|经|被|但|最终|送|不幸|均?已|找到时|发现时|救出[时后]|因伤)")
_PERSON_SAVED = re.compile(
    r"(?:驾驶员|司机|驾驶人|男子|女子|老人|男童|女童|男孩|女孩|小孩|工人|乘客|乘车人|骑车人"
    r"|行人)(?=[一-鿿]{0,6}(?:被|送|救|抬|困|倒))"
    r"|被困(?:司机|驾驶员|男子|女子|人员|老人)"
)
_AFTERWARDS = re.compile(r"正在|准备|需要?|应当?|拟|即将|组织|待|做好")
_ONLY_NUMBER = re.compile(r"^(?:一共|总共|共计?|至少|大约|约|有|共有|大概|男女老少|大人小孩)*$")
_BETWEEN = re.compile(r"^[一-鿿]{1,8}(?:和|及|与|以及|、)(?:另有|还有)?$")
_FAR, _LATE_START, _MOST_IN_A_CLAUSE = 26, 10, 24


@dataclass(slots=True)
class _Number:
    value: int | None
    about: bool
    start: int
    end: int
    used: str = ""  # "" free, "rescued", "state"


class Statement:
    """One sentence: its clauses one after another, and what the ones before left open."""

    def __init__(self, text: str, span: Span, past: list[Mention]) -> None:
        self.text, self.span, self.past = text, span, past
        self.found: list[Mention] = []
        self.open_numbers: list[_Number] = []  # of the clauses before, the last first
        self.last_numbers: list[_Number] = []  # the same, those with a state, too
        self.waiting: re.Match[str] | None = None  # a state that no number stood beside
        self.last_field = ""

    def mentions(self) -> list[Mention]:
        for clause in clauses(self.text, self.span, _BREAKS):
            self._read(clause)
        return self.found

    def _read(self, clause: Span) -> None:
        numbers = list(islice(self._numbers(clause), _MOST_IN_A_CLAUSE))
        marks = list(islice(states.STATE.finditer(self.text, clause.start, clause.end), _MOST_IN_A_CLAUSE))
        taken = self._bare(clause, marks)
        marks = [
            mark for mark in marks if not any(mark.start() < end and mark.end() > at for at, end in taken)
        ]
        numbers = [one for one in numbers if not any(one.start < end and one.end > at for at, end in taken)]
        self._mark_rescued(clause, numbers, marks)
        before = len(self.found)
        marks = self._last_of_each(marks, numbers)
        for at, mark in enumerate(marks):
            self._pair(clause, mark, numbers, marks, at)
        if not marks and not taken:
            self._goes_on(clause, numbers)
        if len(self.found) > before or not marks:
            self.waiting = (
                marks[-1] if marks and len(self.found) == before else self.waiting if not marks else None
            )
        self.last_numbers = numbers[::-1] or self.last_numbers
        free = [one for one in numbers if one.used != "state"]
        if free:
            self.open_numbers = free[::-1]
        elif numbers:
            self.open_numbers = []

    def _numbers(self, clause: Span) -> Iterator[_Number]:
        """Numbers of people: with a word that people are counted by."""
        at = clause.start
        while match := AMOUNT.search(self.text, at, clause.end):
            counted = _COUNTED.match(self.text, match.end(), clause.end)
            pair = _PAIR.fullmatch(match["number"] or "")
            end = counted.end() if counted else match.end()
            first = self.text[match.start() - 1 : match.start()]
            if (
                (counted or pair)
                and first not in "第.-"
                and not _NOT_COUNTED.match(self.text, end, clause.end)
            ):
                if (amount := amount_at(match)) is not None:
                    yield _Number(amount.value, amount.about, match.start(), end)
                at = end
            else:
                at = match.end() if not match["vague"] else match.start() + 1

    def _bare(self, clause: Span, marks: list[re.Match[str]]) -> list[tuple[int, int]]:
        """2死3伤, 死2 重伤1: no counting word is needed, because the state stands right beside."""
        taken = []
        at = clause.start
        while match := _BARE.search(self.text, at, clause.end):
            at = match.end()
            if match["s"] in "重轻" and not self._in_parens(clause):
                continue
            if (value := _whole(match["n"])) is None:
                continue
            taken.append((match.start(), match.end()))
            self._add(
                _BARE_FIELD[match["s"]],
                _Number(value, False, match.start("n"), match.end("n")),
                match.span("s"),
                clause,
            )
        for mark in marks:
            if any(mark.start() < end and mark.end() > start for start, end in taken):
                continue
            after = _ROSE.match(self.text, mark.end(), self.span.end) or _NUMBER_AFTER.match(
                self.text, mark.end(), self.span.end
            )
            if after and after.end() <= clause.end and (value := _whole(after["n"])) is not None:
                taken.append((mark.start(), after.end()))
                number = _Number(value, False, after.start("n"), after.end("n"))
                self._add(mark.lastgroup or "", number, mark.span(), clause)
        return taken

    def _mark_rescued(self, clause: Span, numbers: list[_Number], marks: list[re.Match[str]]) -> None:
        """Numbers of those who are safe; when all of them are, nobody is trapped or missing any more."""
        rescued = list(states.RESCUED.finditer(self.text, clause.start, clause.end))
        for safe in rescued:
            for one in numbers:
                gap = (
                    self.text[one.end : safe.start()]
                    if one.end <= safe.start()
                    else self.text[safe.end() : one.start]
                )
                if len(gap) <= 12 and not any(
                    mark.start() < max(one.start, safe.start()) and mark.end() > min(one.end, safe.end())
                    for mark in marks
                ):
                    one.used = one.used or "rescued"
        if not rescued:
            return
        whole = states.ALL.search(rescued[0][0]) or (
            not numbers and not any(m.lastgroup == "dead" for m in marks)
        )
        in_clause = [
            mark
            for mark in marks
            if mark.lastgroup in ("trapped", "missing") and mark.end() <= rescued[0].start()
        ]
        partly = any(one.used == "rescued" for one in numbers)
        for field in ("trapped", "missing"):
            had = next(
                (
                    one.value
                    for one in reversed([*self.past, *self.found])
                    if one.field == field and one.value
                ),
                None,
            )
            some = next((one.value for one in numbers if one.value is not None), None)
            partly = partly or (had is not None and some is not None and some < had)
            earlier = any(mention.field == field for mention in (*self.past, *self.found))
            bodies = any(mark.lastgroup == "dead" for mark in marks)
            if field == "missing" and bodies and had is not None and (some or 1) == had:
                self.found.append(
                    Mention(field, 0, Span(rescued[0].start(), rescued[0].end()), likely=True, rescued=True)
                )
            elif in_clause and in_clause[0].lastgroup == field and not partly:
                self.found.append(
                    Mention(field, 0, Span(in_clause[0].start(), rescued[0].end()), likely=True, rescued=True)
                )
            elif earlier and whole and not in_clause:
                self.found.append(
                    Mention(field, 0, Span(rescued[0].start(), rescued[0].end()), likely=True, rescued=True)
                )
            elif partly and (earlier or in_clause) and field == "trapped":
                self.found.append(
                    Mention(field, None, Span(rescued[0].start(), rescued[0].end()), partly=True)
                )
            elif whole and not in_clause and states.ALL.search(rescued[0][0]):
                self.found.append(
                    Mention(
                        field,
                        0,
                        Span(rescued[0].start(), rescued[0].end()),
                        likely=True,
                        rescued=True,
                        if_said=True,
                    )
                )

    def _last_of_each(self, marks: list[re.Match[str]], numbers: list[_Number]) -> list[re.Match[str]]:
        """被困人员全部遇难: of states with no number between them the one they ended in."""
        kept: list[re.Match[str]] = []
        for mark in marks:
            if (
                kept
                and mark.lastgroup in ("dead", "missing")
                and kept[-1].lastgroup not in ("dead", "resettled")
            ):
                between = self.text[kept[-1].end() : mark.start()]
                if (
                    not any(kept[-1].end() <= one.start < mark.start() for one in numbers)
                    and len(between) <= 14
                ):
                    kept.pop()
            elif kept and kept[-1].lastgroup == "evacuated" and self.text[mark.start() - 1] == "受":
                continue  # 转移受威胁群众: those who are moved
            elif kept and mark.lastgroup == "resettled" and kept[-1].lastgroup == "evacuated":
                continue
            kept.append(mark)
        return kept

    def _pair(
        self, clause: Span, mark: re.Match[str], numbers: list[_Number], marks: list[re.Match[str]], at: int
    ) -> None:
        field = mark.lastgroup or ""
        if states.UNREAL.search(self.text, clause.start, mark.start()):
            return
        if field in ("trapped", "missing") and re.search(
            r"救出$|营救$|解救$|发现$|找到$", self.text[max(clause.start, mark.start() - 3) : mark.start()]
        ):
            return
        number = self._beside(clause, mark, numbers, marks, at)
        if number is not None:
            self._add(field, number, mark.span(), clause, summed=self._joined(clause, number, numbers))
            return
        head = self.text[clause.start : mark.start()]
        if person := states.ONE_PERSON.search(head):
            several = self.text[clause.start - 1 : clause.start] == "、" or re.search(
                r"[和及与]$", head[: person.start()]
            )
            one = _Number(None if several else 1, True, clause.start + person.start(), mark.end())
            self._add(field, one, mark.span(), clause, likely=True, exact=not several)
            return
        if some := states.SOME.search(head):
            self._add(
                field, _Number(None, True, clause.start + some.start(), mark.end()), mark.span(), clause
            )
            return
        if this := _THIS_ONE.search(head):
            one = _Number(1, False, clause.start + this.start(), mark.end())
            self._add(field, one, mark.span(), clause, likely=True)
            return
        if field == "dead" and self._died_later(clause, mark):
            return
        if field == "dead" and (lone := self._spoken_of(clause, mark)) is not None:
            self._add(field, lone, mark.span(), clause, likely=True, exact=True)
            return
        noun = re.match(_NOUNS, self.text[mark.end() : clause.end])
        if not noun and mark.start() - clause.start <= _LATE_START and field not in _LOOSE:
            pool = self.last_numbers if states.ALL.search(head + mark[0][:2]) else self.open_numbers
            number = next((one for one in pool if not self._are_responders(one)), None)
            if number is not None:
                self._add(field, number, mark.span(), clause)
                return
        self.waiting = mark

    def _beside(
        self, clause: Span, mark: re.Match[str], numbers: list[_Number], marks: list[re.Match[str]], at: int
    ) -> _Number | None:
        """The number that belongs to this state: before it (3人死亡) or behind it (死亡3人)."""
        last = marks[at - 1].end() if at else clause.start
        before = [
            one for one in numbers if one.end <= mark.start() and one.start >= last and one.used != "state"
        ]
        following = marks[at + 1].start() if at + 1 < len(marks) else clause.end
        behind = [one for one in numbers if mark.end() <= one.start < following and not one.used]
        if mark.lastgroup in _LOOSE:
            if _RELATIVE.match(self.text, mark.end(), clause.end):  # 转移群众的4名干部
                return None
            before = [one for one in before if len(self.text[one.end : mark.start()]) <= 12]
            behind = [one for one in behind if one.start - mark.end() <= 14]
        else:
            behind = [one for one in behind if _CONNECTED.fullmatch(self.text, mark.end(), one.start)]
            before = [
                one
                for one in before
                if mark.start() - one.end <= _FAR
                and not self.text[one.end : mark.start()].endswith(("中", "里", "中的"))
                and not states.RESCUED.search(self.text, one.end, mark.start())
            ]
        states_first = not numbers or marks[0].start() < min(one.start for one in numbers)
        if behind and (states_first or not before):
            return behind[0]
        return before[-1] if before else (behind[0] if behind else None)

    def _joined(self, clause: Span, number: _Number, numbers: list[_Number]) -> list[_Number]:
        """2名驾驶员和1名乘客受伤: the numbers that the state is said of together."""
        joined: list[_Number] = []
        at = number
        for one in [*[o for o in reversed(numbers) if o.end <= number.start], *self.open_numbers]:
            if one.used or one.value is None or self._are_responders(one):
                break
            if not _BETWEEN.match(self.text[one.end : at.start]) or "中" in self.text[one.end : at.start]:
                break
            joined.append(one)
            at = one
        return joined

    def _goes_on(self, clause: Span, numbers: list[_Number]) -> None:
        """…困在车里, 至少三个: a number alone belongs to the state before it."""
        if len(numbers) != 1 or numbers[0].used:
            return
        head, tail = self.text[clause.start : numbers[0].start], self.text[numbers[0].end : clause.end]
        if not _ONLY_NUMBER.match(head) or len(re.sub(r"[。!?;人\s]", "", tail)) > 2:
            return
        if self.found and self.found[-1].value is None and self.found[-1].sentence == self.span.start:
            some = self.found.pop()  # 人被困在车里, 至少三个
            self._add(some.field, numbers[0], (some.span.start, some.span.end), clause, total=True)
        elif self.waiting is not None:
            self._add(self.waiting.lastgroup or "", numbers[0], self.waiting.span(), clause, total=True)
        elif self.found and "共" in head and self.found[-1].value is not None:
            last = self.found[-1]
            self._add(last.field, numbers[0], (last.span.start, last.span.end), clause, total=True)

    def _died_later(self, clause: Span, mark: re.Match[str]) -> bool:
        """1人重伤, 后经抢救无效死亡: those of the mention before, who are no longer what it says."""
        last = self.found[-1] if self.found else None
        if last is None or last.field not in _BEFORE_DEATH or not last.value or self.open_numbers:
            return False
        if not _LATER.match(self.text[clause.start : mark.start() + 2]):
            return False
        self.found.pop()
        self.found.append(
            replace(last, field="dead", word=mark[0], likely=True, also=(*last.also, Span(*mark.span())))
        )
        return True

    def _spoken_of(self, clause: Span, mark: re.Match[str]) -> _Number | None:
        """司机被救出, 经确认已无生命体征: the one person of the clauses before; 其已死亡 likewise."""
        head = self.text[clause.start : mark.start()]
        its_own = head.endswith(("其", "其已", "其已经", "其当场"))
        if self.open_numbers or not (its_own or len(head) <= 4):
            return None
        persons = list(_PERSON_SAVED.finditer(self.text, self.span.start, mark.start()))
        return _Number(1, False, persons[-1].start(), persons[-1].end()) if persons else None

    def _are_responders(self, number: _Number) -> bool:
        return bool(_RESPONDERS.match(self.text, number.end, self.span.end))

    def _in_parens(self, clause: Span) -> bool:
        opened = self.text.rfind("(", self.span.start, clause.start)
        return opened > self.text.rfind(")", self.span.start, clause.start)

    def _add(
        self,
        field: str,
        number: _Number,
        state: tuple[int, int],
        clause: Span,
        *,
        summed: Iterable[_Number] = (),
        likely: bool = False,
        exact: bool = False,
        total: bool = False,
    ) -> None:
        start, end = min(number.start, state[0]), max(number.end, state[1])
        if end - start > 60:  # a number that belongs to a state of a clause before: two places in the text
            start, end = number.start, number.end
        value = number.value
        also = []
        for one in summed:
            value = None if value is None or one.value is None else value + one.value
            also.append(Span(one.start, one.end))
            one.used = "state"
        number.used = "state"
        head = self.text[self.span.start : start]
        near = self.text[clause.start : end]
        words = self.text[state[0] : state[1]]
        mention = Mention(
            field,
            value,
            Span(start, end),
            word=words,
            about=number.about and not exact,
            likely=likely or bool(also),
            total=total or bool(states.TOTAL.search(near)),
            further=bool(states.FURTHER.search(near)),
            remaining=bool(states.REMAINING.search(near)),
            part=self._in_parens(clause) or "其中" in head[-12:] + near[:4] or "其中" in near,
            earlier=bool(states.EARLIER_WORD.search(head)) and not states.CORRECTED.search(head),
            corrected=bool(states.CORRECTED.search(head)),
            also=tuple(also),
            sentence=self.span.start,
        )
        tail = self.text[number.end : clause.end]
        self.last_field = field
        if field == "evacuated":
            coming = _AFTERWARDS.search(self.text, clause.start, clause.end)
            if coming and "已" not in near:
                self.found.append(replace(mention, field="to_evacuate"))
                return
            self.found.append(mention)
            if "安置" in words or re.search(r"安置(?![点房区])", tail):
                self.found.append(replace(mention, field="resettled"))
            return
        self.found.append(mention)


def _whole(text: str) -> int | None:
    match = AMOUNT.fullmatch(text)
    amount = amount_at(match) if match else None
    return amount.value if amount else None
