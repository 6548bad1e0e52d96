"""Small files of /proc and /sys."""

import glob


def first_line(path):
    try:
        with open(path, errors="replace") as stream:
            return stream.readline().strip().strip("\0") or None
    except OSError:
        return None


def number(path):
    try:
        return int(first_line(path) or "")
    except ValueError:
        return None


def numbers(pattern):
    found = {path: number(path) for path in sorted(glob.glob(pattern))}
    return {path: value for path, value in found.items() if value is not None}
