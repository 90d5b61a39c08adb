#include "model.h"

#include <stddef.h>

#include "port.h"
#include "protocol.h"
#include "tml_app.h"

#ifdef TML_PROFILE
#include "tml_profile.h"
#endif
#ifdef TML_TRACE
#include "tml_trace.h"
#endif

typedef struct {
    uint32_t mantissa; /* scale = mantissa / 2^shift, exactly */
    uint8_t shift;     /* 1..62 */
    uint8_t bytes;     /* of a value: 1 or 2 */
    int16_t zero_point;
} quantization;

static const uint32_t INPUT_SIZES[TML_APP_INPUT_COUNT] = TML_APP_INPUT_SIZES;
static const uint32_t OUTPUT_SIZES[TML_APP_OUTPUT_COUNT] = TML_APP_OUTPUT_SIZES;
static const quantization OUTPUT_QUANT[TML_APP_OUTPUT_COUNT] = TML_APP_OUTPUT_QUANT;

#ifdef TML_APP_ROWS

static int8_t row_buffer[TML_APP_ROW_BYTES];
static uint32_t rows_fed;
static uint32_t fed_ticks;

static void begin(void)
{
    rows_fed = 0;
    fed_ticks = 0;
#ifdef TML_PROFILE
    for (uint32_t i = 0; i < TML_APP_STEPS; i++) {
        tml_step_ticks[i] = 0;
    }
#endif
#ifdef TML_TRACE
    tml_trace_clear();
#endif
    TML_APP_BEGIN();
}

static TML_NOINLINE void feed_row(void)
{
    const uint32_t start = port_ticks();
    TML_APP_PUSH(row_buffer);
    fed_ticks += port_ticks() - start;
    rows_fed++;
}

void tml_model_receive(uint32_t offset, int8_t byte)
{
    if (offset == 0u) {
        begin();
    }
    row_buffer[offset % TML_APP_ROW_BYTES] = byte;
    if (offset % TML_APP_ROW_BYTES == TML_APP_ROW_BYTES - 1u) {
        feed_row();
    }
}

int8_t tml_model_input(uint32_t offset)
{
    return offset / TML_APP_ROW_BYTES + 1u == rows_fed ? row_buffer[offset % TML_APP_ROW_BYTES] : 0;
}

/* A run without a fresh input feeds the last row again and again: its result means nothing, its time does. */
TML_NOINLINE uint32_t tml_model_run(void)
{
    if (rows_fed != TML_APP_ROWS) {
        begin();
        while (rows_fed != TML_APP_ROWS) {
            feed_row();
        }
    }
    const uint32_t start = port_ticks();
    TML_APP_FINISH();
    rows_fed = 0;
    return fed_ticks + (port_ticks() - start);
}

#else

static int8_t *input_byte(uint32_t offset)
{
    for (uint32_t i = 0; i < TML_APP_INPUT_COUNT; i++) {
        if (offset < INPUT_SIZES[i]) {
            return TML_APP_INPUT(i) + offset;
        }
        offset -= INPUT_SIZES[i];
    }
    return NULL;
}

void tml_model_receive(uint32_t offset, int8_t byte)
{
    *input_byte(offset) = byte;
}

int8_t tml_model_input(uint32_t offset)
{
    return *input_byte(offset);
}

TML_NOINLINE uint32_t tml_model_run(void)
{
    const uint32_t start = port_ticks();
    TML_APP_INVOKE();
    return port_ticks() - start;
}

#endif

const int8_t *tml_model_output(uint32_t offset)
{
    for (uint32_t i = 0; i < TML_APP_OUTPUT_COUNT; i++) {
        if (offset < OUTPUT_SIZES[i]) {
            return TML_APP_OUTPUT(i) + offset;
        }
        offset -= OUTPUT_SIZES[i];
    }
    return NULL;
}

void tml_model_forget(void)
{
#ifdef TML_APP_RESET
    TML_APP_RESET();
#endif
}

void tml_model_poison(uint8_t value)
{
    for (uint32_t i = 0; i < TML_APP_ARENA_BYTES; i++) {
        TML_APP_ARENA[i] = (int8_t)value;
    }
}

uint32_t tml_model_arena_peak(uint8_t poison)
{
    uint32_t bytes = TML_APP_ARENA_BYTES;
    while (bytes != 0u && (uint8_t)TML_APP_ARENA[bytes - 1u] == poison) {
        bytes--;
    }
    return bytes;
}

static void put_sizes(const uint32_t *sizes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (i != 0u) {
            tml_put_char(',');
        }
        tml_put_decimal(sizes[i]);
    }
}

void tml_model_put_sizes(void)
{
    tml_put(";inputs=");
    put_sizes(INPUT_SIZES, TML_APP_INPUT_COUNT);
    tml_put(";outputs=");
    put_sizes(OUTPUT_SIZES, TML_APP_OUTPUT_COUNT);
}

/* scale * |steps|, exact, then rounded half up to millionths. Integers only: no soft-float. */
static TML_NOINLINE uint64_t millionths(uint32_t steps, const quantization *quant)
{
    const uint64_t half = (uint64_t)1 << (quant->shift - 1u);
    return ((uint64_t)steps * quant->mantissa * 1000000u + half) >> quant->shift;
}

/* scale * (q - zero_point) rounded half away from zero to six decimals. */
static TML_NOINLINE void put_real(int32_t q, const quantization *quant)
{
    const int32_t steps = q - quant->zero_point;
    const uint64_t magnitude = millionths((uint32_t)(steps < 0 ? -steps : steps), quant);
    if (steps < 0 && magnitude != 0u) {
        tml_put_char('-');
    }
    tml_put_fraction(magnitude);
}

/* Value `index` of an output, low byte first. */
static int32_t output_value(const int8_t *bytes, uint32_t index, const quantization *quant)
{
    if (quant->bytes == 1u) {
        return bytes[index];
    }
    return (int32_t)bytes[2u * index + 1u] * 256 + (uint8_t)bytes[2u * index];
}

void tml_model_put_results(void)
{
    tml_put("m-results-[");
    for (uint32_t i = 0; i < TML_APP_OUTPUT_COUNT; i++) {
        for (uint32_t k = 0; k < OUTPUT_SIZES[i] / OUTPUT_QUANT[i].bytes; k++) {
            if (i != 0u || k != 0u) {
                tml_put_char(',');
            }
            put_real(output_value(TML_APP_OUTPUT(i), k, &OUTPUT_QUANT[i]), &OUTPUT_QUANT[i]);
        }
    }
    tml_put_line("]");
}
