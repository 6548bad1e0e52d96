"""Print each word of a text and how often it occurs."""

import collections
import sys

with open(sys.argv[1], encoding="utf-8") as text:
    words = collections.Counter(text.read().lower().split())
for word, count in sorted(words.items()):
    print(f"{word}\t{count}")
