/*
 * A client and its server, whose part the test plays: one client at a time, in `c`, at the time
 * `now`. Epochs are 101, 102 and so on.
 */
#ifndef SLUICE_TEST_CLIENT_TALK_H
#define SLUICE_TEST_CLIENT_TALK_H

#include "dataplane/client/client.h"

#define S      1000000u
#define HAS(o) (1u << OFTP_O_##o)

extern struct client *c;
extern uint64_t now, next_epoch;
extern struct oftp_msg said; /* by the client */
extern unsigned aimed_at;    /* the server that it is connected to */

uint64_t epochs(void *ctx);
struct client *new_client(void);
/* cmocka's setup and teardown. */
int start(void **state);
int stop(void **state);

struct client_stats stats(void);
void add(const char *log);
/* The next message that the client sends; false: none. `said` holds until the next call. */
bool hear(void);
void heard(enum oftp_type type);
void heard_item(uint64_t seq, const char *log);
enum client_wish tell(const struct oftp_msg *m);
/* A LOGIN_REPLY; `log`: the item `confirmed`. */
struct oftp_msg reply(enum oftp_result result, uint64_t epoch, uint64_t confirmed, const char *log,
	uint8_t stream_state);
/* It wants a connection, gets it and asks for a login. */
void connects(void);
/* And is let in, in its first epoch. */
void log_in(uint64_t confirmed, const char *log);
/* A SEQ_REPLY of the client's epoch. */
enum client_wish confirm(uint64_t seq, const char *log);

#endif
