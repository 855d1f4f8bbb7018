"""Results in, pages out: self-contained HTML that opens anywhere, also in ten years. No torch."""
