"""Data sets by name, by local folder in hub layout, or by hub id; roles keep test data apart."""

from mho.data.data import Data, Inputs, Role, as_data
from mho.data.load import data_folder, load
from mho.data.named import known_names

__all__ = ["Data", "Inputs", "Role", "as_data", "data_folder", "known_names", "load"]
