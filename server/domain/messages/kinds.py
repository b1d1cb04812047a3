"""What kind of incident a text tells of: the category whose words it uses most. Pure."""

from __future__ import annotations

import re

from server.domain.messages.findings import Finding, Span, Sure

#: Category → (words, weight). Where two categories come to the same, the first one stands.
_WORDS: dict[str, tuple[tuple[str, float], ...]] = {
    "coal_mine": (
        (r"煤矿|煤业|(?<![铁金铜锌石])矿井|瓦斯突出|煤与瓦斯|采煤工作面|综采", 6),
        (r"透水|冒顶|顶板|瓦斯|井下|矿工", 1.5),
    ),
    "mine": (
        (r"非煤矿山|铁矿|金矿|铜矿|铅锌矿|石矿|采石场|矿业(?:有限)?公司|冒顶片帮|采场|尾矿库|露天矿", 6),
        (r"冒顶|井下|爆破作业", 1),
    ),
    "forest_fire": (
        (
            r"森林火|山火|林火|草原火|火情速报|山场|林场[一-鿿]{0,6}火|(?:后山|山上|山林|林区"
            r"|林地)[一-鿿]{0,6}(?:起火|着火|冒烟|火)|热点\d*个?|过火面积[^。]{0,8}(?:公顷|亩)",
            7,
        ),
        (r"护林员|扑救队|防火办|森防|森林草原防火", 2),
    ),
    "animal_epidemic": ((r"非洲猪瘟|禽流感|口蹄疫|布病|死猪|病死[猪鸡鸭牛羊]|动物疫情|疫点", 7),),
    "public_health": (
        (
            r"食物中毒|诺如|传染病|疫情|病例|霍乱|鼠疫|流感|聚集性(?:发热|呕吐)|吃坏|用餐后[^。]{0,6}(?:呕吐"
            r"|腹泻|不适)|(?:学生|师生|孩子)[^。]{0,12}(?:腹痛|腹泻|呕吐|不适)",
            5,
        ),
        (r"呕吐|腹泻|发热|核酸", 2),
    ),
    "marine": (
        (
            r"渔船|货船|散货船|客船|轮船|海轮|船(?:只|员|舶)|锚地|海域|赶海|客船|轮船|翻沉|铁驳|[艘条]船"
            r"|[^。]艘[一-鿿]{0,8}船|风暴潮|触礁|海里|冀[一-鿿]{1,2}渔",
            4,
        ),
        (r"沉没|倾覆|落水|搁浅|海浪|涨潮|海事|海警|浪高", 1.5),
        (r"(?:海边|海滩|沙滩|浴场)[^。]{0,16}(?:浪|溺|卷走|冲走)|被浪卷", 4),
    ),
    "hazmat": (
        (
            r"液氨|氯气|硫化氢|甲醇|乙炔|苯|盐酸|硫酸|危化品|危险化学品|化工(?:厂|公司|企业|园|有限)?|石化|危险品"
            r"|轻烃|农药厂|液化气站|加油站|油库|槽罐?车|罐车(?=.{0,12}泄)|槽车",
            3.5,
        ),
        (r"泄漏|泄露|跑冒滴漏|气味|煤气味|闪爆|罐体破裂", 2.5),
        (r"爆炸", 1),
        (r"硝化|化工[^。,]{0,14}(?:爆炸|闪爆)|吨[一-鿿]{1,6}(?:流入|泄漏|外泄)|罐体破损", 2.5),
        (r"燃气管道|天然气管道|燃气泄漏|储罐|卸油", 3),
    ),
    "road_traffic_accident": (
        (
            r"追尾|相撞|侧翻|翻车|车祸|交通事故|撞树|连环撞|被撞|翻沟|两车|三车|刮蹭"
            r"|[坠翻](?:[入落下])?[一-鿿\d]{0,8}(?:水库|沟|河|崖|江|湖|路基|山坡)|冲出(?:公路|路面)"
            r"|驶出(?:公路|路面)",
            4,
        ),
        (
            r"(?:大|中|小)?(?:货|客|轿|巴|中巴|大巴|渣土|油罐|三轮|电动|摩托|小轿|农用|公交|半挂|牵引)车|大巴"
            r"|电动自行车",
            1.5,
        ),
        (r"驾驶员|司机|高速|国道|省道|县道|交警|碰撞|行驶|撞[上死倒]", 1),
    ),
    "earthquake": ((r"级(?:左右)?的?地震|地震台网|震级|震源深度|震感", 7),),
    "geological_disaster": (
        (r"滑坡|泥石流", 1),
        (r"滑坡|泥石流|山体|落石|崩塌|(?:路|路面|地面)[一-鿿]{0,5}塌陷|地裂缝|路塌", 5.5),
        (r"的?路塌了|塌方体|边坡", 3),
    ),
    "flood": (
        (r"洪水|山洪|内涝|汛情|防汛|漫堤|决口|溃坝|管涌|坝脚|渗水|汛限|警戒水位|洪涝|积水|进水|被淹", 4),
        (r"暴雨|强降雨|水库|下泄|防指", 2.5),
        (r"[大暴]雨[^。]{0,14}受灾|农作物受灾|受灾人口|人受灾", 2.5),
    ),
    "drought": ((r"旱情|干旱|抗旱", 6),),
    "weather": (
        (
            r"台风|暴雪|大雪|冰雹|雷击|寒潮|龙卷风|沙尘暴|大风|刮风|大雾|高温|阵风|偏[东南西北]风|雪压"
            r"|预警信号",
            3.5,
        ),
        (r"暴雨|降雪", 1),
    ),
    "environment": ((r"污染|废[水液]|水质|死鱼|偷排|氨氮|超标|油污|断面", 4), (r"取水口|饮用水|异味", 1.5)),
    "social_security": (
        (
            r"持刀|砍[人伤]|斗殴|讨薪|拉横幅|聚集|上访|恐怖|投毒|枪击|绑架|劫持|爆炸物威胁"
            r"|持[一-鿿]{0,4}汽油",
            6,
        ),
        (r"嫌疑人|案件正在侦办|刑拘", 1.5),
    ),
    "fire_accident": (
        (r"火灾|起火|着火|失火|爆燃|阴燃|点燃|自燃", 3.5),
        (
            r"燃气[一-鿿]{0,4}爆|液化(?:石油)?气[^。]{0,14}爆|(?:店|餐馆|居民|住户|家中"
            r"|厨房)[^。]{0,12}气[^。]{0,8}爆",
            4,
        ),
        (r"明火|火势|冒烟|烧毁|过火", 1),
    ),
    "work_safety": (
        (
            r"坍塌|垮塌|倒塌(?!房屋|民房)|塌落|垮落|塌方|脚手架|塔吊|吊篮|支模架|基坑|高处坠落|触电|机械伤害|起重|管网清淤|(?:招牌|广告牌)[一-鿿]{0,3}(?:脱落|掉落|坠落|倒)"
            r"|(?<!自)行车(?!道)|吊钩|有限空间|中毒窒息|化粪池|料仓|电梯|索道|挤压|钢梁|桥面塌"
            r"|塌了一块",
            4,
        ),
        (r"工地|施工|作业|工人|车间|检修|企业|项目部|在建|厂房|厂|拆除", 1),
        (r"煤气泄漏|高炉|锅炉|烟花|爆竹|民爆|作坊|轧钢|炸了|爆炸", 2),
        (
            r"(?:木业|机械|铸造|食品|纺织|制药|汽配|饲料|电子|家具|金属|铝业|纸业|车间)[^。,]{0,10}(?:爆炸"
            r"|闪爆)",
            3.5,
        ),
        (r"突泥|涌水|掌子面|标段|安全生产|[墙房塔架]倒了", 2.5),
    ),
    "other": (
        (
            r"溺水|溺亡|落水|掉入[江河湖水]|落入深水|一氧化碳中毒|踩踏|坠楼|坠物|跌落|栏杆断裂|水渠"
            r"|走失",
            3,
        ),
    ),
}
_RULES = {slug: tuple((re.compile(words), weight) for words, weight in rows) for slug, rows in _WORDS.items()}
_LEAST = 2.5


def kind(text: str) -> list[Finding]:
    """The category of a folded text, with the word that says most for it; none when nothing does."""
    scores: list[tuple[float, int, str, list[Span]]] = []
    for order, (slug, rules) in enumerate(_RULES.items()):
        score, spans = 0.0, []
        for pattern, weight in rules:
            if match := pattern.search(text):
                score += weight + min(len(set(pattern.findall(text))) - 1, 2) * 0.4 * min(weight, 2)
                spans.append((weight, Span(match.start(), match.end())))
        if score >= _LEAST:
            ordered = [span for _weight, span in sorted(spans, key=lambda one: -one[0])]
            scores.append((score, -order, slug, ordered))
    if not scores:
        return []
    scores.sort(reverse=True)
    best = scores[0]
    close = len(scores) > 1 and best[0] - scores[1][0] < 1.5
    sure = Sure.LIKELY if close or best[0] < 5 else Sure.SURE
    found = [Finding("category", best[2], best[3][0], sure, (), tuple(best[3][1:]))]
    if close:
        other = scores[1]
        found.append(Finding("category", other[2], other[3][0], Sure.UNSURE, ("other_kind",)))
    return found
