#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs every suite, also after one has failed, and ends with their sum.
cd "$(dirname "$0")/.." || exit 1
log=build/check.log
: > "$log"
failed=0

# suite NAME COMMAND...: its last "N passed, N failed" line counts; a suite
# that fails without saying so, or that ran nothing, counts as one failure.
suite() {
	name=$1
	shift
	echo "== $name"
	"$@" > "build/$name.log" 2>&1
	status=$?
	cat "build/$name.log"
	line=$(grep -Eo '[0-9]+ passed, [0-9]+ failed' "build/$name.log" | tail -n 1)
	case $line in
	'' | '0 passed, 0 failed') line='0 passed, 1 failed' ;;
	*' 0 failed') [ $status -eq 0 ] || line="${line% 0 failed} 1 failed" ;;
	esac
	echo "$line" >> "$log"
	[ $status -eq 0 ] || failed=1
}

# Called by name.
# shellcheck disable=SC2317
replay() {
	n=0
	for target in build/fuzz/*; do
		[ -x "$target" ] || continue
		"$target" -runs=0 "tests/fuzz/corpus/$(basename "$target")" || {
			echo "$n passed, 1 failed"
			return 1
		}
		n=$((n + 1))
	done
	echo "$n passed, 0 failed"
}

suite unit build/unit
suite points build/points/run
suite api /usr/bin/python3 tests/api/botocore_requests.py build/api/operations
suite fuzz replay
suite e2e /usr/bin/python3 tests/e2e/run.py
suite kernels /usr/bin/python3 tests/kernels/boot.py

awk '{ p += $1; f += $3 } END { printf "%d passed, %d failed\n", p, f; exit f > 0 }' "$log" || failed=1
exit $failed
