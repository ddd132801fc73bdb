"""The napari plugin: make and compare stimuli inside the viewer."""
