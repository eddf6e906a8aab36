"""Calls into plugins: what they are loaded from, what crosses, how they fail, how they are stopped."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import threading
import uuid
from pathlib import Path
from typing import Any

import msgspec
import pytest
from helpers import caught
from plugins import PATIENCE, Boxes, plugin

import subpool

ARITHMETIC = """
    def add(a, b):
        return a + b

    def _private():
        return "secret"
"""


class Point(msgspec.Struct):
    x: int
    y: float
    label: str = ""


@dataclasses.dataclass
class Order:
    name: str
    items: list[Point]


class Colour(enum.Enum):
    RED = "red"


class Pair(msgspec.Struct):
    left: int
    right: Any


class Rich(msgspec.Struct, rename=lambda name: name.rstrip("_")):
    bytes_: bytes
    when: dt.datetime
    day: dt.date
    time_: dt.time
    span: dt.timedelta
    back: dt.timedelta
    money: decimal.Decimal
    id_: uuid.UUID
    colour: Colour
    pair: Pair
    set_: set[int]
    tuple_: tuple[int, int]


class TestWhereAPluginComesFrom:
    def test_from_a_file(self, boxes: Boxes) -> None:
        box = boxes(ARITHMETIC, file="sums.py")
        assert box.name == "sums"
        assert box.call("add", 2, 3) == 5

    def test_from_a_package(self, boxes: Boxes) -> None:
        plugin(boxes.folder / "pack", "from .inner import add\nfrom pack.inner import add as same", "__init__.py")
        plugin(boxes.folder / "pack", ARITHMETIC, "inner.py")
        box = boxes.of(boxes.folder / "pack")
        with pytest.raises(subpool.PluginError, match="no function 'add'"):
            box.call("add", 2, 3)  # imported, not defined here, and not in an ``__all__``

    def test_a_package_offers_what_all_lists(self, boxes: Boxes) -> None:
        plugin(boxes.folder / "pack", "from .inner import add\n__all__ = ['add']", "__init__.py")
        plugin(boxes.folder / "pack", ARITHMETIC, "inner.py")
        assert boxes.of(boxes.folder / "pack").call("add", 2, 3) == 5

    def test_from_a_folder_with_a_manifest(self, boxes: Boxes) -> None:
        folder = boxes.folder / "folder"
        plugin(folder, ARITHMETIC, "sums.py")
        (folder / "plugin.toml").write_text('name = "sums"\n', encoding="utf-8")
        assert boxes.of(folder).call("add", 2, 3) == 5

    def test_from_a_module_by_name(self, boxes: Boxes) -> None:
        assert boxes.of("colorsys").call("rgb_to_hsv", 0, 0, 0) == [0.0, 0.0, 0]

    def test_from_a_module(self, boxes: Boxes) -> None:
        import colorsys

        assert boxes.of(colorsys).call("rgb_to_hsv", 0, 0, 0) == [0.0, 0.0, 0]  # type: ignore[arg-type]

    def test_one_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(subpool.PluginError, match=r"nowhere\.py"):
            subpool.Sandbox(tmp_path / "nowhere.py")

    def test_no_plugin_at_all(self, tmp_path: Path) -> None:
        with pytest.raises(subpool.PluginError, match=r"neither plugin\.toml nor __init__\.py"):
            subpool.Sandbox(tmp_path)
        (tmp_path / "a.txt").touch()
        with pytest.raises(subpool.PluginError, match=r"a\.txt is no plugin"):
            subpool.Sandbox(tmp_path / "a.txt")

    def test_one_that_does_not_load(self, boxes: Boxes) -> None:
        box = boxes("import sys\n1 / 0")
        for _ in range(2):
            with pytest.raises(subpool.PluginError, match="ZeroDivisionError") as caught_error:
                box.call("anything")
            assert caught_error.value.plugin == "plugin"
            assert "plugin.py" in caught_error.value.traceback_text

    def test_one_with_a_syntax_error(self, boxes: Boxes) -> None:
        with pytest.raises(subpool.PluginError, match="SyntaxError"):
            boxes("def f(:").call("f")

    def test_one_that_ends_as_it_is_loaded(self, boxes: Boxes) -> None:
        with pytest.raises(subpool.PluginError, match="SystemExit"):
            boxes("raise SystemExit(3)").call("f")

    def test_one_that_never_stops_loading(self, boxes: Boxes) -> None:
        with pytest.raises(subpool.PluginError, match=r"more than 0\.2 s to load"):
            boxes("while True:\n    pass", load_timeout=0.2).call("f")


class TestFunctions:
    def test_all_public_ones(self, boxes: Boxes) -> None:
        box = boxes(ARITHMETIC)
        assert [each.name for each in box.functions()] == ["add"]
        with pytest.raises(subpool.PluginError, match="no function '_private'; it offers add"):
            box.call("_private")

    def test_those_that_are_exported(self, boxes: Boxes) -> None:
        box = boxes(
            """
            from subpool.plugin import export

            @export
            def double(number: int) -> int:
                "Twice as much."
                return number * 2

            @export(name="triple")
            def thrice(number):
                return number * 3

            def helper():
                pass
            """
        )
        double, triple = box.functions()
        assert (double.name, double.parameters, double.returns) == ("double", {"number": "int"}, "int")
        assert double.doc == "Twice as much."
        assert str(double) == "double(number: int) -> int"
        assert triple.name == "triple"
        assert box.call("double", 4) == 8
        assert box.call("triple", 4) == 12

    def test_the_name_must_be_text(self, inner_boxes: Boxes) -> None:
        with pytest.raises(TypeError, match="must be a str"):
            inner_boxes(ARITHMETIC).call(len)  # type: ignore[call-overload] # pyright: ignore[reportArgumentType, reportCallIssue]


@pytest.fixture(params=["json", "msgpack"])
def codec(request: pytest.FixtureRequest) -> str:
    it: str = request.param
    return it


class TestValues:
    def test_arguments_and_results(self, inner_boxes: Boxes, codec: str) -> None:
        box = inner_boxes("def same(value):\n    return value", codec=codec)
        values: list[Any] = [None, True, 0, -1, 2**40, -(2**40), 2**63, 0.5, "ä€🙂", "x" * 70_000, [], [1, [2]]]
        values.append({"a": {"b": [1]}})
        for value in values:
            assert box.call("same", value) == value

    def test_a_struct(self, inner_boxes: Boxes, codec: str) -> None:
        box = inner_boxes("def move(point):\n    point['x'] += 1\n    return point", codec=codec)
        assert box.call("move", Point(1, 2.0, "a"), returns=Point) == Point(2, 2.0, "a")

    def test_rich_results(self, inner_boxes: Boxes, codec: str) -> None:
        box = inner_boxes(
            """
            import dataclasses, datetime, decimal, enum, uuid

            @dataclasses.dataclass
            class Pair:
                left: int
                right: "Pair | None" = None

            class Colour(enum.Enum):
                RED = "red"

            def rich():
                return {
                    "bytes": b"\\x00\\xff",
                    "when": datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc),
                    "day": datetime.date(2026, 1, 2),
                    "time": datetime.time(1, 2, 3),
                    "span": datetime.timedelta(days=1, seconds=2, microseconds=5),
                    "back": -datetime.timedelta(hours=3),
                    "money": decimal.Decimal("1.10"),
                    "id": uuid.UUID(int=7),
                    "colour": Colour.RED,
                    "pair": Pair(1, Pair(2)),
                    "set": {1},
                    "tuple": (1, 2),
                }
            """,
            codec=codec,
        )

        rich = box.call("rich", returns=Rich)
        assert rich.bytes_ == b"\x00\xff"
        assert rich.when == dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
        assert (rich.day, rich.time_) == (dt.date(2026, 1, 2), dt.time(1, 2, 3))
        assert rich.span == dt.timedelta(days=1, seconds=2, microseconds=5)
        assert rich.back == -dt.timedelta(hours=3)
        assert (rich.money, rich.id_, rich.colour) == (decimal.Decimal("1.10"), uuid.UUID(int=7), Colour.RED)
        assert (rich.pair, rich.set_, rich.tuple_) == (Pair(1, {"left": 2, "right": None}), {1}, (1, 2))

    def test_rich_arguments(self, inner_boxes: Boxes, codec: str) -> None:
        box = inner_boxes(
            """
            import dataclasses, datetime, decimal, enum, uuid
            from typing import Literal, Optional

            @dataclasses.dataclass
            class Item:
                x: int
                y: float
                label: str = ""

            @dataclasses.dataclass
            class Order:
                name: str
                items: list[Item]

            class Colour(enum.Enum):
                RED = "red"

            def kinds(order: Order, when: datetime.datetime, money: decimal.Decimal, ident: uuid.UUID,
                      colour: Colour, data: bytes, pair: tuple[int, float], names: set[str],
                      maybe: Optional[int], either: int | str, choice: Literal["a", 1],
                      numbers: dict[int, float]) -> list:
                assert order.items[0].y == 2.0 and type(order.items[0].y) is float
                return [type(each).__name__ for each in (order, order.items[0], when, money, ident, colour, data, pair,
                        names, maybe, either, choice)] + [list(numbers.items())]
            """,
            codec=codec,
        )
        given = (
            Order("a", [Point(1, 2)]),
            dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
            decimal.Decimal("1.5"),
            uuid.UUID(int=1),
            Colour.RED,
            b"abc",
            (1, 2),
            {"x"},
            None,
            "s",
            "a",
            {1: 2},
        )
        names = ["Order", "Item", "datetime", "Decimal", "UUID", "Colour", "bytes", "tuple", "set", "NoneType"]
        assert box.call("kinds", *given) == [*names, "str", "str", [[1, 2.0]]]

    def test_numbers_that_json_lacks_are_null(self, inner_boxes: Boxes) -> None:
        assert inner_boxes("def f():\n    return [float('nan'), {'a': float('inf')}]").call("f") == [None, {"a": None}]

    def test_large_values(self, boxes: Boxes) -> None:
        box = boxes("def same(value):\n    return value")
        text = "x" * 3_000_000
        assert box.call("same", text) == text

    def test_a_result_over_the_limit(self, boxes: Boxes) -> None:
        box = boxes("def f(n):\n    return 'x' * n", max_result=1000)
        assert len(box.call("f", 900)) == 900
        with pytest.raises(subpool.PluginError, match=r"2,002 bytes.*over max_result \(1,000\)"):
            box.call("f", 2000)
        assert box.call("f", 1) == "x"

    def test_arguments_over_the_limit(self, inner_boxes: Boxes) -> None:
        box = inner_boxes("def f(text):\n    return len(text)", max_arguments=1000)
        with pytest.raises(subpool.PluginError, match=r"over max_arguments \(1,000\)"):
            box.call("f", "x" * 2000)


class TestMismatches:
    def test_of_a_result(self, boxes: Boxes) -> None:
        box = boxes("def f():\n    return {'x': 1, 'y': 'two'}")
        with pytest.raises(
            subpool.PluginTypeError, match=r"plugin\.f: result\.y: Expected `float`, got `str`"
        ) as error:
            box.call("f", returns=Point)
        assert (error.value.plugin, error.value.function, error.value.path) == ("plugin", "f", "result.y")
        assert isinstance(error.value, TypeError)

    def test_of_an_argument(self, boxes: Boxes) -> None:
        box = boxes("def f(a: int, b: list[dict[str, float]]) -> int:\n    return a")
        with pytest.raises(subpool.PluginTypeError, match=r"args\[1\]\[0\]\['x'\]: expected float, got str") as error:
            box.call("f", 1, [{"x": "y"}])
        assert error.value.path == "args[1][0]['x']"
        with pytest.raises(subpool.PluginTypeError, match=r"args\[0\]: expected int, got bool"):
            box.call("f", True, [])

    def test_too_few_and_too_many(self, inner_boxes: Boxes) -> None:
        box = inner_boxes("def f(a, b=1):\n    return a\ndef g(*parts: int):\n    return sum(parts)")
        for args in ((), (1, 2, 3)):
            with pytest.raises(subpool.PluginTypeError, match="f takes 1 to 2 arguments"):
                box.call("f", *args)
        assert box.call("g", 1, 2, 3) == 6
        with pytest.raises(subpool.PluginTypeError, match=r"args\[1\]: expected int"):
            box.call("g", 1, "x")

    def test_an_argument_that_cannot_cross(self, inner_boxes: Boxes) -> None:
        box = inner_boxes(ARITHMETIC)
        with pytest.raises(subpool.PluginTypeError, match=r"args\[1\]\['a'\]\[0\]: ") as error:
            box.call("add", 1, {"a": [threading.Lock()]})
        assert error.value.path == "args[1]['a'][0]"

    def test_a_result_that_cannot_cross(self, inner_boxes: Boxes, codec: str) -> None:
        box = inner_boxes(
            "def f():\n    return {'a': [object()]}\ndef g():\n    a = []\n    a.append(a)\n    return a", codec=codec
        )
        with pytest.raises(subpool.PluginTypeError, match=r"result\['a'\]\[0\]: object has no form"):
            box.call("f")
        with pytest.raises(subpool.PluginTypeError, match=r"contains itself|nested too deeply"):
            box.call("g")


class TestFailures:
    def test_an_exception_is_a_description(self, boxes: Boxes) -> None:
        box = boxes(
            """
            class Own(Exception):
                pass

            def fail():
                raise Own("on purpose")
            """
        )
        with pytest.raises(subpool.PluginError, match=r"plugin\.fail: plugin\.Own: on purpose") as error:
            box.call("fail")
        assert error.value.type_name == "plugin.Own"
        assert error.value.message == "on purpose"
        assert 'raise Own("on purpose")' in error.value.traceback_text
        assert "subpool" not in error.value.traceback_text

    @pytest.mark.parametrize(
        "name", ["SystemExit", "KeyboardInterrupt", "GeneratorExit", "MemoryError", "StopIteration"]
    )
    def test_of_any_kind(self, boxes: Boxes, name: str) -> None:
        box = boxes(f"def fail():\n    raise {name}(7)\ndef fine():\n    return 1")
        with pytest.raises(subpool.PluginError, match=f"{name}: 7"):
            box.call("fail")
        assert box.call("fine") == 1

    def test_with_a_message_that_fails(self, inner_boxes: Boxes) -> None:
        box = inner_boxes("class E(Exception):\n    def __str__(self): raise SystemExit\ndef f():\n    raise E")
        with pytest.raises(subpool.PluginError, match="its __str__ failed"):
            box.call("f")

    def test_endless_recursion(self, boxes: Boxes) -> None:
        box = boxes("def f(n):\n    return f(n + 1)\ndef g():\n    return 1")
        with pytest.raises(subpool.PluginError, match="RecursionError"):
            box.call("f", 0)
        assert box.call("g") == 1

    def test_errors_can_be_pickled(self) -> None:
        import pickle

        error = subpool.PluginError("m", plugin="p", function="f", type_name="T", traceback_text="t")
        again = pickle.loads(pickle.dumps(error))
        assert str(again) == str(error) == "p.f: T: m"
        assert isinstance(subpool.PolicyViolation("m"), subpool.PluginError)


class TestState:
    def test_is_kept_between_calls(self, boxes: Boxes) -> None:
        box = boxes("n = 0\ndef count():\n    global n\n    n += 1\n    return n")
        assert [box.call("count") for _ in range(3)] == [1, 2, 3]

    def test_is_lost_when_it_is_reloaded(self, boxes: Boxes) -> None:
        box = boxes("n = 0\ndef count():\n    global n\n    n += 1\n    return n")
        assert box.call("count") == 1
        boxes("n = 10\ndef count():\n    global n\n    n += 1\n    return n")
        box.reload()
        assert box.call("count") == 11
        assert box.stats().reloads == 1

    def test_stays_when_it_cannot_be_reloaded(self, boxes: Boxes) -> None:
        box = boxes("n = 0\ndef count():\n    global n\n    n += 1\n    return n")
        assert box.call("count") == 1
        plugin(boxes.folder / "plugins", "1 / 0")
        with pytest.raises(subpool.PluginError, match="ZeroDivisionError"):
            box.reload()
        assert box.call("count") == 2

    def test_instances_run_at_once(self, boxes: Boxes) -> None:
        """Two calls that wait for each other, through a folder that both may write."""
        shared = boxes.folder / "shared"
        shared.mkdir()
        box = boxes(
            """
            import os, time

            def meet(folder, mine, other):
                open(os.path.join(folder, mine), "w").close()
                while not os.path.exists(os.path.join(folder, other)):
                    time.sleep(0.001)
                return mine
            """,
            instances=2,
            policy=subpool.Policy(write=[shared]),
            timeout=PATIENCE,
        )
        tasks = [box.spawn("meet", str(shared), "a", "b")]
        assert box.call("meet", str(shared), "b", "a") == "b"
        assert tasks[0].result(PATIENCE) == "a"
        assert box.stats().instances == 2

    def test_calls_from_many_threads(self, boxes: Boxes) -> None:
        box = boxes("def add(a, b):\n    return a + b", instances=2)
        results: list[Any] = []

        def call(number: int) -> None:
            results.extend(box.call("add", number, 1) - number for _ in range(20))

        threads = [threading.Thread(target=call, args=(number,)) for number in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert results == [1] * 80


class TestDeadlines:
    def test_a_call_is_stopped(self, boxes: Boxes) -> None:
        box = boxes("n = 0\ndef spin():\n    global n\n    n += 1\n    while True: pass\ndef count():\n    return n")
        with pytest.raises(TimeoutError, match=r"plugin\.spin: it ran longer than its timeout of 0\.1 s"):
            box.call("spin", timeout=0.1)
        assert box.call("count") == 1, "its instance has gone on"
        assert (box.stats().timed_out, box.stats().replaced) == (1, 0)

    def test_the_sandbox_may_have_one(self, boxes: Boxes) -> None:
        with pytest.raises(TimeoutError, match=r"0\.1 s"):
            boxes("def spin():\n    while True: pass", timeout=0.1).call("spin")

    def test_one_that_swallows_the_stop_is_replaced(self, inner_boxes: Boxes, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("subpool.sandbox.instance.GRACE", 0.3)
        box = inner_boxes(
            """
            import time

            def stubborn(seconds):
                end = time.monotonic() + seconds
                while time.monotonic() < end:
                    try:
                        while time.monotonic() < end: pass
                    except BaseException:
                        pass
                return "done"

            def fine():
                return 1
            """
        )
        with pytest.raises(TimeoutError):
            box.call("stubborn", 2, timeout=0.1)
        assert box.call("fine") == 1
        assert box.stats().replaced == 1

    def test_one_that_is_stuck_in_c_is_replaced(self, boxes: Boxes, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("subpool.sandbox.instance.GRACE", 0.3)
        box = boxes("import time\ndef sleep(seconds):\n    time.sleep(seconds)\ndef fine():\n    return 1")
        with pytest.raises(TimeoutError):
            box.call("sleep", 2, timeout=0.1)
        assert box.call("fine") == 1
        assert box.stats().replaced == 1

    def test_cpu_time(self, boxes: Boxes) -> None:
        box = boxes(
            "import time\ndef spin():\n    while True: pass\ndef sleep():\n    time.sleep(0.3)\n    return 1",
            cpu_seconds=0.2,
        )
        assert box.call("sleep") == 1, "who sleeps uses none"
        with pytest.raises(TimeoutError, match=r"more CPU time than it may of 0\.2 s"):
            box.call("spin")
        with pytest.raises(TimeoutError, match="more CPU time"):
            box.spawn("spin").result(PATIENCE)

    def test_a_wrong_timeout(self, inner_boxes: Boxes) -> None:
        with pytest.raises(ValueError, match="timeout must be a positive number"):
            inner_boxes(ARITHMETIC).call("add", 1, 2, timeout=0)

    def test_cleaning_up_is_not_cut_short(self, boxes: Boxes) -> None:
        box = boxes(
            """
            cleaned = 0

            def spin():
                global cleaned
                try:
                    while True: pass
                finally:
                    cleaned += 1

            def seen():
                return cleaned
            """
        )
        with pytest.raises(TimeoutError):
            box.call("spin", timeout=0.05)
        assert box.call("seen") == 1


class TestTheEnd:
    def test_a_closed_sandbox_takes_nothing(self, boxes: Boxes) -> None:
        box = boxes(ARITHMETIC)
        assert box.call("add", 1, 2) == 3
        box.close()
        box.close()
        for use in (lambda: box.call("add", 1, 2), lambda: box.spawn("add", 1, 2), box.reload):
            assert isinstance(caught(use), subpool.PluginError)
        assert "closed" in repr(box)

    def test_one_that_was_never_used(self, tmp_path: Path) -> None:
        with subpool.Sandbox(plugin(tmp_path, "1 / 0")) as box:
            assert box.stats().started == 0

    def test_closing_stops_what_runs(self, boxes: Boxes) -> None:
        box = boxes("def spin():\n    while True: pass")
        task = box.spawn("spin")
        while not box.stats().busy:
            threading.Event().wait(0.005)
        box.close()
        assert task.cancelled()

    def test_threads_of_the_plugin_are_stopped(self, boxes: Boxes) -> None:
        box = boxes(
            """
            import threading

            def start():
                def spin():
                    while True: pass
                threading.Thread(target=spin).start()
                return threading.active_count()
            """
        )
        assert box.call("start") >= 2
        box.close()

    @pytest.mark.parametrize("option, value", [
        ("timeout", -1), ("timeout", "1"), ("instances", 0), ("instances", True), ("isolation", "thread"),
        ("codec", "pickle"), ("max_result", 0), ("sys_path", "/tmp"), ("env", {"A": 1}), ("policy", {"read": []}),
        ("no_such_thing", 1),
    ])  # fmt: skip
    def test_wrong_options_are_named(self, tmp_path: Path, option: str, value: object) -> None:
        with pytest.raises((TypeError, ValueError), match=option):
            subpool.Sandbox(plugin(tmp_path, ARITHMETIC), **{option: value})  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
