#include "send/settings.h"

#include <stdlib.h>
#include <string.h>

#include "dataplane/framing/oftp.h"

enum kind { TEXT, NUMBER, SIZE, WORD };

struct key {
	const char *name;
	uint8_t kind;
	uint16_t at;
	uint32_t min, max;
	const char *words; /* of WORD: separated by '|', numbered from 0 */
	const char *initial, *help;
};

#define AT(field) offsetof(struct settings, field)
#define ON_OFF	  "disable|enable"

static const struct key keys[] = {
	{"server", TEXT, AT(server), 0, 0, NULL, "", "name or address"},
	{"port", NUMBER, AT(port), 1, 65535, NULL, "514", "of both servers"},
	{"alt-server", TEXT, AT(alt_server), 0, 0, NULL, "",
		"to use while the server is not there"},
	{"fallback-to-primary", WORD, AT(fallback_to_primary), 0, 0, ON_OFF, "enable",
		"go back to the server as soon as it is there"},
	{"certificate-verification", WORD, AT(certificate_verification), 0, 0, ON_OFF, "enable",
		"of the server"},
	{"server-serial", TEXT, AT(server_serial), 0, 0, NULL, "",
		"serial numbers one of which the server must have"},
	{"server-fingerprint", TEXT, AT(server_fingerprint), 0, 0, NULL, "",
		"SHA-256 of its certificate, where no CA vouches for it"},
	{"server-cert-ca", TEXT, AT(server_cert_ca), 0, 0, NULL, "",
		"file with the CA of the server's certificate"},
	{"certificate", TEXT, AT(certificate), 0, 0, NULL, "",
		"file with our certificate and key, PEM or PKCS#12"},
	{"certificate-password", TEXT, AT(certificate_password), 0, 0, NULL, "",
		"file with the password of a PKCS#12 file"},
	{"device-serial", TEXT, AT(device_serial), 0, 64, NULL, "",
		"our serial number, if not the certificate's common name"},
	{"preshared-key", TEXT, AT(preshared_key), 0, 0, NULL, "", "by which we are authorized"},
	{"legacy-user", TEXT, AT(legacy_user), 0, 63, NULL, "",
		"log in by user and password (SCRAM-SHA-256-PLUS)"},
	{"legacy-password", TEXT, AT(legacy_password), 0, 0, NULL, "",
		"file with that password, if it is not asked for"},
	{"hostname", TEXT, AT(hostname), 0, 0, NULL, "", "to be told at login"},
	{"timezone", TEXT, AT(timezone), 0, 0, NULL, "", "to be told at login"},
	{"source-ip", TEXT, AT(source_ip), 0, 0, NULL, "", "to send from"},
	{"conn-timeout", NUMBER, AT(conn_timeout), 1, 3600, NULL, "10",
		"seconds for a connection and its login"},
	{"monitor-keepalive-period", NUMBER, AT(monitor_keepalive_period), 1, 120, NULL, "5",
		"seconds"},
	{"monitor-failure-retry-period", NUMBER, AT(monitor_failure_retry_period), 1, 86400, NULL,
		"5", "seconds"},
	{"upload-option", WORD, AT(upload_option), 0, 0, "realtime|1-minute|5-minute", "realtime",
		"when logs are sent"},
	{"reliable", WORD, AT(reliable), 0, 0, ON_OFF, "enable",
		"confirmed over TCP, or sent over UDP and forgotten"},
	{"priority", WORD, AT(priority), 0, 0, "default|low", "default",
		"low: after other traffic and programs"},
	{"max-log-rate", NUMBER, AT(max_log_rate), 0, 100000, NULL, "0", "MB/s; 0: no bound"},
	{"enc-algorithm", WORD, AT(enc_algorithm), 0, 0, "high|high-medium|low", "high",
		"TLS ciphers that may be used"},
	{"ssl-min-proto-version", WORD, AT(ssl_min_proto_version), 0, 0, "default|TLSv1-2|TLSv1-3",
		"default", "TLSv1-2 is the default"},
	{"compress", WORD, AT(compress), 0, 0, ON_OFF, "enable", "items by LZ4"},
	{"queue-size", SIZE, AT(queue_size), 2 * OFTP_ITEM_RAW_MAX, 4000000000u, NULL, "189516595",
		"bytes of memory and confirm queue; also 512KiB, 64MiB"},
	{"conn-id", NUMBER, AT(conn_id), 0, 4294967295u, NULL, "65535", "of our sequence of items"},
	{"log-type", NUMBER, AT(log_type), 0, 255, NULL, "3", "of all items"},
	{"vdom", TEXT, AT(vdom), 0, 64, NULL, "", "of all logs, if not what they say in vd="},
	{"spill", TEXT, AT(spill), 0, 0, NULL, "", "directory where the queues are kept too"},
	{"spill-sync", WORD, AT(spill_sync), 0, 0, ON_OFF, "enable",
		"safe also where the power fails"},
	{"syslog-socket", TEXT, AT(syslog_socket), 0, 107, NULL, "",
		"path of a unix socket to take logs from, e.g. /dev/log"},
	{"syslog-udp", TEXT, AT(syslog_udp), 0, 0, NULL, "",
		"address:port to take logs from, e.g. 127.0.0.1:514"},
	{"control", TEXT, AT(control), 0, 107, NULL, "",
		"path of a unix socket for `sluice-send diagnose`"},
	{"give-up", NUMBER, AT(give_up), 0, 86400, NULL, "0",
		"seconds without a connection after which it ends; 0: never"},
};
#define KEYS (sizeof(keys) / sizeof(keys[0]))

/* Of the device, and without a meaning here but in this one value. */
static const struct {
	const char *name, *value;
} fixed[] = {
	{"status", "enable"},
	{"ips-archive", "disable"},
	{"ips-archive", "enable"}, /* there are no archives to send */
	{"access-config", "enable"},
	{"access-config", "disable"}, /* nothing of the kind is asked of us */
	{"interface-select-method", "auto"},
	{"hmac-algorithm", "sha256"},
};

static int wrong(char *err, size_t size, const char *key, const char *what, const char *value)
{
	snprintf(err, size, "%s: %s \"%.100s\"", key, what, value);
	return -1;
}

static int set_text(const struct key *k, char *to, const char *value, char *err, size_t size)
{
	const size_t most = k->max ? k->max : SETTINGS_TEXT - 1;

	for (const char *p = value; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return wrong(err, size, k->name, "control characters in", "...");
	if (strlen(value) > most)
		return wrong(err, size, k->name, "too long:", value);
	memcpy(to, value, strlen(value) + 1);
	return 0;
}

static int set_number(const struct key *k, uint32_t *to, const char *value, char *err, size_t size)
{
	static const struct {
		const char *name;
		uint64_t factor;
	} units[] = {{"", 1}, {"KiB", 1024}, {"MiB", 1048576}, {"KB", 1000}, {"MB", 1000000}};
	const size_t digits = strspn(value, "0123456789");
	uint64_t v = 0, factor = 0;

	for (size_t i = 0; i < digits && v < 1000000000000ull; i++)
		v = v * 10 + (uint64_t)(value[i] - '0');
	for (size_t i = 0; i < (k->kind == SIZE ? 5u : 1u); i++)
		if (strcmp(value + digits, units[i].name) == 0)
			factor = units[i].factor;
	if (digits == 0 || factor == 0)
		return wrong(err, size, k->name, "no number:", value);
	if (v * factor < k->min || v * factor > k->max) {
		snprintf(err, size, "%s: %.30s is not in %u to %u", k->name, value, k->min, k->max);
		return -1;
	}
	*to = (uint32_t)(v * factor);
	return 0;
}

static int set_word(const struct key *k, uint32_t *to, const char *value, char *err, size_t size)
{
	const size_t len = strlen(value);
	uint32_t n = 0;

	for (const char *p = k->words; *p; n++) {
		const size_t word = strcspn(p, "|");

		if (word == len && memcmp(p, value, len) == 0) {
			*to = n;
			return 0;
		}
		p += word + (p[word] == '|');
	}
	snprintf(err, size, "%s: \"%.50s\" is none of %s", k->name, value, k->words);
	return -1;
}

static int set(struct settings *s, const struct key *k, const char *value, char *err, size_t size)
{
	void *to = (char *)s + k->at;

	switch ((enum kind)k->kind) {
	case TEXT:
		return set_text(k, to, value, err, size);
	case NUMBER:
	case SIZE:
		return set_number(k, to, value, err, size);
	case WORD:
		break;
	}
	return set_word(k, to, value, err, size);
}

int settings_set(struct settings *s, const char *key, const char *value, char *err, size_t size)
{
	bool known = false;

	if (strcmp(key, "serial") == 0)
		key = "server-serial";
	for (size_t i = 0; i < KEYS; i++)
		if (strcmp(keys[i].name, key) == 0)
			return set(s, &keys[i], value, err, size);
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		if (strcmp(fixed[i].name, key) != 0)
			continue;
		if (strcmp(fixed[i].value, value) == 0)
			return 0;
		known = true;
	}
	if (known)
		return wrong(err, size, key, "not available here:", value);
	snprintf(err, size, "no setting \"%.100s\"", key);
	return -1;
}

void settings_default(struct settings *s)
{
	char err[200];

	memset(s, 0, sizeof(*s));
	for (size_t i = 0; i < KEYS; i++)
		if (set(s, &keys[i], keys[i].initial, err, sizeof(err)) != 0)
			abort(); /* the table is wrong */
}

/* The next word of a line; NULL: none; *bad: a quote without its end. Words are cut out in place.
 */
static char *word(char **at, bool *bad)
{
	char *p = *at + strspn(*at, " \t\r"), *begin, *to;

	if (*p == '\0')
		return NULL;
	if (*p != '"') {
		begin = p;
		p += strcspn(p, " \t\r");
		*at = p + (*p != '\0');
		*p = '\0';
		return begin;
	}
	begin = to = ++p;
	while (*p && *p != '"') {
		p += *p == '\\' && p[1];
		*to++ = *p++;
	}
	*bad |= *p != '"';
	*at = p + (*p != '\0');
	*to = '\0';
	return begin;
}

static int parse_line(struct settings *s, char *line, char *err, size_t size)
{
	static const char *const passed[] = {"config", "end", "next", "edit"};
	char value[SETTINGS_TEXT * 2] = "";
	char *at = line, *first, *key, *v;
	bool bad = false, any = false;

	first = word(&at, &bad);
	if (!first || first[0] == '#')
		return 0;
	for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++)
		if (strcmp(first, passed[i]) == 0)
			return 0;
	key = word(&at, &bad);
	if (strcmp(first, "set") != 0 || !key) {
		snprintf(err, size, "not a line \"set KEY VALUE\"");
		return -1;
	}
	/* Several values, as of serial numbers, are kept with spaces between. */
	while ((v = word(&at, &bad)) != NULL) {
		const size_t n = strlen(value);

		if (n + strlen(v) + 2 > sizeof(value))
			return wrong(err, size, key, "too long:", v);
		snprintf(value + n, sizeof(value) - n, "%s%s", any ? " " : "", v);
		any = true;
	}
	if (bad || !any) {
		snprintf(err, size, "%.100s: %s", key, bad ? "a quote has no end" : "no value");
		return -1;
	}
	return settings_set(s, key, value, err, size);
}

int settings_parse(struct settings *s, const char *text, size_t len, char *err, size_t size)
{
	char line[1024], what[300];
	unsigned number = 0;

	for (size_t at = 0; at < len; number++) {
		const char *end = memchr(text + at, '\n', len - at);
		const size_t n = end ? (size_t)(end - text) - at : len - at;

		if (n >= sizeof(line) || memchr(text + at, '\0', n)) {
			snprintf(err, size, "line %u: %s", number + 1,
				n >= sizeof(line) ? "too long" : "a NUL byte");
			return -1;
		}
		memcpy(line, text + at, n);
		line[n] = '\0';
		if (parse_line(s, line, what, sizeof(what)) != 0) {
			snprintf(err, size, "line %u: %s", number + 1, what);
			return -1;
		}
		at += n + 1;
	}
	return 0;
}

int settings_check(const struct settings *s, char *err, size_t size)
{
	const char *what = NULL;

	if (!s->server[0])
		what = "no server is set";
	else if (!s->certificate[0] && !s->device_serial[0])
		what = "neither certificate nor device-serial is set: who are we?";
	else if (!s->legacy_user[0] && s->legacy_password[0])
		what = "legacy-password is set, and no legacy-user";
	else if (!s->reliable && s->spill[0])
		what = "spill keeps what is not confirmed, and with reliable disable nothing is";
	else if (s->server_fingerprint[0] && strspn(s->server_fingerprint, "0123456789abcdef:") !=
						     strlen(s->server_fingerprint))
		what = "server-fingerprint is no SHA-256 in hexadecimal digits";
	else if (s->certificate_verification && !s->server_cert_ca[0] && !s->server_fingerprint[0])
		what = "nothing says how to know the server (server-cert-ca or "
		       "server-fingerprint): see sluice-send trust";
	else if (s->certificate_verification && !s->server_serial[0])
		what = "server-serial is not set: see sluice-send trust";
	if (!what)
		return 0;
	snprintf(err, size, "%s", what);
	return -1;
}

void settings_help(FILE *to)
{
	for (size_t i = 0; i < KEYS; i++) {
		const struct key *k = &keys[i];
		static const char *const what[] = {
			[TEXT] = "TEXT", [NUMBER] = "N", [SIZE] = "BYTES"};
		char head[80];

		snprintf(head, sizeof(head), "--%s %s", k->name,
			k->kind == WORD ? k->words : what[k->kind]);
		fprintf(to, "  %-46s %s", head, k->help);
		if (k->initial[0])
			fprintf(to, " [%s]", k->initial);
		fprintf(to, "\n");
	}
}
