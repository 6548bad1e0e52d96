"""Whether a result was made from the inputs that lie there now.

Snakemake asks this only of inputs that are newer than the result. After a checkout of some files but not of others an
input can be older and yet another than the one the result was made from.
"""


def made_from_others(outputs, record_of, content, changed):
    """Yield ``(output, input)`` for each output that was made from another content of an input.

    Args:
        outputs: trusted outputs.
        record_of: function from an output to Snakemake's record, or None.
        content: ``{file: sha256}`` of everything known, files that were not pulled included.
        changed: ``{file: seconds}`` of the files that are there. What Snakemake sees itself (an input that is newer) is
            left to it.
    """
    for output in outputs:
        checksums = (record_of(output) or {}).get("input_checksums") or {}
        for file, checksum in checksums.items():
            actual = content.get(file)
            if actual is None or checksum in (actual, f"sha256:{actual}"):
                continue
            if file in changed and changed[file] > changed[output]:
                continue
            yield output, file
            break
