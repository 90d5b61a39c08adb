#include "protocol.h"

#include "crc32.h"
#include "port.h"

static char command[TML_COMMAND_BYTES];
static char *next_word;
static uint32_t line_crc = TML_CRC32_START;

tml_received tml_receive_command(void)
{
    uint32_t length = 0;
    bool too_long = false;
    for (;;) {
        const int c = port_getchar();
        if (c < 0) {
            return TML_LINE_CLOSED;
        }
        if (c == '%') {
            break;
        }
        if (c <= ' ' && length == 0u) {
            continue;
        }
        if (length == TML_COMMAND_BYTES - 1u) {
            too_long = true;
            continue;
        }
        command[length++] = c <= ' ' ? ' ' : (char)c;
    }
    command[length] = '\0';
    next_word = command;
    return too_long ? TML_COMMAND_TOO_LONG : TML_COMMAND;
}

char *tml_next_word(void)
{
    while (*next_word == ' ') {
        next_word++;
    }
    char *word = next_word;
    while (*next_word != ' ' && *next_word != '\0') {
        next_word++;
    }
    if (*next_word == ' ') {
        *next_word++ = '\0';
    }
    return word;
}

bool tml_same(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

bool tml_parse_decimal(const char *word, uint32_t *value)
{
    uint32_t sum = 0;
    if (*word == '\0') {
        return false;
    }
    for (; *word != '\0'; word++) {
        const uint32_t digit = (uint32_t)(unsigned char)*word - (uint32_t)'0';
        /* 4294967295 in two parts: a division here would call libgcc on a Cortex-M0. */
        if (digit > 9u || sum > 429496729u || (sum == 429496729u && digit > 5u)) {
            return false;
        }
        sum = sum * 10u + digit;
    }
    *value = sum;
    return true;
}

int tml_hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

bool tml_parse_hex(const char *word, uint32_t *value)
{
    uint32_t sum = 0;
    uint32_t digits = 0;
    for (; *word != '\0'; word++, digits++) {
        const int digit = tml_hex_digit(*word);
        if (digit < 0 || digits == 8u) {
            return false;
        }
        sum = (sum << 4) | (uint32_t)digit;
    }
    if (digits == 0u) {
        return false;
    }
    *value = sum;
    return true;
}

void tml_put_char(char c)
{
    line_crc = tml_crc32_byte(line_crc, (uint8_t)c);
    port_putchar(c);
}

void tml_put(const char *text)
{
    while (*text != '\0') {
        tml_put_char(*text++);
    }
}

/* Writes `value`, below 10 to the power `digits`; leading zeros only when `padded`. */
static TML_NOINLINE void put_digits(uint32_t value, uint32_t digits, bool padded)
{
    static const uint32_t POWERS[10] = {1u,      10u,      100u,      1000u,      10000u,
                                        100000u, 1000000u, 10000000u, 100000000u, 1000000000u};
    while (digits-- != 0u) {
        char digit = '0';
        while (value >= POWERS[digits]) {
            value -= POWERS[digits];
            digit++;
        }
        padded = padded || digit != '0' || digits == 0u;
        if (padded) {
            tml_put_char(digit);
        }
    }
}

static TML_NOINLINE uint64_t divide(uint64_t value, uint32_t divisor, uint32_t *remainder)
{
    return tml_divide(value, divisor, remainder);
}

void tml_put_decimal(uint64_t value)
{
    uint32_t low;
    const uint32_t high = (uint32_t)divide(value, 1000000000u, &low);
    if (high != 0u) {
        put_digits(high, 10u, false);
    }
    put_digits(low, 9u, high != 0u);
}

void tml_put_fraction(uint64_t millionths)
{
    uint32_t fraction;
    put_digits((uint32_t)divide(millionths, 1000000u, &fraction), 10u, false);
    tml_put_char('.');
    put_digits(fraction, 6u, true);
}

void tml_put_hex(uint32_t value, uint32_t digits)
{
    while (digits-- != 0u) {
        tml_put_char("0123456789abcdef"[(value >> (4u * digits)) & 15u]);
    }
}

void tml_end_line(void)
{
    port_putchar('\r');
    port_putchar('\n');
    line_crc = TML_CRC32_START;
}

void tml_end_checked_line(void)
{
    const uint32_t crc = ~line_crc;
    tml_put_char(' ');
    tml_put_hex(crc, 8u);
    tml_end_line();
}

void tml_put_line(const char *text)
{
    tml_put(text);
    tml_end_line();
}

void tml_put_error(const char *text)
{
    tml_put("e-[");
    tml_put(text);
    tml_put_line("]");
}
