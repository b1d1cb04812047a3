// The short report (短报): a command in at most 70 characters, the same here and in server/domain/short_report, which
// says how and why. Pure: no page and no network, for a tablet that has neither. Held to the server's by one table.

export const LONGEST = 70;
const MOST_PARTS = 9, PRIME = 65_537, COMMA = "，", COMMAS = ",，;；|｜";
const INCIDENT_DIGITS = 6, MARK_DIGITS = 8, OPEN_DIGITS = 10, ORDER_DIGITS = 6;
const OPENED = "fe2e6040-5000-8000-8000-", BEIJING_MS = 8 * 3_600_000, DAY_MS = 86_400_000;
const SPACE = "[\\t\\n\\x0b\\x0c\\r\\x1c-\\x1f \\x85\\xa0\\u1680\\u2000-\\u200b\\u2028\\u2029\\u202f\\u205f\\u3000\\ufeff]";
const SPACES = new RegExp(SPACE), AROUND = new RegExp(`^${SPACE}+|${SPACE}+$`, "g"), BEFORE = new RegExp(`^${SPACE}+`);
const UNKNOWN = "核", NOTHING = "无", DRILL = "演练", REAL = "真实", ALSO = "附", TEAM = "队";

export const WORDS = {
  kinds: { 开: "open-incident", 记: "add-entry", 数: "establish-facts", 态: "set-field-status", 清: "count-heads", 援: "request-help", 收: "acknowledge-order" },
  entry_kinds: { 来电: "call_in", 去电: "call_out", 来文: "document_in", 发文: "document_out", 文电: "document", 系统: "system_message", 预警: "warning", 视频: "video", 点名: "roll_call", 指示: "instruction", 交办: "assignment", 反馈: "feedback", 巡检: "inspection", 调派: "dispatch", 到场: "arrival", 记事: "note", 情况: "sitrep" },
  statuses: { 途中: "en_route", 到达: "arrived", 开展: "engaged", 撤离: "withdrawn" },
  directions: { 进: "in", 出: "out" },
  help: { 人员: "people", 医疗: "medical", 车辆: "vehicles", 船艇: "boats", 物资: "supplies", 通信: "communications", 接应: "evacuation", 其他: "other" },
  categories: { 生产: "work_safety", 危化: "hazmat", 煤矿: "coal_mine", 矿山: "mine", 交通: "road_traffic_accident", 火灾: "fire_accident", 林火: "forest_fire", 洪涝: "flood", 干旱: "drought", 气象: "weather", 地震: "earthquake", 地灾: "geological_disaster", 海洋: "marine", 环境: "environment", 卫生: "public_health", 疫病: "animal_epidemic", 社会: "social_security", 其他: "other", 不详: null },
  facts: { 死亡: "dead", 失联: "missing", 被困: "trapped", 涉险: "endangered", 重伤: "seriously_injured", 轻伤: "lightly_injured", 受伤: "injured", 中毒: "poisoned", 留观: "hospital_observed", 转移: "evacuated", 应转: "to_evacuate", 安置: "resettled", 需安: "to_resettle", 受灾: "affected", 塌房: "houses_collapsed", 损房: "houses_damaged", 投人: "forces_people", 投车: "forces_vehicles", 重污: "serious_pollution", 危重: "important_place_endangered", 损失: "loss_wan", 林地: "forest_ha", 过火: "burnt_ha", 农田: "crops_ha", 震级: "magnitude" },
};
const CARRIED = {
  "open-incident": ["title", "category", "place", "known_at", "known_by", "facts", "drill"],
  "add-entry": ["kind", "text", "happened_at"],
  "establish-facts": ["known_at", "known_by", "facts", "explanation"],
  "set-field-status": ["status", "at", "text"],
  "count-heads": ["direction", "people", "team", "at", "text"],
  "request-help": ["kind", "quantity", "at", "text"],
  "acknowledge-order": ["order_id", "at", "text"],
};
const ASIDE = ["command_id", "incident_id", "entry_id", "count_id", "request_id", "device_at", "device_sent_at", "on_behalf_of", "words", "short_mark"];

/** A command that no short report can carry; `what` names the part. */
export class Unsayable extends Error {
  constructor(what) {
    super(what);
    this.what = what;
  }
}

/** A message that cannot be right: `code` is form, length, check, field or parts; `at`: near which character, from 1. */
export class Garbled extends Error {
  constructor(code, at = null, by = 0, message = 0) {
    super(code);
    Object.assign(this, { code, at, by, message });
  }
}

// --- marks ---

const tail = (id) => parseInt(id.replaceAll("-", "").slice(-12), 16);
const mod = (id, digits) => String(tail(id) % 10 ** digits).padStart(digits, "0");
export const markOf = (commandId) => mod(commandId, MARK_DIGITS);
export const incidentMark = (incidentId) => mod(incidentId, INCIDENT_DIGITS);
export const orderMark = (orderId) => mod(orderId, ORDER_DIGITS);
export const incidentOf = (digits) => OPENED + Number(digits).toString(16).padStart(12, "0");

/** The id for an incident that is opened on a tablet: a short report can carry it whole. */
export function newIncidentId() {
  const [high, low] = crypto.getRandomValues(new Uint32Array(2));
  return incidentOf((high * 2 ** 20 + low % 2 ** 20) % 10 ** OPEN_DIGITS);
}

function digitsOf(incidentId) {
  const number = tail(incidentId);
  return incidentId.toLowerCase().startsWith(OPENED) && number < 10 ** OPEN_DIGITS ? String(number).padStart(OPEN_DIGITS, "0") : null;
}

// --- characters ---

const narrow = (char) => (char >= "！" && char <= "～" ? String.fromCharCode(char.charCodeAt(0) - 0xfee0) : char);

export function fold(text) {
  let folded = "";
  for (const one of text.split("")) {
    if (SPACES.test(one)) continue;
    const char = narrow(one);
    folded += COMMAS.includes(char) ? COMMA : char >= "a" && char <= "z" ? char.toUpperCase() : char;
  }
  return folded;
}

export function checkDigits(before) {
  const folded = fold(before);
  let total = 0;
  for (let place = 0; place < folded.length; place += 1) total = (total + (place + 1) * folded.charCodeAt(place)) % PRIME;
  return String(folded.length + 7).padStart(2, "0") + String(total).padStart(5, "0");
}

function plain(what, text) {
  if (/[\ud800-\udfff\u0000]/.test(text)) throw new Unsayable(what);
  return text;
}

// --- to words ---

/** `{messages, leftOut}` for a command's body as it goes over the wire. Throws Unsayable. */
export function encode(name, body, sender) {
  const kind = Object.keys(WORDS.kinds).find((word) => WORDS.kinds[word] === name);
  if (!kind) throw new Unsayable(name);
  if (!sender || sender.split("").some((char) => COMMAS.includes(char) || SPACES.test(char))) throw new Unsayable("sender");
  const leftOut = Object.keys(body).filter((one) => !ASIDE.includes(one) && !CARRIED[name].includes(one) && body[one] !== null && body[one] !== undefined);
  const fields = SAY[name](body, leftOut);
  let mark;
  if (name === "open-incident") {
    mark = digitsOf(body.incident_id);
    if (mark === null) throw new Unsayable("incident_id");
  } else {
    mark = markOf(body.command_id);
    fields.unshift(incidentMark(body.incident_id));
  }
  const payload = plain("text", fields.join(COMMA)), head = `${COMMA}${plain("sender", sender)}${COMMA}${mark}${COMMA}`;
  return { messages: messagesOf(kind, head, payload), leftOut };
}

function messagesOf(kind, head, payload) {
  let room = LONGEST - (kind + head + COMMA).length - 7;
  const closed = (before) => before + checkDigits(before);
  if (payload.length <= room) return [closed(`${kind}${head}${payload}${COMMA}`)];
  room -= 3;
  if (room < 1 || payload.length > room * MOST_PARTS) throw new Unsayable("text");
  const pieces = [];
  for (let start = 0; start < payload.length; start += room) pieces.push(payload.slice(start, start + room));
  return pieces.map((piece, index) => closed(`${kind}${index + 1}之${pieces.length}${head}${piece}${COMMA}`));
}

const two = (number) => String(number).padStart(2, "0");

function time(wire) {
  const moment = new Date(Date.parse(wire) + BEIJING_MS);
  return two(moment.getUTCDate()) + two(moment.getUTCHours()) + two(moment.getUTCMinutes());
}

function word(table, value, what) {
  const found = Object.keys(table).find((one) => table[one] === value);
  if (found === undefined) throw new Unsayable(what);
  return found;
}

function factsSaid(facts) {
  const said = Object.entries(facts).map(([name, value]) => word(WORDS.facts, name, name) + (value === null ? UNKNOWN : String(value).replace(".", "点")));
  return said.join("") || NOTHING;
}

const also = (text) => (text ? [ALSO + text] : []);
const hasComma = (text) => text.split("").some((char) => COMMAS.includes(char));

const SAY = {
  "open-incident": (body, leftOut) => {
    const place = body.place ?? {};
    for (const name of ["lon", "lat"]) if (place[name] !== null && place[name] !== undefined) leftOut.push(`place.${name}`);
    let text = place.text ?? "", category = body.category ?? null;
    if (text === NOTHING || hasComma(text)) {
      leftOut.push("place.text");
      text = "";
    }
    if (category?.includes("/")) {
      leftOut.push("category/");
      [category] = category.split("/");
    }
    return [
      time(body.known_at), body.known_by, place.division || NOTHING, word(WORDS.categories, category, "category"), body.drill ? DRILL : REAL,
      body.facts === null || body.facts === undefined ? NOTHING : factsSaid(body.facts), text || NOTHING, body.title,
    ];
  },
  "add-entry": (body) => [time(body.happened_at), word(WORDS.entry_kinds, body.kind, "kind"), body.text],
  "establish-facts": (body) => [time(body.known_at), body.known_by, factsSaid(body.facts), ...also(body.explanation)],
  "set-field-status": (body) => [time(body.at), word(WORDS.statuses, body.status, "status"), ...also(body.text)],
  "count-heads": (body, leftOut) => {
    const said = [time(body.at), word(WORDS.directions, body.direction, "direction") + body.people];
    if (body.team && hasComma(body.team)) leftOut.push("team");
    else if (body.team) said.push(TEAM + body.team);
    return [...said, ...also(body.text)];
  },
  "request-help": (body) => [time(body.at), word(WORDS.help, body.kind, "kind") + (body.quantity ?? ""), ...also(body.text)],
  "acknowledge-order": (body) => [time(body.at), orderMark(body.order_id), ...also(body.text)],
};

// --- from words ---

/** What these messages, in any order, say: `{name, sender, mark, body, incident_mark, order_mark, parts, missing}`. Throws Garbled. */
export function decode(messages, now) {
  if (!messages.length) throw new Garbled("form");
  const parts = new Map();
  let first = null;
  messages.forEach((message, index) => {
    let part;
    try {
      part = partOf(message);
    } catch (wrong) {
      throw new Garbled(wrong.code, wrong.at, wrong.by, index);
    }
    first ??= part;
    const isSame = ["name", "parts", "sender", "mark"].every((one) => part[one] === first[one]);
    if (!parts.has(part.number)) parts.set(part.number, part);
    if (!isSame || parts.get(part.number).payload !== part.payload) throw new Garbled("parts", null, 0, index);
  });
  const said = empty(first), numbers = Array.from({ length: first.parts }, (_, index) => index + 1);
  said.missing = numbers.filter((number) => !parts.has(number));
  if (!said.missing.length) read(said, numbers.map((number) => parts.get(number).payload).join(""), parts.get(1).begins, now);
  return said;
}

const empty = ({ name, sender, mark, parts }) => ({ name, sender, mark, body: {}, incident_mark: "", order_mark: "", parts, missing: [] });

function partOf(message) {
  const raw = message.replace(AROUND, ""), folded = fold(raw), found = /^([^]*，)([0-9]{2})([0-9]{5})$/.exec(folded);
  if (!found) throw new Garbled("form", Math.max(1, raw.length - 6));
  if (Number(found[2]) !== folded.length) throw new Garbled("length", suspect(raw), folded.length - Number(found[2]));
  if (checkDigits(found[1]) !== found[2] + found[3]) throw new Garbled("check", suspect(raw));
  return structure(raw);
}

function suspect(raw) {
  try {
    const part = structure(raw);
    if (part.parts === 1) read(empty(part), part.payload, part.begins, Date.parse("2026-01-31T23:59:00+08:00"));
  } catch (wrong) {
    return wrong.at;
  }
  return null;
}

function split(raw, most) {
  const found = [];
  let start = 0;
  for (let place = 0; place < raw.length && found.length < most; place += 1) {
    if (!COMMAS.includes(raw[place])) continue;
    found.push([start, raw.slice(start, place)]);
    start = place + 1;
  }
  return [...found, [start, raw.slice(start)]];
}

function structure(raw) {
  const fields = split(raw, 3);
  if (fields.length < 4) throw new Garbled("field", raw.length);
  const wrong = (field) => { throw new Garbled("field", field[0] + 1); };
  const head = /^([开记数态清援收])(?:([1-9])之([1-9]))?$/.exec(fold(fields[0][1])) ?? wrong(fields[0]);
  const name = WORDS.kinds[head[1]], number = Number(head[2] ?? 1), parts = Number(head[3] ?? 1);
  if (number > parts || (head[2] && parts === 1)) wrong(fields[0]);
  const sender = fields[1][1].replace(AROUND, "") || wrong(fields[1]);
  const mark = fold(fields[2][1]), digits = name === "open-incident" ? OPEN_DIGITS : MARK_DIGITS;
  if (!new RegExp(`^[0-9]{${digits}}$`).test(mark)) wrong(fields[2]);
  const [start, rest] = fields[3];
  let last = rest.length;
  for (let place = rest.length - 1; place >= 0 && last === rest.length; place -= 1) if (COMMAS.includes(rest[place])) last = place;
  return { name, number, parts, sender, mark, payload: rest.slice(0, last), begins: start + 1 };
}

class Fields {
  constructor(payload, begins, now) {
    Object.assign(this, { left: payload, at: begins, now });
  }

  get isOver() {
    return this.left === null;
  }

  rest() {
    if (this.isOver) throw new Garbled("field", this.at);
    const said = this.left;
    this.left = null;
    return said;
  }

  next() {
    const [[, said], more] = split(this.rest(), 1), at = this.at;
    this.at += said.length + 1;
    if (more) this.left = more[1];
    return [at, said.replace(AROUND, "")];
  }

  matching(pattern) {
    const [at, said] = this.next(), found = pattern.exec(fold(said));
    if (!found) throw new Garbled("field", at);
    return [found, at];
  }

  digits(count) {
    return this.matching(new RegExp(`^[0-9]{${count}}$`))[0][0];
  }

  word(table) {
    const [at, said] = this.next();
    if (!Object.hasOwn(table, said)) throw new Garbled("field", at);
    return table[said];
  }

  counted(table, isOptional) {
    const [found, at] = this.matching(new RegExp(`^(${Object.keys(table).join("|")})([0-9]{0,6})$`));
    if ((!found[2] && !isOptional) || found[2].startsWith("0")) throw new Garbled("field", at);
    return [table[found[1]], found[2] ? Number(found[2]) : null];
  }

  unit() {
    const [at, said] = this.next(), code = said.split("").map(narrow).join("");
    if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$/.test(code)) throw new Garbled("field", at);
    return code;
  }

  facts() {
    const [at, said] = this.next(), whole = fold(said);
    if (whole === NOTHING) return null;
    const each = new RegExp(`(${Object.keys(WORDS.facts).join("|")})(${UNKNOWN}|[0-9]+(?:点[0-9]+)?)`, "g");
    const found = [...whole.matchAll(each)];
    if (!found.length || found.map((one) => one[0]).join("") !== whole) throw new Garbled("field", at);
    return Object.fromEntries(found.map(([, name, value]) => [WORDS.facts[name], value === UNKNOWN ? null : Number(value.replace("点", "."))]));
  }

  time() {
    const [found, at] = this.matching(/^([0-9]{2})([0-9]{2})([0-9]{2})$/);
    const [day, hour, minute] = found.slice(1).map(Number), latest = this.now + 120_000;
    for (let back = 0; back < 62; back += 1) {
      const date = new Date(latest + BEIJING_MS - back * DAY_MS);
      if (date.getUTCDate() !== day || hour > 23 || minute > 59) continue;
      const moment = Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), day, hour, minute);
      if (moment - BEIJING_MS <= latest) return `${new Date(moment).toISOString().slice(0, 19)}+08:00`;
    }
    throw new Garbled("field", at);
  }

  also(mark = ALSO) {
    if (this.isOver || !this.left.replace(BEFORE, "").startsWith(mark)) return null;
    return mark === ALSO ? this.rest().replace(BEFORE, "").slice(1) : this.next()[1].slice(1);
  }

  end() {
    if (!this.isOver) throw new Garbled("field", this.at);
  }
}

function read(said, payload, begins, now) {
  const fields = new Fields(payload, begins, now), { body } = said;
  const put = (name, value) => { if (value !== null) body[name] = value; };
  if (said.name !== "open-incident") said.incident_mark = fields.digits(INCIDENT_DIGITS);
  READ[said.name](fields, body, put, said);
  fields.end();
}

const READ = {
  "open-incident": (fields, body, put, said) => {
    body.incident_id = incidentOf(said.mark);
    body.known_at = fields.time();
    body.known_by = fields.unit();
    const [at, division] = fields.next();
    if (division !== NOTHING && !/^[0-9]{6}([0-9]{3}){0,2}$/.test(fold(division))) throw new Garbled("field", at);
    body.category = fields.word(WORDS.categories);
    body.drill = fields.word({ [DRILL]: true, [REAL]: false });
    put("facts", fields.facts());
    const text = fields.next()[1], place = {};
    if (fold(division) !== NOTHING) place.division = fold(division);
    if (text !== NOTHING) place.text = text;
    body.place = Object.keys(place).length ? place : null;
    body.title = fields.rest();
  },
  "add-entry": (fields, body) => {
    body.happened_at = fields.time();
    body.kind = fields.word(WORDS.entry_kinds);
    body.text = fields.rest();
  },
  "establish-facts": (fields, body, put) => {
    body.known_at = fields.time();
    body.known_by = fields.unit();
    body.facts = fields.facts() ?? {};
    put("explanation", fields.also());
  },
  "set-field-status": (fields, body, put) => {
    body.at = fields.time();
    body.status = fields.word(WORDS.statuses);
    put("text", fields.also());
  },
  "count-heads": (fields, body, put) => {
    body.at = fields.time();
    [body.direction, body.people] = fields.counted(WORDS.directions, false);
    put("team", fields.also(TEAM));
    put("text", fields.also());
  },
  "request-help": (fields, body, put) => {
    body.at = fields.time();
    const [kind, quantity] = fields.counted(WORDS.help, true);
    body.kind = kind;
    put("quantity", quantity);
    put("text", fields.also());
  },
  "acknowledge-order": (fields, body, put, said) => {
    body.at = fields.time();
    said.order_mark = fields.digits(ORDER_DIGITS);
    put("text", fields.also());
  },
};
