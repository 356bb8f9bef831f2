"""The geometry of a call flow: a scenario in, places on a drawing out. Pure; templates/flowchart.html draws them.

Steps lie in layers, from the answer down. What leads back up (a key that repeats something) is laid out as if it led
down and drawn the other way round. A line bends only between layers, so that it crosses no box. A unit is a pixel.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from ivr.domain.scenario import END, MARK_LABELS, SCREENING, Ask, Leave, Say, Scenario, Step
from ivr.web.scenarios.lettering import fitting, wide, wrapped

MOST_STEPS = 60
MOST_BENDS = 1_200
"""Beyond either a drawing is no help; the list beneath it is."""

BOX, PILL, PILL_TALL, BEND = 248, 116, 34, 18
"""Widths of a step, of an end, and of a line that passes a layer."""

ASIDE, BETWEEN, MARGIN = 28, 68, 14
"""Between neighbours, between layers, around everything."""

HEAD, LINE, PAD = 34, 22, 15
"""Heights in a box: of its heading, of a line of text; and what is left free around text."""

SWEEPS = 8

KINDS: Mapping[type[Step], str] = {Say: "話す", Ask: "たずねる", Leave: "残す"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A step drawn, or (kind `answer`, `end`) where a call begins and ends. `lines` are what is said, cut short."""

    kind: str
    x: float
    y: float
    width: float
    height: float
    label: str
    number: int = 0
    name: str = ""
    lines: Sequence[str] = ()
    notes: Sequence[str] = ()
    reached: bool = False


@dataclass(frozen=True, slots=True)
class Way:
    """A line from one box to another. `kind` is `key`, `silence` or `then`; its label lies centred at `x`, `y`."""

    kind: str
    path: str
    label: str
    x: float
    y: float
    width: float


@dataclass(frozen=True, slots=True)
class Drawing:
    """A whole call flow, so wide and so high."""

    width: int
    height: int
    boxes: Sequence[Box]
    ways: Sequence[Way]


@dataclass(slots=True)
class _Node:
    id: str
    width: float
    height: float
    layer: int = 0
    x: float = 0.0
    loop: float = 0.0
    above: list[str] = field(default_factory=list)
    below: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Edge:
    """From `source` to `target`; with `back` it leads up. `through` are all nodes of its way from the upper end on."""

    source: str
    target: str
    label: str
    kind: str
    back: bool = False
    through: tuple[str, ...] = ()


def draw(scenario: Scenario, said: Mapping[str, str]) -> Drawing | None:
    """Return the call flow of a sound scenario, with what each step says in words; None where it is too large."""
    if not scenario.calls or len(scenario.steps) > MOST_STEPS:
        return None
    edges = _edges(scenario)
    nodes = _nodes(scenario, edges, said)
    laid = _layered(nodes, edges)
    if laid is None:
        return None
    layers = _ordered(nodes)
    _placed(nodes, layers)
    tops, bottoms = _rows(nodes, layers)
    boxes = tuple(_box(scenario, nodes[name], tops, said) for name in nodes if not name.startswith("bend:"))
    ways = _ways(nodes, laid, tops, bottoms)
    return Drawing(
        width=round(max(one.x + one.width / 2 + one.loop for one in nodes.values()) + MARGIN),
        height=round(max(one.y + one.height for one in boxes) + MARGIN),
        boxes=boxes,
        ways=ways,
    )


def _edges(scenario: Scenario) -> list[_Edge]:
    found = [_Edge("answer", f"step:{scenario.start}", "", "then")]
    if SCREENING in scenario.steps:
        found.insert(0, _Edge("answer", f"step:{SCREENING}", "長い案内で出た", "silence"))
    for step in scenario.steps.values():
        keys: dict[str, list[str]] = defaultdict(list)
        if isinstance(step, Ask):
            for key, target in step.keys.items():
                keys[target].append(key)
            found += (_edge(step, target, "・".join(pressed), "key") for target, pressed in keys.items())
            found.append(_edge(step, step.silence, f"無応答（{step.times} 回）", "silence"))
        else:
            found.append(_edge(step, step.then if isinstance(step, Say) else END, "", "then"))
    return found


def _edge(step: Step, target: str, label: str, kind: str) -> _Edge:
    there = f"end:{step.name}" if target == END else f"step:{target}"
    return _Edge(f"step:{step.name}", there, label, kind)


def _nodes(scenario: Scenario, edges: Sequence[_Edge], said: Mapping[str, str]) -> dict[str, _Node]:
    rooms = sum(_room(one.label) for one in edges if one.source == "answer")
    nodes = {"answer": _Node("answer", max(PILL, rooms + 2 * PAD), PILL_TALL)}
    for name, step in scenario.steps.items():
        labels = [_room(one.label) for one in edges if one.source == f"step:{name}"]
        width = max(BOX, sum(labels) + 2 * PAD)
        lines = len(wrapped(said[name], width - 2 * PAD)) + len(_notes(step))
        nodes[f"step:{name}"] = _Node(f"step:{name}", width, HEAD + lines * LINE + PAD)
    for one in edges:
        if one.target.startswith("end:"):
            nodes.setdefault(one.target, _Node(one.target, PILL, PILL_TALL))
    return nodes


def _room(label: str) -> float:
    """Return how much of a box's side a way takes."""
    return wide(label) + 24 if label else 24.0


def _layered(nodes: dict[str, _Node], edges: Sequence[_Edge]) -> list[_Edge] | None:
    """Give each node its layer, and each line a bend in every layer that it passes; None where these are too many."""
    out: dict[str, list[_Edge]] = defaultdict(list)
    for one in edges:
        out[one.source].append(one)
    back, order = _backward(out)
    for source in reversed(order):
        for one in out[source]:
            if one not in back:
                nodes[one.target].layer = max(nodes[one.target].layer, nodes[source].layer + 1)
    found: list[_Edge] = []
    bends = 0
    for one in edges:
        if one.source == one.target:
            nodes[one.source].loop = _room(one.label) + 10
            found.append(one)
            continue
        upper, lower = (one.target, one.source) if one in back else (one.source, one.target)
        passed = range(nodes[upper].layer + 1, nodes[lower].layer)
        bends += len(passed)
        if bends > MOST_BENDS:
            return None
        through = [upper]
        for layer in passed:
            bend = f"bend:{len(found)}:{layer}"
            nodes[bend] = _Node(bend, BEND, 0.0, layer=layer)
            through.append(bend)
        through.append(lower)
        for above, below in pairwise(through):
            nodes[above].below.append(below)
            nodes[below].above.append(above)
        found.append(_Edge(one.source, one.target, one.label, one.kind, one in back, tuple(through)))
    return found


def _backward(out: Mapping[str, Sequence[_Edge]]) -> tuple[set[_Edge], list[str]]:
    """Return the lines that lead back to where a call has been, and the nodes in the order in which they are left."""
    back: set[_Edge] = set()
    order: list[str] = []
    state: dict[str, str] = {"answer": "open"}
    todo = [("answer", iter(out["answer"]))]
    while todo:
        name, rest = todo[-1]
        one = next(rest, None)
        if one is None:
            state[name] = "done"
            order.append(name)
            todo.pop()
        elif state.get(one.target) == "open":
            back.add(one)
        elif one.target not in state:
            state[one.target] = "open"
            todo.append((one.target, iter(out.get(one.target, ()))))
    return back, order


def _ordered(nodes: dict[str, _Node]) -> list[list[str]]:
    """Return the nodes of each layer from left to right, with few lines across each other."""
    layers: list[list[str]] = [[] for _ in range(max(one.layer for one in nodes.values()) + 1)]
    for one in nodes.values():
        layers[one.layer].append(one.id)
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for layer in layers if down else reversed(layers):
            place = {name: at for row in layers for at, name in enumerate(row)}
            wanted = {
                name: _mean([place[other] for other in (nodes[name].above if down else nodes[name].below)], place[name])
                for name in layer
            }
            layer.sort(key=wanted.__getitem__)
    return layers


def _placed(nodes: dict[str, _Node], layers: Sequence[Sequence[str]]) -> None:
    """Give each node its middle, as near to what it hangs together with as its neighbours allow."""
    for layer in layers:
        _spread([nodes[name] for name in layer], [0.0] * len(layer))
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for layer in layers if down else reversed(layers):
            row = [nodes[name] for name in layer]
            _spread(
                row, [_mean([nodes[other].x for other in (one.above if down else one.below)], one.x) for one in row]
            )
    left = min(one.x - one.width / 2 for one in nodes.values())
    for one in nodes.values():
        one.x += MARGIN - left


def _spread(row: Sequence[_Node], wanted: Sequence[float]) -> None:
    """Put each of a row as near to where it is wanted as can be without touching (isotonic regression)."""
    offsets = [0.0]
    for one, other in pairwise(row):
        offsets.append(offsets[-1] + (one.width + other.width) / 2 + ASIDE + one.loop)
    pools: list[tuple[float, int]] = []
    for want, offset in zip(wanted, offsets, strict=True):
        total, count = want - offset, 1
        while pools and pools[-1][0] / pools[-1][1] > total / count:
            before = pools.pop()
            total, count = total + before[0], count + before[1]
        pools.append((total, count))
    shifts = [total / count for total, count in pools for _ in range(count)]
    for one, shift, offset in zip(row, shifts, offsets, strict=True):
        one.x = shift + offset


def _rows(nodes: Mapping[str, _Node], layers: Sequence[Sequence[str]]) -> tuple[list[float], list[float]]:
    """Return where each layer begins and ends."""
    tops, bottoms = [], []
    y = float(MARGIN)
    for layer in layers:
        tops.append(y)
        y += max((nodes[name].height for name in layer), default=0.0)
        bottoms.append(y)
        y += BETWEEN
    return tops, bottoms


def _box(scenario: Scenario, node: _Node, tops: Sequence[float], said: Mapping[str, str]) -> Box:
    x, y = round(node.x - node.width / 2, 1), tops[node.layer]
    kind, _, name = node.id.partition(":")
    if kind != "step":
        label = "電話に出る" if kind == "answer" else "電話を切る"
        return Box(kind=kind, x=x, y=y, width=node.width, height=node.height, label=label)
    step = scenario.steps[name]
    return Box(
        kind=type(step).__name__.lower(),
        x=x,
        y=y,
        width=round(node.width, 1),
        height=node.height,
        label="名乗る" if name == SCREENING else KINDS[type(step)],
        number=list(scenario.steps).index(name) + 1,
        name=fitting(name, node.width - 130),
        lines=wrapped(said[name], node.width - 2 * PAD),
        notes=_notes(step),
        reached=not isinstance(step, Leave) and step.reached,
    )


def _notes(step: Step) -> tuple[str, ...]:
    found = [] if isinstance(step, Leave) or not step.reached else ["◎ ここまで聞けば「伝わった」"]
    if step.mark:
        found.append(fitting(f"印：{MARK_LABELS.get(step.mark, step.mark)}", BOX - 2 * PAD))
    return tuple(found)


def _ways(
    nodes: Mapping[str, _Node], edges: Sequence[_Edge], tops: Sequence[float], bottoms: Sequence[float]
) -> tuple[Way, ...]:
    ports = _ports(nodes, edges)
    found = []
    for at, one in enumerate(edges):
        if one.source == one.target:
            found.append(_loop(nodes[one.source], one, tops))
            continue
        upper, lower = nodes[one.through[0]], nodes[one.through[-1]]
        xs = [ports[at, "upper"], *(nodes[name].x for name in one.through[1:-1]), ports[at, "lower"]]
        points = [(xs[0], tops[upper.layer] + upper.height), (xs[0], bottoms[upper.layer])]
        for layer, x in enumerate(xs[1:], upper.layer + 1):
            points += [(x, tops[layer]), (x, bottoms[layer])]
        points.pop()
        if one.back:
            points.reverse()
        x, y = (xs[-1], tops[lower.layer] - 24) if one.back else (xs[0], bottoms[upper.layer] + 20)
        found.append(Way(one.kind, _path(points), one.label, round(x, 1), round(y, 1), wide(one.label) + 12))
    return tuple(found)


def _ports(nodes: Mapping[str, _Node], edges: Sequence[_Edge]) -> dict[tuple[int, str], float]:
    """Return where on its boxes each line begins and ends, so that none lies over another."""
    sides: dict[tuple[str, str], list[tuple[float, int, str, float]]] = defaultdict(list)
    for at, one in enumerate(edges):
        if one.through:
            upper, lower = one.through[0], one.through[-1]
            begins = _room(one.label)
            sides[upper, "below"].append((nodes[one.through[1]].x, at, "upper", 24.0 if one.back else begins))
            sides[lower, "above"].append((nodes[one.through[-2]].x, at, "lower", begins if one.back else 24.0))
    found: dict[tuple[int, str], float] = {}
    for (name, _), ways in sides.items():
        ways.sort()
        x = nodes[name].x - sum(room for *_, room in ways) / 2
        for _, at, end, room in ways:
            found[at, end] = x + room / 2
            x += room
    return found


def _path(points: Iterable[tuple[float, float]]) -> str:
    """Return a line through points: straight along a layer, bent between two."""
    told, (x, y) = [], (0.0, 0.0)
    for at, (to_x, to_y) in enumerate(points):
        if at == 0:
            told.append(f"M{to_x:.1f} {to_y:.1f}")
        elif abs(to_x - x) + abs(to_y - y) < 0.05:
            # An arrow at the end of a line without length would point nowhere.
            continue
        elif abs(to_x - x) < 0.05:
            told.append(f"V{to_y:.1f}")
        else:
            middle = (y + to_y) / 2
            told.append(f"C{x:.1f} {middle:.1f} {to_x:.1f} {middle:.1f} {to_x:.1f} {to_y:.1f}")
        x, y = to_x, to_y
    return "".join(told)


def _loop(node: _Node, edge: _Edge, tops: Sequence[float]) -> Way:
    """Return a line from a step to itself, at its right side."""
    x, y = node.x + node.width / 2, tops[node.layer] + node.height / 2
    path = f"M{x:.1f} {y - 14:.1f}C{x + 30:.1f} {y - 22:.1f} {x + 30:.1f} {y + 22:.1f} {x:.1f} {y + 14:.1f}"
    plate = wide(edge.label) + 12
    return Way(edge.kind, path, edge.label, round(x + 12 + plate / 2, 1), round(y, 1), plate)


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
