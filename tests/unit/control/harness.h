/*
 * A control plane over a fake data plane, with a real socket in a directory of its own. Nothing
 * runs by itself: a test's waiting is what makes rounds, so there is no sleep and no race.
 */
#ifndef HARNESS_H
#define HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>

#include "control/control.h"
#include "tests/unit/control/fake_dp.h"

struct harness {
	char dir[64];
	char config_file[128], socket[100], registry[128], tls[128];
	struct dp *dp;
	struct control *c;
	enum role role; /* of whoever connects */
	bool real_peer; /* ask the kernel instead */
	bool outside;	/* signals and the service manager too */
};

/* For cmocka's setup and teardown. */
int harness_setup(void **state);
int harness_teardown(void **state);

/* The directory and the fake only; control is made by harness_start(). */
struct harness *harness_new(void);
void harness_start(struct harness *h);
void harness_stop(struct harness *h);
void harness_free(struct harness *h);
/* Writes the configuration file: that of the harness and these lines. */
void harness_config(struct harness *h, const char *more);

/* A request that everybody may make, as a line. */
#define HARNESS_VERSION_REQUEST "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"version\"}\n"

/* A connected client. */
int harness_connect(struct harness *h);
void harness_send(int fd, const char *text);
/* The next line that comes, parsed, a new reference; rounds are made until it does. Fails the test
 * after five seconds. */
json_t *harness_read(struct harness *h, int fd);
/* True: the client was closed by the other end. */
bool harness_closed(struct harness *h, int fd);
/* Until there is nothing to do. */
void harness_settle(struct harness *h);

/* Sends a request with `params` (JSON text or NULL) on a connection of its own; the whole answer.
 */
json_t *harness_ask(struct harness *h, const char *method, const char *params);
/* The same: its result, or the test fails; its error, or the test fails. */
json_t *harness_result(struct harness *h, const char *method, const char *params);
json_t *harness_error(struct harness *h, const char *method, const char *params);
/* What most requests are for. It is refused for this reason, in words with that part (NULL: any).
 */
void harness_refused(struct harness *h, const char *method, const char *params, const char *reason,
	const char *words);
/* Its result has this text at this path. */
void harness_says(struct harness *h, const char *method, const char *params, const char *path,
	const char *text);

/* A member by a path like "a.b.0.c"; borrowed. The test fails where there is none. */
json_t *at(json_t *o, const char *path);
#define assert_text(o, path, text)   assert_string_equal(json_string_value(at(o, path)), text)
#define assert_number(o, path, n)    assert_int_equal(json_integer_value(at(o, path)), n)
#define assert_reason(error, reason) assert_text(error, "data.reason", reason)
void assert_contains(const char *text, const char *part);
/* Does an alarm of this name stand whose text has this part? */
bool alarm_is(const struct harness *h, const char *name, const char *text);

#endif
