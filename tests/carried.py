"""What a page carries: its plain data and its packed arrays."""

import json
import re


def carried(text: str) -> tuple[dict, dict[str, str]]:
    """Plain data and blobs of a page."""
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)[1]
    blobs = re.findall(r'<script type="text/plain" id="blob-(.*?)">(.*?)</script>', text, re.S)
    return json.loads(data), dict(blobs)


def asks_for_nothing(text: str) -> bool:
    """Whether a page names no address but those of its own data."""
    places = [place for kind in ('src="', 'href="') for place in text.split(kind)[1:]]
    calls = r"https?://(?!www\.w3\.org/2000/svg)|url\(|@import|fetch\(|import\("
    return all(place.startswith("data:") for place in places) and not re.search(calls, text)
