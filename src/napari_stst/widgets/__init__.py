"""Parts that any widget may have: forms, boxes, words, keys."""
