"""A day's rows told again with other dates, ids, numbers and words: templates, and their fast way into a
database.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import psycopg
from sqlalchemy import Table, insert, update

from server.record.database import Database
from server.record.ledger import Chains
from server.record.tables import COUNTER, ENTRY, INCIDENT, LEDGER, STREAM_ENTRY, STREAM_HEAD

_SLOT = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"  # an id
    r"|20[0-9]{2}-[01][0-9]-[0-3][0-9](?=[T ])"  # the day of an instant
    r"|[^\s\"]+-20[0-9]{2}-D?[0-9]{4,}"  # an incident's number
    r"|[题处][0-9]{5}[题处]"
)
_FIRST = (
    "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜"
    "戚谢邹喻柏水窦章云苏潘葛奚范彭郎鲁韦昌马苗凤花方俞任袁柳"
)
_THEN = (
    "家各庄店坨营台沟峪口坡岭湾桥寺屯堡楼坊塘泉井洼滩头甸山川原野林田"
    "园池渠堤闸渡津浦岗梁坪塬沿岸边里外上下东西南北中前后左右"
)
_END = ("村", "路", "街", "厂", "小区", "市场", "码头", "水库", "工地", "学校", "加油站", "高速口")
_WHAT = ("起火 追尾 泄漏 冒烟 停电 积水 塌方 走失 触电 坠落 爆管 中毒 纠纷 被困 侧翻 倒塌").split()
_WHO = ("居民楼 货车 厂房 仓库 大棚 渔船 学生 老人 管线 电梯 锅炉 储罐 客车 山林 麦垛 井下").split()
PAGE = 40  # days that go in together


@dataclass
class Turn:
    """Where the log stands."""

    seq: int
    chains: Chains
    heads: dict[str, int]


class Retold:
    """The rows of one day. Texts become templates; `write` fills them in for every other day."""

    def __init__(
        self,
        rows: dict[Table, list[dict[str, Any]]],
        *,
        first_day: date,
        first_seq: int,
        heads_before: dict[str, int],
    ) -> None:
        self._first_day, self._first_seq, self._heads_before = first_day, first_seq, heads_before
        self._slots: dict[str, int] = {}
        self._length = len(rows[ENTRY])
        self._tables = {table: [self._row(table, row) for row in found] for table, found in rows.items()}
        self._numbers = [row["number"] for row in sorted(rows[INCIDENT], key=lambda row: row["opened_at"])]
        self._added = {
            stream: sum(1 for row in rows[STREAM_ENTRY] if row["stream"] == stream) for stream in heads_before
        }

    @staticmethod
    def title(number: int) -> str:
        return f"题{number:05d}题"

    @staticmethod
    def place(number: int) -> str:
        return f"处{number:05d}处"

    def _row(self, table: Table, row: dict[str, Any]) -> _Row:
        values: list[Any] = []
        texts: list[tuple[int, _Template]] = []
        moved: list[int] = []
        for at, name in enumerate(table.c.keys()):
            value = row[name]
            if name in ("seq", "first_seq", "last_seq"):
                moved.append(at)
                value -= self._first_seq
            elif name == "search":  # as the projection makes it: casefolded, number and all
                texts.append((at, self._template(row["number"] + value[len(row["number"]) :], fold=True)))
            elif table is ENTRY and name == "body":
                texts.append((at, self._template(bytes(value).decode())))
            elif isinstance(value, datetime):
                texts.append((at, self._template(value.strftime("%Y-%m-%d %H:%M:%S.%f"))))
            elif isinstance(value, str) and _SLOT.search(value):
                texts.append((at, self._template(value)))
            values.append(value)
        return _Row(values, texts, moved)

    def _template(self, text: str, *, fold: bool = False) -> _Template:
        parts: list[str] = []
        slots: list[tuple[int, int]] = []
        at = 0
        for found in _SLOT.finditer(text):
            parts += [text[at : found.start()], ""]
            slots.append((len(parts) - 1, self._slots.setdefault(found[0], len(self._slots))))
            at = found.end()
        return _Template([*parts, text[at:]], slots, fold)

    # ------------------------------------------------------------ telling it

    def write(self, database: Database, turn: Turn, days: Iterable[int], chance: random.Random) -> None:
        counted: dict[str, int] = {}
        for number in self._numbers:
            counted[_prefix(number)] = max(counted.get(_prefix(number), 0), _count(number))
        into = _Sqlite(database) if database.is_sqlite else _Postgres(database)
        recorded_at = None
        try:
            for at, day in enumerate(days):
                slots = self._values(day, counted, chance)
                self._write_day(into, turn, slots)
                recorded_at = self._first_day + timedelta(days=day)
                if at % PAGE == PAGE - 1:
                    into.commit()
            into.commit()
        finally:
            into.close()
        if recorded_at is not None:
            self._settle(database, turn, counted)

    def _values(self, day: int, counted: dict[str, int], chance: random.Random) -> list[str]:
        """What stands in each slot on this day."""
        shift, short = timedelta(days=day), f"{day:08x}"
        values = [""] * len(self._slots)
        year = f"-{(self._first_day + shift).year}-"
        for number in self._numbers:  # in the order in which they were given out
            prefix = re.sub(r"-20[0-9]{2}-", year, _prefix(number))
            counted[prefix] = counted.get(prefix, 0) + 1
            values[self._slots[number]] = f"{prefix}{counted[prefix]:04d}"
        for said, slot in self._slots.items():
            if values[slot]:
                continue
            if said[0] == "题":
                values[slot] = _invented(chance) + chance.choice(_WHO) + chance.choice(_WHAT)
            elif said[0] == "处":
                values[slot] = _invented(chance) + f"{chance.randrange(1, 400)}号"
            elif len(said) == 36:
                values[slot] = short + said[8:]
            else:
                values[slot] = (date.fromisoformat(said) + shift).isoformat()
        return values

    def _write_day(self, into: _Sqlite | _Postgres, turn: Turn, slots: list[str]) -> None:
        for table, rows in self._tables.items():
            if table is STREAM_ENTRY:
                heads, before = turn.heads, self._heads_before
                moved = {stream: heads[stream] - before[stream] for stream in heads}
                filled: list[Any] = [
                    (stream, position + moved[stream], seq + turn.seq)
                    for stream, position, seq in (row.values for row in rows)
                ]
            else:
                filled = [row.filled(slots, turn.seq) for row in rows]
            if table is ENTRY:
                self._chain(filled, turn)
            into.put(table, filled)
        turn.seq += self._length
        for stream, added in self._added.items():
            turn.heads[stream] += added

    @staticmethod
    def _chain(rows: list[list[Any]], turn: Turn) -> None:
        names = list(ENTRY.c.keys())
        body, sha256, sm3 = (names.index(name) for name in ("body", "chain_sha256", "chain_sm3"))
        chains = turn.chains
        for row in rows:
            row[body] = row[body].encode()
            chains = chains.then(row[0], row[body])
            row[sha256], row[sm3] = chains
        turn.chains = chains

    def _settle(self, database: Database, turn: Turn, counted: dict[str, int]) -> None:
        """The rows that say where everything stands."""
        with database.writing(patient=True) as connection:
            last = connection.execute(ENTRY.select().where(ENTRY.c.seq == turn.seq)).one()
            fresh = {"seq": turn.seq, "chain_sha256": turn.chains.sha256, "chain_sm3": turn.chains.sm3}
            connection.execute(update(LEDGER).values(**fresh, recorded_at=last.recorded_at))
            for stream, head in turn.heads.items():
                of_it = update(STREAM_HEAD).where(STREAM_HEAD.c.stream == stream)
                connection.execute(of_it.values(head=head))
            connection.execute(COUNTER.delete())
            rows = [{"prefix": prefix, "last": last_} for prefix, last_ in counted.items()]
            connection.execute(insert(COUNTER), rows)
        if not database.is_sqlite:
            with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("VACUUM ANALYZE")  # as autovacuum does within a minute


@dataclass(slots=True)
class _Template:
    parts: list[str]
    slots: list[tuple[int, int]]
    fold: bool

    def filled(self, values: list[str]) -> str:
        parts = self.parts
        for at, slot in self.slots:
            parts[at] = values[slot]
        text = "".join(parts)
        return text.casefold() if self.fold else text


@dataclass(slots=True)
class _Row:
    values: list[Any]
    texts: list[tuple[int, _Template]]
    moved: list[int]

    def filled(self, slots: list[str], seq: int) -> list[Any]:
        values = self.values.copy()
        for at, template in self.texts:
            values[at] = template.filled(slots)
        for at in self.moved:
            values[at] += seq
        return values


def _prefix(number: str) -> str:
    return number.rstrip("0123456789")


def _count(number: str) -> int:
    return int(number[len(_prefix(number)) :])


def _invented(chance: random.Random) -> str:
    return chance.choice(_FIRST) + chance.choice(_THEN) + chance.choice(_THEN) + chance.choice(_END)


class _Sqlite:
    """Nothing is flushed while it is filled: a bench's database may be lost."""

    def __init__(self, database: Database) -> None:
        self._connection = database.engine.raw_connection()
        self._cursor = self._connection.cursor()
        self._cursor.execute("PRAGMA synchronous=OFF")
        self._cursor.execute("PRAGMA cache_size=-400000")
        self._cursor.execute("BEGIN IMMEDIATE")

    def put(self, table: Table, rows: list[Any]) -> None:
        names, marks = ", ".join(table.c.keys()), ", ".join("?" * len(table.c))
        self._cursor.executemany(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", rows)  # noqa: S608

    def commit(self) -> None:
        self._cursor.execute("COMMIT")
        self._cursor.execute("BEGIN IMMEDIATE")

    def close(self) -> None:
        self._cursor.execute("ROLLBACK")
        self._cursor.close()
        self._connection.invalidate()  # its pragmas are for nobody else


class _Postgres:
    def __init__(self, database: Database) -> None:
        self._connection = psycopg.connect(database.url, options="-c synchronous_commit=off -c timezone=UTC")

    def put(self, table: Table, rows: list[Any]) -> None:
        names = ", ".join(table.c.keys())
        with self._connection.cursor().copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)

    def commit(self) -> None:
        self._connection.commit()

    def close(self) -> None:
        self._connection.close()
