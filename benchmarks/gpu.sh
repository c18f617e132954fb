#!/usr/bin/env bash
# Embedding on a GPU, measured and tried: benchmarks/gpu.sh [OUT_FOLDER [PART ...]]
#
# Parts are those of bench_gpu.py, and `accuracy`: a config with views made by the CPU and by the GPU.
# All of them take under 8 minutes on a card of 2022 with 16 CPU cores. WHEELS names a folder of
# wheels that the machine's Python lacks and cannot fetch; they are installed for this run alone,
# into a folder of their own. PYTHON names the interpreter, which brings torch. Without a GPU it
# says so and ends.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
out=${1:-work_dirs/gpu}
parts=("${@:2}")
if [ ${#parts[@]} = 0 ]; then
    parts=(loop whole start parity views patches fits profile accuracy)
fi
mkdir -p "$out"
if ! "$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'; then
    echo 'no GPU that torch can use: nothing is measured'
    exit 0
fi
site=$(mktemp -d)
trap 'rm -rf "$site"' EXIT
if [ -n "${WHEELS:-}" ]; then
    "$python" -m pip install --quiet --no-index --no-deps --no-compile --no-cache-dir \
        --target "$site" "$WHEELS"/*.whl
fi
PYTHONPATH=$PWD:$site${PYTHONPATH:+:$PYTHONPATH}
PYTHONUNBUFFERED=1
export PYTHONPATH PYTHONUNBUFFERED
# Every tensor that a worker hands over holds a file descriptor for a while.
ulimit -n "$(ulimit -H -n)" || true
measured=()
for part in "${parts[@]}"; do
    [ "$part" = accuracy ] || measured+=("$part")
done
if [ ${#measured[@]} != 0 ]; then
    "$python" benchmarks/bench_gpu.py "${measured[@]}" --out "$out/bench_gpu.json" 2>&1 |
        tee "$out/bench_gpu.log"
fi
[[ " ${parts[*]} " = *' accuracy '* ]] || exit 0
# A whole config, with its views made by workers and by the GPU in bfloat16: the same accuracy, but for
# what one query more or less makes.
"$python" tools/test.py configs/mvrec/zipa_5shot_synthetic.py --work-dir "$out/cpu_views" \
    --out "$out/cpu_views.json" --out-item metrics >"$out/test.log" 2>&1
"$python" tools/test.py configs/mvrec/zipa_5shot_synthetic.py --work-dir "$out/device_views" \
    --out "$out/device_views.json" --out-item metrics --cfg-options model.precision=auto \
    train_dataloader.dataset.pipeline.2.backend=device \
    test_dataloader.dataset.pipeline.2.backend=device >>"$out/test.log" 2>&1
for views in cpu device; do
    "$python" -c 'import json, sys; print(*sys.argv[1:2], json.load(open(sys.argv[2]))["fewshot/accuracy"])' \
        "accuracy of the synthetic config, $views views:" "$out/${views}_views.json"
done
