"""`accelsim validate`: the models against measured and published figures, and against circuits."""
