"""A compensated network as one ONNX graph that picks its compensation set by the time."""
