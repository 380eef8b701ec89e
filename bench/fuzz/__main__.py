"""Hostile inputs, tens of thousands of them, against every door: `python -m bench.fuzz` prints what was tried and failed.

Each target makes its inputs from a seeded random source, so that a failure can be had again: `--seed N --only TARGET`.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time

from bench.fuzz.attack import SHARES, Bench, attack


async def _main(inputs: int, seed: int, seconds: float, only: str) -> int:
    failed = tried = 0
    print(f"{'target':<18}{'inputs':>8}{'failures':>10}{'seconds':>9}")
    async with Bench() as bench:
        end = time.monotonic() + seconds
        left = sum(SHARES.values())
        for name, target in bench.targets.items():
            share = SHARES[name]
            allowed = (end - time.monotonic()) * share / left
            left -= share
            if only and name != only:
                continue
            result = await attack(target, inputs * share // 100, seed=seed, seconds=seconds if only else max(allowed, 1.0) * 1.5)
            bad = result.failures.total()
            tried, failed = tried + result.tried, failed + bad
            print(f"{name:<18}{result.tried:>8}{bad:>10}{result.seconds:>9.0f}", flush=True)
            for kind, count in result.failures.most_common(5):
                number, where = result.first[kind]
                print(f"    {count} x {kind} (first with --seed {number} --inputs 100 --only '{name}')\n{where}")
        lost = await bench.door.lost()
    print(f"{'all':<18}{tried:>8}{failed:>10}\nacknowledged {len(bench.door.taken)}, of those lost {lost}")
    return 1 if failed or lost else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=450.0)
    parser.add_argument("--only", default="", choices=["", *SHARES])
    given = parser.parse_args()
    sys.exit(asyncio.run(_main(given.inputs, given.seed, given.seconds, given.only)))
