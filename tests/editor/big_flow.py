#!/usr/bin/env python3
"""A large flow that carries messages, for measuring the editor and what it costs the gateway.

Usage: big_flow.py N [TIMES] > flow.json

One tab with N nodes and about 1.29 wires a node, laid out without overlaps. The same N gives the same flow. Each group of
ten is a source that ticks once to twice a second, or TIMES as often, and what it leads to:

    inject -> function -> switch -+-> change -+-> template -> function -+-> debug
                                  +-> change -+   |                     +-> link out ... link in -> debug
                                                  +-> debug
"""

import json
import sys

TAB = "big"
COLUMN, ROW = 220, 80
# Groups side by side, and the columns and rows of one.
ACROSS, WIDE, HIGH = 4, 8, 2


def group(number, times):
    """Ten nodes and 13 wires; a few groups have 12, so that all in all there are 1,291 to 1,000 nodes."""
    left = (number % ACROSS) * WIDE
    top = (number // ACROSS) * HIGH

    def node(kind, name, column, row, wires, **properties):
        place = {"x": 120 + (left + column) * COLUMN, "y": 80 + (top + row) * ROW}
        return {"id": f"{kind}{number}", "type": name, "z": TAB, "name": f"{name} {number}", **properties, **place, "wires": wires}

    def to(*kinds):
        return [f"{kind}{number}" for kind in kinds]

    period = (0.5 + (number % 6) / 10) / times
    short_cut = [] if number % 11 == 10 else to("t")
    return [
        node("i", "inject", 0, 0, [to("f")], props=[{"p": "payload"}], payload="", payloadType="date", topic="",
             repeat=f"{period:.4g}", crontab="", once=True, onceDelay=round(0.1 + (number * 7 % 50) / 50, 2)),
        node("f", "function", 1, 0, [to("s", "t")], lang="rhai", outputs=1,
             func="msg.payload = #{at: msg.payload, value: random(0, 100)}; msg"),
        node("s", "switch", 2, 0, [to("c") + short_cut, to("e")], property="payload.value", propertyType="msg", checkall="true",
             repair=False, outputs=2, rules=[{"t": "lt", "v": "50", "vt": "num"}, {"t": "else"}]),
        node("c", "change", 3, 0, [to("t")], rules=[{"t": "set", "p": "topic", "pt": "msg", "to": "low", "tot": "str"}]),
        node("e", "change", 3, 1, [to("t")], rules=[{"t": "set", "p": "topic", "pt": "msg", "to": "high", "tot": "str"}]),
        node("t", "template", 4, 0, [to("g", "d")], field="text", fieldType="msg", format="handlebars", syntax="mustache",
             template="{{topic}}: {{payload.value}}", output="str"),
        node("g", "function", 5, 0, [to("d", "o")], lang="rhai", outputs=1, func="msg.length = msg.text.len; msg"),
        node("d", "debug", 7, 0, [], active=True, tosidebar=True, console=False, tostatus=False, complete="text",
             targetType="msg", statusVal="", statusType="auto"),
        node("o", "link out", 6, 1, [], mode="link", links=to("l")),
        node("l", "link in", 7, 1, [to("d")], links=to("o")),
    ]


def flow(count, times=1.0):
    nodes = [node for number in range(count // 10) for node in group(number, times)]
    top = 80 + (count // 10 // ACROSS + 1) * HIGH * ROW
    for number in range(count % 10):
        nodes.append({"id": f"n{number}", "type": "comment", "z": TAB, "name": f"note {number}", "info": "",
                      "x": 120 + number * COLUMN, "y": top, "wires": []})
    return [{"id": TAB, "type": "tab", "label": f"{count} nodes", "disabled": False, "info": ""}, *nodes]


def main():
    if len(sys.argv) not in (2, 3) or not sys.argv[1].isdigit():
        sys.exit(__doc__)
    json.dump(flow(int(sys.argv[1]), float((sys.argv[2:] or ["1"])[0])), sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
