#!/usr/bin/env bash
# Builds the base image of the sandbox without a registry: unpacked Debian packages, wheels, `docker import`.
#
#   .ci/base-image.sh          prints the image's name; does nothing when it exists
#
# Needs apt, docker and any Python with pip. The image holds the distribution's own python3 with torch, numpy
# and safetensors of constraints.txt. For users the sandbox is built on a public image instead (sandbox/Dockerfile).
set -euo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-$(command -v python3.11 || command -v python3)}
wheels=$(grep -E '^(torch|numpy|safetensors)==' constraints.txt)
recipe=$(cat .ci/base-image.sh <(echo "$wheels") /etc/os-release | sha256sum | cut -c1-12)
image=codegen-hpo-base:$recipe
if docker image inspect "$image" >/dev/null 2>&1; then
    echo "$image"
    exit
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
log() { echo "base image: $*" >&2; }

# The closure of what python3 and torch's libraries depend on, without what only maintainer scripts need.
roots="python3 libstdc++6 libgomp1 coreutils dash base-files base-passwd"
scripting='dpkg|tar|perl|libperl|debianutils|debconf|cdebconf|libdebconf|install-info|mailcap|mime-support|libgdbm'
scripting+='|gawk|mawk|awk|original-awk|libmpfr|libsigsegv|readline-common|init-system-helpers'
closure() {
    # shellcheck disable=SC2086
    apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
        --no-enhances $roots 2>/dev/null | grep -E '^[a-z0-9]' | grep -vE ":|^($scripting)" | sort -u
}
log "fetching packages"
# an image of Debian often comes without lists
(cd "$work" && apt-get download -qq python3 >/dev/null 2>&1) || apt-get update -qq >&2
mkdir -p "$work/debs" "$root"/usr/{bin,sbin,lib,lib64} "$root"/{tmp,proc,sys,dev,run,root,etc}
# names that only stand for others have no file
# shellcheck disable=SC2046
apt-cache show --no-all-versions $(closure) 2>/dev/null |
    sed -n 's/^Package: //; t keep; /^Filename:/{x; p}; b; :keep; h' | sort -u >"$work/packages"
if ! (cd "$work/debs" && xargs apt-get download -qq <"$work/packages" >/dev/null 2>"$work/apt.log"); then
    cat "$work/apt.log" >&2
    exit 1
fi

log "unpacking $(ls "$work/debs" | wc -l) packages"
for name in bin sbin lib lib64; do ln -s "usr/$name" "$root/$name"; done # before unpacking: packages hold both
for deb in "$work"/debs/*.deb; do
    dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$root" --keep-directory-symlink --no-same-owner
done
ln -sfn dash "$root/usr/bin/sh"
chmod 1777 "$root/tmp"
printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n' >"$root/etc/passwd"
printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
rm -rf "$root"/usr/share/{doc,man,locale,lintian,info}

version=$(basename "$(readlink "$root/usr/bin/python3")") # python3.11
packages=$root/usr/local/lib/$version/dist-packages
log "installing torch for $version"
# shellcheck disable=SC2086
"$python" -m pip install --quiet --disable-pip-version-check --no-compile --target "$packages" \
    --python-version "${version#python}" --implementation cp --only-binary=:all: --retries 0 --timeout 20 \
    --extra-index-url "${TORCH_INDEX:-https://download.pytorch.org/whl/cpu}" -c constraints.txt $wheels >&2
rm -rf "$packages"/torch/{test,include}
find "$packages/torch/bin" -type f ! -name torch_shm_manager -delete # `import torch` looks for that one

# Byte code: on a read-only root `import torch` takes 2.2 s without it, 0.8 s with it. The hashes are not
# checked, so that it stays valid whatever times the files get.
log "compiling"
chroot "$root" "/usr/bin/$version" -c "import ssl, sqlite3, lzma, ctypes" # every library was unpacked
# one template of torch's is no Python, which makes the command fail
chroot "$root" "/usr/bin/$version" -m compileall -q --invalidation-mode unchecked-hash \
    "/usr/local/lib/$version/dist-packages" "/usr/lib/$version" >/dev/null 2>&1 || true

log "importing"
tar -C "$root" --numeric-owner --owner=0 --group=0 -c . |
    docker import -c 'ENV PATH=/usr/local/bin:/usr/bin:/bin' -c 'ENV LANG=C.UTF-8' - "$image" >/dev/null
echo "$image"
