/*
 * Where workers and control meet over logins: a ring each way an lcore, of struct login. The
 * control's side gives out streams (ledger/claims.h) as the journal has them.
 */
#ifndef SLUICE_DESK_H
#define SLUICE_DESK_H

#include "dataplane/lcore.h"
#include "dataplane/login.h"

/* ---- an lcore's side ---- */

/* 0, or -1 when out of memory. */
int desk_init(struct lcore *l);
void desk_fini(struct lcore *l);
/*
 * Takes it over; false: the ring is full, it stays the caller's. `owes`: the session will say
 * desk_left() once, now that it may be given something; room for that is kept.
 */
bool desk_ask(struct lcore *l, struct login *g, bool owes);
/* The session has let go of all it had; it owed this. Needs no memory, and finds room. */
void desk_left(struct lcore *l, uint64_t session);
/* An answer, the caller's now; NULL: none. */
struct login *desk_take(struct lcore *l);
bool desk_idle(const struct lcore *l);

/* ---- control's ---- */

/* 0, or -1 when out of memory. */
int desk_open(struct dp *d);
void desk_close(struct dp *d);
/* Handles what was asked; true: there was something. */
bool desk_round(struct dp *d, uint64_t now_us);

#endif
