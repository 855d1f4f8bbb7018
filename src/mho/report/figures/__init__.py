"""The report's own figures: each turns checked results into pictures with a table behind them."""
