from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from batch_workers import environment_of, obey
from stst.utils.machine import ASLEEP, available_cores, default_threads
from stst.utils.processes import compute_alone, map_in_processes

# number, parent, device, root of the mount, where it is, options - kind, source, more options
SECOND = "30 23 0:26 {root} /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate"
FIRST = "31 23 0:27 {root} /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct"
MEMORY = "32 23 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory"


@pytest.fixture(autouse=True)
def eight_processors(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)


def machine(folder: Path, own: str, mounts: list[str], limits: dict[str, str]) -> Path:
    """Write what Linux says of a process and its groups below a folder that stands for /."""
    files = {"proc/self/cgroup": own, "proc/self/mountinfo": "\n".join(mounts), **limits}
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return folder


def second(folder: Path, own: str, root: str = "/", **limits: str) -> Path:
    paths = {f"sys/fs/cgroup/{group}/cpu.max": limit for group, limit in limits.items()}
    return machine(folder, f"0::{own}", [SECOND.format(root=root)], paths)


def first(folder: Path, own: str, limits: dict[str, tuple[int, int]], root: str = "/") -> Path:
    own = f"12:memory:{own}\n4:cpu,cpuacct:{own}\n1:name=systemd:/elsewhere\n0::/elsewhere"
    files = {}
    for group, (quota, period) in limits.items():
        files[f"sys/fs/cgroup/cpu,cpuacct/{group}/cpu.cfs_quota_us"] = str(quota)
        files[f"sys/fs/cgroup/cpu,cpuacct/{group}/cpu.cfs_period_us"] = str(period)
    return machine(folder, own, [MEMORY, FIRST.format(root=root), SECOND.format(root="/")], files)


class TestGroups:
    @pytest.mark.parametrize(
        ("limit", "cores"),
        [("400000 100000", 4), ("150000 100000", 2), ("20000 100000", 1), ("max 100000", 8),
         ("9000000 100000", 8), ("25000 50000", 1), ("300001 100000", 4), ("nonsense", 8),
         ("0 100000", 8), ("", 8)],
    )  # fmt: skip
    def test_the_second_version(self, tmp_path, limit, cores):
        assert available_cores(second(tmp_path, "/one", one=limit)) == cores

    @pytest.mark.parametrize(
        ("quota", "period", "cores"),
        [(300000, 100000, 3), (-1, 100000, 8), (150000, 50000, 3), (1000, 100000, 1)],
    )
    def test_the_first_version(self, tmp_path, quota, period, cores):
        assert available_cores(first(tmp_path, "/one", {"one": (quota, period)})) == cores

    def test_a_group_around_it_can_allow_less(self, tmp_path):
        limits = {"outer": "200000 100000", "outer/one": "500000 100000", "outer/one/two": "max"}
        assert available_cores(second(tmp_path, "/outer/one/two", **limits)) == 2

    def test_a_group_around_it_can_allow_less_in_the_first_version(self, tmp_path):
        limits = {"outer": (200000, 100000), "outer/one": (500000, 100000)}
        assert available_cores(first(tmp_path, "/outer/one", limits)) == 2

    def test_the_quota_of_everything(self, tmp_path):
        assert available_cores(first(tmp_path, "/one", {".": (300000, 100000)})) == 3

    def test_other_groups_do_not_matter(self, tmp_path):
        assert available_cores(second(tmp_path, "/one", two="100000 100000")) == 8

    def test_in_a_container_the_mount_begins_at_the_group(self, tmp_path):
        root = second(tmp_path, "/docker/abc", "/docker/abc", **{".": "300000 100000"})
        assert available_cores(root) == 3
        root = first(tmp_path / "1", "/docker/abc", {".": (500000, 100000)}, "/docker/abc")
        assert available_cores(root) == 5

    def test_a_path_from_outside_of_a_container(self, tmp_path):
        root = second(tmp_path, "/host/abc", "/docker/abc", **{".": "300000 100000"})
        assert available_cores(root) == 3

    @pytest.mark.parametrize("text", ["", "nonsense", "0::", "a:b", ":::::", "\x00"])
    def test_files_that_say_nothing(self, tmp_path, text):
        (tmp_path / "proc/self").mkdir(parents=True)
        for name in ("cgroup", "mountinfo"):
            (tmp_path / "proc/self" / name).write_text(text)
        assert available_cores(tmp_path) == 8
        assert available_cores(tmp_path / "nothing here") == 8

    def test_fewer_processors_than_the_quota_is_worth(self, tmp_path, monkeypatch):
        monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3, 5}, raising=False)
        assert available_cores(second(tmp_path, "/one", one="400000 100000")) == 2


class TestDefaultThreads:
    def siblings(self, folder: Path, *pairs: str) -> Path:
        for number, text in enumerate(pairs):
            path = folder / f"sys/devices/system/cpu/cpu{number}/topology"
            path.mkdir(parents=True)
            (path / "thread_siblings_list").write_text(f"{text}\n")
        return folder

    def test_one_a_core(self, tmp_path):
        root = self.siblings(tmp_path, *(f"{number % 4},{number % 4 + 4}" for number in range(8)))
        assert default_threads(root) == 4
        assert available_cores(root) == 8

    def test_processors_of_their_own(self, tmp_path):
        assert default_threads(self.siblings(tmp_path, *map(str, range(8)))) == 8
        assert default_threads(tmp_path / "nothing here") == 8

    def test_only_those_that_may_be_used(self, tmp_path, monkeypatch):
        root = self.siblings(tmp_path, *(f"{number % 4},{number % 4 + 4}" for number in range(8)))
        monkeypatch.setattr(os, "sched_getaffinity", lambda process: {1, 5, 2}, raising=False)
        assert default_threads(root) == 2

    def test_no_more_than_the_quota(self, tmp_path):
        assert default_threads(second(tmp_path, "/one", one="250000 100000")) == 3

    @pytest.mark.parametrize(
        ("asked", "threads"), [("3", 3), (" 12 ", 12), ("5,2", 5), ("0", 8), ("-1", 8), ("x", 8)]
    )
    def test_what_the_user_asks_for(self, tmp_path, monkeypatch, asked, threads):
        monkeypatch.setenv("OMP_NUM_THREADS", asked)
        assert default_threads(tmp_path) == threads
        assert available_cores(tmp_path) == 8


def python(code: str, **variables: str) -> list[str]:
    kept = {name: value for name, value in os.environ.items() if name not in ASLEEP}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={**kept, **variables},
    )  # fmt: skip
    return done.stdout.split()


SAID = "; print(*(os.environ.get(name) for name in ('OMP_WAIT_POLICY', 'KMP_BLOCKTIME')))"


class TestOfThisMachine:
    def test_fewer_processors(self):
        if not hasattr(os, "sched_setaffinity"):
            pytest.skip("processes cannot be kept to some processors here")
        code = (
            "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); "
            "from stst.utils.machine import available_cores, default_threads; "
            "print(available_cores(), default_threads())"
        )
        assert python(code) == ["1", "1"]

    def test_threads_sleep_wherever_torch_comes_later(self):
        assert python("import os, stst" + SAID) == ["PASSIVE", "0"]

    def test_what_the_user_has_set_stays(self):
        assert python("import os, stst" + SAID, OMP_WAIT_POLICY="ACTIVE") == ["ACTIVE", "0"]

    def test_nothing_is_set_where_it_is_too_late(self):
        assert python("import os, torch, stst" + SAID) == ["None", "None"]

    @pytest.mark.parametrize(
        "program", ["stst_cli.main", "stst_cli.analyze", "napari_stst.background.worker"]
    )
    def test_programs_begin_with_it(self, program):
        assert python(f"import os, {program}, stst" + SAID) == ["PASSIVE", "0"]

    def test_a_waiting_thread_takes_no_time(self):
        """Between two products, while the process sleeps, its threads would look for work."""
        if not sys.platform.startswith("linux"):
            pytest.skip("only the OpenMP of Linux is known")
        code = """
import resource, time
import stst
import torch
torch.set_num_threads(2)
one = torch.ones(300, 300)
def spent():
    of = resource.getrusage(resource.RUSAGE_SELF)
    return of.ru_utime + of.ru_stime
wasted = 0.0
for _ in range(30):
    one @ one
    before = spent()
    time.sleep(0.02)
    wasted += spent() - before
print(1000 * wasted / 30)
"""
        asleep, spinning = (
            float(python(code, **variables)[0])
            for variables in ({}, {"OMP_WAIT_POLICY": "ACTIVE", "GOMP_SPINCOUNT": "1000000000"})
        )
        assert asleep < 1 < spinning


class TestOfWorkers:
    def test_their_threads_sleep(self, monkeypatch):
        """Also where it is too late for this process; and it keeps its own surroundings."""
        for name in ASLEEP:
            monkeypatch.delenv(name, raising=False)
        ((_, found),) = map_in_processes(environment_of, [("OMP_WAIT_POLICY", "KMP_BLOCKTIME")], 1)
        assert found == ["PASSIVE", "0"]
        assert not set(ASLEEP) & set(os.environ)

    def test_what_the_user_has_set_stays(self, monkeypatch):
        monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
        ((_, found),) = map_in_processes(environment_of, [("OMP_WAIT_POLICY",)], 1)
        assert found == ["ACTIVE"]

    def test_those_that_share_a_machine_compute_on_one_thread_each(self, monkeypatch):
        monkeypatch.setenv("OMP_NUM_THREADS", "4")
        ((_, found),) = map_in_processes(environment_of, [("threads",)], 1, compute_alone)
        assert found == [1]
        assert dict(map_in_processes(obey, ["a"], 1, compute_alone)) == {"a": "A"}
