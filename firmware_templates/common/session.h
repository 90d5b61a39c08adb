/* What the commands share: the state of the input, the results and the clock. */
#ifndef TML_SESSION_H
#define TML_SESSION_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint64_t clock;       /* ticks since start, in 64 bit; loses wraps while the line is idle */
    uint64_t run_ticks;   /* of the last timed run set */
    uint32_t last_tick;   /* port_ticks() when `clock` was last brought up to date */
    uint32_t db_expected; /* bytes announced by `db load` */
    uint32_t db_loaded;
    uint8_t poison;
    bool fresh_input; /* a whole input lies in the model's buffers, unconsumed */
    bool timed;       /* `run_ticks` holds something */
    bool results;     /* the outputs are those of a fresh input */
} tml_session;

extern tml_session tml_state;

void tml_start(void);        /* forgets everything and prints the banner of a reset */
void tml_forget_input(void); /* every command that writes into the input buffers calls it first */
void tml_put_results(void);  /* or the error that there are none */
void tml_put_ready(void);
void tml_put_unknown(const char *word);

/* N and W off the command, warm-ups and timed runs; `infer%` prints results, `tml run%` leaves them to `tml output%`. */
void tml_infer_command(bool with_results);

void tml_extension(void); /* the rest of a command that began with `tml` */

#endif
