"""Pretrained weights: where they come from, their hashes, the local cache.

Nothing is downloaded unless `fetch` is called. Importing this package does not import torch.
"""

from stst.weights.download import fetch
from stst.weights.load import LoadedWeights, brief, load_msoe, load_tensors, load_vgg19
from stst.weights.locate import FoundWeights, cache_dir, find, weights_dir
from stst.weights.registry import PAPER, REGISTRY, Entry, Hash, get_entry, how_to_get
from stst.weights.store import Status, import_file, list_weights, verify

__all__ = [
    "PAPER",
    "REGISTRY",
    "Entry",
    "FoundWeights",
    "Hash",
    "LoadedWeights",
    "Status",
    "brief",
    "cache_dir",
    "fetch",
    "find",
    "get_entry",
    "how_to_get",
    "import_file",
    "list_weights",
    "load_msoe",
    "load_tensors",
    "load_vgg19",
    "verify",
    "weights_dir",
]
