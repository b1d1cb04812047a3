"""The words that say that something happened, and those that somebody did something about it. Pure."""

from __future__ import annotations

import re

#: Something happened.
HAPPENED = re.compile(
    r"发生(?!地|时间|率|原因|的(?:情况|时间))|突发|起火|着火|失火|着了|爆炸|爆燃|闪爆|炸(?:了|过)|坍塌|垮塌"
    r"|倒塌|垮落|塌(?:方|陷|落|了)|倒了|压塌|相撞|碰撞|追尾|撞(?:上|树|了|在)|连环撞|被撞"
    r"|刮[蹭擦]"
    r"|侧翻|[翻掉坠滚](?:沟|车|入|落|下|进|到|里)|坠[楼崖机海河物]|翻了|泄漏|泄露|跑冒|滑坡|泥石流|落石"
    r"|崩塌|山洪|决口|溃坝|管涌|渗水|脱落|断裂|跌落|触电|触礁|沉没|倾覆|溺水|溺亡|落水|淹溺|冒烟"
    r"|冒顶|透水|突泥|涌水|自燃|阴燃|燃烧"
    r"|失控|冲走|卷走|卷入|砸(?:中|伤|死|到|压|坏|住)|压[伤死住塌]|被(?:困|埋|卡|挤压|压|砸|撞|卷|电击)"
    r"|晕倒|中毒|吸入|挖断|受伤|遇难|死亡|身亡|失联|失踪|故障|停运|跳闸|停电|进水|积水|超汛限|内涝"
    r"|突涨|洪水"
    r"|下坠|骨折|[轻重]微?伤|呕吐|腹泻|腹痛|头晕|不适|发热|掀翻|翻沉|沉船|遇险|暴发|骤降|突降|坠落|坠下"
    r"|翻下|持刀|砍|斗殴|聚集|讨薪|点燃|死猪|死鱼|污染|超标|倒塌|塌了|火情|火灾|山火|烟点|事故|险情"
    r"|地震|撞倒|刮倒|吹倒|冲上(?=[一-鿿]{0,6}[道台路])|冲[垮毁]|外泄|登陆"
)
#: Somebody was told.
ALARMED = re.compile(r"接警|(?<!局)接报(?!,?称)|报警|转警|接到(?:群众|市民|路人|[一-鿿]{0,6}报警)")
RECEIVED = re.compile(
    r"接到|接(?:[一-鿿]{0,12})(?:报告|通报|电话)|收到|获悉|报送|电话报告|书面报告|报告|通报|上报|来电|电告|反馈"
    r"|报称|发布|转办|接诊"
)
DISCOVERED = re.compile(r"被?[一-鿿]{0,4}发现|监测到|确认明火|观测到|巡查到")
#: Somebody did something: this is no time of occurrence.
DONE = re.compile(
    r"到场|到达|赶到|抵达|赶赴|出动|扑灭|熄灭|处置完毕|处置结束|救出|救下|获救|找到|关阀|堵漏|升井|启动"
    r"|召开|作出|批示|恢复|送医|送达|送到|宣布|结束|解除|终止|返回|已处置|开始(?:救援|转移)"
    r"|转移完毕|打通|抢通|开(?:视频|会)|签发|填报"
)


def earliest(text: str, start: int, end: int) -> str:
    """Which of these comes first in this stretch: happened, alarmed, received, discovered, done, or ''."""
    best, name = end, ""
    for kind, pattern in _KINDS.items():
        match = pattern.search(text, start, end)
        if match and match.start() < best:
            best, name = match.start(), kind
    return name


_KINDS = {
    "alarmed": ALARMED,
    "received": RECEIVED,
    "discovered": DISCOVERED,
    "done": DONE,
    "happened": HAPPENED,
}
