"""A real Slurm cluster of one node on this machine, for tests: `python tests/slurm/cluster.py start`, and `stop`.

Debian's `slurmctld`, `slurmd` and `munge`, run as root. The configuration stands in Slurm's default folder, since
Snakemake's executor drops the SLURM_* variables that could name another. There is no accounting database. The node has
two partitions, and a GPU that is the null device. It claims more cores and memory than the machine has, so that jobs of
four threads are placed; memory is watched by polling, once a second.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

PACKAGES = ("slurmctld", "slurmd", "slurm-client", "munge")
PROGRAMS = ("slurmctld", "slurmd", "sbatch", "munged")
ETC = Path("/etc/slurm")
STATE = Path("/var/lib/ainu-test-slurm")
MARK = "# Made by tests/slurm/cluster.py of ainu.\n"

SLURM_CONF = """\
ClusterName=ainu
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
ReturnToService=2
SlurmctldPidFile={state}/slurmctld.pid
SlurmdPidFile={state}/slurmd.pid
SlurmctldLogFile={state}/slurmctld.log
SlurmdLogFile={state}/slurmd.log
SlurmdSpoolDir={state}/slurmd
StateSaveLocation={state}/slurmctld
SlurmctldPort=16817
SlurmdPort=16818
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=sched_min_interval=100000,batch_sched_delay=1,bf_interval=2
JobRequeue=1
KillWait=5
MinJobAge=3600
SlurmdTimeout=20
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs=16 RealMemory=64000 Gres=gpu:null:2 State=UNKNOWN
PartitionName=cpu Nodes={host} Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes={host} MaxTime=INFINITE State=UP
"""
GRES_CONF = "NodeName={host} Name=gpu Type=null File=/dev/null\nNodeName={host} Name=gpu Type=null File=/dev/zero\n"


def missing() -> str:
    """Why there can be no cluster here; empty where there can."""
    absent = [name for name in PROGRAMS if shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin") is None]
    if absent:
        return f"Slurm is not installed ({', '.join(absent)} absent): apt-get install {' '.join(PACKAGES)}"
    if os.geteuid() != 0:
        return "a test cluster takes root"
    other = ETC / "slurm.conf"
    if other.exists() and not other.read_text().startswith(MARK):
        return f"{other} is another cluster's: left alone"
    return ""


def start() -> None:
    """Start the daemons of a new, empty cluster and wait until its node takes jobs."""
    stop()
    for folder in (STATE / "slurmctld", STATE / "slurmd", ETC):
        folder.mkdir(parents=True, exist_ok=True)
    host = socket.gethostname().split(".")[0]
    (ETC / "slurm.conf").write_text(MARK + SLURM_CONF.format(host=host, state=STATE))
    (ETC / "gres.conf").write_text(MARK + GRES_CONF.format(host=host))
    _start_munge()
    subprocess.run(["slurmctld", "-c"], check=True, env=_environment())
    start_node()


def start_node() -> None:
    """Start the node's daemon and wait until it takes jobs."""
    subprocess.run(["slurmd"], check=True, env=_environment())
    _wait("the node to be ready", lambda: _ask("sinfo", "-h", "-o", "%T").strip() in ("idle", "mixed", "allocated"))


def kill_node(number: int = signal.SIGKILL) -> None:
    """End the node's daemon by a signal. The jobs under it go on, as they do on a real node."""
    _end("slurmd", number)


def stop() -> None:
    """End every job and daemon that this script started, and remove the configuration."""
    if (ETC / "slurm.conf").exists() and (STATE / "slurmctld.pid").exists():
        subprocess.run(["scancel", "--me", "--signal=KILL", "--full"], capture_output=True, timeout=20)
        subprocess.run(["scancel", "--me"], capture_output=True, timeout=20)
        time.sleep(1)
    for daemon in ("slurmd", "slurmctld", "munged"):
        _end(daemon, signal.SIGTERM)
    for name in ("slurm.conf", "gres.conf"):
        if (ETC / name).exists() and (ETC / name).read_text().startswith(MARK):
            (ETC / name).unlink()
    shutil.rmtree(STATE, ignore_errors=True)


def _start_munge() -> None:
    """Munge with a key, a socket and a log of its own rights; left alone where it runs already."""
    if subprocess.run(["munge", "-n"], capture_output=True).returncode == 0:
        return
    for folder in ("/run/munge", "/var/log/munge", "/var/lib/munge"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        shutil.chown(folder, "munge", "munge")
    Path("/run/munge").chmod(0o755)
    pid = STATE / "munged.pid"
    STATE.chmod(0o777)
    subprocess.run(["runuser", "-u", "munge", "--", "munged", "--force", f"--pid-file={pid}"], check=True)
    _wait("munge", lambda: subprocess.run(["munge", "-n"], capture_output=True).returncode == 0)


def _end(daemon: str, number: int) -> None:
    """End the daemon whose id this script's pid file holds."""
    file = STATE / f"{daemon}.pid"
    try:
        pid = int(file.read_text())
        if daemon not in Path(f"/proc/{pid}/comm").read_text():
            raise ProcessLookupError
        os.kill(pid, number)
        _wait(f"{daemon} to end", lambda: not Path(f"/proc/{pid}").exists())
    except (FileNotFoundError, ProcessLookupError, ValueError):
        pass
    file.unlink(missing_ok=True)


def _environment() -> dict[str, str]:
    """The daemons' environment: jobs of Slurm get that of whoever submits, so nothing special."""
    return os.environ | {"PATH": os.environ["PATH"] + ":/usr/sbin"}


def _ask(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=30).stdout


def _wait(what: str, ready, seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} s for {what}; see {STATE}/*.log")
        time.sleep(0.1)


if __name__ == "__main__":
    why = missing()
    if why:
        sys.exit(why)
    {"start": start, "stop": stop}[sys.argv[1]]()
