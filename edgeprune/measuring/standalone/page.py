"""What a measurement found, as a page for a terminal."""

import os


def page(result, model, reference):
    """``result`` is :func:`~standalone.measurement.measure`'s, the others the names of the files."""
    beside, reasons = result["reference"], result["reasons"]
    columns = [result, beside] if beside else [result]
    heads = names([path for path in (model, reference) if path])
    width = max(24, max(map(len, heads)) + 2)
    rows = [("", heads)]
    for key in ("p50", "p90", "p99"):
        rows.append((f"latency {key}", [f"{each['latency_ms'][key]:.3f} ms" for each in columns]))
    rows.append(("  p50, 95 %", [span(each["latency_ms"], "p50_low", "p50_high", 3) for each in columns]))
    if beside:
        interval = span(result, "speedup_low", "speedup_high", 3)
        said = f"{result['speedup']:.3f}, 95 % interval {interval}, {result['speedup_clock']} time"
        rows.append(("speed-up", [said]))
    rows.append(("memory", [size(result["model_rss_bytes"]) + " above the idle process"]))
    rows.append(("  runtime's arena", [size(result["arena_bytes"])]))
    rows.append(("file", [size(each["model_bytes"]) for each in columns]))
    if result["energy_mj"] is not None:
        rows.append((f"energy ({result['energy_source']})", [f"{each['energy_mj']:.3g} mJ" for each in columns]))
        if result["energy_low"] is not None:
            rows.append(("  95 %", [span(each, "energy_low", "energy_high", 3) for each in columns]))
    device, protocol = result["fingerprint"], result["protocol"]
    place = f"{device['cpu_model'] or device['architecture']}, {protocol['threads']} thread(s)"
    engines = {"onnxruntime": f"ONNX Runtime {device['onnxruntime']}"}
    if result["agreement"]:
        rows.insert(1, ("differs by", [f"{result['agreement']['difference']:.1g} of the largest output"]))
        engines = {result["engine"]: f"{result['engine']} {device[result['engine']]}", **(engines if beside else {})}
    lines = [f"{place}, {' beside '.join(engines.values())}, {protocol['rounds']} rounds"]
    lines += [f"{name:20}" + "".join(f"{cell:{width}}" for cell in cells).rstrip() for name, cells in rows]
    lines += [
        f"not measured: {name}: {reason}" for name, reason in reasons.items() if not name.endswith(("speedup", "_high"))
    ]
    lines += [f"warning: {warning}" for warning in result["warnings"]]
    return "\n".join(lines + ["(--json: all that was found)"])


def names(paths):
    """As much of each path's end as it takes to tell them apart."""
    parts = [os.path.abspath(path).split(os.sep) for path in paths]
    kept = 1
    while len({tuple(part[-kept:]) for part in parts}) < len(parts) and kept < max(map(len, parts)):
        kept += 1
    return paths if kept == max(map(len, parts)) else [os.sep.join(part[-kept:]) for part in parts]


def span(values, low, high, places):
    return "-" if values[low] is None else f"{values[low]:.{places}f} to {values[high]:.{places}f}"


def size(count):
    return "-" if count is None else f"{count / 2**20:.2f} MiB" if count >= 2**20 else f"{count / 2**10:.1f} KiB"
