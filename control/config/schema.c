#include "control/config/schema.h"

#include <regex.h>
#include <string.h>

#define COUNT(a)     (sizeof(a) / sizeof((a)[0]))
#define SIZEOF(s, f) sizeof(((s *)0)->f)
#define AT(s, f)     .offset = offsetof(s, f), .size = SIZEOF(s, f)
#define CFG(f)	     AT(struct config, f)
#define PORT(f)	     AT(struct dp_port_config, f)
#define SECTION(n, t)                                                                              \
	{                                                                                          \
		.name = (n), .sub = (t)                                                            \
	}
#define WORD(n, v)                                                                                 \
	{                                                                                          \
		.name = (n), .value = (v)                                                          \
	}
#define LATER(n, v)                                                                                \
	{                                                                                          \
		.name = (n), .value = (v), .later = true                                           \
	}
#define LIST(s, f, c, e)                                                                           \
	.type = &config_list, .elem = &(e), AT(s, f), .elem_size = SIZEOF(s, f[0]),                \
	.count_offset = offsetof(s, c)

#define US	1ull
#define MS	(1000 * US)
#define S	(1000 * MS)
#define DAY	(86400 * S)
#define KIB	(1ull << 10)
#define MIB	(1ull << 20)
#define GIB	(1ull << 30)
#define TIB	(1ull << 40)
#define FOREVER (36500 * DAY)

static bool made_of(const char *text, const char *others)
{
	for (; *text; text++) {
		bool alnum = (*text >= '0' && *text <= '9') || (*text >= 'a' && *text <= 'z') ||
			     (*text >= 'A' && *text <= 'Z');

		if (!alnum && !strchr(others, *text))
			return false;
	}
	return true;
}

static bool valid_name(const char *text)
{
	return made_of(text, "._-");
}

static bool valid_serial(const char *text)
{
	if (strcmp(text, "auto") == 0)
		return true;
	for (const char *p = text; *p; p++)
		if (*p >= 'a' && *p <= 'z')
			return false;
	return strlen(text) >= 8 && made_of(text, "-");
}

/* ASCII only: what is printed by --print-config must load back, and UTF-8 has line breaks too. */
static bool valid_printable(const char *text)
{
	for (; *text; text++)
		if (*text < 0x20 || *text > 0x7e)
			return false;
	return true;
}

static bool valid_path(const char *text)
{
	return text[0] == '/' && valid_printable(text);
}

/* Options for which there is a key of our own: given twice, EAL would take either. */
static bool valid_eal_arg(const char *text)
{
	static const char *const ours[] = {"--file-prefix", "--no-huge", "--socket-mem", "--lcores",
		"--main-lcore", "--proc-type", "--in-memory", "-l", "-c", "-m", "-s"};

	for (size_t i = 0; i < COUNT(ours); i++) {
		size_t n = strlen(ours[i]);

		if (strncmp(text, ours[i], n) == 0 &&
			(ours[i][1] != '-' || text[n] == '\0' || text[n] == '='))
			return false;
	}
	return valid_printable(text);
}

static bool valid_pattern(const char *text)
{
	regex_t re;

	if (!valid_printable(text) || regcomp(&re, text, REG_EXTENDED | REG_NOSUB) != 0)
		return false;
	regfree(&re);
	return true;
}

static const struct config_key node_keys[] = {
	{"name", &config_string, CFG(node.name), .fallback = "fw-logs-1", .min = 1,
		.valid = valid_name, .expect = "a name of letters, digits, '.', '_' and '-'"},
	{"serial", &config_string, CFG(node.serial), .fallback = "auto", .min = 1,
		.valid = valid_serial, .expect = "`auto`, or 8 to 24 of A-Z, 0-9 and '-'"},
	{0},
};

static const struct config_key port_keys[] = {
	{"name", &config_string, PORT(name), .flags = KEY_REQUIRED, .min = 1, .valid = valid_name,
		.expect = "a name of letters, digits, '.', '_' and '-'"},
	{"devargs", &config_string, PORT(devargs), .flags = KEY_REQUIRED, .min = 1,
		.valid = valid_printable,
		.expect = "a PCI address or a virtual device with its arguments, in ASCII"},
	{"addresses", LIST(struct dp_port_config, addresses, addresses_count, config_cidr),
		.flags = KEY_REQUIRED | KEY_NONEMPTY},
	{"gateways", LIST(struct dp_port_config, gateways, gateways_count, config_gateway),
		.fallback = "[]"},
	{"vlan", &config_number, PORT(vlan), .fallback = "none", .min = 1, .max = 4094,
		.word = "none", .word_value = NET_VLAN_NONE},
	{"mtu", &config_number, PORT(mtu), .fallback = "1500", .min = 576, .max = 9600},
	{"queues", &config_number, PORT(queues), .fallback = "auto", .min = 1, .max = 64,
		.word = "auto"},
	{0},
};

static const struct config_word huge_words[] = {
	WORD("auto", DP_HUGE_AUTO), WORD("on", DP_HUGE_ON), WORD("off", DP_HUGE_OFF), {0}};

static const struct config_key eal_keys[] = {
	{"huge", &config_enum, CFG(eal.huge), .fallback = "auto", .words = huge_words},
	{"memory", &config_size, CFG(eal.memory), .fallback = "512MiB", .min = 64 * MIB, .max = TIB,
		.step = MIB},
	{"file-prefix", &config_string, CFG(eal.file_prefix), .fallback = "auto", .min = 1,
		.valid = valid_name, .expect = "`auto`, or letters, digits, '.', '_' and '-'"},
	{"args", LIST(struct config, eal.args.v, eal.args.count, config_string), .fallback = "[]",
		.min = 1, .valid = valid_eal_arg,
		.expect = "an EAL option for which there is no key here (eal.huge, eal.memory, "
			  "eal.file-prefix, cores.rx, cores.workers)"},
	{0},
};

static const struct config_word poll_words[] = {WORD("adaptive", DP_POLL_ADAPTIVE),
	WORD("busy", DP_POLL_BUSY), WORD("shared", DP_POLL_SHARED), {0}};

static const struct config_key cores_keys[] = {
	{"rx", LIST(struct config, cores.rx.v, cores.rx.count, config_number), .fallback = "auto",
		.flags = KEY_NONEMPTY, .max = 1023, .word = "auto"},
	{"workers", LIST(struct config, cores.workers.v, cores.workers.count, config_number),
		.fallback = "auto", .flags = KEY_NONEMPTY, .max = 1023, .word = "auto"},
	{"compressors", &config_number, CFG(cores.compressors), .fallback = "auto", .max = 32,
		.word = "auto", .word_value = UINT32_MAX},
	{"poll", &config_enum, CFG(cores.poll), .fallback = "adaptive", .words = poll_words},
	{0},
};

static const struct config_word cleartext_words[] = {WORD("udp-syslog", DP_CLEAR_UDP_SYSLOG),
	WORD("tcp-syslog", DP_CLEAR_TCP_SYSLOG), WORD("relp", DP_CLEAR_RELP), {0}};
static const struct config_word unknown_words[] = {WORD("accept", DP_UNKNOWN_ACCEPT),
	WORD("pending", DP_UNKNOWN_PENDING), WORD("drop", DP_UNKNOWN_DROP), {0}};
static const struct config_word client_words[] = {WORD("require", CONFIG_CLIENT_CERT_REQUIRE),
	WORD("optional", CONFIG_CLIENT_CERT_OPTIONAL), {0}};
static const struct config_word tls_name_words[] = {
	WORD("serial", CONFIG_TLS_NAME_SERIAL), WORD("dns", CONFIG_TLS_NAME_DNS), {0}};

static const struct config_key listen_keys[] = {
	{"ports", LIST(struct config, listen.ports.v, listen.ports.count, config_number),
		.fallback = "[514, 6514, 2514]", .flags = KEY_NONEMPTY, .min = 1, .max = 65535},
	{"cleartext", &config_words, CFG(listen.cleartext), .fallback = "[udp-syslog, tcp-syslog]",
		.flags = KEY_LIVE, .words = cleartext_words},
	{"allow", LIST(struct config, listen.allow.v, listen.allow.count, config_prefix),
		.fallback = "[0.0.0.0/0, \"::/0\"]", .flags = KEY_LIVE | KEY_NONEMPTY},
	{"unknown-source", &config_enum, CFG(listen.unknown_source), .fallback = "accept",
		.flags = KEY_LIVE, .words = unknown_words},
	{"trust-devid",
		LIST(struct config, listen.trust_devid.v, listen.trust_devid.count, config_prefix),
		.fallback = "[]", .flags = KEY_LIVE},
	{"tls-client-certificate", &config_enum, CFG(listen.tls_client_certificate),
		.fallback = "require", .flags = KEY_LIVE, .words = client_words},
	{"tls-names", &config_words, CFG(listen.tls_names), .fallback = "[serial]",
		.flags = KEY_LIVE, .words = tls_name_words},
	{0},
};

static const struct config_key control_keys[] = {
	{"socket", &config_string, CFG(control.socket), .fallback = CONFIG_DEFAULT_SOCKET, .min = 2,
		.valid = valid_path, .expect = "an absolute path of printable ASCII"},
	{0},
};

static const struct config_key retention_keys[] = {
	{"age", &config_duration, CFG(journal.retention_age), .fallback = "90d", .flags = KEY_LIVE,
		.min = 60 * S, .max = FOREVER, .step = S, .word = "none",
		.word_value = CONFIG_NEVER},
	{"size", &config_retention, CFG(journal.retention_size), .fallback = "80%",
		.flags = KEY_LIVE, .min = MIB, .max = UINT64_MAX},
	{0},
};

static const struct config_key journal_keys[] = {
	{"dir", &config_string, CFG(journal.dir), .fallback = "/var/lib/sluice/journal", .min = 2,
		.valid = valid_path, .expect = "an absolute path of printable ASCII"},
	{"block-size", &config_size, CFG(journal.block_size), .fallback = "1MiB", .min = 64 * KIB,
		.max = 16 * MIB},
	{"pool", &config_size, CFG(journal.pool), .fallback = "128MiB", .min = MIB, .max = TIB},
	{"commit-interval", &config_duration, CFG(journal.commit_interval), .fallback = "1ms",
		.flags = KEY_LIVE, .min = 10 * US, .max = S},
	{"commit-interval-unacked", &config_duration, CFG(journal.commit_interval_unacked),
		.fallback = "50ms", .flags = KEY_LIVE, .min = 10 * US, .max = 10 * S},
	{"segment-size", &config_size, CFG(journal.segment_size), .flags = KEY_LIVE,
		.fallback = "256MiB", .min = MIB, .max = TIB},
	{"segment-age", &config_duration, CFG(journal.segment_age), .flags = KEY_LIVE,
		.fallback = "1h", .min = S, .max = 365 * DAY, .step = S},
	{"min-free", &config_size, CFG(journal.min_free), .flags = KEY_LIVE, .fallback = "1GiB",
		.max = UINT64_MAX},
	SECTION("retention", retention_keys),
	{"stream-retention", &config_duration, CFG(journal.stream_retention), .flags = KEY_LIVE,
		.fallback = "400d", .min = 3600 * S, .max = FOREVER, .step = S},
	{"compaction-level", &config_number, CFG(journal.compaction_level), .flags = KEY_LIVE,
		.fallback = "9", .max = 19, .word = "none", .word_value = 0},
	{0},
};

static const struct config_word tls_version_words[] = {
	WORD("tls1.2", CONFIG_TLS1_2), WORD("tls1.3", CONFIG_TLS1_3), {0}};
static const struct config_word enc_words[] = {WORD("high", CONFIG_ENC_HIGH),
	WORD("medium", CONFIG_ENC_MEDIUM), WORD("low", CONFIG_ENC_LOW), {0}};

static const struct config_key context_keys[] = {
	{"sni", &config_string, AT(struct config_tls_context, sni), .flags = KEY_REQUIRED, .min = 1,
		.valid = valid_name, .expect = "`default` or a server name"},
	{"identity", &config_string, AT(struct config_tls_context, identity), .flags = KEY_REQUIRED,
		.min = 1, .valid = valid_name, .expect = "the name of an identity"},
	{0},
};

static const struct config_key tls_keys[] = {
	{"min-proto-version", &config_enum, CFG(tls.min_proto_version), .fallback = "tls1.2",
		.flags = KEY_LIVE, .words = tls_version_words},
	{"enc-algorithm", &config_enum, CFG(tls.enc_algorithm), .fallback = "high",
		.flags = KEY_LIVE, .words = enc_words},
	{"contexts", LIST(struct config, tls.contexts.v, tls.contexts.count, config_map),
		.sub = context_keys, .fallback = "[{sni: default, identity: node}]",
		.flags = KEY_LIVE | KEY_NONEMPTY},
	{0},
};

static const struct config_key auth_keys[] = {
	{"serial-pattern", &config_string, CFG(auth.serial_pattern),
		.fallback = "\"[A-Z0-9-]{8,24}\"", .flags = KEY_LIVE, .min = 1,
		.valid = valid_pattern,
		.expect = "a POSIX extended regular expression for the whole name"},
	{"pending-hold", &config_duration, CFG(auth.pending_hold), .fallback = "60s",
		.flags = KEY_LIVE, .min = S, .max = DAY},
	{0},
};

static const struct config_key limits_keys[] = {
	{"sessions", &config_number, CFG(limits.sessions), .fallback = "20000", .flags = KEY_LIVE,
		.min = 1, .max = 1000000},
	{"devices", &config_number, CFG(limits.devices), .fallback = "100000", .min = 1,
		.max = 1000000},
	{"message-size", &config_size, CFG(limits.message_size), .fallback = "64KiB",
		.flags = KEY_LIVE, .min = KIB, .max = 256 * KIB},
	{"device-rate", &config_rate, CFG(limits.device_rate), .fallback = "none",
		.flags = KEY_LIVE, .min = 1, .max = 100000000, .word = "none"},
	{"device-streams", &config_number, CFG(limits.device_streams), .fallback = "1024",
		.flags = KEY_LIVE, .min = 64, .max = 1 << 20},
	{"pending-per-source", &config_number, CFG(limits.pending_per_source), .fallback = "256",
		.flags = KEY_LIVE, .min = 1, .max = 1 << 20},
	{"half-open", &config_number, CFG(limits.half_open), .fallback = "16384", .min = 16,
		.max = 1 << 20},
	{"time-wait", &config_number, CFG(limits.time_wait), .fallback = "16384", .min = 16,
		.max = 1 << 20},
	{"tcp-receive", &config_size, CFG(limits.tcp_receive), .fallback = "1MiB",
		.min = 4 * DP_MESSAGE_SIZE_MAX, .max = 16 * MIB},
	{"neighbours", &config_number, CFG(limits.neighbours), .fallback = "4096", .min = 16,
		.max = 65536},
	{"reassembly", &config_size, CFG(limits.reassembly), .fallback = "8MiB", .min = MIB,
		.max = 256 * MIB},
	{"reassembly-per-source", &config_number, CFG(limits.reassembly_per_source),
		.fallback = "64", .min = 1, .max = 1024},
	{"icmp-rate", &config_rate, CFG(limits.icmp_rate), .fallback = "1000/s", .min = 1,
		.max = 100000},
	{"handshakes", &config_number, CFG(limits.handshakes), .fallback = "1024",
		.flags = KEY_LIVE, .min = 1, .max = 1 << 20},
	{"handshake-rate", &config_rate, CFG(limits.handshake_rate), .fallback = "500/s",
		.flags = KEY_LIVE, .min = 1, .max = 1000000, .word = "none"},
	{"handshake-timeout", &config_duration, CFG(limits.handshake_timeout), .fallback = "10s",
		.flags = KEY_LIVE, .min = S, .max = 3600 * S},
	{"idle-timeout", &config_duration, CFG(limits.idle_timeout), .fallback = "1d",
		.flags = KEY_LIVE, .min = S, .max = 365 * DAY, .step = S, .word = "none",
		.word_value = CONFIG_NEVER},
	{"unfinished-timeout", &config_duration, CFG(limits.unfinished_timeout), .fallback = "1m",
		.flags = KEY_LIVE, .min = S, .max = 365 * DAY, .step = S, .word = "none",
		.word_value = CONFIG_NEVER},
	{0},
};

static const struct config_key metrics_keys[] = {
	{"listen", &config_endpoint, CFG(metrics.listen), .fallback = "127.0.0.1:9514"},
	{0},
};

static const struct config_key licence_keys[] = {
	{"mode", &config_only_default, .fallback = "none", .flags = KEY_LATER},
	{0},
};

const struct config_key config_schema[] = {
	SECTION("node", node_keys),
	{"ports", LIST(struct config, ports, ports_count, config_map), .sub = port_keys,
		.flags = KEY_REQUIRED | KEY_NONEMPTY | KEY_SPLIT,
		.fallback = "[{name: data0, devargs: \"net_tap0,iface=sluice0\", addresses: "
			    "[192.0.2.2/24, \"2001:db8::2/64\"], gateways: [192.0.2.1, "
			    "\"2001:db8::1\"]}]"},
	SECTION("eal", eal_keys),
	SECTION("cores", cores_keys),
	SECTION("listen", listen_keys),
	SECTION("control", control_keys),
	SECTION("journal", journal_keys),
	SECTION("tls", tls_keys),
	SECTION("auth", auth_keys),
	SECTION("limits", limits_keys),
	SECTION("metrics", metrics_keys),
	{"sinks", &config_only_default, .fallback = "[]", .flags = KEY_LATER},
	SECTION("licence", licence_keys),
	{0},
};
