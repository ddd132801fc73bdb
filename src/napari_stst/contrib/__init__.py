"""What napari finds by the manifest: reader, writer, samples, menus."""
