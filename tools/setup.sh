#!/bin/sh
# Makes ready what building and testing need: node, a C compiler, emscripten, protoc, and programs that tests dump.
# Installs by apt-get where it may; otherwise names what is missing, in one line. Then the npm packages, where not current.
set -eu
cd "$(dirname "$0")/.."

node_ok() { command -v node >/dev/null && node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 12) ? 0 : 1)'; }
node_ok || { echo "setup: node 20.12 or newer is needed: https://nodejs.org/" >&2; exit 1; }

# PROGRAM:PACKAGE. The first list must be there; without the second, tests that need one say so and are skipped.
need="gcc:gcc ld:binutils protoc:protobuf-compiler"
want="nginx:nginx-light memcached:memcached psql:postgresql ruby:ruby xz:xz-utils perl:perl redis-server:redis-server redis-cli:redis-tools gdb:gdb gdb-multiarch:gdb-multiarch sqlite3:sqlite3 python3:python3 bash:bash zsh:zsh fish:fish tmux:tmux vim:vim chromium:chromium"
missing() { for pair in $1; do command -v "${pair%%:*}" >/dev/null || printf '%s ' "${pair##*:}"; done; }
# Headers that gcc alone lacks.
headers() { printf '#include <stdio.h>\n#include <linux/sched.h>\n' | gcc -E -o /dev/null - 2>/dev/null || printf 'libc6-dev linux-libc-dev '; }
# emscripten, or a clang that can link WebAssembly (tools/build-wasm.mjs takes either).
wasm() { command -v emcc >/dev/null || ls /usr/lib/llvm-*/bin/wasm-ld >/dev/null 2>&1 || printf 'emscripten '; }

required="$(missing "$need")$(headers)$(wasm)"
wished="$(missing "$want")"
if [ -n "$required$wished" ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "setup: installing $required$wished"
    log="$(mktemp)"
    # Not every Debian has every package: one that is not to be had must not keep the others away.
    install() { DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" >"$log" 2>&1; }
    apt-get update -qq >"$log" 2>&1 || tail -5 "$log" >&2
    # shellcheck disable=SC2086
    install $required $wished || install $required || { tail -5 "$log" >&2; echo "setup: apt-get could not install all of: $required" >&2; }
    for package in $(missing "$want"); do install "$package" || echo "setup: $package is not to be had here"; done
    rm -f "$log"
  fi
  lacking="$(missing "$need")$(headers)$(wasm)"
  [ -z "$lacking" ] || { echo "setup: missing; as root: apt-get install $lacking" >&2; exit 1; }
  [ -z "$(missing "$want")" ] || echo "setup: tests that need these are skipped: $(missing "$want")"
fi

# npm ci takes a minute: only when the lock file is another one than was installed.
lock="$(sha256sum package-lock.json | cut -d' ' -f1)"
if [ "$(cat node_modules/.criu-ts-lock 2>/dev/null)" != "$lock" ]; then
  echo "setup: npm ci"
  npm ci --no-audit --no-fund --loglevel=error
  # tap compiles itself anew for the plugins of .taprc when it first runs; two first runs at once would break it for good.
  node_modules/.bin/tap build >/dev/null
  echo "$lock" >node_modules/.criu-ts-lock
fi
# npm links no program that is not built yet; npx wants the links.
ln -sf ../@criu-ts/images/dist/criu-images.cjs ../@criu-ts/cli/dist/criu-ts.cjs node_modules/.bin/
mv -f node_modules/.bin/criu-ts.cjs node_modules/.bin/criu-ts
mv -f node_modules/.bin/criu-images.cjs node_modules/.bin/criu-images
