#!/usr/bin/env bash
# Makes sure that the programs are there which tests start: bubblewrap for its back end, Chromium with its driver
# for pages, curl for the newcomer's path.
set -euo pipefail

declare -A package=([bwrap]=bubblewrap [chromium]=chromium [chromedriver]=chromium-driver [curl]=curl [make]=make)
missing=()
for program in "${!package[@]}"; do
    command -v "$program" >/dev/null || missing+=("${package[$program]}")
done
if [ ${#missing[@]} -eq 0 ]; then exit; fi
echo "packages: installing ${missing[*]}" >&2
install() { DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" >&2; }
# an image of Debian often comes without lists
install || { apt-get update -qq >&2 && install; }
