#!/usr/bin/env bash
# A Slurm cluster of several emulated nodes on this host, for the tests: start.sh FOLDER [nodes [cores per node]]
#
# Everything lies in FOLDER (which should be short: sockets have long names): keys, configuration, state, logs, process
# ids. Nothing in /etc is touched and all ports are the loopback's, so that it can stand beside a real Slurm. Missing
# programs are installed from Debian's packages (as root, with apt). To use it:
#
#     source FOLDER/environment
#
# and to end it: stop.sh FOLDER
set -euo pipefail
FOLDER=$(realpath -m "${1:?start.sh FOLDER [nodes [cores per node]]}")
NODES=${2:-3} CORES=${3:-2}
HERE=$(cd "$(dirname "$0")" && pwd)
export PATH=$PATH:/usr/sbin:/sbin LC_ALL=C

say() { echo "start.sh: $*" >&2; }
[ "$(id -u)" = 0 ] || { say "the daemons of several nodes need root"; exit 1; }

if ! command -v slurmctld slurmd sbatch munged >/dev/null; then
    command -v apt-get >/dev/null || { say "there is no Slurm here, and no apt to install it with"; exit 1; }
    say "installing Slurm ..."
    # packages would start daemons of their own
    export DEBIAN_FRONTEND=noninteractive
    blocked=0
    [ -e /usr/sbin/policy-rc.d ] || { printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d; chmod +x /usr/sbin/policy-rc.d; blocked=1; }
    packages="slurmctld slurmd slurm-client munge"
    apt_get() { apt-get -qq -o DPkg::Lock::Timeout=120 "$@"; }
    # shellcheck disable=SC2086
    { apt_get install -y --no-install-recommends $packages ||
        { apt_get update && apt_get install -y --no-install-recommends $packages; }; } >"/tmp/start-slurm-apt.$$" 2>&1 ||
        { cat "/tmp/start-slurm-apt.$$" >&2; say "the packages $packages cannot be installed"; exit 1; }
    rm -f "/tmp/start-slurm-apt.$$"
    [ "$blocked" = 0 ] || rm -f /usr/sbin/policy-rc.d
fi

mkdir -p "$FOLDER"/{bin,state,log,pid,munge}
chmod 755 "$FOLDER" && chmod 700 "$FOLDER/munge"
[ -s "$FOLDER/munge/key" ] || (umask 077 && head -c 128 /dev/urandom >"$FOLDER/munge/key")
munged --force --key-file="$FOLDER/munge/key" --socket="$FOLDER/munge/socket" --pid-file="$FOLDER/munge/munged.pid" \
    --log-file="$FOLDER/munge/log" --seed-file="$FOLDER/munge/seed" --num-threads=2 2>>"$FOLDER/munge/warnings"
ln -sf "$FOLDER/munge/munged.pid" "$FOLDER/pid/munged.pid"

# Free ports: one for the controller, one for each node, a range for srun.
read -r -a PORTS < <(python3 "$HERE/free_ports.py" $((NODES + 1)))
# Character devices, as a driver's are (these lead to /dev/null): only then does Slurm tell a job which ones it has.
for gpu in 0 1; do mknod "$FOLDER/gpu$gpu" c 1 3 2>/dev/null || : >"$FOLDER/gpu$gpu"; done

{
    sed -e "s|@FOLDER@|$FOLDER|g" -e "s|@HOST@|$(hostname -s)|" -e "s|@PORT@|${PORTS[0]}|" "$HERE/slurm.conf"
    for i in $(seq 1 "$NODES"); do
        echo "NodeName=node$i NodeHostname=node$i NodeAddr=127.0.0.1 Port=${PORTS[$i]} CPUs=$CORES RealMemory=64000 Gres=gpu:2"
    done
    echo "PartitionName=main Nodes=ALL Default=YES MaxTime=UNLIMITED DefaultTime=10 PriorityTier=1"
    echo "PartitionName=short Nodes=ALL MaxTime=2 DefaultTime=1 PriorityTier=1"
    echo "PartitionName=urgent Nodes=ALL MaxTime=UNLIMITED DefaultTime=10 PriorityTier=2 PreemptMode=OFF"
} >"$FOLDER/slurm.conf"
echo "Name=gpu File=$FOLDER/gpu[0-1]" >"$FOLDER/gres.conf"

# Job steps of the executor lose the variable SLURM_CONF (it drops what begins with SLURM_), so srun gets it here.
printf '#!/bin/sh\nSLURM_CONF=%s exec %s "$@"\n' "$FOLDER/slurm.conf" "$(command -v srun)" >"$FOLDER/bin/srun"
chmod +x "$FOLDER/bin/srun"
# What other clusters do, where FOLDER has a file of that name: `forget` what is over; take no more jobs than `limit`.
cat >"$FOLDER/bin/squeue" <<END
#!/bin/sh
if [ -e "$FOLDER/bin/squeue.away" ]; then echo "slurm_load_jobs error: Unable to contact slurm controller" >&2; exit 1; fi
if [ -e "$FOLDER/forget" ]; then $(command -v squeue) "\$@" | grep -Ev '\|(COMPLETED|FAILED|CANCELLED)\|'; exit 0; fi
exec $(command -v squeue) "\$@"
END
cat >"$FOLDER/bin/sbatch" <<END
#!/bin/sh
echo "\$(date +%s)" >>"$FOLDER/submissions"
if [ -e "$FOLDER/limit" ] && [ "\$($(command -v squeue) --noheader | wc -l)" -ge "\$(cat "$FOLDER/limit")" ]; then
    echo "sbatch: error: QOSMaxSubmitJobPerUserLimit" >&2
    echo "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)" >&2
    exit 1
fi
exec $(command -v sbatch) "\$@"
END
chmod +x "$FOLDER/bin/squeue" "$FOLDER/bin/sbatch"
printf 'export SLURM_CONF=%s\nexport PATH=%s:$PATH\n' "$FOLDER/slurm.conf" "$FOLDER/bin" >"$FOLDER/environment"

export SLURM_CONF=$FOLDER/slurm.conf
slurmctld -c
for i in $(seq 1 "$NODES"); do
    mkdir -p "$FOLDER/spool/node$i"
    slurmd -N "node$i"
done
for _ in $(seq 1 150); do
    up=$(sinfo --noheader --Node --partition=main --format=%t 2>/dev/null | grep -cx idle || true)
    [ "${up:-0}" = "$NODES" ] && break
    sleep 0.2
done
[ "${up:-0}" = "$NODES" ] || { say "only ${up:-0} of $NODES nodes are up"; tail -n 5 "$FOLDER"/log/*.log >&2; exit 1; }
say "$NODES nodes are up: source $FOLDER/environment"
