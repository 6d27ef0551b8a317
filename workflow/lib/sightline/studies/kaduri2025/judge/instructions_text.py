"""Text S1: what the judge is told, in our own words, and what the paper's judge is known to be told."""

import argparse
from pathlib import Path

from sightline import cli
from sightline.files import atomic_path
from sightline.studies.judging.chat import SEED
from sightline.studies.judging.instructions import INSTRUCTIONS, ask_for_comparison

TEXT = """# Instructions of the judge

The default judge of this software is a parser that looks for the object names of the data set and needs no
instructions. Where a language model judges, it gets one user message per pair of descriptions, at temperature 0 with
seed {seed}, and answers are recorded. The wording below is our own.

## What is sent

```text
{instructions}
Now judge this pair.
Reference: <description by the unmodified model>
Prediction: <description to be judged>
```

## How it differs from the paper's

As far as its authors' code is known.

* **Model**: the paper's is gpt-4o-2024-08-06; here any, named in the configuration.
* **Sampling**: the paper has seed 42 and the service's own temperature; here temperature 0 and seed {seed}, and every
  further attempt has the next seed.
* **Role and steps**: the same (expert in judging captions; list tangible objects without attributes and places,
  compare, precision and recall).
* **Worked examples**: the paper has three with the formulas written out, the first of which contradicts itself; here
  three of our own, with the lists alone.
* **Answer**: the paper takes free text, and two more calls read the numbers off it (unreadable becomes NaN); here one
  JSON object with three lists (unreadable is asked again, and then ends the run).
* **Reference**: the description by the unmodified model in both. **A refusal** has F1 0 in both.

One message has {letters} letters before the descriptions.
"""


def write_text() -> str:
    """The page, as Markdown."""
    letters = len(ask_for_comparison("", ""))
    return TEXT.format(instructions=INSTRUCTIONS.rstrip(), seed=SEED, letters=letters)


def main(options: argparse.Namespace) -> None:
    """Write the page."""
    with atomic_path(options.out) as temporary:
        temporary.write_text(write_text(), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    cli.run(main, parser)
