"""What must stand beside numbers: that an energy is an estimate, what was not measured and why, mixed trainings."""

from collections.abc import Sequence

from edgeprune.reporting import Row, columns, engines, runs, standing, units

ESTIMATED = "estimated"
_WHICH = ("network", "dataset", "variant")


def energy(rows: Sequence[Row]) -> str | None:
    """``estimated`` or ``partly estimated`` if energies of these rows (or groups) are, else None."""
    kinds = [
        source.strip()
        for row in rows
        if row["energy_mj"] is not None
        for source in (row["energy_source"] or "").split(";")
    ]
    if ESTIMATED not in kinds:
        return None
    return ESTIMATED if set(kinds) == {ESTIMATED} else f"partly {ESTIMATED}"


def sentences(rows: Sequence[Row]) -> list[str]:
    """All that must be said of rows (or groups): what they lack, and that they were not trained alike."""
    mixed = engines.note(rows)
    return [*missing(rows), *([mixed] if mixed else [])]


def slow(rows: Sequence[Row], everywhere: Sequence[Row]) -> list[str]:
    """A sentence on those groups in int8 that are slower than the same network in fp32 by the same runtime, if any are.

    Args:
        rows: groups of one place.
        everywhere: of which the others are taken.
    """
    at = {(runs.place(row), *(row[key] for key in _WHICH)): row for row in everywhere}
    slower, compared = [], 0
    for row in rows:
        if not columns.is_int8(row) or row["latency_ms"] is None:
            continue
        where = runs.place(row | {"runtime": row["runtime"].replace("int8", "fp32")})
        plain = at.get((where, *(row[key] for key in _WHICH)))
        if plain and plain["latency_ms"] is not None:
            compared += 1
            if standing.slower(row, plain):
                slower.append((row, plain))
    if not slower:
        return []
    row, plain = max(slower, key=lambda pair: pair[0]["latency_ms"] / pair[1]["latency_ms"])
    times = " against ".join(units.one(each["latency_ms"], "time") for each in (row, plain))
    return [
        f"int8 is slower than fp32 in {len(slower)} of {compared} networks on {row['device']}, most in "
        f"{row['variant']} ({times}): take fp32 there, unless the file's size decides."
    ]


def is_unresolved(row: Row) -> bool:
    """Whether a speed-up is nearer to 1 than the device can resolve."""
    return None not in (row["speedup"], row.get("resolution")) and abs(row["speedup"] - 1) < row["resolution"]


def unresolved(rows: Sequence[Row]) -> list[str]:
    """What the mark ``≈`` says, where a row has it."""
    limits = {row["device"]: row["resolution"] for row in rows if is_unresolved(row)}
    return [f"≈: no difference that {device} can resolve ({100 * r:.1f} %)." for device, r in limits.items()]


def missing(rows: Sequence[Row]) -> list[str]:
    """Sentences on what some of the rows (or groups) lack, the reasons on record, and warnings of the measuring."""
    lacking, unscored, warnings = {}, [], []
    for place in runs.measured_at(rows):
        here = [row for row in rows if runs.place(row) == place]
        ran = [row for row in here if row["latency_ms"] is not None]
        for name, without in (
            ("latency", [row for row in here if row not in ran]),
            ("energy", [row for row in ran if row["energy_mj"] is None]),  # where nothing ran, one sentence will do
        ):
            if without:
                texts = [row[f"{name}_reason"] or "no reason is on record" for row in without]
                reasons = "; ".join(dict.fromkeys(part for text in texts for part in text.split("; ")))
                some = "" if len(without) == len(here) else f" in {len(without)} of {len(here)} rows"
                lacking.setdefault((name, some, reasons), []).append(place)
        warned = [row["measuring_warning"] for row in ran if row["measuring_warning"]]
        if warned:
            warnings.append(
                f"Mind, measured on {place} with a warning in {len(warned)} of {len(here)} rows: {warned[0]}."
            )
        if any(row["score"] is None for row in ran):
            unscored.append(place)
    said = [
        f"{name.capitalize()} was not measured on {' and '.join(places)}{some}: {reasons}."
        for (name, some, reasons), places in lacking.items()
    ]
    if unscored:
        said.append(f"The test score of what ran on {' and '.join(unscored)} is not known.")
    return said + warnings
