#!/bin/bash
# The store contract on real S3 services from Debian, and on the RADOS gateway the command lines of
# tests/e2e/command_rows.py: starts each, runs, stops. What is not installed is skipped, saying so.
# Bounded: 20 minutes a service.
#   real_servers.sh [PROGRAM] [rgw] [swift]
# PROGRAM: s3_contract_test (default: the newest below build/); the command lines run with its
# build's telpher. RESULTS in the environment: a folder for their JUnit file. An endpoint of your own:
#   TELPHER_TEST_S3_ENDPOINT=… AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… s3_contract_test
set -u
here=$(cd "$(dirname "$0")" && pwd)
program=
if [ $# -gt 0 ] && [ -x "$1" ]; then program=$1; shift; fi
[ -n "$program" ] || program=$(ls -t "$here"/../../build/*/tests/contract/s3_contract_test 2>/dev/null | head -n 1)
[ -x "$program" ] || { echo "real_servers.sh: build s3_contract_test first" >&2; exit 2; }
[ $# -gt 0 ] || set -- rgw swift

command_lines() {  # url, access key, secret key
  local build=$(cd "$(dirname "$program")/../.." && pwd)
  TELPHER_BUILD=${build##*/} TELPHER_RGW_ENDPOINT=$1 TELPHER_RGW_ACCESS_KEY=$2 \
    TELPHER_RGW_SECRET_KEY=$3 timeout 600 /usr/bin/python3 -m pytest "$here/../e2e/test_commands.py" \
    -k rgw: -q -n 2 -p no:cacheprovider ${RESULTS:+--junitxml="$RESULTS/commands-rgw.xml"}
}

script=
trap '[ -z "$script" ] || "$script" stop' EXIT
trap 'exit 130' INT TERM
failures=0
for service in "$@"; do
  case $service in
    rgw) script=$here/../support/radosgw.sh ;;
    swift) script=$here/../support/swift_s3.sh ;;
    *) echo "real_servers.sh: no service '$service'" >&2; exit 2 ;;
  esac
  answer=$(timeout 120 "$script" start | tail -n 1; exit "${PIPESTATUS[0]}")
  case $? in
    0) ;;
    77) echo "SKIPPED $service: not installed"; script=; continue ;;
    *) echo "FAILED $service: it does not start"; failures=$((failures + 1)); continue ;;
  esac
  read -r _ url access secret <<<"$answer"
  echo "== $service at $url"
  passed=1
  env -u AWS_PROFILE -u AWS_SESSION_TOKEN TELPHER_TEST_S3_ENDPOINT="$url" AWS_REGION=us-east-1 \
      AWS_ACCESS_KEY_ID="$access" AWS_SECRET_ACCESS_KEY="$secret" \
      timeout 600 "$program" --gtest_filter='RealServer/*' --gtest_brief=1 || passed=
  if [ "$service" = rgw ]; then command_lines "$url" "$access" "$secret" || passed=; fi
  if [ -n "$passed" ]; then
    echo "PASSED $service"
  else
    echo "FAILED $service"
    failures=$((failures + 1))
  fi
  "$script" stop
  script=
done
exit $((failures > 0))
