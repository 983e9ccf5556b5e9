"""A server that does what servers shouldn't, each under a path of its own; run as a process.

`/<behaviour>/v1/chat/completions`. It prints its port once it listens, and counts what it was
asked at `/asked`.
"""

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ASKED = Counter()
HEARD = []
RELEASED = threading.Event()


def chunk(text=None, finish=None, logprobs=None):
    choice = {"index": 0, "delta": {"content": text} if text else {}, "finish_reason": finish}
    if logprobs:
        choice["logprobs"] = {"content": logprobs}
    return {
        "id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [choice],
    }  # fmt: skip


class Unruly(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        behaviour = self.path.split("/")[1]
        if behaviour == "asked":
            self.whole(200, json.dumps({"counts": ASKED, "heard": HEARD}))
        elif self.path.endswith("/models"):
            models = [] if behaviour == "no-models" else [{"id": "tiny", "object": "model"}]
            self.whole(200, json.dumps({"object": "list", "data": models}))

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        behaviour = self.path.split("/")[1]
        ASKED[behaviour] += 1
        HEARD.append([behaviour, self.headers.get("Authorization", ""), body["model"]])
        getattr(self, "be_" + behaviour.replace("-", "_"))(body)

    def be_good(self, body):
        self.stream([chunk("Porce"), chunk("lain."), chunk(finish="stop")])

    def be_plan(self, body):
        wish = {"name": "path_length", "direction": -1, "weight": 0.6}
        self.stream([chunk(json.dumps({"wishes": [wish]})), chunk(finish="stop")])

    def be_sure(self, body):
        top = [{"token": "yes", "logprob": -0.105}, {"token": " No", "logprob": -2.303}]
        told = [{**top[0], "bytes": None, "top_logprobs": [{**t, "bytes": None} for t in top]}]
        self.stream([chunk("yes", logprobs=told), chunk(finish="stop")])

    def be_no_logprobs(self, body):
        if "logprobs" in body:
            self.whole(422, '{"error": "logprobs are not supported"}')
        else:
            self.be_good(body)

    def be_hang(self, body):
        RELEASED.wait(60)

    def be_hang_once(self, body):
        if ASKED["hang-once"] == 1:
            RELEASED.wait(60)
        else:
            self.be_good(body)

    def be_refuses_first_two(self, body):
        if ASKED["refuses-first-two"] <= 2:
            self.whole(400, '{"error": {"message": "the image is too large"}}')
        elif "logprobs" in body:
            self.be_sure(body)
        else:
            self.be_good(body)

    def be_hang_midway(self, body):
        self.start()
        self.send(chunk("Porce"))
        RELEASED.wait(60)

    def be_drop(self, body):
        self.start()
        self.send(chunk("Porce"))
        self.close_connection = True

    def be_drop_first(self, body):
        if ASKED["drop-first"] == 1:
            self.close_connection = True
        else:
            self.be_good(body)

    def be_busy_once(self, body):
        if ASKED["busy-once"] == 1:
            self.whole(429, '{"error": {"message": "slow down"}}')
        else:
            self.be_good(body)

    def be_key(self, body):
        echo = self.headers.get("Authorization", "")
        self.whole(401, json.dumps({"error": {"message": f"wrong key: {echo}"}}))

    def be_busy(self, body):
        self.whole(429, '{"error": {"message": "slow down"}}')

    def be_broken(self, body):
        self.whole(500, '{"error": {"message": "out of memory"}}')

    def be_html(self, body):
        self.whole(200, "<html><body>Welcome to the hotel's Wi-Fi</body></html>", "text/html")

    def be_nonsense(self, body):
        self.start()
        self.wfile.write(b"data: {not json}\n\n")
        self.close_connection = True

    def be_empty(self, body):
        self.stream([chunk(finish="stop")])

    def start(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()

    def send(self, data):
        self.wfile.write(f"data: {json.dumps(data)}\n\n".encode())
        self.wfile.flush()

    def stream(self, chunks):
        self.start()
        for data in chunks:
            self.send(data)
        self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True

    def whole(self, status, text, kind="application/json"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Unruly)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    server.serve_forever()
