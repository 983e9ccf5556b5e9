"""The report shows what the results hold, in one file, and works in a browser."""

import json
import re
import shutil
import subprocess
import time
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from browser import browser

from vlm_robot.replay.bag import Bag
from vlm_robot.replay.events import EventReader, RawFrame, Span
from vlm_robot.replay.records import to_line
from vlm_robot.replay.report import write_report
from vlm_robot.replay.report.figures import FrameKey, gather, key_frames
from vlm_robot.replay.topics import find_topics

SECOND = 1_000_000_000
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
CHROMEDRIVER = shutil.which("chromedriver")


def frame(step, *phrases, camera="front", start=0, milliseconds=10.0):
    stamp = start + step * SECOND // 10
    found = [{"phrase": p, "score": 0.5, "box": [5, 5, 30, 30]} for p in phrases]
    return {
        "kind": "frame", "camera": camera, "stamp": stamp, "log_time": stamp + SECOND // 100,
        "frame_id": "optical", "width": 64, "height": 48, "prompt_version": 1,
        "detections": found, "places": None, "inference_ms": milliseconds,
    }  # fmt: skip


def test_the_timeline_says_when_a_phrase_was_seen():
    records = [frame(step, *(["mug"] if 30 <= step < 40 else [])) for step in range(100)]
    cells = gather(records, ["mug", "chair"], 0, 10 * SECOND).timelines["mug"]
    assert sum(cell.detections for cell in cells) == 10
    assert all(2.9 < cell.seconds < 4.1 for cell in cells)


def test_a_phrase_that_was_never_seen_has_an_empty_row():
    assert gather([frame(0, "mug")], ["mug", "chair"], 0, SECOND).timelines["chair"] == []


def test_scores_are_counted_by_phrase():
    scores = gather([frame(s, "mug", "mug") for s in range(5)], ["mug"], 0, SECOND).scores
    assert sum(scores["mug"].counts) == 10
    assert scores["mug"].counts[10] == 10


def test_times_are_summed_up_and_one_slow_frame_does_not_flatten_the_rest():
    records = [frame(s, milliseconds=10.0 + s % 2) for s in range(200)]
    records.append(frame(200, milliseconds=5000.0))
    figures = gather(records, [], 0, SECOND)
    assert figures.median_ms == pytest.approx(10.0, abs=1)
    assert figures.inference_ms.high < 20
    assert sum(figures.inference_ms.counts) == 201


def test_failures_are_counted_by_their_reason():
    failure = {"kind": "failure", "topic": "left", "stamp": 0, "log_time": 0, "reason": "cut"}
    figures = gather([failure, failure | {"reason": "empty"}, failure], [], 0, SECOND)
    assert figures.failures == [("left", "cut", 2), ("left", "empty", 1)]


def test_key_frames_are_where_something_appears_and_evenly_between():
    records = [frame(s, *(["mug"] if s in (317, 318) else [])) for s in range(1000)]
    keys = key_frames(gather(records, ["mug"], 0, 100 * SECOND), most=21)
    places = [key.stamp // (SECOND // 10) for key in keys]
    assert len(places) <= 21
    assert 317 in places
    assert places[0] == 0
    assert places[-1] == 999
    assert places == sorted(places)


def test_few_frames_are_all_key_frames():
    figures = gather([frame(s) for s in range(5)], [], 0, SECOND)
    assert len(key_frames(figures, most=20)) == 5


PLAN = {
    "kind": "plan", "log_time": 0, "stamp": 0, "frame_id": "map", "goal": "stay left",
    "best_index": 1, "worst_index": 0, "confidence": 0.7, "explanation": "It is wider.",
    "paths": [
        {"index": i, "total": 0.5 + i / 10, "feasible": i < 2,
         "violations": [] if i < 2 else ["hits a wall"],
         "criteria": [{"name": "clearance", "raw": 0.4, "unit": "m", "weight": 1.0, "score": 0.5},
                      {"name": "length", "raw": None, "unit": "m", "weight": 0.5, "score": 0.2}]}
        for i in range(3)
    ],
    "wishes": [], "limits": [], "landmarks": [], "not_understood": ["<quietly>"],
    "interpreter": "x",
}  # fmt: skip
SUMMARY = {
    "complete": True, "version": "0.1.0", "bag": "bags/<drive> & 1", "detector":
    {"name": "tiny", "device": "cpu", "dtype": "float32"}, "settings": {},
    "counts": {"frame": 20, "answer": 1, "plan": 1, "failure": 1},
    "frames": {"front": 10, "left": 10}, "detections": {"mug": 3, "<b>chair</b>": 5},
    "warnings": ["the bag has no metadata.yaml"], "irregular_stamps": [],
    "timing": {"seconds": 1.0, "frames": 20, "frames_per_s": 20.0},
}  # fmt: skip


@pytest.fixture(scope="module")
def page(tmp_path_factory, whole_bag, bags):
    """A report of the small bag, with results made up of what its frames are."""
    folder = tmp_path_factory.mktemp("report")
    at = bags.START
    records = [
        frame(s, *(["mug"] if s in (3, 4, 5) else ["<b>chair</b>"]), start=at) for s in range(10)
    ]
    for step in range(10):
        left = frame(step, camera="left", start=at)
        records.append(left | {"stamp": left["stamp"] + 1, "log_time": left["log_time"] + 1})
    evidence = [{"phrase": "mug", "score": 0.9, "box": [1, 1, 40, 40]}]
    records.append(
        {"kind": "answer", "camera": "front", "stamp": records[3]["stamp"],
         "log_time": records[3]["log_time"], "frame_id": "optical", "question": "a mug?",
         "answer": "Yes.", "verdict": "SUPPORTED", "confidence": 0.8, "evidence": evidence,
         "model": "evidence"}
    )  # fmt: skip
    stamp = at + SECOND // 2
    records.append(PLAN | {"stamp": stamp, "log_time": stamp})
    records.append(
        {"kind": "failure", "topic": "left", "stamp": 0, "log_time": at, "reason": "<cut> short"}
    )
    (folder / "results.jsonl").write_text("".join(map(to_line, records)))
    with Bag(whole_bag) as bag:
        topics = find_topics(bag)
        write_report(
            folder / "report.html",
            folder / "results.jsonl",
            SUMMARY,
            lambda: EventReader(bag, topics, depth_slop=20, span=Span()),
            start=bag.start,
            end=bag.end,
        )
    return folder / "report.html"


def test_the_page_needs_no_network(page):
    text = page.read_text().split("<script>")[0]
    assert not re.findall(r"""(?:src|href)\s*=\s*["']?(?!data:|#)[^"'\s>]+""", text)
    assert "http" not in text


@pytest.mark.parametrize(
    "shown",
    [
        "bags/&lt;drive&gt; &amp; 1",
        "&lt;b&gt;chair&lt;/b&gt;",
        "a mug?",
        "SUPPORTED",
        "stay left",
        "It is wider.",
        "&lt;quietly&gt;",
        "not feasible: hits a wall",
        "&lt;cut&gt; short",
        "the bag has no metadata.yaml",
        "<polyline",
        "data:image/png",
    ],
)
def test_the_page_shows_and_escapes(page, shown):
    assert shown in page.read_text()


def test_every_key_frame_has_its_picture(page):
    assert page.read_text().count('src="data:image/jpeg') == 20 + 1 + 1  # frames, big one, answer


def in_browser(page, script, tmp_path):
    """Run `script` in the page; returns what it returns, and what the console said."""
    probe = (
        "<script>window.addEventListener('load', () => { let out;"
        f"try {{ out = (() => {{ {script} }})(); }} catch (error) {{ out = 'threw ' + error; }}"
        "const box = document.createElement('pre'); box.id = 'probe';"
        "box.textContent = JSON.stringify(out); document.body.append(box); });</script></body>"
    )
    copy = tmp_path / "probe.html"
    copy.write_text(page.read_text().replace("</body>", probe))
    words = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]
    words += [f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=3000", "--dump-dom"]
    run = subprocess.run([*words, copy.as_uri()], capture_output=True, text=True, timeout=120)
    found = re.search(r'<pre id="probe">(.*?)</pre>', run.stdout, re.DOTALL)
    assert found, run.stderr[-2000:]
    text = found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return json.loads(text), [line for line in run.stderr.splitlines() if "CONSOLE" in line]


needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="chromium isn't installed")

MOVE = """
const slider = document.getElementById("slider"), big = document.getElementById("big");
const before = big.src;
slider.value = 5; slider.dispatchEvent(new Event("input"));
return [big.src !== before, document.querySelectorAll('#strip [aria-pressed=true]').length];
"""
FILTER = """
const choose = (id, value) => { const box = document.getElementById(id); box.value = value;
  box.dispatchEvent(new Event("change")); };
const items = [...document.getElementById("strip").children];
const visible = () => items.filter((item) => !item.hidden).length;
const counts = [visible()];
choose("camera", "left"); counts.push(visible());
choose("camera", ""); choose("phrase", "mug"); counts.push(visible());
choose("camera", "left"); counts.push(visible());
return [...counts, document.getElementById("caption").textContent];
"""
HIDE_ROW = """
const row = document.querySelector('.row[data-phrase=mug]'), box = row.querySelector("input");
box.checked = false; box.dispatchEvent(new Event("change"));
return [getComputedStyle(row.querySelector("svg")).visibility,
        document.querySelector('.chart[data-phrase=mug]').hidden];
"""
JUMP = """
const mark = document.querySelector('.row[data-phrase=mug] rect');
mark.dispatchEvent(new MouseEvent("click", {bubbles: true}));
return document.getElementById("caption").textContent;
"""
FITS = "return document.documentElement.scrollWidth <= window.innerWidth;"


@needs_chromium
@pytest.mark.parametrize(
    ("script", "wanted"),
    [
        pytest.param(MOVE, [True, 1], id="the slider moves"),
        pytest.param(FILTER, [20, 10, 3, 0, "No key frame shows that."], id="frames filter"),
        pytest.param(HIDE_ROW, ["hidden", True], id="a phrase can be hidden"),
        pytest.param(JUMP, "front, 0.31 s: mug", id="a mark leads to its frame"),
        pytest.param(FITS, True, id="nothing is wider than the page"),
    ],
)
def test_the_page_works_without_errors(page, tmp_path, script, wanted):
    result, console = in_browser(page, script, tmp_path)
    assert result == wanted
    assert console == []


@pytest.mark.skipif(CHROMEDRIVER is None, reason="chromium-driver isn't installed")
def test_the_keyboard_moves_through_the_key_frames(page):
    caption = 'return document.getElementById("caption").textContent'
    with browser(CHROMEDRIVER) as window:
        window.open(page.as_uri())
        first = window.run(caption)
        window.press("#slider", "right", "right")
        assert window.run('return document.getElementById("slider").value') == "2"
        assert window.run(caption) != first
        window.press("#strip button:first-child", "enter")
        assert window.run(caption) == first
        window.press(".row[data-phrase=mug] input", "space")
        row = "document.querySelector('.row[data-phrase=mug] svg')"
        assert window.run(f"return getComputedStyle({row}).visibility") == "hidden"
        assert window.complaints() == []


def test_a_long_bag_gives_a_small_page_that_opens_fast(tmp_path):
    rng = np.random.default_rng(0)
    noisy = cv2.resize(rng.integers(0, 255, (60, 80, 3), np.uint8), (640, 480))
    data = cv2.imencode(".jpg", noisy)[1].ravel()
    phrases = [f"thing {number}" for number in range(20)]
    records = [
        frame(step, *[p for n, p in enumerate(phrases) if (step // 7) % 20 == n or n < 5])
        for step in range(10_000)
    ]
    (tmp_path / "results.jsonl").write_text("".join(map(to_line, records)))

    def events():
        for record in records:
            stamp = SimpleNamespace(sec=record["stamp"] // SECOND, nanosec=record["stamp"] % SECOND)
            header = SimpleNamespace(stamp=stamp, frame_id="optical")
            image = SimpleNamespace(header=header, format="jpeg", data=data)
            key = FrameKey(record["camera"], record["stamp"], record["log_time"])
            yield RawFrame(*key, image, None, None, "")

    page = tmp_path / "report.html"
    summary = SUMMARY | {"detections": dict.fromkeys(phrases, 100), "frames": {"front": 10_000}}
    write_report(page, tmp_path / "results.jsonl", summary, events, start=0, end=1000 * SECOND)
    assert page.stat().st_size < 30e6
    if CHROMIUM is None:
        pytest.skip("chromium isn't installed")
    script = (
        "return performance.timing.domContentLoadedEventEnd - performance.timing.navigationStart;"
    )
    begun = time.monotonic()
    milliseconds, console = in_browser(page, script, tmp_path)
    print(f"{page.stat().st_size / 1e6:.1f} MB, {milliseconds} ms to the DOM,"
          f" {time.monotonic() - begun:.1f} s with the browser's start")  # fmt: skip
    assert milliseconds < 3000
    assert console == []
