"""A service that answers, stalls, stammers and refuses; and a key that must go nowhere else."""

import json
import logging
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sightline.studies.judging.chat import LanguageModelJudge, RecordedChat
from sightline.studies.judging.comparison import JudgeError
from sightline.studies.judging.endpoint import EndpointChat
from sightline.studies.judging.local import LocalChat

KEY = "sk-test-4f1d0c9b"
GOOD = '{"both": ["cat"], "missed": [], "invented": []}'


def answered(text):
    """A reply in the service's format."""
    return 200, {}, json.dumps({"choices": [{"message": {"content": text}}]})


class Service:
    """A loopback server that plays a list of replies: (status, headers, body), or seconds to stall."""

    def __init__(self, *replies):
        self.replies, self.requests = list(replies), []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                service.requests.append((self.path, dict(self.headers), json.loads(body)))
                reply = service.replies.pop(0)
                if isinstance(reply, float):
                    time.sleep(reply)
                    return
                status, headers, content = reply
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content.encode())

            def log_message(self, *_):
                """Silence."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def key(monkeypatch):
    monkeypatch.setenv("SIGHTLINE_TEST_KEY", KEY)
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def pauses():
    return []


@pytest.fixture
def chat(pauses, key):
    """A client of a service, with pauses that are noted instead of waited."""

    def connect(service, **options):
        options = {"key_variable": "SIGHTLINE_TEST_KEY", "sleep": pauses.append} | options
        return EndpointChat(service.url, "judge-1", **options)

    return connect


def test_a_message_arrives_with_key_and_seed(chat):
    with Service(answered(GOOD)) as service:
        assert LanguageModelJudge(chat(service)).compare("a cat", "cats").f1 == 1
    [(path, headers, body)] = service.requests
    assert path == "/v1/chat/completions" and headers["Authorization"] == f"Bearer {KEY}"
    assert (body["model"], body["seed"], body["temperature"]) == ("judge-1", 42, 0)
    assert "a cat" in body["messages"][0]["content"]


def test_busy_and_broken_services_are_asked_again(chat, pauses):
    replies = (429, {"Retry-After": "7"}, "slow down"), (500, {}, "oops"), answered("fine")
    with Service(*replies) as service:
        assert chat(service).ask("hello", 1) == "fine"
    assert pauses == [7.0, 4.0]


@pytest.mark.parametrize(
    "reply",
    [
        (200, {}, "<html>"),
        (200, {}, "{}"),
        (200, {}, "[1]"),
        answered(""),
        (200, {}, '{"choices": []}'),
    ],
)
def test_garbage_is_asked_again_and_then_given_up(chat, reply):
    with Service(reply, answered("fine")) as service:
        assert chat(service).ask("hello", 1) == "fine"
    with Service(reply, reply) as service, pytest.raises(JudgeError, match="after 2 attempts"):
        chat(service, attempts=2).ask("hello", 1)


def test_a_service_that_stalls_is_left(chat):
    with Service(1.0, answered("fine")) as service:
        assert chat(service, timeout=0.2).ask("hello", 1) == "fine"


def test_nobody_there(chat):
    with Service() as service:
        gone = chat(service, attempts=2)
    with pytest.raises(JudgeError, match="after 2 attempts"):
        gone.ask("hello", 1)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refusal_ends_the_run_and_does_not_repeat_the_key(chat, status, caplog):
    """Services echo keys, whole or shortened, in what they refuse."""
    with Service((status, {}, f"wrong key {KEY} ({KEY[:9]}***)")) as service:
        with pytest.raises(JudgeError, match=f"HTTP {status}") as caught:
            chat(service).ask("hello", 1)
    assert len(service.requests) == 1 and KEY not in str(caught.value)
    if status in (401, 403):
        assert KEY[:9] not in str(caught.value)


def test_the_key_follows_no_redirect(chat):
    with Service(answered("stolen")) as thief:
        with Service((307, {"Location": f"{thief.url}/chat/completions"}, "")) as service:
            with pytest.raises(JudgeError, match="sends us elsewhere"):
                chat(service).ask("hello", 1)
    assert thief.requests == []


def test_the_key_leaves_over_no_open_connection(chat, key):
    far = EndpointChat("http://judge.example.org/v1", "m", key_variable="SIGHTLINE_TEST_KEY")
    with pytest.raises(JudgeError, match="not encrypted"):
        far.ask("hello", 1)


def test_the_key_is_in_no_log_and_no_record(chat, caplog, tmp_path):
    caplog.set_level(logging.DEBUG)
    path = tmp_path / "answers.jsonl"
    with Service((500, {}, KEY), (200, {}, KEY), answered(GOOD)) as service:
        recorder = RecordedChat("judge-1", path, chat(service))
        LanguageModelJudge(recorder).compare("a cat", "cats")
    assert "asking again" in caplog.text and KEY not in caplog.text
    assert KEY not in path.read_text()


def test_a_service_without_a_key_gets_none(chat, monkeypatch):
    monkeypatch.delenv("SIGHTLINE_TEST_KEY")
    with Service(answered("fine")) as service:
        chat(service).ask("hello", 1)
    assert "Authorization" not in service.requests[0][1]


def test_a_local_model_that_is_not_there(tmp_path):
    with pytest.raises(JudgeError, match="cannot be loaded"):
        LocalChat(str(tmp_path / "nothing"), "cpu").ask("hello", 1)


def test_a_local_model_answers_in_its_chat_format(tmp_path):
    """A random Llama with a chat template: its answer is what generate gives behind the message."""
    import torch
    from transformers import AutoModelForCausalLM, LlamaConfig

    from tiny import build_tokenizer

    tokenizer = build_tokenizer(("<|user|>",))
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=16, num_hidden_layers=1,
        num_attention_heads=2, initializer_range=0.4,
    )  # fmt: skip
    model = AutoModelForCausalLM.from_config(config)
    model.generation_config.pad_token_id = 0
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(JudgeError, match="no chat template"):
        LocalChat(str(tmp_path), "cpu").ask("a cat", 1)
    tokenizer.chat_template = "{% for m in messages %}user {{ m['content'] }}{% endfor %}"
    tokenizer.save_pretrained(tmp_path)
    ids = tokenizer("user a cat", return_tensors="pt", add_special_tokens=False)
    expected = model.generate(**ids, max_new_tokens=5, do_sample=False)[
        0, ids["input_ids"].shape[1] :
    ]
    chat = LocalChat(str(tmp_path), "cpu", max_new_tokens=5)
    assert chat.ask("a cat", 1) == tokenizer.decode(expected, skip_special_tokens=True)
