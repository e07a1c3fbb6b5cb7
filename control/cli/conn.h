/*
 * sluicectl's end of the control socket: JSON-RPC 2.0, one object a line (docs/control-api.md).
 * Requests are sent one at a time; notifications may come before their answer.
 */
#ifndef SLUICE_CLI_CONN_H
#define SLUICE_CLI_CONN_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#define CONN_MAX_LINE                                                                              \
	(1u << 30) /* bytes of an answer: a list of 100,000 accounts has 50 million                \
		    */
#define CONN_FOREVER UINT64_MAX

struct conn {
	int fd;
	char *buf;
	size_t start, end, scanned, room; /* unread bytes are [start, end) */
	json_int_t last_id;
};

enum conn_result {
	CONN_OK = 0,
	CONN_TIMEOUT = -1,
	CONN_CLOSED = -2, /* sluiced ended the connection, or it broke */
	CONN_BAD = -3,	  /* what came is no JSON-RPC, or too long */
};

/* Monotonic microseconds. */
uint64_t conn_now_us(void);

/* 0, or errno. `c` needs conn_close() only where it is 0. */
int conn_open(struct conn *c, const char *path);
void conn_close(struct conn *c);

/* Sends a request; takes the reference to `params` (NULL: none). Gives its id, or CONN_CLOSED. */
json_int_t conn_send(struct conn *c, const char *method, json_t *params);

/* The next object that comes, to be freed by the caller. Waits until `deadline_us`. */
enum conn_result conn_read(struct conn *c, uint64_t deadline_us, json_t **message);

#endif
