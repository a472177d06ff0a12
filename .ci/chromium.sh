#!/usr/bin/env bash
# Makes sure that Chromium and its driver are there, for the tests of pages.
set -euo pipefail

if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then exit; fi
echo "chromium: installing" >&2
install() { DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium chromium-driver >&2; }
# an image of Debian often comes without lists
install || { apt-get update -qq >&2 && install; }
