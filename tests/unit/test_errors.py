"""How a job ends."""

import errno
import fcntl
import signal
import subprocess
import sys
import time

from ainu.errors import job

SCRIPT = """
import sys, time
from ainu import AinuError
from ainu.errors import job
with job(sys.argv[1]):
    {body}
"""


def start(tmp_path, body):
    command = [sys.executable, "-c", SCRIPT.format(body=body), str(tmp_path / "log" / "job.log")]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def test_a_mistake_of_the_user_is_one_line_on_screen_and_in_the_log(tmp_path):
    process = start(tmp_path, "raise AinuError('a.bin: empty')")
    assert process.communicate()[1] == "ainu: a.bin: empty\n"
    assert process.returncode == 1
    assert (tmp_path / "log" / "job.log").read_text() == "ainu: a.bin: empty\n"


def test_a_terminated_job_exits_with_143(tmp_path):
    process = start(tmp_path, "print('ready', file=sys.stderr, flush=True); time.sleep(60)")
    assert process.stderr.readline() == "ready\n"
    time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 143


def test_a_job_holds_the_lock_of_its_folder_also_where_only_readable_files_share_one(tmp_path, monkeypatch):
    held = []

    def lock_of_nfs(file, kind):
        if kind & fcntl.LOCK_SH and not file.readable():
            raise OSError(errno.EBADF, "Bad file descriptor")
        held.append(file.name)

    monkeypatch.chdir(tmp_path)
    (tmp_path / ".snakemake").mkdir()
    monkeypatch.setattr(fcntl, "flock", lock_of_nfs)
    monkeypatch.setattr(signal, "signal", lambda *of: None)
    with job("job.log"):
        assert list(map(str, held)) == [".snakemake/ainu-running"]
