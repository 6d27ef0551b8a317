"""A language model behind an OpenAI-compatible address.

The key is read from the environment when a message is sent and goes nowhere but into that request: not to another
host by a redirect, not over an open connection to another machine, not into a message that a server's answer might
repeat.
"""

import http.client
import json
import logging
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from sightline.studies.judging.comparison import JudgeError

log = logging.getLogger(__name__)

KEY_VARIABLE = "OPENAI_API_KEY"
LONGEST_PAUSE = 60.0
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class EndpointChat:
    """Asks one model behind ``<url>/chat/completions``.

    Attributes:
        name: of the model.
    """

    def __init__(
        self,
        url: str,
        model: str,
        key_variable: str = KEY_VARIABLE,
        timeout: float = 60.0,
        attempts: int = 5,
        pause: float = 2.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Connect to nothing yet.

        Args:
            url: such as https://api.openai.com/v1 or http://127.0.0.1:8000/v1.
            model: as the service names it, with its date.
            key_variable: environment variable that holds the key; unset for a service without one.
            timeout: seconds for one answer.
            attempts: calls before giving up.
            pause: seconds before the second call, doubled before each further one, unless the server names a time.
            sleep: waits; replaced in tests.

        Raises:
            JudgeError: the address is none.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise JudgeError(
                "judge.url: give an address such as https://api.openai.com/v1, without a name or key in it."
            )
        self.name = model
        self._url, self._open = f"{url.rstrip('/')}/chat/completions", _opener()
        self._plain = parts.scheme == "http" and parts.hostname not in _LOOPBACK
        self._key_variable, self._timeout = key_variable, timeout
        self._attempts, self._pause, self._sleep = attempts, pause, sleep

    def ask(self, message: str, seed: int) -> str:
        """One message, greedy where the service allows it.

        Raises:
            JudgeError: the service refuses, or gives no answer after all attempts.
        """
        key = os.environ.get(self._key_variable, "")
        if key and self._plain:
            raise JudgeError(
                f"judge.url: {self._url} is not encrypted, so the key in {self._key_variable} stays here. "
                "Use https, or unset the variable if the service needs no key."
            )
        body = {
            "model": self.name,
            "messages": [{"role": "user", "content": message}],
            "temperature": 0,
            "seed": seed,
        }
        reason = "never asked"
        for attempt in range(self._attempts):
            wait = min(self._pause * 2**attempt, LONGEST_PAUSE)
            try:
                return self._send(body, key)
            except urllib.error.HTTPError as error:
                reason = f"HTTP {error.code}"
                if error.code != 429 and error.code < 500:
                    raise JudgeError(self._refused(error, key)) from None
                wait = _asked_pause(error.headers) or wait
            except (OSError, http.client.HTTPException) as error:
                reason = type(error).__name__ if not str(error) else str(error)
            except _Garbage as error:
                reason = str(error)
            reason = _without(reason, key)
            if attempt < self._attempts - 1:
                log.warning("%s: %s; asking again in %.0f s", self._url, reason, wait)
                self._sleep(wait)
        raise JudgeError(
            f"{self._url}: no answer after {self._attempts} attempts ({reason}). What was answered before is "
            "recorded; run again to go on."
        )

    def _send(self, body: Mapping[str, Any], key: str) -> str:
        headers = {"Content-Type": "application/json"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        request = urllib.request.Request(self._url, json.dumps(body).encode(), headers)
        with self._open(request, timeout=self._timeout) as response:
            content = response.read()
        try:
            answer = json.loads(content)["choices"][0]["message"]["content"]
        except (ValueError, LookupError, TypeError):
            raise _Garbage("an answer that is not in the format of chat completions") from None
        if not isinstance(answer, str) or not answer.strip():
            raise _Garbage("an empty answer")
        return answer

    def _refused(self, error: urllib.error.HTTPError, key: str) -> str:
        if 300 <= error.code < 400:
            return f"{self._url}: sends us elsewhere (HTTP {error.code}). Name the final address as judge.url."
        said = _without(error.read(300).decode(errors="replace"), key)
        advice = (
            f"Put a valid key into the environment variable {self._key_variable}."
            if error.code in (401, 403)
            else "Check judge.url and judge.model."
        )
        # A refused key may come back shortened, which no comparison with the key would find.
        said = "" if error.code in (401, 403) else f": {said!r}"
        return f"{self._url}: refused (HTTP {error.code}){said}. {advice}"


class _Garbage(Exception):
    """An answer came that is none."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Redirects would carry the key to wherever the server points."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _opener() -> Callable[..., Any]:
    return urllib.request.build_opener(_NoRedirect).open


def _without(text: str, key: str) -> str:
    return text.replace(key, "***") if key else text


def _asked_pause(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server wants us to wait, within reason."""
    try:
        return min(max(float(headers.get("Retry-After", "")), 0.0), LONGEST_PAUSE)
    except ValueError:
        return None
