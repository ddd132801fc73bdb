"""Phase scrambling: stimuli with a clip's amplitude spectrum and random phases."""
