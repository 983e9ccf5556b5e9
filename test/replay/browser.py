"""A headless Chromium that is driven as a person would, by the WebDriver protocol."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from contextlib import contextmanager

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
KEYS = {"right": "\ue014", "end": "\ue010", "tab": "\ue004", "enter": "\ue007", "space": " "}


class Browser:
    """One window."""

    def __init__(self, address):
        self.address = address
        options = {"args": ["--headless", "--no-sandbox", "--disable-gpu"]}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        session = self.ask("/session", {"capabilities": {"alwaysMatch": wanted}})
        self.address += f"/session/{session['sessionId']}"

    def ask(self, path, content=None, *, method=None):
        """Send a command; returns its value."""
        data = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(self.address + path, data, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def open(self, uri):
        self.ask("/url", {"url": uri})

    def press(self, css, *keys):
        """Press keys while the element that `css` selects has the focus."""
        element = self.ask("/element", {"using": "css selector", "value": css})[ELEMENT]
        text = "".join(KEYS[key] for key in keys)
        self.ask(f"/element/{element}/value", {"text": text})

    def run(self, script):
        return self.ask("/execute/sync", {"script": script, "args": []})

    def complaints(self):
        """What the console said so far."""
        return [entry["message"] for entry in self.ask("/se/log", {"type": "browser"})]


@contextmanager
def browser(chromedriver):
    """Start a browser, and end it."""
    words = [chromedriver, "--port=0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as driver:
        try:
            started = next(line for line in driver.stdout if "successfully on port" in line)
            window = Browser(f"http://127.0.0.1:{started.split()[-1].rstrip('.')}")
            try:
                yield window
            finally:
                window.ask("", method="DELETE")
        finally:
            driver.terminate()
