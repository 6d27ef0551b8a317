#!/bin/sh
# What became of a job of PBS, in the words that Snakemake asks for. The server has to keep finished jobs (qstat -x);
# one that does not answer is asked again later.
set -eu
told=$(qstat -x -f "$1") || {
  echo running
  exit
}
value() { printf '%s\n' "$told" | sed -n "s/^ *$1 = //p"; }
if [ "$(value job_state)" != F ]; then
  echo running
elif [ "$(value Exit_status)" = 0 ]; then
  echo success
else
  echo failed
fi
