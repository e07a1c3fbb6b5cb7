/*
 * sluice-load: what its files share. Flows send lines (lines.h) over a transport, at a rate or as
 * fast as it goes; one thread sends, others only watch.
 *
 *   run.c      the loop: which flow, how many, when; progress      report.c   JSON and table
 *   udp.c tcp.c  transports over the kernel's sockets              durable.c  when it was durable
 *   vhost.c    UDP frames into a vhost port (DPDK)
 *   check.c    is what was stored what was sent                    evil.c     what no sender should
 * do
 */
#ifndef SLUICE_LOAD_LOAD_H
#define SLUICE_LOAD_LOAD_H

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "bench/load/histogram.h"
#include "bench/load/lines.h"

#define LOAD_BATCH_MAX LINES_RUN

struct load_options {
	const char *protocol; /* udp, tcp, counted */
	const char *target;   /* address */
	uint16_t port;
	const char *source_net; /* flow f comes from its f-th address; NULL: the kernel's choice */
	struct plan plan;
	uint64_t seed;
	uint32_t templates;
	double rate;	      /* logs a second, all flows; 0: closed loop, as fast as it goes */
	double duration_s;    /* 0: until `count` */
	uint64_t count;	      /* 0: until `duration_s` */
	uint32_t batch;	      /* logs a call, at most */
	uint32_t write_bytes; /* of a stream, a call, at most */
	bool gso;	      /* many datagrams a call */
	int cpu;	      /* -1: anywhere */
	const char *durable;  /* control socket of sluiced: time to durable */
	const char *json;     /* file; NULL: none */
	bool quiet;	      /* no progress */
	const char *vhost;    /* socket of net_vhost: UDP by DPDK instead of the kernel */
};

struct load_flow {
	uint32_t index;
	uint64_t next; /* number of its next log */
	int fd;
	bool failed;

	/* Streams: what is rendered and not yet written. */
	uint8_t *out;
	uint32_t out_len, out_at;
};

struct load {
	const struct load_options *o;
	const struct lines *lines;
	struct load_flow *flows;
	uint64_t start_ns;
	struct histogram lag; /* us from when a log was due to its handing over; open loop */

	/* Read by watchers. */
	_Atomic uint64_t sent, bytes, blocked, errors;
	_Atomic bool done;
};

/*
 * How logs leave. A new protocol is a table of these; what comes back from the peer
 * (acknowledgements) is taken in `poll`, which reports them to load_acked().
 */
struct load_transport {
	const char *name;
	/* 0, or -1 with a message printed. */
	int (*open)(struct load *l, struct load_flow *f);
	/*
	 * Hands over up to `n` logs of the flow, from f->next on, which it moves; returns how many,
	 * 0 when the flow can take none now, -1 when it has failed.
	 */
	int (*send)(struct load *l, struct load_flow *f, uint32_t n);
	/* All that was handed over has left, and the peer has been told of the end. false: it has
	 * failed, or did not get done within `timeout_s`. */
	bool (*finish)(struct load *l, struct load_flow *f, double timeout_s);
	/* Waits until some flow can take more, at most `timeout_us`; may be NULL. */
	void (*wait)(struct load *l, uint64_t timeout_us);
	/* Memory and sockets; may be NULL. */
	void (*close)(struct load *l, struct load_flow *f);
};
extern const struct load_transport load_udp, load_tcp, load_counted, load_vhost;

uint64_t load_now_ns(void); /* monotonic */

/* When log number `n` of all is due. */
static inline uint64_t load_due_ns(const struct load *l, uint64_t n)
{
	return l->start_ns + (uint64_t)((double)n * 1e9 / l->o->rate);
}

/* Runs to the end; exit status. `result` gets the report. */
int load_run(const struct load_options *o, json_t **result);

/* What was sent, in the shape of docs/bench.md; `elapsed_s` from the first log to the end. */
json_t *load_report(const struct load *l, double elapsed_s, double cpu_s);
void load_table(const json_t *report);
json_t *histogram_json(const struct histogram *h);

/* Watches journal.subscribe on a thread of its own; NULL with a message where it can't. */
struct durable;
struct durable *durable_start(struct load *l, const char *path);
/* Waits up to `timeout_s` for all that was sent, ends; latencies in us go into `h`; how many logs
 * were seen durable. */
uint64_t durable_stop(struct durable *d, double timeout_s, struct histogram *h);

/* Address of the target, and the f-th of a source network; -1 with a message. */
int load_address(const char *text, uint16_t port, struct sockaddr_storage *a, socklen_t *len);
int load_source(const char *net, uint32_t index, struct sockaddr_storage *a, socklen_t *len);
/* A connected socket of the flow, non-blocking; -1 with a message. */
int load_socket(const struct load_options *o, uint32_t flow, int type);

/* The other commands: exit status. */
int load_check_main(int argc, char **argv);
int load_evil_main(int argc, char **argv);

#endif
