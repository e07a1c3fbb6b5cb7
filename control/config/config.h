/*
 * Start-up configuration: YAML under a schema table of ours (schema.c), every key of which is in
 * docs/configuration.md. What is wrong is said with file, line, column, the key's path and what was
 * expected; all errors of a file are found in one go. A key of a part that is not built yet is
 * checked, and any value but its default is refused as "not available yet", never ignored.
 *
 * Nothing here looks at the machine (ports, CPUs, directories): that is for those who open them.
 */
#ifndef SLUICE_CONFIG_H
#define SLUICE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "dataplane/dp.h"

#define CONFIG_DEFAULT_FILE   "/etc/sluice/sluice.yaml"
#define CONFIG_DEFAULT_SOCKET "/run/sluice/control.sock"

#define CONFIG_MAX_BYTES      (1024u * 1024u) /* of a file */
#define CONFIG_MAX_ERRORS     64
#define CONFIG_MAX_PATH	      1023 /* bytes of a directory's name */
#define CONFIG_MAX_SOCKET     107  /* bytes of a socket's name: sun_path without NUL */
#define CONFIG_MAX_SERIAL     24
#define CONFIG_MAX_CONTEXTS   16
#define CONFIG_NEVER	      0 /* a duration or size that is `none` */

struct config_prefixes {
	unsigned count;
	struct dp_prefix v[DP_MAX_PREFIXES];
};

struct config_cpus { /* count 0: auto */
	unsigned count;
	uint16_t v[DP_MAX_LCORES];
};

struct config_endpoint { /* port 0: none */
	struct ip_addr addr;
	uint16_t port;
};

struct config_retention_size { /* at most one is set; none: no bound by size */
	uint64_t bytes;
	uint64_t percent; /* of the file system */
};

enum config_tls_version { CONFIG_TLS1_2, CONFIG_TLS1_3 };
enum config_enc_algorithm { CONFIG_ENC_HIGH, CONFIG_ENC_MEDIUM, CONFIG_ENC_LOW };
enum config_tls_client { CONFIG_CLIENT_CERT_REQUIRE, CONFIG_CLIENT_CERT_OPTIONAL };
enum config_tls_names { CONFIG_TLS_NAME_SERIAL = 1, CONFIG_TLS_NAME_DNS = 2 };

struct config_tls_context {
	char sni[256];
	char identity[65];
};

/* All values in bytes and microseconds. Unused bytes are zero: two equal ones compare as memory. */
struct config {
	struct {
		char name[DP_DEVICE_NAME + 1];
		char serial[CONFIG_MAX_SERIAL + 1]; /* "auto": see config_node_serial() */
	} node;

	unsigned ports_count;
	struct dp_port_config ports[DP_MAX_PORTS];

	struct {
		enum dp_huge huge;
		uint64_t memory;
		char file_prefix[64]; /* "auto": see config_file_prefix() */
		struct config_args {
			unsigned count;
			char v[DP_MAX_EAL_ARGS][128];
		} args;
	} eal;

	struct {
		struct config_cpus rx, workers;
		int compressors; /* -1: auto */
		enum dp_poll poll;
	} cores;

	struct {
		struct config_listen_ports {
			unsigned count;
			uint16_t v[DP_MAX_LISTEN];
		} ports;
		unsigned cleartext; /* enum dp_cleartext */
		struct config_prefixes allow, trust_devid;
		enum dp_unknown_source unknown_source;
		enum config_tls_client tls_client_certificate;
		unsigned tls_names; /* enum config_tls_names */
	} listen;

	struct {
		char socket[CONFIG_MAX_SOCKET + 1];
	} control;

	struct {
		char dir[CONFIG_MAX_PATH + 1];
		uint64_t block_size, pool;
		uint64_t commit_interval, commit_interval_unacked;
		uint64_t segment_size, segment_age, min_free;
		uint64_t retention_age; /* CONFIG_NEVER: kept for ever */
		struct config_retention_size retention_size;
		uint64_t stream_retention;
		int compaction_level; /* 0: never */
	} journal;

	struct {
		enum config_tls_version min_proto_version;
		enum config_enc_algorithm enc_algorithm;
		struct config_tls_contexts {
			unsigned count;
			struct config_tls_context v[CONFIG_MAX_CONTEXTS];
		} contexts;
	} tls;

	struct {
		char serial_pattern[256];
		uint64_t pending_hold;
	} auth;

	struct {
		uint32_t sessions, devices, half_open, time_wait, handshakes;
		uint32_t neighbours, reassembly_per_source; /* of each port */
		uint32_t icmp_rate;			    /* messages a second, of each port */
		uint64_t reassembly;			    /* bytes, of each port */
		uint64_t tcp_receive; /* bytes by true size, of each connection */
		uint32_t device_rate; /* logs a second; 0: none */
		uint32_t device_streams, pending_per_source;
		uint32_t handshake_rate; /* a second from one source; 0: any number */
		uint64_t handshake_timeout;
		uint64_t message_size;
		uint64_t idle_timeout;	     /* CONFIG_NEVER: an idle session stays */
		uint64_t unfinished_timeout; /* CONFIG_NEVER: a log may take for ever */
	} limits;

	struct {
		struct config_endpoint listen;
	} metrics;
};

struct config_error {
	unsigned line, column; /* from 1; 0: about the file as a whole */
	char path[128];	       /* "journal.retention.age", "ports[0].mtu"; "" outside of any key */
	char text[384];	       /* what is wrong and what was expected */
};

struct config_errors {
	char file[256];
	unsigned count;	  /* held in `v`, by line */
	unsigned omitted; /* beyond CONFIG_MAX_ERRORS */
	struct config_error v[CONFIG_MAX_ERRORS];
};

/*
 * The defaults of every key. `ports` holds the example of docs/configuration.md, so that printing
 * the defaults gives a file to start from; a file that is loaded must name its own ports.
 */
void config_defaults(struct config *cfg);

/*
 * Reads and checks a file. 0, or -1 with at least one error, and then *cfg holds what could be
 * understood (defaults elsewhere) and must not be run.
 */
int config_load(const char *path, struct config *cfg, struct config_errors *errors);
/* The same from memory; `name` stands for the file in messages. */
int config_parse(const char *text, size_t len, const char *name, struct config *cfg,
	struct config_errors *errors);

/* "FILE:LINE:COLUMN: PATH: TEXT" (parts that are not known left out); returns its length. */
size_t config_error_format(const struct config_errors *errors, unsigned i, char *buf, size_t size);
/* One line for each. */
void config_errors_print(const struct config_errors *errors, FILE *out);

/* Everything that is in effect as YAML that loads back to an identical struct. */
void config_print(const struct config *cfg, FILE *out);

/* A key with its value as YAML flow text. */
struct config_item {
	const char *path;
	const char *value;
	bool live;	/* a reload applies it; else it needs a restart */
	bool available; /* false: only the default is possible yet */
};
typedef void (*config_item_fn)(void *ctx, const struct config_item *item);
/* Each key in the order of the table. */
void config_each(const struct config *cfg, config_item_fn fn, void *ctx);

/* A key that differs. A port that came or went is the path `ports[N]`, its other value "none". */
struct config_change {
	const char *path;
	const char *before, *after;
	bool live; /* config reload applies it; else it waits for a restart */
};
typedef void (*config_change_fn)(void *ctx, const struct config_change *change);
/* Calls back for each difference; returns how many there are. `fn` may be NULL. */
unsigned config_diff(
	const struct config *before, const struct config *after, config_change_fn fn, void *ctx);

/* Takes over the live keys of `from` and leaves the others: what runs after a reload. */
void config_take_live(struct config *running, const struct config *from);

/*
 * Fills what the configuration names in *dp and leaves the rest: the caller has put
 * dp_config_defaults() and journal_config_defaults() there.
 */
void config_to_dp(const struct config *cfg, struct dp_config *dp);
/* The policy alone, for dp_policy_publish() after a reload. */
void config_to_policy(const struct config *cfg, struct dp_policy *policy);

/*
 * EAL's file prefix: the one configured, or "sluice-" and a hash of the socket's path, since
 * /var/run/dpdk is shared by all network namespaces.
 */
void config_file_prefix(const struct config *cfg, char prefix[64]);

/*
 * The node's serial: the one configured, or for `auto` one derived from the machine's id by a
 * keyed hash ("SL-" and 16 hex digits), the same at every start. `machine_id` is the text of
 * /etc/machine-id, NULL or empty where there is none: then the node's name is hashed.
 */
void config_node_serial(
	const struct config *cfg, const char *machine_id, char serial[CONFIG_MAX_SERIAL + 1]);

#endif
