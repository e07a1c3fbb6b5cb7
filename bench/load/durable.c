/*
 * How long until a log is durable, for protocols that have no acknowledgement: sluiced announces
 * how many logs are (journal.subscribe), and logs become so in the order sent where one sender is
 * alone and nothing is lost. Counts from when each log was due.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "bench/load/load.h"

struct durable {
	struct load *l;
	pthread_t thread;
	FILE *in;
	int fd;
	bool began; /* `base` is known */
	uint64_t base;
	_Atomic uint64_t told; /* durable since then, others' logs among them */
	uint64_t told_ns;      /* when that was announced */
	uint64_t logs;	       /* of them these are timed */
	_Atomic bool failed;
	struct histogram latency;
};

/* The logs up to the `logs`-th are durable. */
static void reached(struct durable *d, uint64_t logs, uint64_t now)
{
	for (; d->logs < logs; d->logs++) {
		uint64_t due = load_due_ns(d->l, d->logs);

		histogram_add(&d->latency, now > due ? (now - due) / 1000 : 0, 1);
	}
}

static void announced(struct durable *d, const json_t *from)
{
	uint64_t logs = (uint64_t)json_integer_value(json_object_get(from, "logs"));
	uint64_t sent = atomic_load(&d->l->sent);

	if (!d->began) {
		d->base = logs;
		d->began = true;
		return;
	}
	/* sluiced's own events are logs, too: they are not ours. */
	logs -= d->base;
	d->told_ns = load_now_ns();
	reached(d, logs < sent ? logs : sent, d->told_ns);
	atomic_store(&d->told, logs);
}

static void *durable_main(void *arg)
{
	struct durable *d = arg;
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, d->in) > 0) {
		json_t *m = json_loads(line, 0, NULL);
		json_t *params = json_object_get(m, d->began ? "params" : "result");

		if (params)
			announced(d, params);
		else
			atomic_store(&d->failed, true);
		json_decref(m);
	}
	free(line);
	return NULL;
}

struct durable *durable_start(struct load *l, const char *path)
{
	static const char ask[] =
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"journal.subscribe\"}\n";
	struct durable *d = calloc(1, sizeof(*d));
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	if (!d)
		return NULL;
	d->l = l;
	d->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	if (d->fd < 0 || connect(d->fd, (struct sockaddr *)&a, sizeof(a)) != 0 ||
		write(d->fd, ask, sizeof(ask) - 1) != sizeof(ask) - 1 ||
		!(d->in = fdopen(d->fd, "r")) ||
		pthread_create(&d->thread, NULL, durable_main, d) != 0) {
		fprintf(stderr, "sluice-load: %s: %s\n", path, strerror(errno));
		if (d->in)
			fclose(d->in);
		else if (d->fd >= 0)
			close(d->fd);
		free(d);
		return NULL;
	}
	return d;
}

uint64_t durable_stop(struct durable *d, double timeout_s, struct histogram *h)
{
	uint64_t end = load_now_ns() + (uint64_t)(timeout_s * 1e9);
	uint64_t wanted = atomic_load(&d->l->sent), n;
	struct timespec tick = {.tv_nsec = 1000000};

	while (atomic_load(&d->told) < wanted && !atomic_load(&d->failed) && load_now_ns() < end)
		nanosleep(&tick, NULL);
	shutdown(d->fd, SHUT_RDWR);
	pthread_join(d->thread, NULL);
	/* The last announcement may have been here before the sender had counted its last logs. */
	n = atomic_load(&d->told);
	reached(d, n < wanted ? n : wanted, d->told_ns);
	n = d->logs;
	*h = d->latency;
	fclose(d->in);
	free(d);
	return n;
}
