"""What a refusal says to the person, in Chinese and English. The key is the fixed word to program against."""

from __future__ import annotations

import re
from typing import Any

_SENTENCES: dict[str, tuple[str, str]] = {
    "incident-exists": ("这个事件编号已经用过", "This incident id is already in use."),
    "no-such-incident": ("没有这个事件", "There is no such incident."),
    "incident-merged": ("该事件已并入另一事件", "This incident was merged into another."),
    "incident-closed": ("该事件已经办结", "This incident is already closed."),
    "incident-open": ("该事件尚未办结", "This incident is still open."),
    "entry-exists": ("这条记录已经有了", "This entry is already there."),
    "no-such-entry": ("没有这条记录", "There is no such entry."),
    "report-exists": ("这次报送已经登记", "This report is already recorded."),
    "no-such-report": ("没有这次报送", "There is no such report."),
    "receipt-exists": ("这次报送已经登记过签收", "A receipt for this report is already recorded."),
    "received-before-sent": ("签收时间早于发出时间", "Received earlier than it was sent."),
    "no-such-draft": ("没有这份文书", "There is no such report in writing."),
    "not-your-draft": ("这份文书由另一单位起草", "Another unit is writing this report."),
    "draft-discarded": ("这份文书已作废", "This report was discarded."),
    "draft-final": ("已批准或签发，不能再改", "It is approved or signed and cannot change any more."),
    "not-in-draft": ("已经送审", "It is up for signature already."),
    "not-in-review": ("还没有送审", "It is not up for signature."),
    "draft-changed": (
        "您看过之后又有改动，请重看再签",
        "It was changed since you read it: read it again, then sign.",
    ),
    "report-signed": ("已经签发", "It is signed already."),
    "report-entered": ("已登记录入", "It is already marked as entered."),
    "report-sent": ("已经报送，不能作废", "It was sent and cannot be discarded."),
    "no-such-form": ("没有可用的文书格式", "There is no form for this."),
    "order-exists": ("这条指令已经下达", "This order is already issued."),
    "no-such-order": ("没有这条指令", "There is no such order."),
    "instruction-exists": ("这条批示已经登记", "This instruction is already recorded."),
    "no-such-instruction": ("没有这条批示", "There is no such instruction."),
    "no-such-addressee": ("批示没有这个承办单位", "The instruction has no such addressee."),
    "addressee-twice": ("同一承办单位和岗位写了两次", "This addressee is named twice."),
    "not-your-instruction": (
        "签收和反馈由承办单位或登记批示的单位作出；传达、督办、办结由登记单位作出",
        "The addressee or the desk that recorded the instruction signs and answers; that desk does the rest.",
    ),
    "instruction-signed": ("已经签收，不必再传达", "It is signed for already and need not be passed on."),
    "instruction-done": ("该承办单位已经办结", "For this addressee it is done already."),
    "before-instruction": ("时间早于批示时间", "Earlier than the instruction was given."),
    "finish-needs-words": (
        "承办单位尚未反馈办结，请写明办结依据",
        "The addressee has not said that it is done: say why it is.",
    ),
    "instructions-open": (
        "还有 {count} 个承办单位的批示未办结，请先逐项办结",
        "{count} addressees of instructions are not done: finish each first.",
    ),
    "help-exists": ("这次求援已经登记", "This request for help is already recorded."),
    "no-such-help": ("没有这次求援", "There is no such request for help."),
    "layer-file-large": ("文件超过 {most} MB", "The file is larger than {most} MB."),
    "not-your-layer": (
        "图层由所属单位的值班员或带班领导维护",
        "A layer is kept by the duty officers and leaders of its unit.",
    ),
    "too-many-layers": ("图层太多，请先删除", "There are too many layers: remove some first."),
    "no-such-drawing": ("图上没有这处标绘", "Nothing of this id is plotted."),
    "drawing-corners": (
        "这种形状至少要 {least} 个点，点和圆只有一个",
        "This shape has at least {least} corners; a point and a circle have one.",
    ),
    "drawing-radius": ("圆要有半径，其他形状没有", "A circle has a radius, and nothing else has."),
    "drawing-symbol": ("标号要有代码，其他标绘没有", "A sign has a code, and nothing else has."),
    "no-such-symbol": (
        "没有代码为 {symbol} 的标号（GB/T 35649）",
        "There is no sign with the code {symbol} (GB/T 35649).",
    ),
    "too-many-drawings": (
        "一起事件最多 {most} 处标绘，请先撤除",
        "An incident has at most {most} plots: remove some first.",
    ),
    "count-exists": ("这次清点已经登记", "This count of heads is already recorded."),
    "help-open": (
        "还有 {count} 项现场求援未答复，请先答复",
        "{count} requests for help from the spot are unanswered: answer each first.",
    ),
    "no-such-cause": ("没有这个原因代码", "There is no such cause."),
    "no-such-unit": ("没有这个单位：{unit}", "There is no such unit: {unit}"),
    "division-unknown": ("区划代码 {division} 不在本市", "Division {division} is not in this city."),
    "explanation-needed": ("死亡或失联人数减少，请说明原因", "A count of dead or missing falls: say why."),
    "merge-into-itself": ("事件不能并入自身", "An incident cannot be merged into itself."),
    "drill-and-real": ("演练与真实事件不能合并", "A drill and a real incident cannot be merged."),
    "not-your-unit": ("这是下级单位的值班，由其自行安排", "That is another desk's duty: it keeps its own."),
    "shift-exists": ("这个班次已经有了", "This shift is already there."),
    "no-such-shift": ("没有这个班次", "There is no such shift."),
    "shift-taken-over": ("这个班次已经接班", "This shift has been taken over already."),
    "shift-over": ("这个班次已经结束", "This shift is over."),
    "shift-too-early": ("离该班次开始还有六小时以上", "This shift begins in more than six hours."),
    "shift-too-long": ("一个班次最长72小时", "A shift lasts 72 hours at most."),
    "shifts-overlap": ("与另一班次时间重叠", "It overlaps another shift."),
    "ends-before-it-starts": ("结束时间须晚于开始时间", "It must end after it begins."),
    "swap-exists": ("这次换班申请已经有了", "This swap has been asked for already."),
    "no-such-swap": ("没有这次换班申请", "There is no such swap."),
    "swap-decided": ("这次换班已经审批", "This swap has been decided already."),
    "swap-of-others": ("还班的人须是替班的人", "Whoever gives a place in return must be the substitute."),
    "not-on-that-post": ("{name} 不在该班次的这个岗位上", "{name} is not at that post of this shift."),
    "reason-without-handover": (
        "上一班尚未交班，直接接班须说明原因",
        "The team before has not handed over: say why you take over without them.",
    ),
    "item-exists": ("这个事项已经有了", "This item is already there."),
    "no-such-item": ("没有这个事项", "There is no such item."),
    "handover-exists": ("这张交接单已经有了", "This handover sheet is already there."),
    "no-such-handover": ("没有这张交接单", "There is no such handover sheet."),
    "handover-over": ("这张交接单已经作废或已交接完毕", "This sheet was replaced, or the handover is done."),
    "handover-signed": ("这一方已经签字", "This side has signed already."),
    "handover-one-hand": ("交班和接班须由两个人签字：{name}", "Two people must sign, not {name} twice."),
    "handover-items-open": (
        "还有 {count} 项未逐项接收，不能签字",
        "{count} items have not been taken on yet.",
    ),
    "handover-deadline-open": (
        "有 {count} 项30分钟内到时（或已超时）的事项未接收，不能签字",
        "{count} deadlines of the next 30 minutes, or past, have not been taken on yet.",
    ),
    "roll-exists": ("这次点名已经有了", "This roll-call is already there."),
    "no-such-roll": ("没有这次点名", "There is no such roll-call."),
    "roll-closed": ("点名已经结束", "This roll-call is over."),
    "not-below": ("只能点名下级单位：{unit}", "Only units below may be called: {unit}"),
    "not-your-answer": (
        "屏幕应答由被点名单位作出，电话应答由点名单位记录",
        "On a screen a unit answers for itself; an answer by phone is written down by the caller.",
    ),
    "no-such-consultation": ("没有这次会商", "There is no such consultation."),
    "consultation-exists": ("这次会商已经有了", "This consultation is already there."),
    "consultation-concluded": ("这次会商已有结论", "This consultation is concluded already."),
    "not-your-consultation": ("由发起单位办理", "That is for who convened it."),
    "before-consultation": ("早于会商发起时间", "That is before the consultation was convened."),
    "not-taking-part": ("该单位未参加这次会商", "That unit takes no part in this consultation."),
    "not-your-opinion": (
        "各部门意见由本部门提出；会上发言由发起单位代记，并写明是谁说的",
        "Each gives its own opinion; what was said in the room the convener writes down, with whose words.",
    ),
    "opinion-exists": ("这条意见已经有了", "This opinion is already there."),
    "no-such-joint-duty": ("没有这次联合值守", "There is no such joint duty."),
    "joint-duty-exists": ("这次联合值守已经启动", "This joint duty is already there."),
    "joint-duty-closed": ("这次联合值守已经结束", "This joint duty is over."),
    "joint-duty-too-long": ("一次联合值守最长366天", "A joint duty lasts 366 days at most."),
    "too-many-seats": ("一次联合值守最多 {most} 个席位", "A joint duty has {most} seats at most."),
    "not-your-joint-duty": (
        "由启动联合值守的单位办理",
        "That is for the unit that opened this joint duty.",
    ),
    "nothing-to-change": ("没有要变更的内容", "That changes nothing."),
    "no-such-seat": ("这次联合值守没有这个席位", "This joint duty has no such seat."),
    "not-your-seat": (
        "席位由本部门办理；电话口述由启动单位代记，并写明是谁说的",
        "A seat acts for itself; what was said by phone the opening desk writes down, with whose words.",
    ),
    "seat-empty": ("席位上没有人", "Nobody is at this seat."),
    "say-what-remains": (
        "还有 {count} 项未了，请写明移交给谁，或留下说明",
        "{count} things remain: say who takes them on, or what is to become of them.",
    ),
    "no-such-joint-data": ("没有这项报送任务", "There is no such data duty."),
    "joint-data-exists": ("这项报送任务已经有了", "This data duty is already there."),
    "joint-data-stopped": ("这项报送任务已经停止", "This data duty was stopped."),
    "no-such-joint-request": ("没有这件协办事项", "There is no such request."),
    "joint-request-exists": ("这件协办事项已经有了", "This request is already there."),
    "joint-request-answered": ("这件协办事项已经答复", "This request is already answered."),
    "not-your-request": ("由提出的单位催办", "Only who asked may chase it."),
    "no-such-alarm": ("没有这个告警", "There is no such alarm."),
    "alarm-taken": ("{name} 已经接单", "{name} has taken it already."),
    "month-not-over": ("{month} 还没有结束，不能封账", "{month} is not over yet and cannot be sealed."),
    "scene-twice": ("同一个场景只能排一次", "A scene can stand in the order once."),
    "panel-twice": ("一个版块在一个场景里只能放一处", "A panel can stand in a scene once."),
    "no-such-scene": ("没有这个场景", "There is no such scene."),
    "month-sealed": ("{month} 已经封账，不能再封", "{month} was sealed already; it is sealed once."),
    "time-in-the-future": ("时间晚于现在两分钟以上", "This time is more than two minutes in the future."),
    "joint-data-outside": ("首次应报应在联合值守期间内", "The first time lies outside the joint duty."),
    "time-out-of-range": ("年份应在 1900 至 9998 之间", "The year must be from 1900 to 9998."),
    "command-id-reused": (
        "同一个 command_id 已用于不同的内容",
        "This command_id was used before with another body.",
    ),
    "not-your-post": ("您的岗位不能执行此操作", "Your post may not do this."),
    "no-such-command": ("没有这个命令", "There is no such command."),
    "bad-body": ("内容有误，见各字段说明", "The body is not right: see each field."),
    "not-in-person": ("须本人登录后登记平板", "Only somebody who is signed in can make a tablet known."),
    "bad-key": ("不是平板的公钥", "This is no public key of a tablet."),
    "bad-name": ("名称不能用", "This name cannot be used."),
    "device-taken": ("这个编号已属于另一台平板", "This id is another tablet's."),
    "many-devices": (
        "此人名下平板太多，请先收回不用的",
        "This person has too many tablets: revoke some first.",
    ),
    "bundle-broken": (
        "带入的内容不完整或被改动，请重新取一份",
        "The bundle is not whole or was changed: have it made again.",
    ),
    "bundle-form-unknown": ("不认识这种带入格式", "This form of bundle is not known here."),
    "bundle-unknown-device": (
        "这台平板没有在本台登记，无法核对签名",
        "This tablet is not known at this desk: its signature cannot be checked.",
    ),
    "bundle-revoked": ("这台平板已收回，其内容不再接收", "This tablet was revoked: nothing of it is taken."),
    "bundle-person": ("带入内容的本人已停用", "The person whose bundle this is may not act any more."),
    "not-spoken-for": (
        "此人没有随这个前方节点出发，或在上级已停用",
        "This person did not go along with this outpost, or may not act at this desk any more.",
    ),
    "device-revoked": (
        "这台平板已由值班台收回，须清除本机全部资料",
        "This tablet was revoked by the desk: everything on it is to be forgotten.",
    ),
    "creation-refused": (
        "本批中创建该事件的命令被拒绝，此条未执行",
        "The command of this batch that creates the incident was refused, so this one was not done.",
    ),
    "store-unavailable": (
        "暂时无法写入，是否已入库未知；请用同一 command_id 重发",
        "Nothing can be written just now; whether this is on disk is unknown. Send the same command again.",
    ),
    "internal-error": ("系统出错，已记录", "Something went wrong here; it has been logged."),
    "not-json": ("内容不是 JSON：{why}", "Not JSON: {why}"),
    "draft-taken": ("{by}已接手此稿", "{by} has taken this draft over."),
    "draft-too-large": ("草稿太长，未在服务器保存", "The draft is too long to be kept on the server."),
    "too-many-drafts": (
        "未入库的草稿太多，未在服务器保存",
        "Too many drafts wait already; this one is not kept.",
    ),
    "no-such-intake-draft": ("没有这份草稿", "There is no such draft."),
    "attachment-exists": ("已有另一个文件用了这个编号", "Another file has this id already."),
    "no-such-attachment": ("没有这个附件", "There is no such attachment."),
    "no-such-upload": ("没有收到这个文件，请先上传", "This file was not received; send it first."),
    "too-many-attachments": (
        "本事件的附件已达上限（200 个或 500 MB）",
        "This incident has all the attachments it can have (200, or 500 MB).",
    ),
    "too-many-uploads": (
        "您 24 小时内上传的文件已达上限，请稍后再传",
        "You have sent all that one person may send in 24 hours; try again later.",
    ),
    "searches-busy": (
        "同时查找的人太多，请几秒后再查",
        "Too many searches at once; ask again in a few seconds.",
    ),
    "uploads-busy": (
        "正在接收的文件太多，请稍候重传",
        "Too many files are coming in just now; send it again.",
    ),
    "upload-garbled": ("文件传坏了，请从头重传", "The file arrived garbled; send it from its beginning."),
    "upload-piece-too-large": (
        "一段太长，或超出文件本身",
        "This piece is too long, or goes beyond the file.",
    ),
    "other-person": (
        "这台设备现在由另一人登录，不能替原来的人发送",
        "Somebody else is signed in here: what another person wrote is not sent in their name.",
    ),
    "other-epoch": (
        "服务器从备份恢复过，请先补发恢复中丢失的内容",
        "The server was restored from a backup: first send again what was lost with that.",
    ),
    "upload-too-slow": ("上传中断或太慢，请重传", "The upload stopped or was too slow; send it again."),
    "disk-nearly-full": (
        "服务器磁盘快满，暂不收附件；值班日志照常",
        "The disk is nearly full: no attachments for now; the log goes on.",
    ),
    "file-too-large": ("文件太大，最多 {most} MB", "The file is too large: at most {most} MB."),
    "file-empty": ("文件是空的", "The file is empty."),
    "file-kind-unknown": (
        "只收照片（JPEG、PNG、WebP）、PDF 和录音（WAV、MP3、M4A、OGG）",
        "Only photos (JPEG, PNG, WebP), PDF and recordings (WAV, MP3, M4A, OGG) are taken.",
    ),
    "file-heic": (
        "这是 HEIC 照片，请在手机上选“兼容性最佳”或转成 JPEG",
        "This is a HEIC photo: choose “most compatible” on the phone, or make a JPEG of it.",
    ),
    "file-broken": ("文件损坏或不完整，未收", "The file is damaged or not whole, and was not taken."),
    "file-too-heavy": (
        "打开这个文件要占用过多资源，未收",
        "Opening this file takes more than it may, so it was not taken.",
    ),
    "picture-too-large": ("图片的像素太多，未收", "The picture has too many pixels, and was not taken."),
    "pdf-locked": ("PDF 有密码，请去掉密码后再传", "The PDF has a password; send it without one."),
    "pdf-too-long": ("PDF 超过 500 页，请分开上传", "The PDF has over 500 pages; send it in parts."),
    "not-found": ("没有找到", "Not found."),
    "bad-query": ("查询参数有误", "The query is not right."),
    # fields
    "missing": ("必填", "is required"),
    "extra_forbidden": ("没有这个字段", "is not a field of this command"),
    "string_too_short": ("不能为空", "must not be empty"),
    "string_too_long": ("最多 {max_length} 个字", "must have at most {max_length} characters"),
    "string_type": ("应为文字", "must be a text"),
    "int_type": ("应为整数或 null", "must be a whole number or null"),
    "int_from_float": ("应为整数或 null", "must be a whole number or null"),
    "float_type": ("应为数字或 null", "must be a number or null"),
    "float_parsing": ("应为数字或 null", "must be a number or null"),
    "finite_number": ("应为数字或 null", "must be a number or null"),
    "greater_than_equal": ("不能小于 {ge}", "must be at least {ge}"),
    "less_than_equal": ("不能大于 {le}", "must be at most {le}"),
    "bool_type": ("应为 true 或 false", "must be true or false"),
    "bool_parsing": ("应为 true 或 false", "must be true or false"),
    "enum": ("应为以下之一：{expected}", "must be one of {expected}"),
    "literal_error": ("应为以下之一：{expected}", "must be one of {expected}"),
    "list_type": ("应为数组", "must be an array"),
    "too_short": ("不能为空", "must not be empty"),
    "tuple_type": ("必须是一对经纬度", "must be a pair of degrees"),
    "too_long": ("最多 {max_length} 项", "must have at most {max_length} items"),
    "model_type": ("应为对象", "must be an object"),
    "model_attributes_type": ("应为对象", "must be an object"),
    "string_pattern_mismatch": ("格式不对", "has the wrong form"),
    "instant_form": (
        "应为带时差的 RFC 3339 时间，如 2026-11-23T14:05:00+08:00",
        "must be RFC 3339 with an offset, as in 2026-11-23T14:05:00+08:00",
    ),
    "instant_unreal": ("没有这个时间", "is no time that exists"),
    "nul": ("含有 NUL 字符", "contains a NUL character"),
    "uuid": ("应为带连字符的 UUID", "must be a UUID in its hyphenated form"),
    "category": (
        "应为事件类别：{slugs}；细类写在斜线后",
        "must be a category slug: {slugs}; a finer kind follows a slash",
    ),
    "unit_code": ("应为单位代码，如 130324", "must be a unit code, as in 130324"),
}


def sentence(code: str, lang: str = "zh", **values: Any) -> str:
    """The sentence for a code, its places filled in. An unknown code speaks for itself."""
    pair = _SENTENCES.get(code)
    if pair is None:
        return code
    text = pair[1] if lang == "en" else pair[0]
    try:
        return text.format(**values)
    except (KeyError, IndexError):
        return text


def field_sentence(kind: str, message: str, context: dict[str, Any], lang: str) -> str:
    """What is wrong with one field, from a validation error of that kind."""
    if kind in ("enum", "literal_error"):  # the words alone, not as Python would write them
        context = {"expected": ", ".join(re.findall(r"'([^']*)'", str(context.get("expected"))))}
    return sentence(kind, lang, **context) if kind in _SENTENCES else message
