/* The serial line's text: commands ended by '%' come in, lines ended by CR LF go out. Grammar: tinyml/device/protocol.py. */
#ifndef TML_PROTOCOL_H
#define TML_PROTOCOL_H

#include <stdbool.h>
#include <stdint.h>

/* The longest a runner sends is "db " and 31 bytes in hex, 65 characters (EEMBC's own buffer takes 80). */
#define TML_COMMAND_BYTES 128u

/* One frame per function, so that a rare command cannot widen the frame below the model. */
#define TML_NOINLINE __attribute__((noinline))

typedef enum { TML_COMMAND, TML_COMMAND_TOO_LONG, TML_LINE_CLOSED } tml_received;

/* Reads up to the next '%' into the command buffer. */
tml_received tml_receive_command(void);

/* Takes the next blank-separated word off the received command; "" when there is none. */
char *tml_next_word(void);
bool tml_same(const char *a, const char *b);

/* Whole-word numbers; false leaves *value alone. */
bool tml_parse_decimal(const char *word, uint32_t *value);
bool tml_parse_hex(const char *word, uint32_t *value);
int tml_hex_digit(char c); /* 0..15 or -1 */

void tml_put(const char *text);
void tml_put_char(char c);
void tml_put_decimal(uint64_t value);        /* below 2^32 * 10^9 */
void tml_put_fraction(uint64_t millionths); /* 1234567 -> 1.234567; whole part below 2^32 */
void tml_put_hex(uint32_t value, uint32_t digits);
void tml_end_line(void);
void tml_end_checked_line(void); /* " " and the line's CRC-32 in 8 hex digits before the line's end */
void tml_put_line(const char *text);
void tml_put_error(const char *text); /* e-[text] */

/* Quotient and remainder without libgcc. Inline, so that each caller chooses its depth of stack. */
static inline uint64_t tml_divide(uint64_t value, uint32_t divisor, uint32_t *remainder)
{
    uint64_t quotient = 0;
    uint64_t rest = 0;
    for (int bit = 0; bit < 64; bit++) {
        rest = (rest << 1) | (value >> 63);
        value <<= 1;
        quotient <<= 1;
        if (rest >= divisor) {
            rest -= divisor;
            quotient |= 1u;
        }
    }
    *remainder = (uint32_t)rest;
    return quotient;
}

#endif
