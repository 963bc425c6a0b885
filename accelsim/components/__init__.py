"""Every component there is: the `component:` key of specs → its `Component`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accelsim.component import Component
from accelsim.components.acam_array import ACAM_ARRAY
from accelsim.components.adc import ADC
from accelsim.components.admission import ADMISSION
from accelsim.components.binariser import BINARISER
from accelsim.components.cim_macro import CIM_MACRO
from accelsim.components.cnn_engine import CNN_ENGINE
from accelsim.components.column_driver import COLUMN_DRIVER
from accelsim.components.die_link import DIE_LINK
from accelsim.components.digital_matcher import DIGITAL_MATCHER
from accelsim.components.distance_array import DISTANCE_ARRAY
from accelsim.components.dram_port import DRAM_PORT
from accelsim.components.glimpse_extractor import GLIMPSE_EXTRACTOR
from accelsim.components.lut_controller import LUT_CONTROLLER
from accelsim.components.minimum_scan import MINIMUM_SCAN
from accelsim.components.post_unit import POST_UNIT
from accelsim.components.row_stationary_engine import ROW_STATIONARY_ENGINE
from accelsim.components.sense_amps import SENSE_AMPS
from accelsim.components.sram_buffer import SRAM_BUFFER
from accelsim.components.synchroniser import SYNCHRONISER
from accelsim.components.value_memory import VALUE_MEMORY
from accelsim.components.vote import VOTE
from accelsim.components.weight_store import WEIGHT_STORE
from accelsim.components.winner_take_all import WINNER_TAKE_ALL

COMPONENTS: Mapping[str, Component[Any]] = {
    "acam_array": ACAM_ARRAY,
    "adc": ADC,
    "admission": ADMISSION,
    "binariser": BINARISER,
    "cim_macro": CIM_MACRO,
    "cnn_engine": CNN_ENGINE,
    "column_driver": COLUMN_DRIVER,
    "die_link": DIE_LINK,
    "digital_matcher": DIGITAL_MATCHER,
    "distance_array": DISTANCE_ARRAY,
    "dram_port": DRAM_PORT,
    "glimpse_extractor": GLIMPSE_EXTRACTOR,
    "lut_controller": LUT_CONTROLLER,
    "minimum_scan": MINIMUM_SCAN,
    "post_unit": POST_UNIT,
    "row_stationary_engine": ROW_STATIONARY_ENGINE,
    "sense_amps": SENSE_AMPS,
    "sram_buffer": SRAM_BUFFER,
    "synchroniser": SYNCHRONISER,
    "value_memory": VALUE_MEMORY,
    "vote": VOTE,
    "weight_store": WEIGHT_STORE,
    "winner_take_all": WINNER_TAKE_ALL,
}
