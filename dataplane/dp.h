/*
 * The data plane's door for the control plane: start and stop, policy, counters, sessions, the
 * journal. Called from the control thread (the EAL's main lcore, which does not poll) only, unless
 * a function says otherwise. Nothing here blocks an lcore.
 */
#ifndef SLUICE_DP_H
#define SLUICE_DP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/auth.h"
#include "dataplane/base/addr.h"
#include "dataplane/base/reason.h"
#include "dataplane/journal/journal.h"
#include "dataplane/net/net.h"

struct tls_set;
struct ties;

#define DP_MAX_PORTS	    8
#define DP_MAX_LCORES	    32
#define DP_MAX_LISTEN	    16
#define DP_MAX_PREFIXES	    256
#define DP_MAX_EAL_ARGS	    64
#define DP_NAME		    32
#define DP_MESSAGE_SIZE_MAX 262144u /* bytes: the bound of policy.message_size */
#define DP_DEVICE_NAME	    64	    /* longest device name, without NUL */

struct dp_port_config {
	char name[DP_NAME];
	char devargs[256]; /* PCI address or virtual device, as EAL's --vdev or --allow takes it */
	unsigned addresses_count, gateways_count;
	struct net_address addresses[NET_MAX_ADDRESSES];
	struct ip_addr gateways[NET_MAX_GATEWAYS];
	uint16_t vlan; /* NET_VLAN_NONE */
	uint16_t mtu;
	uint16_t queues; /* rx queues; 0: auto */
};

enum dp_huge { DP_HUGE_AUTO, DP_HUGE_ON, DP_HUGE_OFF };
/* Shared: adaptive, and others may have the CPU in each pause. */
enum dp_poll { DP_POLL_ADAPTIVE, DP_POLL_BUSY, DP_POLL_SHARED };

struct dp_prefix {
	struct ip_addr addr;
	uint8_t len; /* in 128 bits */
};

enum dp_cleartext { DP_CLEAR_UDP_SYSLOG = 1, DP_CLEAR_TCP_SYSLOG = 2, DP_CLEAR_RELP = 4 };
enum dp_unknown_source { DP_UNKNOWN_ACCEPT, DP_UNKNOWN_PENDING, DP_UNKNOWN_DROP };

/* What may change while running. Copied by dp_policy_publish(). */
struct dp_policy {
	unsigned cleartext; /* enum dp_cleartext */
	unsigned allow_count, trust_devid_count;
	struct dp_prefix allow[DP_MAX_PREFIXES];
	struct dp_prefix trust_devid[DP_MAX_PREFIXES];
	enum dp_unknown_source unknown_source;
	uint32_t message_size;		/* bytes; longer logs are cut */
	uint32_t sessions;		/* limit, all workers */
	uint64_t idle_timeout_us;	/* of a TCP session; 0: none */
	uint64_t unfinished_timeout_us; /* of a log that has begun and does not end; 0: none */
	struct tls_set *tls; /* NULL: no TLS here (reference: dp_policy_publish() takes one) */
	struct auth_snapshot *auth;   /* likewise; NULL: no device is known */
	bool tls_require_certificate; /* else a TLS sender without one is as one in the clear */
	bool tls_name_serial, tls_name_dns; /* listen.tls-names */
	char serial[AUTH_SERIAL];	    /* ours, told to OFTP clients; empty: the node's name */
	uint64_t pending_hold_us;	    /* how long a pending session waits unread */
	uint32_t handshakes; /* in progress, all workers; past it connections wait unread */
	uint32_t handshakes_per_source; /* new ones a second from one address; 0: no limit */
	uint64_t handshake_timeout_us;	/* from the ClientHello's first byte; 0: none */
	uint32_t device_rate;		/* logs a second of one device; 0: none */
	uint32_t device_streams; /* of reliable logging: that a device has, or the journal knows */
	uint32_t pending_per_source; /* OFTP sessions of an address that wait to be authorized */
	/* Given by the data plane itself, whatever is published: */
	struct ties *ties; /* who sends EC CF records from where; NULL: nobody */
	/* Who is watched (dp_trace_set()). */
	unsigned trace_level;
	bool trace_all;
	struct ip_addr trace_addr;
	uint64_t number; /* given by dp_policy_publish() */
};

/*
 * How long a peer has, from our goodbye on, to acknowledge it: for two retransmissions by timeout
 * (RFC 6298) after a tail loss probe (RFC 8985). Then its connection is reset.
 */
#define FAREWELL_US 1000000u

struct dp_config {
	unsigned ports_count;
	struct dp_port_config ports[DP_MAX_PORTS];
	struct {
		enum dp_huge huge;
		uint32_t memory_mib;
		char file_prefix[64];
		unsigned args_count;
		char args[DP_MAX_EAL_ARGS][128];
	} eal;
	struct {
		/* CPUs; count 0: auto. The same single CPU in both: one lcore does everything. */
		unsigned rx_count, workers_count;
		uint16_t rx[DP_MAX_LCORES], workers[DP_MAX_LCORES];
		int compressors; /* -1: auto */
		enum dp_poll poll;
	} cores;
	unsigned listen_count;
	uint16_t listen_ports[DP_MAX_LISTEN];
	struct {
		uint32_t sessions, devices, half_open, time_wait;
		/* Bytes of a connection, by true size. Not less than four times the longest log
		 * that a policy may allow: a log is taken out of this buffer in one piece. */
		uint32_t tcp_receive;
		/* Of each port; see struct net_config. */
		uint32_t neighbours, reassembly_per_source, icmp_rate;
		uint64_t reassembly;  /* bytes */
		uint64_t farewell_us; /* FAREWELL_US; tests have more time */
	} limits;
	struct dp_policy policy;
	struct journal_config journal;
	char node_name[DP_DEVICE_NAME + 1]; /* sluiced's own events are this device */
	bool telemetry;
};
/* Defaults as INTERFACES.md lists them. */
void dp_config_defaults(struct dp_config *cfg);

/* What a failed start says, e.g. "port data0: no device net_foo (rte_eal_init: ...)". */
struct dp_error {
	char text[768];
};

struct dp;

/*
 * Opens the journal (recovery runs here), initialises EAL, starts the ports. Once a process.
 * Nothing is received yet: the caller drops its privileges now, then calls dp_run(). 0, or -1 with
 * `err`; the process must end then. Needs root or the capabilities for the ports. `notes`: what was
 * chosen that a user must know ("no hugepages: running without"), one a line, for the log; may be
 * NULL.
 */
int dp_start(const struct dp_config *cfg, struct dp **out, struct journal_recovery *recovery,
	char *notes, size_t notes_size, struct dp_error *err);

/* Lets the lcores poll: from here on bytes from outside are parsed. 0, or -1 with `err`. */
int dp_run(struct dp *d, struct dp_error *err);

/* Stops intake, settles what is in flight, makes it durable, answers it and says goodbye to all
 * peers (docs/operations.md), closes the journal. Frees `d`. Works after dp_start() as after
 * dp_run(). */
void dp_stop(struct dp *d);

/* Takes effect at each lcore's next round; returns after the grace period. */
void dp_policy_publish(struct dp *d, const struct dp_policy *policy);

/* Any thread may use what journal.h allows any thread to. */
struct journal *dp_journal(struct dp *d);

/* ---- accounts ---------------------------------------------------------------------------- */

/* received = stored + duplicate + pending + sum(dropped), in this run of sluiced. */
struct dp_account {
	char device[DP_DEVICE_NAME + 1];
	uint64_t received, stored, duplicate, pending, dropped[DROP_REASON_COUNT];
	uint64_t bytes, late, conflict, client_dropped;
	uint64_t cut;			      /* stored, but cut to message-size */
	uint64_t first_seen_ns, last_seen_ns; /* wall clock, receipt */
};
typedef void (*dp_account_fn)(void *ctx, const struct dp_account *a);
/* Calls back for each device (summed over lcores), unsorted; returns the number. The equation holds
 * for each of them at every call. */
unsigned dp_accounts(struct dp *d, dp_account_fn fn, void *ctx);
/* One device; false where it is not known. */
bool dp_account_get(struct dp *d, const char *device, struct dp_account *a);
void dp_account_total(struct dp *d, struct dp_account *a);

/* packets = accepted + sum(rejected). */
struct dp_wire {
	uint64_t packets, bytes, accepted, rejected[WIRE_REASON_COUNT];
	bool missed_known;
	uint64_t missed;
};
void dp_wire(struct dp *d, struct dp_wire *w);

/* ---- ports, lcores, sessions --------------------------------------------------------------- */

struct dp_port_info {
	char name[DP_NAME], driver[DP_NAME], devargs[256];
	uint8_t mac[6];
	bool up;
	uint32_t speed_mbps; /* 0: unknown */
	uint16_t mtu, vlan, rx_queues, tx_queues;
	bool rx_csum_offload, tx_csum_offload, rx_interrupts;
	unsigned addresses_count;
	struct {
		struct net_address addr;
		const char *state;
	} addresses[NET_MAX_ADDRESSES + 1];
	struct dp_wire wire;
	uint64_t tx_packets, tx_bytes, tx_dropped;
	struct net_counters net;
};
unsigned dp_ports(struct dp *d, struct dp_port_info *v, unsigned n);

struct dp_lcore_info {
	unsigned lcore, cpu;
	char roles[16];	    /* "rx", "worker", "rx+worker" */
	uint64_t heartbeat; /* rounds; or sleeping */
	bool sleeping;
	uint64_t busy_ns, total_ns; /* time in rounds that did something, time since start */
	uint64_t logs, packets, sessions;
	uint64_t ring_full, crossed;
};
unsigned dp_lcores(struct dp *d, struct dp_lcore_info *v, unsigned n);

struct dp_session_info {
	uint64_t id; /* unique in this run */
	char device[DP_DEVICE_NAME + 1];
	struct ip_flow flow; /* src is the peer */
	const char *kind;    /* "detecting", "handshake", "pending", "lines", ... */
	const char *tcp_state;
	uint64_t opened_ns; /* wall clock */
	uint64_t logs, bytes, last_log_ns;
	uint32_t lcore, srtt_us, unread, rcv_wnd;
	uint64_t retransmits;
	/* TLS; else NULL and zeros. */
	const char *tls_version, *tls_cipher;
	uint64_t tls_generation;
	unsigned tls_context;
	bool tls_resumed, tls_verified;
	bool certified; /* its certificate holds, and names `device` */
};
typedef void (*dp_session_fn)(void *ctx, const struct dp_session_info *s);
/* Asks each worker, a bounded number of sessions a round; -1 when one did not answer in 2 s. */
int dp_sessions(struct dp *d, dp_session_fn fn, void *ctx);
/* 0: ended (RST); -1: no such session; -2: its worker did not answer. */
int dp_session_kill(struct dp *d, uint64_t id);

/* Counters that are not accounts, for metrics: calls back with a name ("tcp_retransmits"), a help
 * text, whether it is a gauge, and its value summed over lcores. */
typedef void (*dp_counter_fn)(
	void *ctx, const char *name, const char *help, bool gauge, uint64_t v);
void dp_counters(struct dp *d, dp_counter_fn fn, void *ctx);

/* Sessions ended or refused by us, by reason. */
void dp_refusals(struct dp *d, uint64_t counts[REFUSAL_REASON_COUNT]);

/* ---- own events ---------------------------------------------------------------------------- */

/*
 * Writes a line into the journal as device node_name, transport internal. false when there is no
 * block for it (counted as dropped no_block of that device).
 */
bool dp_own_log(struct dp *d, const char *text, size_t len);

/* To be called by control at least every 20 ms while it has own events pending or completions are
 * due: submits them and takes completions. Returns the next deadline in monotonic microseconds. */
uint64_t dp_control_round(struct dp *d, uint64_t now_us);
/* Readable when dp_control_round() should be called. */
int dp_control_fd(struct dp *d);

#endif
