#!/usr/bin/env python3
"""Counts the instructions of each operation with valgrind, and fails when one has grown beyond the tolerance.

    python3 benches/instructions.py             compare with benches/instructions.json
    python3 benches/instructions.py --accept    write the counts of now into it

Unlike times, instruction counts do not depend on the machine's load. Each operation is run twice, with a small and a larger
number of repetitions: the difference is free of start-up and set-up. They do depend on the compiler, on libc and on the
processor's instruction set, hence a tolerance; a new compiler may call for --accept.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
BASELINE = HERE / "instructions.json"
TOLERANCE_PERCENT = 5.0
FEW, MANY = 200, 1200
# What a history may cost, beside a cycle without one. (The budget is 3 %; a count between two is off by half of one.)
BESIDE = {"service/json/cycle-history": "service/json/cycle", "service/json/cycle-history-full": "service/json/cycle"}
BESIDE_PERCENT = 4.0
NOT_IN_HERE = ["aws-sdk-sqs", "aws-config", "aws-runtime", "aws-sigv4", "aws-smithy-runtime", "aws-lc-sys", "rustls"]


def build() -> str:
    command = [os.environ.get("CARGO", "cargo"), "bench", "--no-default-features", "--bench", "instructions", "--no-run"]
    # Link-time optimisation over everything would take three times as long, and the counts guard just as well without. The
    # SDK is built because tests need it and is not part of this program.
    # In one piece: how the compiler cuts a crate up decides what is inlined, by more than what is to be seen here.
    command += ["--message-format=json", "--config", "profile.bench.package.kew.codegen-units=1"]
    for name in NOT_IN_HERE:
        command += ["--config", f'profile.bench.package."{name}".opt-level=0']
    env = dict(os.environ, CARGO_PROFILE_BENCH_LTO="off", CARGO_PROFILE_BENCH_CODEGEN_UNITS="16")
    out = subprocess.run(command, cwd=HERE.parent, env=env, stdout=subprocess.PIPE, check=True, text=True).stdout
    for line in out.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] == "instructions":
            return message["executable"]
    sys.exit("cargo built no bench named instructions")


def count(program: str, operation: str, times: int) -> int:
    with tempfile.TemporaryDirectory() as scratch:
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={scratch}/out", program, operation, str(times)]
        result = subprocess.run(command, capture_output=True, text=True)
    found = re.search(r"Collected : (\d+)", result.stderr)
    if result.returncode != 0 or not found:
        sys.exit(f"{operation}: valgrind failed\n{result.stderr}")
    return int(found[1])


def measure(program: str, operation: str) -> int:
    return round((count(program, operation, MANY) - count(program, operation, FEW)) / (MANY - FEW))


def main() -> None:
    parser = argparse.ArgumentParser(description="Instruction counts as a guard against regressions.")
    parser.add_argument("--accept", action="store_true", help="take the counts of now as the new baseline")
    arguments = parser.parse_args()
    if not shutil.which("valgrind"):
        sys.exit("valgrind is needed (Debian: apt-get install valgrind)")
    program = build()
    operations = subprocess.run([program], capture_output=True, text=True, check=True).stdout.split()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        counts = dict(zip(operations, pool.map(lambda operation: measure(program, operation), operations)))
    baseline = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    grown = []
    print(f"{'instructions of one operation':34}{'now':>10}{'baseline':>10}{'change':>9}")
    for operation, now in counts.items():
        before = baseline.get(operation)
        change = (now / before - 1) * 100 if before else 0.0
        mark = ""
        if not arguments.accept and (before is None or change > TOLERANCE_PERCENT):
            grown.append(operation)
            mark = "  too many" if before else "  not in the baseline"
        print(f"{operation:34}{now:>10}{before or '':>10}{change:>+8.1f}%{mark}")
    for operation, without in BESIDE.items():
        more = (counts[operation] / counts[without] - 1) * 100
        mark = "  too many" if more > BESIDE_PERCENT else ""
        print(f"{operation} beside {without}: {more:+.1f} %{mark}")
        grown += [operation] if mark else []
    if arguments.accept:
        BASELINE.write_text(json.dumps(counts, indent=2) + "\n")
        print(f"written to {BASELINE.relative_to(HERE.parent)}")
    elif grown:
        sys.exit(
            f"{len(grown)} operation(s) beyond the tolerance of {TOLERANCE_PERCENT:.0f} %. If the growth is wanted, say why in "
            "the commit and run: python3 benches/instructions.py --accept"
        )


if __name__ == "__main__":
    main()
