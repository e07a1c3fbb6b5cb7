/*
 * What sluice-send is told: by options (`--conn-timeout 10`) and by a file in the words of the
 * device's own command line (`set conn-timeout 10`). One table has them all.
 */
#ifndef SLUICE_SEND_SETTINGS_H
#define SLUICE_SEND_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define SETTINGS_TEXT	 256
#define SETTINGS_SERIALS 8
#define SETTINGS_FILE	 65536 /* bytes of a configuration, at most */

enum setting_upload { UPLOAD_REALTIME, UPLOAD_1_MINUTE, UPLOAD_5_MINUTE };
enum setting_algorithm { ALGORITHM_HIGH, ALGORITHM_HIGH_MEDIUM, ALGORITHM_LOW };

struct settings {
	char server[SETTINGS_TEXT], alt_server[SETTINGS_TEXT];
	uint32_t port;
	uint32_t fallback_to_primary;
	uint32_t certificate_verification;
	char server_serial[SETTINGS_TEXT]; /* separated by spaces */
	char server_fingerprint[SETTINGS_TEXT];
	char server_cert_ca[SETTINGS_TEXT];
	char certificate[SETTINGS_TEXT], certificate_password[SETTINGS_TEXT];
	char device_serial[SETTINGS_TEXT]; /* empty: the certificate's common name */
	char preshared_key[SETTINGS_TEXT];
	char legacy_user[SETTINGS_TEXT];     /* empty: by certificate */
	char legacy_password[SETTINGS_TEXT]; /* file; empty: asked for */
	char source_ip[SETTINGS_TEXT];
	char hostname[SETTINGS_TEXT], timezone[SETTINGS_TEXT];
	uint32_t conn_timeout, monitor_keepalive_period, monitor_failure_retry_period; /* s */
	uint32_t upload_option, reliable, priority;
	uint32_t max_log_rate; /* MB/s (1,000,000 bytes); 0: no bound */
	uint32_t enc_algorithm, ssl_min_proto_version, compress;
	uint32_t queue_size; /* bytes */
	uint32_t conn_id;
	uint32_t log_type;
	char vdom[SETTINGS_TEXT];  /* empty: what the log says in vd= */
	char spill[SETTINGS_TEXT]; /* directory; empty: none */
	uint32_t spill_sync;
	char syslog_socket[SETTINGS_TEXT], syslog_udp[SETTINGS_TEXT];
	char control[SETTINGS_TEXT];
	uint32_t give_up; /* s; 0: never */
};

void settings_default(struct settings *s);

/*
 * One key. 0, or -1 with what is wrong in `err` (`size` bytes). `serial` is another name of
 * `server-serial`, as the device calls it. Keys of the device that mean nothing here (`status`,
 * `ips-archive`, ...) are taken only with the value that changes nothing.
 */
int settings_set(struct settings *s, const char *key, const char *value, char *err, size_t size);

/*
 * A configuration: lines `set KEY VALUE...`, values in double quotes or not; `config ...`, `edit
 * ...`, `next`, `end`, empty lines and those that begin with # are passed over. 0, or -1 with the
 * line's number and what is wrong. Not trusted: any bytes.
 */
int settings_parse(struct settings *s, const char *text, size_t len, char *err, size_t size);

/* Do they fit together, and say who the server is? 0, or -1 with what does not. */
int settings_check(const struct settings *s, char *err, size_t size);

/* One line for each key: name, values, default, what it means. */
void settings_help(FILE *to);

#endif
