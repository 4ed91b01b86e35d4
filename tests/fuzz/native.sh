#!/bin/sh
# Build the native module in another way into a folder of its own, and run there what is given.
#
#   tests/fuzz/native.sh checked pytest tests/native    it notices what it may not touch: AddressSanitizer, UBSan
#   tests/fuzz/native.sh counted fuzz.rounds frames     it tells fuzzers which places in it an input reaches
#
# Not both at once: gcc's sanitizers bring empty functions for libFuzzer's. The installed module stays as it is.
set -eu

kind=$1
shift
root=$(cd "$(dirname "$0")/../.." && pwd)
folder=$root/.venv/native-$kind
python=$root/.venv/bin/python

rm -rf "$folder"
mkdir -p "$folder/hubbub"
cp -r "$root/src/hubbub/." "$folder/hubbub"
rm -f "$folder"/hubbub/native/_native*.so

include=-I$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
build() {
    gcc -shared -fPIC -g -O1 -Wall -Wextra -Wno-missing-field-initializers "$include" "$@" \
        "$root"/src/hubbub/native/*.c -o "$folder/hubbub/native/_native.so"
}

export PYTHONPATH="$folder:$root/tests"
case $kind in
checked)
    build -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
    # Leaks are not looked for: Python keeps what it has for good. Its own pools would hide what is touched.
    export ASAN_OPTIONS="detect_leaks=0:abort_on_error=1" UBSAN_OPTIONS="print_stacktrace=1" PYTHONMALLOC=malloc
    LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)"
    export LD_PRELOAD
    "$python" -c 'import sys, hubbub.native._native as it; sys.exit(not it.__file__.startswith(sys.argv[1]))' "$folder"
    ;;
counted)
    gcc -c -fPIC -O2 -Wall -Wextra "$root/tests/fuzz/coverage.c" -o "$folder/coverage.o"
    build -fsanitize-coverage=trace-pc,trace-cmp -Wl,-Bsymbolic "$folder/coverage.o"
    export FUZZ_COUNTS_NATIVE=1 PYTHONPATH="$PYTHONPATH:$root/.venv/fuzz"
    ;;
esac
exec "$python" -m "$@"
