"""How large the first page of results is, and how long headless Chromium takes to open and draw it.

    python benchmarks/page.py [results/quick/index.html] [--times 7]

The time is that of the whole process, from its start to the finished picture, beside that of an empty page: the
difference is the page's. Waiting inside the page costs nothing (virtual time). Needs Debian's package chromium.
"""

import argparse
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

BROWSER = ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,800"]


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", nargs="?", type=Path, default=Path("results/quick/index.html"))
    parser.add_argument("--times", type=int, default=7, help="of each, in turns (default: %(default)s)")
    args = parser.parse_args(argv)
    pages = {"empty page": "about:blank", str(args.page): args.page.resolve().as_uri()}
    seconds = {name: [] for name in pages}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(args.times + 1):
            for name, address in pages.items():
                seconds[name].append(_open(address, Path(folder)))
    print(f"{args.page}: {args.page.stat().st_size / 1e6:.2f} MB")
    for name, values in seconds.items():
        kept = values[1:]  # the first finds nothing in the disk's cache
        print(f"{name}: median {statistics.median(kept):.2f} s, {min(kept):.2f} to {max(kept):.2f} s, n = {len(kept)}")


def _open(address, folder):
    """Seconds from the start of the browser to its end."""
    start = time.perf_counter()
    command = [
        *BROWSER,
        "--virtual-time-budget=10000",
        f"--user-data-dir={folder / 'profile'}",
        f"--screenshot={folder / 'page.png'}",
        address,
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
