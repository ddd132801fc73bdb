from __future__ import annotations

import platform

import pytest
import torch

import stst
from stst.errors import InputError
from stst.utils.devices import environment, guarded, numerics, outside, pick_device, pick_precision

CPU = torch.device("cpu")


@pytest.fixture
def two_gpus(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


def test_only_the_cpu(no_gpu):
    assert pick_device("auto") == pick_device("cpu") == CPU
    for name in ("cuda", "cuda:0", "mps", "cuda:1"):
        with pytest.raises(InputError, match=rf"device: '{name}' is not .* There are: cpu \(or a"):
            pick_device(name)


def test_two_gpus(two_gpus):
    assert str(pick_device("auto")) == str(pick_device("cuda")) == "cuda:0"
    assert str(pick_device("cuda:1")) == "cuda:1"
    assert pick_device("cpu") == CPU
    with pytest.raises(InputError, match=r"'cuda:2' is not .* There are: cuda:0, cuda:1, cpu \("):
        pick_device("cuda:2")


def test_apples_gpu(no_gpu, monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert str(pick_device("auto")) == str(pick_device("mps")) == "mps"


def settings():
    return (
        torch.backends.cuda.matmul.allow_tf32,
        torch.backends.cudnn.allow_tf32,
        torch.backends.cudnn.deterministic,
        torch.backends.cudnn.benchmark,
        torch.get_num_threads(),
    )


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_settings_hold_inside_and_are_restored(precision):
    before = settings()
    threads = before[-1] + 1
    with numerics(CPU, precision, threads):
        assert settings() == (False, False, True, False, threads)
    assert settings() == before
    with pytest.raises(ZeroDivisionError), numerics(CPU, precision, threads):
        raise ZeroDivisionError
    assert settings() == before


def test_tf32_is_for_cuda():
    with numerics(torch.device("cuda:0"), "tf32"):
        assert settings()[:2] == (False, True)  # convolutions only
    for device in ("cpu", "mps"):
        with (
            pytest.raises(InputError, match=f"precision: tf32 .* on {device}. Use fp32 or bf16"),
            numerics(torch.device(device), "tf32"),
        ):
            raise AssertionError("never entered")
    with (
        pytest.raises(InputError, match="bf16 is not .* mps"),
        numerics(torch.device("mps"), "bf16"),
    ):
        raise AssertionError("never entered")


def test_environment():
    with numerics(CPU, "bf16", 1):
        found = environment(CPU, "bf16", (3, 4))
    assert found["device"] == "cpu"
    assert (found["threads"], found["precision"], found["batch"]) == (1, "bf16", [3, 4])
    assert found["versions"]["python"] == platform.python_version()
    assert {"torch", "numpy", "av"} <= found["versions"].keys()
    # the code's own, not that of what was installed
    assert found["versions"]["napari-stst"] == stst.__version__
    assert found["platform"]


class TestPickPrecision:
    @pytest.mark.parametrize(
        ("able", "picked"),
        [({"avx512_bf16": True}, "bf16"), ({"amx_bf16": True}, "bf16"),
         ({"avx512_bf16": False, "avx2": True}, "fp32"), ({}, "fp32")],
    )  # fmt: skip
    def test_of_a_cpu(self, monkeypatch, able, picked):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
        assert pick_precision("auto", CPU) == picked

    @pytest.mark.parametrize(("capability", "picked"), [((9, 0), "tf32"), ((7, 5), "fp32")])
    def test_of_a_gpu(self, monkeypatch, capability, picked):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
        assert pick_precision("auto", torch.device("cuda:0")) == picked

    def test_what_is_named_stays(self):
        assert [pick_precision(one, CPU) for one in ("fp32", "bf16")] == ["fp32", "bf16"]
        assert pick_precision("auto", torch.device("mps")) == "fp32"


class TestNumerics:
    def test_the_inner_one_keeps_what_it_does_not_name(self):
        with numerics(CPU, "fp32", 3):
            with numerics():
                assert torch.get_num_threads() == 3
            with numerics(CPU, "bf16"):
                assert torch.get_num_threads() == 3
            with numerics(threads=1):
                assert torch.get_num_threads() == 1
            assert torch.get_num_threads() == 3
        with numerics(torch.device("cuda:0"), "tf32"):
            with numerics(threads=1):
                assert settings()[:2] == (False, True)
            with numerics(CPU, "fp32"):
                assert settings()[:2] == (False, False)
            assert settings()[:2] == (False, True)

    def test_autocast_of_one_s_own_stays(self):
        """What runs in bfloat16 calls functions that have a block of their own."""
        values = torch.ones(2, 2)
        with numerics(), torch.autocast("cpu", dtype=torch.bfloat16), numerics():
            assert (values @ values).dtype == torch.bfloat16
        with torch.autocast("cpu", dtype=torch.bfloat16), numerics():
            assert (values @ values).dtype == torch.float32

    def test_it_can_be_entered_again(self):
        block = numerics(CPU, "fp32", 3)
        before = settings()
        for _ in range(2):
            with block:
                assert torch.get_num_threads() == 3
            assert settings() == before

    def test_threads_of_the_environment(self, monkeypatch):
        monkeypatch.setenv("OMP_NUM_THREADS", "3")
        with numerics():
            assert torch.get_num_threads() == 3


def counting():
    """Say what is set, and take what is sent and raised."""
    heard = []
    try:
        while len(heard) < 3:
            try:
                heard.append((yield torch.get_num_threads()))
            except KeyError as error:
                heard.append(error)
    finally:
        heard.append(torch.get_num_threads())
        ENDS.append(heard)
    return heard


ENDS: list[list[object]] = []


class TestSteps:
    def test_what_goes_in_and_comes_out(self):
        before = settings()
        steps = numerics(CPU, "fp32", 3).steps(counting())
        assert next(steps) == 3
        assert settings() == before
        assert steps.send("one") == 3
        error = KeyError()
        assert steps.throw(error) == 3
        assert settings() == before
        with pytest.raises(StopIteration) as end:
            steps.send("two")
        assert end.value.value == ["one", error, "two", 3]
        assert settings() == before

    def test_closed_half_way_it_ends_inside(self):
        before = settings()
        steps = numerics(CPU, "fp32", 3).steps(counting())
        next(steps)
        steps.close()
        assert ENDS[-1] == [3]
        assert settings() == before
        assert list(steps) == []

    def test_what_it_does_not_catch(self):
        before = settings()
        steps = numerics(CPU, "fp32", 3).steps(counting())
        next(steps)
        with pytest.raises(ZeroDivisionError):
            steps.throw(ZeroDivisionError)
        assert ENDS[-1] == [3]
        assert settings() == before

    def test_of_a_decorated_generator(self):
        before = settings()
        with numerics(CPU, "fp32", 3):
            steps = guarded()(counting)()
            assert next(steps) == 3
        assert settings() == before
        assert steps.send(None) != 3  # outside it is by itself
        steps.close()


def test_a_caller_s_function_is_outside_of_all():
    before = settings()

    def fail():
        assert settings() == before
        raise ZeroDivisionError

    with numerics(CPU, "fp32", 3):
        with numerics(CPU, "fp32", 1):
            assert outside(settings)() == before
            with pytest.raises(ZeroDivisionError):
                outside(fail)()
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 3
    assert settings() == before
