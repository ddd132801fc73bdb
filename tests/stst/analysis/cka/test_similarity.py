from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stst.analysis.cka import similarity as cka
from stst.analysis.cka.similarity import as_examples, kernel, kernel_cka, linear_cka
from stst.errors import InputError

shapes = st.tuples(st.integers(4, 30), st.integers(1, 40), st.integers(1, 40))
seeds = st.integers(0, 2**32 - 1)
ESTIMATORS = ("unbiased", "biased")
estimators = st.sampled_from(ESTIMATORS)


def sets(shape, seed):
    n, p, q = shape
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((n, 3))
    x, y = (shared @ rng.standard_normal((3, k)) + rng.standard_normal((n, k)) + 5 for k in (p, q))
    return x, y


def kernels(x, y):
    """Kornblith et al., eq. 3: HSIC of doubly centred kernels."""
    n = len(x)
    centre = np.eye(n) - np.ones((n, n)) / n
    k, l_ = centre @ x @ x.T @ centre, centre @ y @ y.T @ centre
    return np.trace(k @ l_) / np.sqrt(np.trace(k @ k) * np.trace(l_ @ l_))


def subspaces(x, y):
    """Kornblith et al., eq. 14: principal components, weighted by their variances."""
    (u, s, _), (v, t, _) = (np.linalg.svd(one - one.mean(0), full_matrices=False) for one in (x, y))
    overlap = (u.T @ v) ** 2
    return (s**2 @ overlap @ t**2) / np.sqrt((s**4).sum() * (t**4).sum())


def song(x, y):
    """Song et al. 2012, eq. 5, on kernels that are not centred, in loops."""

    def hsic(k, l_):
        n = len(k)
        first = sum(k[i, j] * l_[j, i] for i in range(n) for j in range(n))
        second = k.sum() * l_.sum() / ((n - 1) * (n - 2))
        third = 2 / (n - 2) * sum(k[:, i].sum() * l_[i].sum() for i in range(n))
        return (first + second - third) / (n * (n - 3))

    k, l_ = x @ x.T, y @ y.T
    np.fill_diagonal(k, 0)
    np.fill_diagonal(l_, 0)
    return hsic(k, l_) / np.sqrt(hsic(k, k) * hsic(l_, l_))


class TestFormulations:
    @settings(deadline=None)
    @given(shapes, seeds)
    def test_kernels_and_subspaces(self, shape, seed):
        x, y = sets(shape, seed)
        assert linear_cka(x, y, "biased") == pytest.approx(kernels(x, y), abs=1e-10)
        assert linear_cka(x, y, "biased") == pytest.approx(subspaces(x, y), abs=1e-10)

    @settings(max_examples=30, deadline=None)
    @given(shapes, seeds)
    def test_unbiased(self, shape, seed):
        x, y = sets(shape, seed)
        assert linear_cka(x, y) == pytest.approx(song(x, y), abs=1e-7)

    @settings(deadline=None)
    @given(shapes, seeds, estimators)
    def test_the_first_examples(self, shape, seed, estimator):
        x, y = sets(shape, seed)
        count = max(1, shape[0] // 2)
        found = kernel_cka(kernel(x).first(count), kernel(y).first(count), estimator)
        expected = linear_cka(x[:count], y[:count], estimator)
        assert found == pytest.approx(expected, abs=1e-9, nan_ok=True)

    @pytest.mark.parametrize("shape", [(9, 40, 31), (40, 9, 5), (17, 17, 90), (50, 300, 1)])
    @pytest.mark.parametrize("estimator", ESTIMATORS)
    def test_blocks(self, shape, estimator, monkeypatch):
        x, y = sets(shape, 0)
        whole = linear_cka(x, y, estimator), kernel(x).values
        monkeypatch.setattr(cka, "_BLOCK", 7)
        assert linear_cka(x, y, estimator) == pytest.approx(whole[0], abs=1e-12)
        torch.testing.assert_close(kernel(x).values, whole[1])

    @pytest.mark.parametrize("shape", [(200_000, 3, 4), (6, 300_000, 200_000)])
    def test_the_larger_side_is_never_built(self, shape):
        x, y = sets(shape, 0)
        assert 0 < linear_cka(x, y, "biased") < 1


class TestPublished:
    def test_the_authors_example(self):
        """Kornblith et al. print these in google-research/representation_similarity/Demo.ipynb."""
        random = np.random.RandomState(1337)
        x = random.randn(100, 10)
        y = random.randn(100, 10) + x
        assert linear_cka(x, y, "biased") == pytest.approx(0.55761, abs=5e-6)
        assert linear_cka(x, y) == pytest.approx(0.51346, abs=5e-6)

    def test_by_hand(self):
        # centred: (-1, 0, 1) and (-2, 1, 1); (2 + 1)² over 2 · 6
        x, y = np.array([[0], [1], [2]]), np.array([[1], [4], [4]])
        assert linear_cka(x, y, "biased") == 9 / 12

    @pytest.mark.golden
    def test_golden(self, golden):
        found = golden("cka_unit")
        biased = linear_cka(found["A"], found["B"], "biased")
        assert biased == pytest.approx(found["cka"], abs=1e-9)
        unbiased = linear_cka(found["A"], found["B"], "unbiased")
        assert unbiased == pytest.approx(found["cka_debiased"], abs=1e-9)
        for layer in ("feat7", "feat18"):
            pair = (as_examples(torch.from_numpy(found[f"{layer}_{one}"]), "channels")
                    for one in ("nat0", "gen0"))  # fmt: skip
            value = linear_cka(*pair, "biased")
            assert value == pytest.approx(found[f"cka_{layer}"], abs=1e-9)

    def test_the_goldens_agree_with_each_other(self, golden):
        told = json.loads((Path(__file__).parents[3] / "golden/cka_golden.json").read_text())
        assert told["plain"]["nat0|gen0"]["features.7"] == pytest.approx(
            golden("cka_unit")["cka_feat7"], abs=1e-9
        )


class TestProperties:
    @settings(deadline=None)
    @given(shapes, seeds, estimators)
    def test_identity(self, shape, seed, estimator):
        x, _ = sets(shape, seed)
        assert linear_cka(x, x, estimator) == pytest.approx(1, abs=1e-9)

    @settings(deadline=None)
    @given(shapes, seeds, estimators, st.floats(1e-200, 1e200))
    def test_invariances(self, shape, seed, estimator, scale):
        x, y = sets(shape, seed)
        turn, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((x.shape[1],) * 2))
        changed = (x @ turn + 3) * scale
        before = linear_cka(x, y, estimator)
        assert linear_cka(changed, y, estimator) == pytest.approx(before, abs=1e-9)
        assert linear_cka(y, x, estimator) == pytest.approx(before, abs=1e-12)

    @settings(deadline=None)
    @given(shapes, seeds)
    def test_range(self, shape, seed):
        x, y = sets(shape, seed)
        assert 0 <= linear_cka(x, y, "biased") <= 1
        assert -1 <= linear_cka(x, y) <= 1

    @pytest.mark.parametrize(
        ("positions", "biased"), [(56 * 56, 0.980), (5 * 56 * 56, 0.996)], ids=["resnet50", "r3d"]
    )
    def test_independent_features_have_nothing_in_common(self, positions, biased):
        """Of the paper's early layers: 64 channels of ResNet50's maxpool, and of R3D-18's first."""
        rng = np.random.default_rng(0)
        found = []
        for _ in range(10):
            x, y = rng.standard_normal((2, 64, positions))
            assert linear_cka(x, y, "biased") == pytest.approx(biased, abs=2e-3)
            found.append(linear_cka(x, y))
        # of 2016 pairs of channels each: a standard error of 1 / sqrt(10 · 2016)
        assert abs(np.mean(found)) < 4 / np.sqrt(10 * 64 * 63 / 2)
        assert max(map(abs, found)) < 0.1

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.int64])
    def test_types(self, dtype):
        x, y = (torch.from_numpy(one * 100).to(dtype) for one in sets((20, 30, 10), 0))
        assert linear_cka(x, y) == linear_cka(x.double(), y.double())

    def test_arrays_in_any_order(self):
        x, y = sets((20, 30, 10), 0)
        turned = np.asfortranarray(x)[::-1], torch.from_numpy(y).flip(0)
        assert linear_cka(*turned) == pytest.approx(linear_cka(x, y), abs=1e-12)


class TestUndefined:
    @pytest.mark.parametrize("estimator", ESTIMATORS)
    def test_constant_features(self, estimator):
        x, _ = sets((20, 30, 10), 0)
        constant = np.broadcast_to(np.float64([0.1, 1e9, -0.3]), (20, 3)).copy()
        for pair in ((x, constant), (constant, x), (constant, constant)):
            assert np.isnan(linear_cka(*pair, estimator))
            assert np.isnan(kernel_cka(*map(kernel, pair), estimator))

    def test_few_examples(self):
        x, y = sets((3, 4, 5), 0)
        assert np.isnan(linear_cka(x, y))
        assert linear_cka(x, y, "biased") > 0
        assert np.isnan(linear_cka(x[:1], y[:1], "biased"))

    def test_equal_distances(self):
        x, _ = sets((9, 4, 5), 0)
        assert np.isnan(linear_cka(np.eye(9), x))
        assert linear_cka(np.eye(9), x, "biased") > 0


class TestRefusals:
    def check(self, x, y, said):
        with pytest.raises(InputError) as caught:
            linear_cka(x, y)
        assert str(caught.value) == said

    def test_shapes(self):
        x = np.ones((4, 5))
        said = "CKA compares the same examples: x has 4 rows and y has 5."
        self.check(x, x.T, said)
        for shape in ((4,), (4, 5, 6), (4, 0), (0, 5)):
            said = f"CKA: y has shape {shape}; expected (examples, features), at least one of each."
            self.check(x, np.ones(shape), said)

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_values(self, value):
        x = np.ones((4, 5), np.float32)
        x[2, 3] = value
        self.check(x, np.ones((4, 5)), "CKA: x holds values that are not finite.")
        with pytest.raises(InputError, match="not finite"):
            kernel(x)

    def test_complex(self):
        self.check(np.ones((4, 5), complex), np.ones((4, 5)), "CKA: x holds complex numbers.")

    def test_kernels(self):
        with pytest.raises(InputError) as caught:
            kernel_cka(kernel(np.ones((3, 4))), kernel(np.ones((4, 4))))
        said = "CKA compares the same examples: one kernel has 3 and the other 4."
        assert str(caught.value) == said

    @pytest.mark.parametrize("estimator", [True, "debiased"])
    def test_estimators(self, estimator):
        with pytest.raises(InputError) as caught:
            linear_cka(np.ones((4, 5)), np.ones((4, 5)), estimator)
        assert str(caught.value) == f"`estimator` {estimator}: expected unbiased, biased."


def test_examples():
    activation = torch.arange(24).reshape(2, 3, 4)
    assert as_examples(activation, "channels").tolist() == activation.reshape(2, 12).tolist()
    assert as_examples(activation, "positions").tolist() == activation.reshape(2, 12).T.tolist()
    assert as_examples(activation, "frames").shape == (1, 24)
    assert as_examples(torch.ones(5), "channels").shape == (5, 1)
    assert as_examples(torch.ones(2, 3, 4, 5), "positions").shape == (60, 2)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="gpu: no CUDA device here")
@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("shape", [(64, 3000, 2000), (3000, 64, 32)])
def test_a_gpu_agrees(shape, estimator):
    x, y = (torch.from_numpy(one) for one in sets(shape, 0))
    here = linear_cka(x, y, estimator)
    assert linear_cka(x.cuda(), y.cuda(), estimator) == pytest.approx(here, abs=1e-10)
