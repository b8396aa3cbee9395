#!/bin/bash
# What ./dev demo runs: a real file from a real web server into the embedded store, proven.
# usage: demo.sh TELPHER [SIZE_MIB]
set -euo pipefail
telpher=$(realpath "$1") size_mib=${2:-512}
work=$(mktemp -d "${TMPDIR:-/tmp}/telpher-demo.XXXXXX")
nginx_pid=
cleanup() {
  [ -z "$nginx_pid" ] || kill "$nginx_pid" 2>/dev/null || :
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM
say() { printf '\n\033[1m==> %s\033[0m\n' "$*"; }
export TELPHER_HOME=$work/home

say "a file of $size_mib MiB that nobody has seen before"
mkdir -p "$work/www" "$work/nginx"
head -c "${size_mib}M" /dev/urandom >"$work/www/file"
ls -lh "$work/www/file" | awk '{print $5}'

# Any free port: bind to port 0 and ask which one it was.
port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
say "nginx serves it on http://127.0.0.1:$port"
cat >"$work/nginx.conf" <<C
daemon off; master_process off; pid $work/nginx/pid; error_log stderr warn;
events {}
http {
  access_log off; sendfile on;
  client_body_temp_path $work/nginx/a; proxy_temp_path $work/nginx/b;
  fastcgi_temp_path $work/nginx/c; uwsgi_temp_path $work/nginx/d; scgi_temp_path $work/nginx/e;
  server { listen 127.0.0.1:$port; root $work/www; }
}
C
nginx=$(command -v nginx || echo /usr/sbin/nginx)
"$nginx" -e stderr -p "$work/nginx" -c "$work/nginx.conf" &
nginx_pid=$!
for _ in $(seq 100); do
  curl -sfo /dev/null -r 0-0 "http://127.0.0.1:$port/file" && break
  kill -0 "$nginx_pid" || { echo "demo: nginx did not start" >&2; exit 1; }
  sleep 0.05
done

command="telpher cp http://127.0.0.1:$port/file local://demo/file"
say "$command"
"$telpher" cp "http://127.0.0.1:$port/file" local://demo/file --stats

say "telpher ls local://demo"
"$telpher" ls --human local://demo

say "telpher cp local://demo/file - | sha256sum, compared with the original"
wanted=$(sha256sum <"$work/www/file")
got=$("$telpher" cp local://demo/file - --quiet | sha256sum)
echo "original $wanted"
echo "stored   $got"
[ "$wanted" = "$got" ] || { echo "demo: THE BYTES DIFFER" >&2; exit 1; }

say "done: $size_mib MiB came over HTTP in parallel ranges, were checked part by part and as a whole,"
echo "    and read back byte for byte. Everything is removed again. Next: ./dev run cp --help"
