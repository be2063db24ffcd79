"""`snakemake --profile slurm` on a real one-node cluster: what is asked for, what is computed, and what survives."""

import os
import re
import signal
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Callable

import cluster
import pytest
from project import Project, clone, clone_of_the_demo, small_config, small_sheet
from submitting import OnCluster, jobs_of_slurm, on_cluster

pytestmark = [pytest.mark.slurm, pytest.mark.usefixtures("slurm")]

SHARDS = ("s0001", "s0002")
MODEL = "results/experiments/small/models/repeat0-fold0"


def wait_until(ready: Callable[[], bool], what: str, seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, f"waited {seconds:g} s for {what}"
        time.sleep(0.1)


def running(rule: str) -> list[str]:
    """Ids of the jobs of a rule that run now."""
    jobs = jobs_of_slurm().items()
    return [number for number, job in jobs if job["JobState"] == "RUNNING" and f"rule_{rule}" in job["Comment"]]


def waiting_or_running() -> list[str]:
    """Ids of all jobs that are not over."""
    states = ("PENDING", "RUNNING", "COMPLETING")
    return [number for number, job in jobs_of_slurm().items() if job["JobState"] in states]


def wait_for_job(rule: str) -> list[str]:
    wait_until(lambda: bool(running(rule)), f"a job of {rule}")
    return running(rule)


@pytest.fixture(scope="module")
def whole_run(slurm, tmp_path_factory):
    """The small config from raw files to report by Slurm: the clone, what Slurm did, and what Snakemake printed."""
    fresh = clone(tmp_path_factory.mktemp("slurm") / "fresh")
    fresh.write_config(small_config())
    (fresh.folder / "config" / "samples.tsv").write_text(small_sheet())
    project = on_cluster(fresh, fresh.folder.parent / "project")
    before = set(jobs_of_slurm())
    done = project.snakemake()
    assert done.returncode == 0, done.stderr[-3000:]
    return project, {name: job for name, job in jobs_of_slurm().items() if name not in before}, done.stderr


def test_a_run_by_slurm_gives_the_bytes_of_a_local_run(whole_run, finished):
    project, _, _ = whole_run
    assert project.outputs() == finished.outputs()
    assert project.planned() == {}


def test_only_trainings_ask_for_a_gpu_and_run_where_there_is_one(whole_run):
    _, jobs, _ = whole_run
    rules = {name: job["Comment"].split("_wildcards_")[0].removeprefix("rule_") for name, job in jobs.items()}
    trainings = {name for name, rule in rules.items() if rule.startswith("train")}
    with_gpu = {name for name, job in jobs.items() if "gres:gpu" in job.get("TresPerJob", "")}
    assert Counter(rules[name] for name in trainings) == {"train": 3, "train_controls": 3}
    assert trainings == with_gpu
    assert {jobs[name]["Partition"] for name in trainings} == {"gpu"}
    assert {job["Partition"] for name, job in jobs.items() if name not in trainings} == {"cpu"}


def test_shards_that_are_ready_together_are_one_array(whole_run):
    """Those whose turn comes at another time go by themselves; of the first stage, all are ready together."""
    _, jobs, _ = whole_run
    arrays = defaultdict(set)
    for job in jobs.values():
        if "ArrayJobId" in job:
            arrays[job["ArrayJobId"]].add(job["Comment"].split("_wildcards_")[0])
    calls = {name.split("_")[0] for name in jobs}  # of sbatch
    assert all(len(rules) == 1 for rules in arrays.values())
    assert "rule_ingest" in set().union(*arrays.values())
    assert len(calls) == len(jobs) - len(arrays)


def test_jobs_ask_for_memory_and_time_and_may_be_requeued(whole_run):
    _, jobs, _ = whole_run
    for job in jobs.values():
        assert job["Requeue"] == "1"
        assert int(re.search(r"mem=(\d+)", job["TRES"])[1]) > 0
        assert job["TimeLimit"] != "UNLIMITED"


def test_the_logs_of_slurm_stay(whole_run):
    project, jobs, _ = whole_run
    logs = list((project.folder / "results" / "logs" / "slurm").rglob("*.log"))
    assert len(logs) == len(jobs)


@pytest.mark.slow
@pytest.mark.overnight
def test_the_demo_runs_by_slurm_from_raw_files_to_its_report(demo, tmp_path):
    project = on_cluster(clone_of_the_demo(tmp_path / "fresh"), tmp_path / "project")
    project.run()
    assert project.outputs() == demo.outputs()
    assert project.planned() == {}


def test_a_training_requeued_in_the_middle_ends_with_the_same_bytes(finished, tmp_path):
    project = on_cluster(finished, tmp_path / "project")
    config = project.config()
    config["experiments"]["small"]["training"] = {"steps": 300, "batch_size": 4}
    project.write_config(config)
    calm = project.copy(tmp_path / "calm")
    process = project.start(f"{MODEL}/model.safetensors")
    (job,) = wait_for_job("train")
    wait_until(lambda: list((project.folder / MODEL).glob("resume.*.pt")), "the network of a view")
    subprocess.run(["scontrol", "requeue", job], check=True)
    Project(calm.folder).run(f"{MODEL}/model.safetensors")
    assert process.wait(240) == 0, (project.folder / "started.log").read_text()[-3000:]
    assert jobs_of_slurm()[job]["Restarts"] == "1"
    for name in ("model.safetensors", "model.json", "history.tsv"):
        assert (project.folder / MODEL / name).read_bytes() == (calm.folder / MODEL / name).read_bytes()
    log = (project.folder / "results/logs/train/small/repeat0-fold0.log").read_text()
    assert int(re.search(r"(\d+)/300 ", log)[1]) > 0  # steps done when the second attempt began


@pytest.fixture
def interrupted(finished, tmp_path):
    """A project that has to filter and find nuclei anew, to be disturbed while it does."""
    project = on_cluster(finished, tmp_path / "project")
    for stage in ("quality", "nuclei"):
        for shard in SHARDS:
            (project.folder / "results" / stage / f"{shard}.h5").unlink()
    return project


TARGETS = tuple(f"results/nuclei/{shard}.h5" for shard in SHARDS)


def assert_one_rerun_completes(project: OnCluster, finished, planned: dict[str, int]) -> None:
    """Nothing is computed but what is planned, and all is as without the disturbance."""
    assert project.planned(*TARGETS) == planned
    project.run(*TARGETS)
    assert project.planned(*TARGETS) == {}
    for folder in ("results/quality", "results/nuclei", "results/drift"):
        assert project.outputs(folder) == finished.outputs(folder)


def test_a_cancelled_job_costs_itself_alone(interrupted, finished):
    process = interrupted.start(*TARGETS, "--retries", "0")
    job = wait_for_job("filter_quality")[0]
    subprocess.run(["scancel", job], check=True)
    assert process.wait(240) != 0
    assert_one_rerun_completes(interrupted, finished, {"filter_quality": 1, "find_nuclei": 1})


def test_a_killed_node_daemon_costs_at_most_its_jobs(interrupted, finished):
    process = interrupted.start(*TARGETS)
    wait_for_job("filter_quality")
    cluster.kill_node()
    time.sleep(2)
    cluster.start_node()
    process.wait(300)
    left = {name: n for name, n in interrupted.planned(*TARGETS).items() if n}
    assert sum(left.values()) <= 4
    assert_one_rerun_completes(interrupted, finished, left)


def test_after_a_killed_snakemake_its_jobs_go_on_and_a_rerun_takes_what_they_made(interrupted, finished):
    before = set(jobs_of_slurm())
    process = interrupted.start(*TARGETS)
    job = wait_for_job("find_nuclei")[0]
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if subprocess.run(["scontrol", "suspend", job], check=False).returncode == 0:
        refused = interrupted.snakemake(*TARGETS)
        subprocess.run(["scontrol", "resume", job], check=True)
        assert refused.returncode != 0
        assert "is in use" in refused.stderr
        assert "--unlock" in refused.stderr
    wait_until(lambda: not waiting_or_running(), "the jobs left in the queue")
    # Where the shards are not filtered at the same moment, only one of them had its nuclei job sent.
    sent = [job for name, job in jobs_of_slurm().items() if name not in before and "find_nuclei" in job["Comment"]]
    left = len(SHARDS) - len(sent)
    assert left < len(SHARDS)
    assert_one_rerun_completes(interrupted, finished, {"find_nuclei": left} if left else {})


def test_a_job_out_of_memory_is_tried_again_with_more_memory_and_time(finished, tmp_path):
    project = on_cluster(finished, tmp_path / "project")
    target = "results/experiments/small/folds.tsv"
    (project.folder / target).unlink()
    before = set(jobs_of_slurm())
    project.run(target, "--set-resources", "split:mem_mb=60+(attempt-1)*2000")
    tried = [job for name, job in jobs_of_slurm().items() if name not in before]
    assert [job["JobState"] == "COMPLETED" for job in tried] == [False, True]
    memory = [int(re.search(r"MinMemoryNode=(\d+)", " ".join(f"{k}={v}" for k, v in job.items()))[1]) for job in tried]
    assert memory == [60, 2060]
    assert [job["TimeLimit"] for job in tried] == ["01:00:00", "02:00:00"]
    assert project.outputs() == finished.outputs()
