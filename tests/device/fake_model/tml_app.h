/* What tinyml/firmware.py renders for a model, written by hand for the fake one. */
#ifndef TML_APP_H
#define TML_APP_H

#include "fake.h"

#define TML_APP_MODEL "fake"
#define TML_APP_MODEL_SHA256 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define TML_APP_SDK_VERSION "0.1.0"
#define TML_APP_COMPILER "gcc 12.2.0"
#define TML_APP_FLAGS "-O1 -fsanitize=address,undefined"
#define TML_APP_BOARD "host"
#define TML_APP_EEMBC_MODEL "kws01"
#define TML_APP_CLOCK_HZ 1000000000u
#define TML_APP_TICK_HZ 1000000000u
#define TML_APP_ARENA fake_arena
#define TML_APP_ARENA_BYTES FAKE_ARENA_BYTES
#define TML_APP_STEPS FAKE_STEPS
#define TML_APP_KEEPS_INPUT FAKE_KEEPS_INPUT
#define TML_APP_INVOKE() fake_invoke()

#ifdef FAKE_STATES
#define TML_APP_STATE_BYTES 4u
#define TML_APP_RESET() fake_reset()
#endif

#define TML_APP_INPUT_COUNT 2
#define TML_APP_INPUT_BYTES 307
#define TML_APP_INPUT_SIZES {300, 7}
#define TML_APP_INPUT(i) ((i) == 0u ? fake_input_image() : fake_input_bias())

#define TML_APP_OUTPUT_COUNT 2
#define TML_APP_OUTPUT_BYTES 73
#define TML_APP_OUTPUT_SIZES {70, 3}
#define TML_APP_OUTPUT(i) ((i) == 0u ? fake_output_sums() : fake_output_tail())
/* scale 1/256, zero point -128; scale 0.1f, zero point 5 */
#define TML_APP_OUTPUT_QUANT {{8388608u, 31, 1, -128}, {13421773u, 27, 1, 5}}

#endif
