#!/usr/bin/env bash
# Makes sure that bubblewrap is there, for the tests of that back end.
set -euo pipefail

if command -v bwrap >/dev/null; then exit; fi
echo "bubblewrap: installing" >&2
install() { DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends bubblewrap >&2; }
# an image of Debian often comes without lists
install || { apt-get update -qq >&2 && install; }
