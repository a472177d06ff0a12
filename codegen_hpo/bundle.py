"""What a sandbox may see, as arrays in a folder: training rows with labels, evaluation rows without.

The folder is mounted read-only into the sandbox, whose worker maps the files into memory:

    meta.json      {"version": 1, "kind": "regression" | "binary" | "multiclass", "n_numeric": int,
                    "cardinalities": [int, ...], "n_outputs": int,
                    "stop_on": "mse" | "mae" | "msle" | "log_loss",
                    "target": null | {"default": "none" | "log" | "sqrt",
                                      "transforms": {"none": T, "log": T, "sqrt": T}}}
                   T = {"formula": "identity" | "log" | "signed_log1p" | "signed_sqrt", "scale": float,
                        "mean": float, "std": float, "low": float, "high": float}
    quantiles.npy  (n_numeric, 65) float32
    train_num.npy  (rows, n_numeric) float32      train_cat.npy  (rows, n_categorical) int64
    train_y.npy    (rows,) float64 in the target's unit (regression), int64 class codes otherwise
    inner_num.npy, inner_cat.npy, inner_y.npy     the early-stopping rows, cut from the training rows
    eval_num.npy, eval_cat.npy                    rows to predict, without labels

A folder for prediction holds meta.json, quantiles.npy and the two eval files only.
Validation and test labels never enter this folder (design, section 3). A transform is
`z = (f(y) - mean) / std` with f(y) = y, log(y), sign(y) log1p(|y| / scale) or sign(y) sqrt(|y|); z is clipped
to [low, high] before it is undone, so that a wild output cannot overflow.
"""
