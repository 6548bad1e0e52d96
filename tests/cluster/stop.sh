#!/usr/bin/env bash
# End the emulated cluster in FOLDER, by the process ids that it wrote down: stop.sh FOLDER
set -u
FOLDER=$(realpath -m "${1:?stop.sh FOLDER}")
alive() { # alive PID: a process (no zombie) whose command line names this cluster's folder, or which runs under its configuration
    [ -n "$1" ] && ! grep -qs '^State:[[:space:]]*[ZX]' "/proc/$1/status" &&
        { tr '\0' '\n' <"/proc/$1/environ"; tr '\0' '\n' <"/proc/$1/cmdline"; } 2>/dev/null | grep -qF "$FOLDER/"
}
end() { # end PID NAME: SIGTERM, ten seconds, SIGKILL
    alive "$1" || return 0
    kill "$1"
    for _ in $(seq 1 100); do alive "$1" || return 0; sleep 0.1; done
    kill -9 "$1" && echo "stop.sh: $2 ($1) had to be killed" >&2
}

if [ -e "$FOLDER/environment" ]; then
    # shellcheck disable=SC1091
    . "$FOLDER/environment"
    jobs=$(timeout 10 squeue --noheader --format=%A 2>/dev/null)
    # shellcheck disable=SC2086
    [ -z "$jobs" ] || timeout 20 scancel --signal=KILL --full $jobs
    for _ in $(seq 1 50); do [ -z "$(timeout 10 squeue --noheader --format=%A 2>/dev/null)" ] && break; sleep 0.2; done
fi
for file in "$FOLDER"/pid/node*.pid "$FOLDER/pid/slurmctld.pid" "$FOLDER/pid/munged.pid"; do
    [ -e "$file" ] && end "$(cat "$file")" "$(basename "$file" .pid)" && rm -f "$file"
done
exit 0
