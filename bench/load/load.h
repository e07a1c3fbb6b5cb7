/*
 * sluice-load: what its files share. Flows send lines (lines.h) over a transport, at a rate or as
 * fast as it goes; one thread sends, others only watch.
 *
 *   run.c         the loop: which flow, how many, when; progress
 *   udp.c tcp.c relp.c oftp.c  transports over the kernel's sockets
 *   vhost.c native.c    UDP, and our own TCP, over a virtio ring past both kernels (ring.c, DPDK)
 *   link.c tls.c  a flow's connection, plain or TLS; certificates of devices
 *   handshakes.c  connections rather than logs: made again and again, or held
 *   certs.c       makes certificates for a fleet and its receiver
 *   durable.c     when it was durable          report.c  JSON and table
 *   check.c       is what was stored what was sent
 *   evil.c        what no sender should do
 */
#ifndef SLUICE_LOAD_LOAD_H
#define SLUICE_LOAD_LOAD_H

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

#include "bench/load/due.h"
#include "bench/load/histogram.h"
#include "bench/load/lines.h"

#define LOAD_BATCH_MAX LINES_RUN

struct load_options {
	const char *protocol; /* udp, tcp, counted, relp, oftp */
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
	uint32_t write_bytes; /* of a stream, a call, at most, but one log */
	uint32_t window;      /* logs of a flow that may wait for their acknowledgement */
	uint32_t item_logs;   /* OFTP: logs of an item, at most */
	bool lz4;	      /* OFTP: items as blocks of LZ4, where that is less */
	bool gso;	      /* many datagrams a call */
	int cpu;	      /* -1: anywhere */
	const char *durable;  /* control socket of sluiced: time to durable */
	const char *json;     /* file; NULL: none */
	bool quiet;	      /* no progress */
	const char *vhost;    /* socket of net_vhost: DPDK and our own TCP, not the kernel's */

	bool huge;		/* vhost: EAL's memory in huge pages */
	const char *target_mac; /* vhost: of who announces no address; NULL: wait for that */

	bool tls;
	const char *certs;	 /* directory of ca.pem and <serial>.pem; NULL: no certificate */
	const char *tls_version; /* "1.2", "1.3"; NULL: the best */
	bool resume;		 /* handshakes: with the ticket of the one before */
	uint32_t at_once;	 /* handshakes under way at a time */
	const char *key;	 /* certs: their kind of key */
	const char *directory;	 /* certs: where to */
};

/* The options of all commands; false with a message. */
bool load_options_parse(struct load_options *o, int argc, char **argv);

struct load_flow {
	uint32_t index;
	uint64_t next; /* number of its next log */
	int fd;
	SSL *ssl; /* over `fd`; NULL: plain */
	bool failed;
	short events; /* what load_wait() waits for, of poll */

	/* Streams: what is rendered and not yet written. */
	uint8_t *out;
	uint32_t out_len, out_at;

	/* Over a ring: the connection, NULL when it is gone; whether it stood, and ended in peace.
	 */
	struct tcp_conn *conn;
	bool on_ring, opened, fin, ended;

	struct relp_flow *relp;
	struct oftp_flow *oftp;
};

struct load {
	const struct load_options *o;
	const struct lines *lines;
	struct load_flow *flows;
	bool *spoken;	      /* by flow; load_spoken() */
	uint32_t failed;      /* flows */
	struct load_tls *tls; /* NULL: plain */
	uint64_t start_ns;
	uint64_t at;	       /* the log that is handed over next, of all */
	struct histogram lag;  /* us from when a log was due to its handing over; open loop */
	struct histogram acks; /* us to its acknowledgement, from when it was due (open loop) or
				* handed over */
	uint64_t acked;
	uint64_t hear_ns;    /* when all flows are listened to next; open loop */
	uint64_t idle_ns;    /* that a transport which never sleeps has turned for nothing */
	uint64_t refused_ns; /* since when no flow has taken anything */

	/* Read by watchers. */
	_Atomic uint64_t sent, bytes, blocked, errors;
	_Atomic bool done;
};

/* How logs leave. A new protocol is a table of these. */
struct load_transport {
	const char *name;
	/* 0, or -1 with a message printed. */
	int (*open)(struct load *l, struct load_flow *f);
	/*
	 * Hands over up to `n` logs of the flow, from f->next on, which it moves; returns how many,
	 * 0 when the flow can take none now, -1 when it has failed.
	 */
	int (*send)(struct load *l, struct load_flow *f, uint32_t n);
	/* Takes in what the peer has said by now; -1 when the flow has failed. NULL: peers say
	 * nothing that counts. */
	int (*hear)(struct load *l, struct load_flow *f);
	/* All that was handed over has left, and the peer has been told of the end. false: it has
	 * failed, or did not get done within `timeout_s`. */
	bool (*finish)(struct load *l, struct load_flow *f, double timeout_s);
	/* Waits until some flow can take more, at most `timeout_us`; may be NULL. */
	void (*wait)(struct load *l, uint64_t timeout_us);
	/* Memory and sockets; may be NULL. */
	void (*close)(struct load *l, struct load_flow *f);
};
extern const struct load_transport load_udp, load_tcp, load_counted, load_relp, load_oftp,
	load_vhost;

uint64_t load_now_ns(void); /* monotonic */

/* When log number `n` of all is due. */
static inline uint64_t load_due_ns(const struct load *l, uint64_t n)
{
	return due_ns(l->start_ns, l->o->rate, n);
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
/* A connected socket of the flow, non-blocking; with SOCK_NONBLOCK in `type` it may still be
 * connecting. -1 with a message. */
int load_socket(const struct load_options *o, uint32_t flow, int type);

/* ---- connections: over the kernel's sockets, or over a ring (--vhost) ---- */

#define LINK_NOTHING 0	/* not now */
#define LINK_END     -1 /* the peer has ended it */
#define LINK_FAILED  -2

/* Connects and shakes hands; 0, or -1 with a message. */
int link_open(struct load *l, struct load_flow *f);
/* Bytes taken, LINK_NOTHING or LINK_FAILED. */
ssize_t link_write(struct load_flow *f, const void *data, size_t len);
/* Bytes read, or one of the above. */
ssize_t link_read(struct load_flow *f, void *to, size_t size);
/* Writes what is left of f->out; false: failed. Done when f->out_len is 0. */
bool link_drain(struct load_flow *f);
/* The same, waiting until it is all written. */
bool link_drain_until(struct load_flow *f, uint64_t end_ns);
/* false: not by then. */
bool link_wait(struct load_flow *f, short events, uint64_t end_ns);
/* Says the end (close_notify, FIN); the other way stays open. */
bool link_end(struct load_flow *f, uint64_t end_ns);
void link_close(struct load_flow *f);
/* No gathering of small writes. */
void link_nodelay(struct load_flow *f);
/* struct load_transport.wait of streams: for f->events of each flow. */
void load_wait(struct load *l, uint64_t timeout_us);
/* Of which flows there may be something to take in, at once: spoken[flow]. */
void load_spoken(struct load *l, bool *spoken);

/* The same over a ring (native.c): what link.c does with a socket. */
int native_connect(struct load *l, struct load_flow *f);
ssize_t native_write(struct load_flow *f, const void *data, size_t len);
ssize_t native_read(struct load_flow *f, void *to, size_t size);
/* Has the peer said nothing that native_read() would give? */
bool native_silent(const struct load_flow *f);
bool native_wait(struct load_flow *f, short events, uint64_t end_ns);
bool native_end(struct load_flow *f, uint64_t end_ns);
/* Open loop: what was written and still waits for the next round of the stack leaves now. */
void native_send_off(void);
void native_idle(struct load *l);
void native_close(struct load_flow *f);
/* What there is to tell of the connections; NULL: there are none. */
json_t *native_report(void);

/* Certificates and settings of all clients; NULL with a message. */
struct load_tls;
struct load_tls *load_tls_new(const struct load_options *o);
void load_tls_free(struct load_tls *t);
/* A client with the certificate of this device, over the socket `fd` (below 0: its BIO is to be
 * set); SSL_free() is the caller's. NULL with a message. */
SSL *load_tls_client(struct load_tls *t, uint32_t device, int fd);
/* The session to resume, of who calls: `*session` is replaced when the server sends a ticket. */
void load_tls_remember(SSL *ssl, SSL_SESSION **session);
/* Why the last call on `ssl` failed. */
const char *load_tls_error(const SSL *ssl, int rc, char *to, size_t size);
/* The other commands: exit status. */
int load_check_main(int argc, char **argv);
int load_evil_main(int argc, char **argv);
int load_handshakes_main(int argc, char **argv);
int load_hold_main(int argc, char **argv);
int load_certs_main(int argc, char **argv);
int load_usage(void);
struct load_options load_defaults(void);

#endif
