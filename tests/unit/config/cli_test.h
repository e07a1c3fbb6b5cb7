/*
 * A sluiced for sluicectl's tests: a thread that answers on a Unix socket from a script, one entry
 * a request. Included by one file each.
 */
#ifndef SLUICE_CLI_TEST_H
#define SLUICE_CLI_TEST_H

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "control/cli/cli.h"

/* What is expected, and what is answered: lines, in which $ID stands for the request's id. NULL:
 * the connection is closed. An empty answer: none, until sluicectl goes. */
struct exchange {
	const char *method;
	const char *params; /* JSON; NULL: none */
	const char *answer;
};

static struct {
	char dir[64], socket[108];
	int listener;
	pthread_t thread;
	const struct exchange *script;
	unsigned count, done;
	char problem[1024];
} fake;

static struct {
	char *out, *err;
	size_t out_len, err_len;
	int status;
} ran;

static inline void fake_problem(const char *what, const char *got)
{
	if (!fake.problem[0])
		snprintf(fake.problem, sizeof(fake.problem), "%s: %s", what, got);
}

static inline void fake_check(const struct exchange *x, const char *line, json_t **id)
{
	json_t *request = json_loads(line, 0, NULL);
	json_t *wanted = x->params ? json_loads(x->params, 0, NULL) : NULL;
	const char *method = json_string_value(json_object_get(request, "method"));

	if (!method || strcmp(method, x->method) != 0)
		fake_problem("another method", line);
	if (!json_equal(json_object_get(request, "params"), wanted) &&
		(wanted || json_object_size(json_object_get(request, "params"))))
		fake_problem("other params", line);
	*id = json_incref(json_object_get(request, "id"));
	json_decref(wanted);
	json_decref(request);
}

static inline void fake_write(int fd, const char *text, const json_t *id)
{
	char *number = json_dumps(id, JSON_ENCODE_ANY);
	FILE *f = fdopen(dup(fd), "w");
	const char *at;

	while ((at = strstr(text, "$ID")) != NULL) {
		fwrite(text, 1, (size_t)(at - text), f);
		fputs(number ? number : "null", f);
		text = at + 3;
	}
	fputs(text, f);
	fclose(f);
	free(number);
}

/* Reads requests of one connection until the other end goes or the script says so. */
static inline void fake_serve(int fd)
{
	FILE *in = fdopen(fd, "r");
	char *line = NULL;
	size_t room = 0;

	while (fake.done < fake.count && getline(&line, &room, in) > 0) {
		const struct exchange *x = &fake.script[fake.done++];
		json_t *id = NULL;

		fake_check(x, line, &id);
		if (x->answer)
			fake_write(fd, x->answer, id);
		json_decref(id);
		if (!x->answer)
			break;
	}
	/* An answer that was left out: the other end gives up. */
	if (fake.done && fake.script[fake.done - 1].answer && !fake.script[fake.done - 1].answer[0])
		(void)!getline(&line, &room, in);
	free(line);
	fclose(in);
}

static inline void *fake_run(void *arg)
{
	int fd;

	(void)arg;
	while (fake.done < fake.count && (fd = accept(fake.listener, NULL, NULL)) >= 0)
		fake_serve(fd);
	return NULL;
}

static inline void fake_start(const struct exchange *script, unsigned count)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};

	memset(&fake, 0, sizeof(fake));
	fake.script = script;
	fake.count = count;
	snprintf(fake.dir, sizeof(fake.dir), "/tmp/sluice-cli-XXXXXX");
	assert_non_null(mkdtemp(fake.dir));
	snprintf(fake.socket, sizeof(fake.socket), "%s/s", fake.dir);
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", fake.socket);
	fake.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fake.listener >= 0);
	assert_int_equal(bind(fake.listener, (const struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(fake.listener, 4), 0);
	assert_int_equal(pthread_create(&fake.thread, NULL, fake_run, NULL), 0);
}

/* Ends the thread: what it has noted may be looked at. */
static inline void fake_end(void)
{
	shutdown(fake.listener, SHUT_RDWR);
	pthread_join(fake.thread, NULL);
	close(fake.listener);
	unlink(fake.socket);
	rmdir(fake.dir);
	assert_int_equal(fake.done, fake.count);
}

static inline void fake_stop(void)
{
	fake_end();
	if (fake.problem[0])
		fail_msg("%s", fake.problem);
}

/* Runs sluicectl with these arguments (up to NULL) and keeps what it wrote in `ran`. */
static inline int run_argv(char **words)
{
	char *argv[32] = {(char *)"sluicectl"};
	int argc = 1;
	FILE *out, *err;

	free(ran.out);
	free(ran.err);
	ran.out = ran.err = NULL;
	for (; *words; words++)
		argv[argc++] = *words;
	out = open_memstream(&ran.out, &ran.out_len);
	err = open_memstream(&ran.err, &ran.err_len);
	ran.status = cli_main(argc, argv, "/nonexistent.yaml", out, err);
	fclose(out);
	fclose(err);
	return ran.status;
}
#define RUN(...) run_argv((char *[]){__VA_ARGS__, NULL})

/* Against a fake sluiced: RUN_WITH((exchanges), words...) */
#define EXCHANGES(...) __VA_ARGS__
#define RUN_WITH(exchanges, ...)                                                                   \
	do {                                                                                       \
		static const struct exchange script[] = {exchanges};                               \
                                                                                                   \
		fake_start(script, sizeof(script) / sizeof(script[0]));                            \
		RUN((char *)"--socket", fake.socket, __VA_ARGS__);                                 \
		fake_stop();                                                                       \
	} while (0)

#define RESULT(json) "{\"jsonrpc\":\"2.0\",\"id\":$ID,\"result\":" json "}\n"
#define REFUSED(reason, msg)                                                                       \
	"{\"jsonrpc\":\"2.0\",\"id\":$ID,\"error\":{\"code\":-32000,\"message\":\"" msg            \
	"\",\"data\":{\"schema\":1,\"reason\":\"" reason "\"}}}\n"

static inline int forget_run(void **state)
{
	(void)state;
	free(ran.out);
	free(ran.err);
	return 0;
}

#endif
