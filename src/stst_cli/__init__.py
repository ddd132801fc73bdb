"""The command lines ``stst`` and ``stst-analyze``; words in, words out, no science."""
