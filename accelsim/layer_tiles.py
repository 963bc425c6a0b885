"""A network's layers in the mapping's words, and cut into tiles for an engine."""

from __future__ import annotations

from dataclasses import fields

from accelsim.components.cnn_engine import CnnEngineSpec
from accelsim.manifest_cnn import ConvLayer, DenseLayer
from accelsim.mapping.tiling import Layer, Tile, tiles


def geometry(layer: ConvLayer | DenseLayer) -> Layer:
    """The manifest's layer as the mapping sees it; a dense layer is a 1 x 1 convolution of a single pixel."""
    if layer.op == "dense":
        return Layer(layer.name, "dense", layer.in_features, layer.out_features, 1, 1, 1, 1, 0, 1, layer.relu)
    return Layer(**layer.model_dump(include={field.name for field in fields(Layer)}))


def layer_tiles(engine: CnnEngineSpec, layer: ConvLayer | DenseLayer, n_images: int) -> tuple[Tile, ...]:
    """The tiles of a layer, for so many images, in the order in which they run.

    Raises:
        TileError: if a tile buffer of the engine is too small for the layer, or there are too many tiles.
    """
    return tiles(
        geometry(layer),
        n_pe_rows=engine.n_pe_rows,
        n_pe_cols=engine.n_pe_cols,
        weight_tile_bytes=engine.weight_tile_bytes,
        input_tile_bytes=engine.input_tile_bytes,
        psum_tile_bytes=engine.psum_tile_bytes,
        n_images=n_images,
    )
