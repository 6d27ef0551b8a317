"""Images and their objects: loaders of official formats, pixel and token geometry, object names."""
