"""Work that takes long, in a process of its own.

The viewer's process never imports torch: nothing that computes can take its time, its memory or
its life. `task` is the viewer's side, `worker` the other; they speak in `messages`.
"""
