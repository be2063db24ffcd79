#!/bin/bash
# Training on one GPU: float32, bfloat16, compiled, batch sizes, DataParallel, the same weights twice.
#     bash benchmarks/training/gpu.sh [python]
# writes benchmarks/training/gpu.md with the card's name and the date.
set -euo pipefail
cd "$(dirname "$0")"
exec "${1:-python}" gpu.py --write
