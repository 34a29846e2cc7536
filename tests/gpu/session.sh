#!/bin/bash
# Everything that needs a real GPU, in one go: tests of what the kernels compute, then the figures, as JSON in $OUT.
# Usage: OUT=DIRECTORY DATA=DIRECTORY_OF_MNIST bash tests/gpu/session.sh
set -u
cd "$(dirname "$0")/../.."
export PYTHONPATH="core:plugins:server:sdk:cli:.:${PYTHONPATH:-}" PYTHONUNBUFFERED=1
mkdir -p "$OUT"
nvidia-smi --query-gpu=name,driver_version,memory.total,memory.used --format=csv | tee "$OUT/device.csv"
HANAMI_TEST_GPU=1 python3 -m pytest -q -p no:cacheprovider -o filterwarnings=default --noconftest -p tests.gpu.conftest \
    tests/gpu/test_section_training.py tests/gpu/test_section_conformance.py \
    tests/gpu/test_synapse_training.py tests/gpu/test_synapse_conformance.py > "$OUT/tests.txt" 2>&1
tests=$?
tail -n 30 "$OUT/tests.txt"
python3 -m tests.bench.gpu --data "$DATA" --out "$OUT/gpu.json" ${SKIP:-}
sections=$?
python3 tests/gpu/bench_synapse.py --data "$DATA" | tee "$OUT/synapse.json"
exit $((tests | sections | PIPESTATUS[0]))
