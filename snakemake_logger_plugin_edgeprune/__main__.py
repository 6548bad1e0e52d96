"""``python -m snakemake_logger_plugin_edgeprune …`` is ``snakemake --logger edgeprune …`` without its first line."""

import sys
from typing import Any

from snakemake import cli


def _tell(*words: Any, **options: Any) -> None:
    """What Snakemake's parser prints, but for the name of the profile that lies in this folder."""
    if not " ".join(map(str, words)).startswith("Using workflow specific profile"):
        print(*words, **options)


if __name__ == "__main__":
    vars(cli)["print"] = _tell
    sys.argv[1:1] = ["--logger", "edgeprune"]
    cli.main()
