/* The firmware: MLPerf Tiny device protocol and the SDK's extensions (grammar: tinyml/device/protocol.py) over port.h.
 *
 * tml_app.h, rendered per build, binds it to a model. The macros it must define:
 *
 *   TML_APP_MODEL TML_APP_MODEL_SHA256 TML_APP_SDK_VERSION TML_APP_COMPILER TML_APP_FLAGS TML_APP_BOARD
 *                               string literals of printable ASCII without ';' '[' ']'
 *   TML_APP_CLOCK_HZ TML_APP_TICK_HZ TML_APP_STEPS    integers; TICK_HZ is port_ticks()'s rate, at most 4294967295
 *   TML_APP_KEEPS_INPUT         0 or 1
 *   TML_APP_ARENA TML_APP_ARENA_BYTES                 kws_arena, KWS_ARENA_BYTES
 *   TML_APP_INVOKE()            kws_invoke(); a model fed by rows has TML_APP_ROWS, TML_APP_ROW_BYTES, TML_APP_BEGIN(),
 *                               TML_APP_PUSH(row) and TML_APP_FINISH() instead, and no TML_APP_INPUT(i)
 *   TML_APP_INPUT_COUNT TML_APP_OUTPUT_COUNT          integers, at least 1
 *   TML_APP_INPUT_BYTES TML_APP_OUTPUT_BYTES          sums over all inputs, all outputs
 *   TML_APP_INPUT_SIZES TML_APP_OUTPUT_SIZES          {490}: initialisers, bytes per port
 *   TML_APP_INPUT(i) TML_APP_OUTPUT(i)                expressions of type int8_t *, const int8_t *:
 *                               kws_input()   or   ((i) == 0u ? kws_input_a() : kws_input_b())
 *   TML_APP_OUTPUT_QUANT        {{mantissa, shift, zero_point}}: one row per output, scale = mantissa / 2^shift exactly
 *                               (a float32 scale: m, e = math.frexp(scale); mantissa = int(m * 2**24), shift = 24 - e;
 *                               while shift > 62: mantissa >>= 1, shift -= 1; scale must be below 2^23)
 * and may define
 *   TML_APP_RESET()             kws_reset(), of a model with states; and
 *   TML_APP_STATE_BYTES         what these take besides the arena (default 0)
 *   TML_APP_EEMBC_MODEL         what `profile%` answers, "kws01" for instance: EEMBC's runner picks its data by it
 *                               (default TML_APP_MODEL)
 *   TML_APP_DB_XOR              0x80 where the runner sends uint8 pixels (ic01, vww01) to an int8 model; default 0.
 *                               It applies to `db HEX` only, never to `tml load`.
 */
#include "model.h"
#include "port.h"
#include "protocol.h"
#include "session.h"
#include "tml_app.h"

#ifndef TML_APP_EEMBC_MODEL
#define TML_APP_EEMBC_MODEL TML_APP_MODEL
#endif
#ifndef TML_APP_DB_XOR
#define TML_APP_DB_XOR 0x00
#endif

#define FIRMWARE_NAME "ULPMark for tinyML Firmware V0.0.1" /* what the runner expects */

tml_session tml_state;

#ifdef TML_PROFILE
#include "tml_profile.h"

uint32_t tml_step_ticks[TML_APP_STEPS];
uint32_t tml_step_started;
#endif
#ifdef TML_TRACE
#include "tml_trace.h"
#endif

static void update_clock(void)
{
    const uint32_t now = port_ticks();
    tml_state.clock += now - tml_state.last_tick;
    tml_state.last_tick = now;
}

static TML_NOINLINE uint64_t microseconds(uint64_t ticks)
{
    uint32_t rest;
    const uint64_t seconds = tml_divide(ticks, TML_APP_TICK_HZ, &rest);
    return seconds * 1000000u + tml_divide((uint64_t)rest * 1000000u, TML_APP_TICK_HZ, &rest);
}

/* m-lap-us-N of a moment in ticks since start. */
static TML_NOINLINE void put_lap(uint64_t clock)
{
    tml_put("m-lap-us-");
    tml_put_decimal(microseconds(clock));
    tml_end_line();
}

void tml_put_ready(void)
{
    tml_put_line("m-ready");
    port_flush();
}

TML_NOINLINE void tml_start(void)
{
    tml_state.last_tick = port_ticks();
    tml_state.clock = 0;
    tml_state.run_ticks = 0;
    tml_state.timed = false;
    tml_state.poison = 0;
    tml_state.db_expected = 0;
    tml_state.db_loaded = 0;
    tml_state.fresh_input = false;
    tml_state.results = false;
    tml_model_forget();
    tml_put_line("m-timestamp-mode-performance");
    put_lap(0);
    tml_put_line("m-init-done");
}

static void help(void)
{
    tml_put_line(FIRMWARE_NAME);
    tml_put_line("");
    tml_put_line("help         : Print this information");
    tml_put_line("name         : Print the name of the device");
    tml_put_line("timestamp    : Print the time in microseconds");
    tml_put_line("profile      : Print the firmware's and the model's name");
    tml_put_line("db load N    : Expect N bytes of input");
    tml_put_line("db HH[HH]*   : Load 8-bit hex byte(s) until N bytes");
    tml_put_line("db print     : Print the loaded bytes");
    tml_put_line("infer N [W]  : Run N times after W=10 warmup runs");
    tml_put_line("results      : Print the last result");
    tml_put_line("tml info | load N CRC | run N W | output | ticks | poison HH | peak | steps | crc | forget | sync X | reset | exit");
}

void tml_forget_input(void)
{
    tml_state.db_expected = 0;
    tml_state.db_loaded = 0;
    tml_state.fresh_input = false;
    tml_state.results = false;
}

static void db_load(const char *word)
{
    uint32_t bytes;
    if (*word == '\0') {
        tml_put_error("Command 'db load' requires the # of bytes");
        return;
    }
    if (!tml_parse_decimal(word, &bytes) || bytes == 0u) {
        tml_put_error("Command 'db load' must be >0 bytes");
        return;
    }
    if (bytes > TML_APP_INPUT_BYTES) {
        tml_put("e-[Supplied buffer size ");
        tml_put_decimal(bytes);
        tml_put(" exceeds maximum of ");
        tml_put_decimal(TML_APP_INPUT_BYTES);
        tml_put_line("]");
        return;
    }
    tml_forget_input();
    tml_state.db_expected = bytes;
    tml_put("m-[Expecting ");
    tml_put_decimal(bytes);
    tml_put_line(" bytes]");
}

/* A bad digit anywhere leaves the input as it was, so that the chunk can be sent again. */
static bool check_hex_bytes(const char *word)
{
    for (; *word != '\0'; word += 2) {
        if (word[1] == '\0') {
            tml_put_error("Insufficent number of hex digits");
            return false;
        }
        if (tml_hex_digit(word[0]) < 0 || tml_hex_digit(word[1]) < 0) {
            tml_put_error("Invalid hex digit");
            return false;
        }
    }
    return true;
}

static TML_NOINLINE void db_bytes(const char *word)
{
    if (tml_state.db_loaded == tml_state.db_expected) {
        tml_put_error("Command 'db load' must come first");
        return;
    }
    if (!check_hex_bytes(word)) {
        return;
    }
    while (*word != '\0' && tml_state.db_loaded < tml_state.db_expected) {
        const int byte = tml_hex_digit(word[0]) * 16 + tml_hex_digit(word[1]);
        tml_model_receive(tml_state.db_loaded, (int8_t)(byte ^ TML_APP_DB_XOR));
        tml_state.db_loaded++;
        word += 2;
    }
    if (tml_state.db_loaded == tml_state.db_expected) {
        tml_state.fresh_input = tml_state.db_loaded == TML_APP_INPUT_BYTES;
        tml_put_line("m-load-done");
    }
}

static TML_NOINLINE void db_print(void)
{
    for (uint32_t i = 0; i < tml_state.db_loaded; i++) {
        tml_put(i % 8u == 0u ? "m-buffer-" : "-");
        tml_put_hex((uint8_t)tml_model_input(i) ^ TML_APP_DB_XOR, 2u);
        if (i % 8u == 7u || i + 1u == tml_state.db_loaded) {
            tml_end_line();
        }
    }
}

static void db(void)
{
    const char *word = tml_next_word();
    if (*word == '\0') {
        tml_put_error("Command 'db' requires a subcommand");
    } else if (tml_same(word, "load")) {
        db_load(tml_next_word());
    } else if (tml_same(word, "print")) {
        db_print();
    } else {
        db_bytes(word);
    }
}

void tml_put_results(void)
{
    if (tml_state.results) {
        tml_model_put_results();
    } else {
        tml_put_error("Results need one run on a fresh input");
    }
}

/* A model fed by rows counts from its first row on: tml_model_receive() clears. */
static void clear_step_counters(void)
{
#if defined(TML_PROFILE) && !defined(TML_APP_ROWS)
    for (uint32_t i = 0; i < TML_APP_STEPS; i++) {
        tml_step_ticks[i] = 0;
    }
#endif
#if defined(TML_TRACE) && !defined(TML_APP_ROWS)
    tml_trace_clear();
#endif
}

/* One run of several. The first run on a fresh input is the only one with true results when the model consumes its
 * input, so they are printed then: the runner wants a result from every `infer`. */
static uint32_t run_once(bool quiet)
{
    const uint32_t ticks = tml_model_run();
    tml_state.results = tml_state.fresh_input;
    if (!TML_APP_KEEPS_INPUT) {
        if (tml_state.fresh_input && !quiet) {
            tml_put_results();
        }
        tml_state.fresh_input = false;
        tml_state.db_loaded = 0;
        tml_state.db_expected = 0;
    }
    return ticks;
}

static void warm_up(uint32_t runs, bool quiet)
{
    tml_put("m-warmup-start-");
    tml_put_decimal(runs);
    tml_end_line();
    for (; runs != 0u; runs--) {
        (void)run_once(quiet);
    }
    tml_put_line("m-warmup-done");
}

/* The time stamps bracket the runs alone: what is printed between two runs does not count. */
static TML_NOINLINE void infer(uint32_t runs, uint32_t warmups, bool with_results)
{
    const bool quiet = !with_results || (runs == 1u && warmups == 0u);
    const bool had_input = tml_state.fresh_input;
    warm_up(warmups, quiet);
    tml_put("m-infer-start-");
    tml_put_decimal(runs);
    tml_end_line();
    update_clock();
    put_lap(tml_state.clock);
    port_flush();
    clear_step_counters();
    const uint64_t begin = tml_state.clock;
    tml_state.run_ticks = 0;
    for (; runs != 0u; runs--) {
        tml_state.run_ticks += run_once(quiet);
        update_clock();
    }
    tml_state.timed = true;
    put_lap(begin + tml_state.run_ticks);
    tml_put_line("m-infer-done");
    if (with_results && (tml_state.results || !had_input)) {
        tml_put_results();
    }
}

void tml_infer_command(bool with_results)
{
    uint32_t runs = 1;
    uint32_t warmups = 10;
    const char *word = tml_next_word();
    if (*word != '\0' && (!tml_parse_decimal(word, &runs) || runs == 0u)) {
        tml_put_error("Inference iterations must be >0");
        return;
    }
    word = tml_next_word();
    if (*word != '\0' && !tml_parse_decimal(word, &warmups)) {
        tml_put_error("Inference warmup must be >=0");
        return;
    }
    infer(runs, warmups, with_results);
}

void tml_put_unknown(const char *word)
{
    tml_put("e-[Unknown command: ");
    for (; *word != '\0'; word++) {
        tml_put_char(*word > ' ' && *word < 127 ? *word : '?');
    }
    tml_put_line("]");
}

static void dispatch(void)
{
    const char *word = tml_next_word();
    if (*word == '\0') {
        return; /* a lone '%' asks for m-ready */
    }
    if (tml_same(word, "name")) {
        tml_put_line("m-name-dut-[" TML_APP_BOARD "]");
    } else if (tml_same(word, "timestamp")) {
        update_clock();
        put_lap(tml_state.clock);
    } else if (tml_same(word, "profile")) {
        tml_put_line("m-profile-[" FIRMWARE_NAME "]");
        tml_put_line("m-model-[" TML_APP_EEMBC_MODEL "]");
    } else if (tml_same(word, "help")) {
        help();
    } else if (tml_same(word, "db")) {
        db();
    } else if (tml_same(word, "infer")) {
        tml_infer_command(true);
    } else if (tml_same(word, "results")) {
        tml_put_results();
    } else if (tml_same(word, "tml")) {
        tml_extension();
    } else {
        tml_put_unknown(word);
    }
}

int main(void)
{
    port_init();
    tml_start();
    tml_put_ready();
    for (;;) {
        const tml_received received = tml_receive_command();
        if (received == TML_LINE_CLOSED) {
            port_exit(0);
            return 0;
        }
        if (received == TML_COMMAND) {
            dispatch();
        } else {
            tml_put_error("Command too long");
        }
        tml_put_ready();
    }
}
