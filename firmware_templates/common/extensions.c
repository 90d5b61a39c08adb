/* The `tml ...%` commands: what the SDK needs beyond the standard. Grammar: tinyml/device/protocol.py. */
#include "crc32.h"
#include "model.h"
#include "port.h"
#include "protocol.h"
#include "session.h"
#include "tml_app.h"

#ifdef TML_APP_ROWS
#define CHUNK_BYTES ((uint32_t)TML_APP_ROW_BYTES) /* a row runs when its last byte is in: nothing may follow it then */
#else
#define CHUNK_BYTES 256u      /* `tml load` asks for so many at a time */
#endif
#define OUTPUT_LINE_BYTES 64u /* `tml output` prints so many a line */

#ifndef TML_APP_STATE_BYTES
#define TML_APP_STATE_BYTES 0
#endif

#ifdef TML_PROFILE
#include "tml_profile.h"
#endif

#ifdef TML_TRACE
#include "tml_trace.h"

static uint32_t step_crcs[TML_APP_STEPS];

void tml_trace_clear(void)
{
    for (uint32_t i = 0; i < TML_APP_STEPS; i++) {
        step_crcs[i] = TML_CRC32_START;
    }
}

void tml_trace_rows(uint32_t step, const int8_t *first, int32_t rows, int32_t stride, int32_t bytes, int32_t begin,
                    int32_t end)
{
    for (int32_t row = begin; row < end; row++) {
        const int8_t *byte = first + row % rows * stride;
        for (int32_t i = 0; i < bytes; i++) {
            step_crcs[step] = tml_crc32_byte(step_crcs[step], (uint8_t)byte[i]);
        }
    }
}
#endif

static void put_pair(const char *key, uint32_t value)
{
    tml_put(key);
    tml_put_decimal(value);
}

static TML_NOINLINE void info_command(void)
{
    tml_put("m-tml-info-[protocol=1;model=" TML_APP_MODEL ";sha256=" TML_APP_MODEL_SHA256 ";sdk=" TML_APP_SDK_VERSION
            ";compiler=" TML_APP_COMPILER ";flags=" TML_APP_FLAGS ";board=" TML_APP_BOARD);
    put_pair(";clock_hz=", TML_APP_CLOCK_HZ);
    put_pair(";tick_hz=", TML_APP_TICK_HZ);
    put_pair(";arena=", TML_APP_ARENA_BYTES);
    tml_model_put_sizes();
    put_pair(";steps=", TML_APP_STEPS);
    put_pair(";keeps_input=", TML_APP_KEEPS_INPUT);
    put_pair(";state=", TML_APP_STATE_BYTES);
    put_pair(";stack=", port_stack_size());
#ifdef TML_PROFILE
    tml_put(";profile=1]");
#else
    tml_put(";profile=0]");
#endif
    tml_end_checked_line();
}

/* So many bytes are in, so many may be sent: a UART without flow control loses nothing. */
static void put_ack(uint32_t bytes)
{
    const uint32_t left = TML_APP_INPUT_BYTES - bytes;
    put_pair("m-tml-ack-[", bytes);
    put_pair(",", left < CHUNK_BYTES ? left : CHUNK_BYTES);
    tml_put_char(']');
    tml_end_checked_line();
    port_flush();
}

/* Reads the raw bytes straight into the inputs; false when the line closes. */
static bool receive_input(uint32_t *crc)
{
    uint32_t sum = TML_CRC32_START;
    for (uint32_t offset = 0; offset < TML_APP_INPUT_BYTES; offset++) {
        if (offset % CHUNK_BYTES == 0u) {
            put_ack(offset);
        }
        const int c = port_getchar();
        if (c < 0) {
            return false;
        }
        tml_model_receive(offset, (int8_t)(uint8_t)c);
        sum = tml_crc32_byte(sum, (uint8_t)c);
    }
    *crc = ~sum;
    return true;
}

static TML_NOINLINE void load_command(void)
{
    uint32_t bytes;
    uint32_t expected;
    uint32_t crc;
    if (!tml_parse_decimal(tml_next_word(), &bytes) || !tml_parse_hex(tml_next_word(), &expected)) {
        tml_put_error("Command 'tml load' requires N and a CRC");
        return;
    }
    if (bytes != TML_APP_INPUT_BYTES) {
        tml_put("e-[Load size ");
        tml_put_decimal(bytes);
        tml_put(" must be ");
        tml_put_decimal(TML_APP_INPUT_BYTES);
        tml_put_line("]");
        return;
    }
    tml_forget_input();
    if (!receive_input(&crc)) {
        return;
    }
    put_ack(TML_APP_INPUT_BYTES);
    if (crc != expected) {
        tml_put_error("Load CRC mismatch");
        return;
    }
    tml_state.fresh_input = true;
    tml_state.db_loaded = TML_APP_INPUT_BYTES;
    tml_state.db_expected = TML_APP_INPUT_BYTES;
    tml_put_line("m-load-done");
}

/* Refused without a fresh input, so that a host that missed a reset learns of it before it reads an output. */
static void run_command(void)
{
    if (tml_state.fresh_input) {
        tml_infer_command(false);
    } else {
        tml_put_error("Run needs a fresh input");
    }
}

static TML_NOINLINE void output_command(void)
{
    uint32_t crc = TML_CRC32_START;
    if (!tml_state.results) {
        tml_put_results(); /* the error */
        return;
    }
    for (uint32_t offset = 0; offset < TML_APP_OUTPUT_BYTES; offset++) {
        const uint8_t byte = (uint8_t)*tml_model_output(offset);
        crc = tml_crc32_byte(crc, byte);
        if (offset % OUTPUT_LINE_BYTES == 0u) {
            put_pair("m-tml-data-[", offset);
            tml_put_char(' ');
        }
        tml_put_hex(byte, 2u);
        if (offset % OUTPUT_LINE_BYTES == OUTPUT_LINE_BYTES - 1u || offset + 1u == TML_APP_OUTPUT_BYTES) {
            tml_put_char(']');
            tml_end_checked_line();
        }
    }
    put_pair("m-tml-output-[", TML_APP_OUTPUT_BYTES);
    tml_put_char(' ');
    tml_put_hex(~crc, 8u);
    tml_put_char(']');
    tml_end_checked_line();
}

static TML_NOINLINE void ticks_command(void)
{
    if (!tml_state.timed) {
        tml_put_error("Ticks need a run");
        return;
    }
    tml_put("m-tml-ticks-[");
    tml_put_decimal(tml_state.run_ticks);
    tml_put_char(']');
    tml_end_checked_line();
}

static TML_NOINLINE void poison_command(void)
{
    uint32_t value;
    if (!tml_parse_hex(tml_next_word(), &value) || value > 255u) {
        tml_put_error("Command 'tml poison' requires a byte in hex");
        return;
    }
    tml_forget_input();
    tml_state.poison = (uint8_t)value;
    tml_model_poison(tml_state.poison);
    port_stack_repaint();
    tml_put("m-tml-poison-[");
    tml_put_hex(value, 2u);
    tml_put_char(']');
    tml_end_checked_line();
}

static TML_NOINLINE void peak_command(void)
{
    put_pair("m-tml-peak-[stack=", port_stack_peak());
    tml_put(";arena=");
    tml_put_hex(tml_state.poison, 2u);
    put_pair(":", tml_model_arena_peak(tml_state.poison));
    tml_put_char(']');
    tml_end_checked_line();
}

static TML_NOINLINE void steps_command(void)
{
#ifdef TML_PROFILE
    if (!tml_state.timed) {
        tml_put_error("Ticks need a run");
        return;
    }
    tml_put("m-tml-steps-[");
    for (uint32_t i = 0; i < TML_APP_STEPS; i++) {
        put_pair(i == 0u ? "" : ",", tml_step_ticks[i]);
    }
    tml_put_char(']');
    tml_end_checked_line();
#else
    tml_put_error("Not a profile build");
#endif
}

static TML_NOINLINE void crc_command(void)
{
#ifdef TML_TRACE
    if (!tml_state.timed) {
        tml_put_error("Checksums need a run");
        return;
    }
    tml_put("m-tml-crc-[");
    for (uint32_t i = 0; i < TML_APP_STEPS; i++) {
        tml_put(i == 0u ? "" : ",");
        tml_put_hex(~step_crcs[i], 8u);
    }
    tml_put_char(']');
    tml_end_checked_line();
#else
    tml_put_error("Not a trace build");
#endif
}

static TML_NOINLINE void forget_command(void)
{
    tml_model_forget();
    put_pair("m-tml-forget-[", TML_APP_STATE_BYTES);
    tml_put_char(']');
    tml_end_checked_line();
}

/* Echoes a word: what the host reads after it belongs to later commands. */
static TML_NOINLINE void sync_command(void)
{
    uint32_t word;
    if (!tml_parse_hex(tml_next_word(), &word)) {
        tml_put_error("Command 'tml sync' requires a word in hex");
        return;
    }
    tml_put("m-tml-sync-[");
    tml_put_hex(word, 8u);
    tml_put_char(']');
    tml_end_checked_line();
}

void tml_extension(void)
{
    const char *word = tml_next_word();
    if (tml_same(word, "info")) {
        info_command();
    } else if (tml_same(word, "load")) {
        load_command();
    } else if (tml_same(word, "run")) {
        run_command();
    } else if (tml_same(word, "output")) {
        output_command();
    } else if (tml_same(word, "ticks")) {
        ticks_command();
    } else if (tml_same(word, "poison")) {
        poison_command();
    } else if (tml_same(word, "peak")) {
        peak_command();
    } else if (tml_same(word, "steps")) {
        steps_command();
    } else if (tml_same(word, "crc")) {
        crc_command();
    } else if (tml_same(word, "forget")) {
        forget_command();
    } else if (tml_same(word, "sync")) {
        sync_command();
    } else if (tml_same(word, "reset")) {
        tml_start();
    } else if (tml_same(word, "exit")) {
        tml_put_ready();
        port_exit(0);
    } else {
        tml_put_unknown(word);
    }
}
