"""Planning: the cheapest recovery that meets a target accuracy, yield and lifetime."""
