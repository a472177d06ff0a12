#!/usr/bin/env bash
# Makes sure that a Docker engine answers: installs one where there is none, starts it, waits for it.
set -euo pipefail

answers() { docker info >/dev/null 2>&1; }

if answers; then exit; fi
if ! command -v dockerd >/dev/null; then
    echo "engine: installing" >&2
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends docker.io >&2
fi
echo "engine: starting" >&2
log=${TMPDIR:-/tmp}/dockerd.log
# in a session of its own: it is to outlive this script
setsid nohup dockerd >"$log" 2>&1 </dev/null &
for _ in $(seq 60); do
    if answers; then exit; fi
    sleep 1
done
echo "engine: does not answer after 60 s; the end of $log:" >&2
tail -n 20 "$log" >&2
exit 1
