"""Which pretrained weights exist, where their publishers keep them, and their hashes.

A hash is written here only if its publisher gives it; none is ever computed from a download.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from stst.errors import InputError

Layout = Literal["vgg19", "msoe", "as-is"]
Convention = Literal["keras", "torchvision"]


@dataclass(frozen=True)
class Hash:
    """A published hash.

    Attributes
    ----------
    algorithm
        ``"sha256"`` or ``"md5"``.
    digits
        Hexadecimal, all of them or the first.
    """

    algorithm: Literal["sha256", "md5"]
    digits: str

    def agrees(self, found: str) -> bool:
        """Tell whether a full digest begins with the published digits.

        Parameters
        ----------
        found
            The whole hash of a file, hexadecimal.

        Returns
        -------
        bool
            Whether it does.
        """
        return found.lower().startswith(self.digits)

    def __str__(self) -> str:
        full = {"sha256": 64, "md5": 32}[self.algorithm]
        return f"{self.algorithm}:{self.digits}{'…' if len(self.digits) < full else ''}"


@dataclass(frozen=True)
class Entry:
    """One set of pretrained weights.

    Attributes
    ----------
    name
        What the user calls it.
    file
        The file's name in the cache and in ``STST_WEIGHTS_DIR``.
    url
        The publisher's own address.
    hash
        As published, or None: then what was fetched is recorded and called unverified.
    size
        Bytes, roughly, for the reader; never checked. None when not known.
    licence
        Notice to show before and after fetching.
    note
        What the file is.
    layout
        How its arrays become tensors: ``vgg19``, ``msoe``, or ``as-is`` (names and shapes kept).
    convention
        What the network takes as input. ``keras``: BGR, 0..255, mean subtracted.
        ``torchvision``: RGB, 0..1, ImageNet mean and standard deviation. None: neither.
    also
        Other file names (glob patterns) that serve in place of `file`.
    torchvision
        Name of the member of torchvision's weight enumeration, such as
        ``VGG19_Weights.IMAGENET1K_V1``; empty when it is not torchvision's.
    """

    name: str
    file: str
    url: str
    hash: Hash | None
    licence: str
    note: str
    size: int | None = None
    layout: Layout = "as-is"
    convention: Convention | None = None
    also: tuple[str, ...] = field(default=())
    torchvision: str = ""

    @property
    def converted(self) -> str:
        """File name of what `import_file` writes."""
        return f"{self.name}.safetensors"


def torchvision_entry(name: str, member: str, file: str, mib: float | None = None) -> Entry:
    """Describe weights that torchvision publishes; its file names end in the hash's first digits.

    Parameters
    ----------
    name
        See `Entry`.
    member
        ``<Enumeration>.<MEMBER>`` in `torchvision.models`.
    file
        The last part of torchvision's URL, ``<model>-<first digits of the SHA-256>.pth``.
    mib
        Size in MiB, as torchvision gives it.
    """
    images = "KINETICS400" not in member
    data = "ImageNet" if images else "Kinetics-400"
    return Entry(
        name=name,
        file=file,
        url=f"https://download.pytorch.org/models/{file}",
        hash=Hash("sha256", file.removesuffix(".pth").rpartition("-")[2]),
        size=None if mib is None else round(mib * 2**20),
        licence=f"torchvision (BSD-3-Clause); trained on {data}, whose terms of use may apply",
        note=f"torchvision {member}",
        layout="vgg19" if member.startswith("VGG19_Weights") else "as-is",
        convention="torchvision" if images else None,
        torchvision=member,
    )


# Name, member, file and MiB of what torchvision publishes. Its own table says the same (a test
# compares them), but takes seconds to import. V1 and V2 are as torchvision calls them.
_TORCHVISION = (
    ("vgg19-torchvision", "VGG19_Weights.IMAGENET1K_V1", "vgg19-dcbb9e9d.pth", 548.051),
    ("resnet50-v1", "ResNet50_Weights.IMAGENET1K_V1", "resnet50-0676ba61.pth", 97.781),
    ("resnet50-v2", "ResNet50_Weights.IMAGENET1K_V2", "resnet50-11ad3fa6.pth", 97.79),
    ("convnext_tiny", "ConvNeXt_Tiny_Weights.IMAGENET1K_V1", "convnext_tiny-983f1562.pth", 109.119),
    ("r3d_18", "R3D_18_Weights.KINETICS400_V1", "r3d_18-b3b3357e.pth", 127.359),
    ("mc3_18", "MC3_18_Weights.KINETICS400_V1", "mc3_18-a90a0ba3.pth", 44.672),
    ("r2plus1d_18", "R2Plus1D_18_Weights.KINETICS400_V1", "r2plus1d_18-91a641e6.pth", 120.318),
    ("s3d", "S3D_Weights.KINETICS400_V1", "s3d-d76dad2f.pth", 31.972),
    ("mvit_v1_b", "MViT_V1_B_Weights.KINETICS400_V1", "mvit_v1_b-dbeb1030.pth", 139.764),
    ("mvit_v2_s", "MViT_V2_S_Weights.KINETICS400_V1", "mvit_v2_s-ae3be167.pth", 131.884),
    ("swin3d_t", "Swin3D_T_Weights.KINETICS400_V1", "swin3d_t-7615ae03.pth", 121.543),
    ("swin3d_s", "Swin3D_S_Weights.KINETICS400_V1", "swin3d_s-da41c237.pth", 218.288),
    ("swin3d_b", "Swin3D_B_Weights.KINETICS400_V1", "swin3d_b_1k-24f7c7c6.pth", 364.134),
    ("swin3d_b-22k", "Swin3D_B_Weights.KINETICS400_IMAGENET22K_V1",
     "swin3d_b_22k-7c6ae6fa.pth", 364.134),
    ("mobilenet_v2-v1", "MobileNet_V2_Weights.IMAGENET1K_V1", "mobilenet_v2-b0353104.pth", 13.555),
    ("mobilenet_v2-v2", "MobileNet_V2_Weights.IMAGENET1K_V2", "mobilenet_v2-7ebf99e0.pth", 13.598),
)  # fmt: skip

_ENTRIES = (
    Entry(
        name="vgg19-keras",
        file="vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",
        url="https://storage.googleapis.com/tensorflow/keras-applications/vgg19/"
        "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",
        hash=Hash("md5", "253f8cb515780f3b799900260a226db6"),
        size=80_100_000,  # 20 024 384 float32 and the names
        licence="VGG-19 by Simonyan & Zisserman (Visual Geometry Group, Oxford), CC BY 4.0; "
        "converted for Keras (Apache-2.0)",
        note="convolutions of VGG-19 as Keras publishes them, MD5 from Keras's source",
        layout="vgg19",
        convention="keras",
        also=("vgg19_*.npz",),
    ),
    torchvision_entry(*_TORCHVISION[0]),
    Entry(
        name="msoe",
        file="msoe.npz",
        url="https://raw.githubusercontent.com/antoninogreco/STST/"
        "39e6721bb6352974d4d3b41eaa67b8c93c34464f/dyn_model/weights.npz",
        hash=Hash("sha256", "99c984d7763650dfd8a5bb3db47c1d7a7872cb2aff13fdfb3f9158516d48b06b"),
        size=724_718,
        licence="from the STST repository (Greco & Siegel), Apache-2.0; originally from the "
        "two-stream dynamic texture code (Tesfaldet et al. 2018), GPL-3.0",
        note="MSOE, the optical flow network of the temporal stream",
        layout="msoe",
        also=("weights.npz",),
    ),
    *(torchvision_entry(*row) for row in _TORCHVISION[1:]),
)


def _by_name(entries: Iterable[Entry]) -> dict[str, Entry]:
    """Index entries; two of one name or one file would make a look-up depend on their order."""
    table: dict[str, Entry] = {}
    files: set[str] = set()
    for entry in entries:
        if entry.name in table or entry.file in files:
            raise ValueError(f"weights {entry.name} ({entry.file}) are defined twice")
        table[entry.name] = entry
        files.add(entry.file)
    return table


#: The files that the program knows, by name.
REGISTRY: dict[str, Entry] = _by_name(_ENTRIES)

PAPER = ("vgg19-keras", "msoe")
"""What the preset ``paper`` needs."""


def get_entry(name: str) -> Entry:
    """Look an entry up.

    Parameters
    ----------
    name
        Of the entry.

    Returns
    -------
    Entry
        From `REGISTRY`.

    Raises
    ------
    InputError
        If there is none of that name; the message suggests the nearest.
    """
    if name in REGISTRY:
        return REGISTRY[name]
    near = difflib.get_close_matches(name, REGISTRY, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise InputError(f"There are no weights named {name!r}.{hint} Known: {', '.join(REGISTRY)}.")


def how_to_get(entry: Entry) -> str:
    """Tell a user who lacks weights every way to have them, or to do without.

    Parameters
    ----------
    entry
        What is missing.

    Returns
    -------
    str
        For a message.
    """
    alone = (
        ' Or do without pretrained weights: `preset="quick"`, or `model="builtin"`, where there is '
        "such a setting."
        if entry.layout != "as-is"
        else ""
    )
    return (
        f"Fetch them with `stst weights fetch {entry.name}`. Offline: fetch {entry.url} on another "
        f"machine, then name it {entry.file} and set STST_WEIGHTS_DIR to its folder, or run "
        f"`stst weights import FILE {entry.name}`.{alone}"
    )
