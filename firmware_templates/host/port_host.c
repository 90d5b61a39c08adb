/* port.h for Linux and macOS: the firmware as a process, stdin and stdout its serial line. */
#define _POSIX_C_SOURCE 200809L

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "port.h"
#include "tml_app.h"

static unsigned char received[4096];
static size_t received_count;
static size_t received_next;
static char sent[4096];
static size_t sent_count;

void port_init(void)
{
}

int port_getchar(void)
{
    if (received_next == received_count) {
        port_flush();
        const ssize_t count = read(STDIN_FILENO, received, sizeof received);
        if (count <= 0) {
            return -1;
        }
        received_count = (size_t)count;
        received_next = 0;
    }
    return received[received_next++];
}

void port_flush(void)
{
    size_t done = 0;
    while (done < sent_count) {
        const ssize_t count = write(STDOUT_FILENO, sent + done, sent_count - done);
        if (count <= 0) {
            exit(1); /* nobody listens any more */
        }
        done += (size_t)count;
    }
    sent_count = 0;
}

void port_putchar(char c)
{
    if (sent_count == sizeof sent) {
        port_flush();
    }
    sent[sent_count++] = c;
}

uint32_t port_ticks(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const uint64_t fraction = (uint64_t)now.tv_nsec * TML_APP_TICK_HZ / 1000000000u;
    return (uint32_t)((uint64_t)now.tv_sec * TML_APP_TICK_HZ + fraction);
}

/* The stack is the operating system's, with libc's frames in it: not measured, and 0 says so. */
uint32_t port_stack_size(void)
{
    return 0;
}

uint32_t port_stack_peak(void)
{
    return 0;
}

void port_stack_repaint(void)
{
}

void port_exit(int code)
{
    port_flush();
    exit(code);
}
