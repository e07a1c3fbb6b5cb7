/*
 * Shapes as fortinet devices write them (6.4 and later: devname, devid, eventtime, tz, logid, type,
 * subtype, level, vd). Three of four lines are traffic, one in five is utm, the rest are events.
 */
#include "bench/load/template.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bench/load/lines.h"

struct out {
	char *to;
	uint32_t len;
	struct rng *r;
};

__attribute__((format(printf, 2, 3))) static void put(struct out *o, const char *fmt, ...)
{
	uint32_t room = LINES_MAX - TEMPLATE_TAIL - o->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(o->to + o->len, room, fmt, ap);
	va_end(ap);
	/* A field that does not fit is left out. */
	if (n > 0 && (uint32_t)n < room)
		o->len += (uint32_t)n;
}

#define PICK(r, list) (list)[rng_skewed((r), sizeof(list) / sizeof((list)[0]))]

static const char *const services[] = {"HTTPS", "DNS", "HTTP", "NTP", "SSH", "SMB", "QUIC", "LDAP",
	"SNMP", "IMAPS", "RDP", "SMTP", "KERBEROS", "SYSLOG", "tcp/8443", "udp/3478"};
static const uint16_t service_ports[] = {
	443, 53, 80, 123, 22, 445, 443, 389, 161, 993, 3389, 25, 88, 514, 8443, 3478};
static const char *const countries[] = {"United States", "Germany", "Netherlands", "Ireland",
	"United Kingdom", "France", "Singapore", "Japan", "Sweden", "Brazil", "India", "Reserved"};
static const char *const apps[] = {"HTTPS.BROWSER", "DNS", "Microsoft.Office.365",
	"Google.Services", "SSL_TLSv1.3", "YouTube", "Microsoft.Teams", "QUIC", "Amazon.AWS",
	"Zoom", "Dropbox", "GitHub", "Windows.Update", "Akamai-CDN"};
static const char *const categories[] = {"Network.Service", "Web.Client", "Collaboration",
	"Video/Audio", "Cloud.IT", "Storage.Backup", "Update", "unscanned"};
static const char *const hosts[] = {"www.example.com", "login.example.net",
	"cdn.static.example.org", "outlook.office.example", "api.payments.example",
	"updates.vendor.example", "img3.shop.example.com", "telemetry.apps.example.net",
	"storage-eu-west.cloud.example",
	"a.very.long.host.name.of.some.content.delivery.network.example.com"};
static const char *const web_categories[] = {"Information Technology", "Business",
	"Search Engines and Portals", "Streaming Media and Download", "Social Networking",
	"Web-based Email", "Shopping", "Advertising", "Newly Observed Domain",
	"Malicious Websites"};
static const char *const attacks[] = {"HTTP.URI.SQL.Injection", "Apache.Log4j.Error.Log.RCE",
	"TCP.Split.Handshake", "SSH.Brute.Force", "PHP.Code.Injection",
	"Web.Server.Password.Disclosure"};
static const char *const agents[] = {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36",
	"curl/7.88.1", "Microsoft-CryptoAPI/10.0", "okhttp/4.12.0",
	"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"};
static const char *const actions[] = {"accept", "close", "client-rst", "server-rst", "timeout"};
static const char *const vdoms[] = {"root", "root", "OPERATIONAL", "guest-wifi", "dmz"};

static unsigned any(struct out *o, uint32_t n)
{
	return rng_below(o->r, n);
}

/* Lengths of sessions, bytes and such: as many of one digit as of two, and so on. */
static uint64_t magnitude(struct out *o, unsigned bits)
{
	unsigned b = 1 + any(o, bits);

	return (rng_next(o->r) >> 8) & ((UINT64_C(1) << b) - 1);
}

static void inside(struct out *o, char ip[16])
{
	uint32_t host = rng_skewed(o->r, 4000);

	snprintf(ip, 16, "10.%u.%u.%u", any(o, 4), host / 250, 1 + host % 250);
}

static void outside(struct out *o, char ip[16])
{
	static const char *const nets[] = {"203.0.113", "198.51.100", "192.0.2"};

	if (any(o, 3) > 0)
		snprintf(ip, 16, "%s.%u", PICK(o->r, nets), 1 + any(o, 254));
	else
		snprintf(ip, 16, "%u.%u.%u.%u", 11 + any(o, 180), any(o, 256), any(o, 256),
			1 + any(o, 254));
}

static void uuid(struct out *o, const char *key)
{
	uint64_t a = rng_mix(rng_skewed(o->r, 200)); /* of a policy: there are not many */
	uint64_t b = rng_mix(a);

	put(o, " %s=\"%08x-%04x-51e%x-%04x-%012llx\"", key, (uint32_t)a,
		(uint32_t)(a >> 32) & 0xffff, (uint32_t)(a >> 60), (uint32_t)b & 0xffff,
		(unsigned long long)(b >> 16));
}

/* PRI to eventtime's value, in fixed places, then what every log has. */
static void head(struct out *o, unsigned severity, const char *level, const char *logid,
	const char *type, const char *subtype)
{
	put(o,
		"<%u>date=2026-11-21 time=10:00:00 devname=\"fw-00000000\" "
		"devid=\"FGT60FTK00000000\" eventtime=1795255200000000000",
		184 + severity);
	put(o, " tz=\"+0000\" logid=\"%s\" type=\"%s\" subtype=\"%s\" level=\"%s\" vd=\"%s\"",
		logid, type, subtype, level, PICK(o->r, vdoms));
}

static unsigned endpoints(struct out *o)
{
	unsigned service = rng_skewed(o->r, sizeof(services) / sizeof(services[0]));
	char src[16], dst[16];

	bool roles = any(o, 4) == 0; /* older devices do not write them */

	inside(o, src);
	outside(o, dst);
	put(o, " srcip=%s srcport=%u srcintf=\"port%u\"%s", src, 1024 + any(o, 64000),
		1 + rng_skewed(o->r, 8), roles ? " srcintfrole=\"lan\"" : "");
	put(o, " dstip=%s dstport=%u dstintf=\"wan%u\"%s", dst, service_ports[service],
		1 + rng_skewed(o->r, 2), roles ? " dstintfrole=\"wan\"" : "");
	return service;
}

static void user(struct out *o)
{
	if (any(o, 8) == 0)
		put(o, " user=\"user%04u\" group=\"staff-%u\" authserver=\"ldap-%u\"",
			rng_skewed(o->r, 3000), rng_skewed(o->r, 12), rng_skewed(o->r, 2));
}

static void traffic(struct out *o)
{
	bool deny = any(o, 5) == 0;
	const char *action = deny ? "deny" : PICK(o->r, actions);
	bool local = any(o, 6) == 0;
	unsigned service;

	head(o, 5, "notice", local ? "0001000014" : "0000000013", "traffic",
		local ? "local" : "forward");
	service = endpoints(o);
	if (any(o, 5) == 0)
		put(o, " dstcountry=\"%s\"", PICK(o->r, countries));
	put(o, " sessionid=%u", (uint32_t)rng_next(o->r));
	put(o, " proto=%u action=\"%s\" policyid=%u%s",
		service == 1 || service == 3 || service == 8 ? 17 : 6, action,
		deny ? 0 : 1 + rng_skewed(o->r, 120),
		local ? " policytype=\"local-in-policy\"" : "");
	if (!local && any(o, 10) == 0)
		uuid(o, "poluuid");
	user(o);
	put(o, " service=\"%s\" trandisp=\"%s\"", services[service],
		deny || local ? "noop" : "snat");
	if (!deny && !local && any(o, 8) == 0)
		put(o, " transip=198.51.100.%u transport=%u", 1 + rng_skewed(o->r, 8),
			1024 + any(o, 64000));
	if (!local && any(o, 6) == 0)
		put(o, " appid=%u app=\"%s\" appcat=\"%s\" apprisk=\"%s\"",
			15000 + rng_skewed(o->r, 400), PICK(o->r, apps), PICK(o->r, categories),
			any(o, 4) ? "elevated" : "medium");
	if (deny) {
		put(o, " sentbyte=%llu appcat=\"unscanned\"", (unsigned long long)magnitude(o, 10));
		return;
	}
	put(o, " duration=%llu sentbyte=%llu rcvdbyte=%llu", (unsigned long long)magnitude(o, 10),
		(unsigned long long)magnitude(o, 20), (unsigned long long)magnitude(o, 24));
	if (any(o, 4) == 0)
		put(o, " sentpkt=%llu rcvdpkt=%llu", (unsigned long long)magnitude(o, 10),
			(unsigned long long)magnitude(o, 12));
	if (any(o, 12) == 0)
		put(o, " utmaction=\"allow\" countapp=%u crscore=%u craction=%u crlevel=\"low\"",
			1 + any(o, 3), 5 * any(o, 7), 1u << any(o, 19));
	if (any(o, 14) == 0)
		put(o,
			" osname=\"Windows\" srcswversion=\"10\" "
			"mastersrcmac=\"02:09:0f:%02x:%02x:%02x\" "
			"srcmac=\"02:09:0f:%02x:%02x:%02x\" srcserver=0",
			any(o, 8), any(o, 256), any(o, 256), any(o, 8), any(o, 256), any(o, 256));
	put(o, " appcat=\"%s\"", PICK(o->r, categories));
}

static void web(struct out *o)
{
	bool blocked = any(o, 8) == 0;
	const char *host = PICK(o->r, hosts);
	char path[401];
	uint32_t n = 1 + rng_skewed(o->r, 400);

	head(o, blocked ? 4 : 5, blocked ? "warning" : "notice",
		blocked ? "0316013056" : "0317013312", "utm", "webfilter");
	put(o, " eventtype=\"%s\" policyid=%u sessionid=%u", blocked ? "ftgd_blk" : "ftgd_allow",
		1 + rng_skewed(o->r, 120), (uint32_t)rng_next(o->r));
	user(o);
	(void)endpoints(o);
	for (uint32_t i = 0; i < n; i++)
		path[i] = "abcdefghijklmnopqrstuvwxyz0123456789/-_=&%."[any(o, 43)];
	path[n] = '\0';
	put(o, " proto=6 service=\"HTTPS\" hostname=\"%s\" profile=\"default\" action=\"%s\"", host,
		blocked ? "blocked" : "passthrough");
	put(o, " reqtype=\"direct\" url=\"https://%s/%s\" sentbyte=%llu rcvdbyte=%llu", host, path,
		(unsigned long long)magnitude(o, 12), (unsigned long long)magnitude(o, 16));
	put(o, " direction=\"outgoing\" method=\"domain\" cat=%u catdesc=\"%s\"", 1 + any(o, 90),
		PICK(o->r, web_categories));
	if (any(o, 2))
		put(o, " agent=\"%s\"", PICK(o->r, agents));
	put(o, " msg=\"URL belongs to %s category in policy\"",
		blocked ? "a denied" : "an allowed");
}

static void dns(struct out *o)
{
	head(o, 6, "information", "1501054802", "utm", "dns");
	put(o, " eventtype=\"dns-response\" policyid=%u sessionid=%u", 1 + rng_skewed(o->r, 120),
		(uint32_t)rng_next(o->r));
	(void)endpoints(o);
	put(o,
		" proto=17 profile=\"default\" xid=%u qname=\"%s\" qtype=\"%s\" qtypeval=%u "
		"qclass=\"IN\" "
		"ipaddr=\"203.0.113.%u\" action=\"pass\" cat=%u catdesc=\"%s\" msg=\"Domain is "
		"monitored\"",
		any(o, 65536), PICK(o->r, hosts), any(o, 4) ? "A" : "AAAA", any(o, 4) ? 1 : 28,
		any(o, 256), 1 + any(o, 90), PICK(o->r, web_categories));
}

static void app_or_ips(struct out *o)
{
	bool ips = any(o, 4) == 0;

	head(o, ips ? 1 : 6, ips ? "alert" : "information", ips ? "0419016384" : "1059028704",
		"utm", ips ? "ips" : "app-ctrl");
	put(o, " eventtype=\"signature\"");
	if (ips)
		put(o, " severity=\"%s\"", any(o, 3) ? "medium" : "high");
	(void)endpoints(o);
	put(o, " sessionid=%u policyid=%u proto=6 service=\"HTTP\"", (uint32_t)rng_next(o->r),
		1 + rng_skewed(o->r, 120));
	uuid(o, "poluuid");
	put(o, " policytype=\"policy\" action=\"%s\" hostname=\"%s\" url=\"/index?id=%u\"",
		ips ? "detected" : "pass", PICK(o->r, hosts), (uint32_t)rng_next(o->r));
	put(o, " agent=\"%s\" direction=\"outgoing\"", PICK(o->r, agents));
	if (ips)
		put(o,
			" attack=\"%s\" attackid=%u profile=\"protect\" "
			"ref=\"http://www.fortinet.example/ids/VID%u\" "
			"incidentserialno=%u crscore=30 craction=8192 crlevel=\"high\"",
			PICK(o->r, attacks), 10000 + any(o, 50000), 10000 + any(o, 50000),
			(uint32_t)rng_next(o->r));
	else
		put(o, " appid=%u app=\"%s\" appcat=\"%s\" apprisk=\"elevated\" scertcname=\"%s\"",
			15000 + rng_skewed(o->r, 400), PICK(o->r, apps), PICK(o->r, categories),
			PICK(o->r, hosts));
	put(o, " msg=\"%s: matched\"", ips ? "web_misc" : "application");
}

static void event(struct out *o)
{
	char ip[16];

	outside(o, ip);
	if (any(o, 2) == 0) {
		head(o, 3, "error", "0101037124", "event", "vpn");
		put(o,
			" logdesc=\"IPsec phase 1 error\" action=\"negotiate\" remip=%s "
			"locip=198.51.100.%u "
			"remport=500 locport=500 outintf=\"wan1\" "
			"cookies=\"%016llx/0000000000000000\" "
			"user=\"N/A\" group=\"N/A\" xauthuser=\"N/A\" xauthgroup=\"N/A\" "
			"assignip=N/A "
			"vpntunnel=\"branch-%u\" status=\"negotiate_error\" "
			"reason=\"peer SA proposal not match local policy\"",
			ip, 1 + any(o, 8), (unsigned long long)rng_next(o->r),
			rng_skewed(o->r, 300));
		return;
	}
	head(o, 1, "alert", "0100032002", "event", "system");
	put(o,
		" logdesc=\"Admin login failed\" sn=\"0\" user=\"admin%u\" ui=\"https(%s)\" "
		"method=\"https\" "
		"srcip=%s dstip=198.51.100.%u action=\"login\" status=\"failed\" "
		"reason=\"passwd_invalid\" "
		"msg=\"Administrator admin login failed from https(%s) because of invalid "
		"password\"",
		rng_skewed(o->r, 9), ip, ip, 1 + any(o, 8), ip);
}

uint16_t template_make(char *to, struct rng *r)
{
	struct out o = {.to = to, .r = r};
	unsigned kind = rng_below(r, 100);

	if (kind < 75)
		traffic(&o);
	else if (kind < 85)
		web(&o);
	else if (kind < 91)
		dns(&o);
	else if (kind < 96)
		app_or_ips(&o);
	else
		event(&o);
	o.len += TEMPLATE_TAIL;
	if (o.len < LINES_MIN) {
		template_stretch(to, (uint16_t)o.len, LINES_MIN, r);
		o.len = LINES_MIN;
	}
	return (uint16_t)o.len;
}

void template_stretch(char *to, uint16_t len, uint16_t wanted, struct rng *r)
{
	/* Every line ends in a quoted value. */
	uint32_t quote = len - TEMPLATE_TAIL - 1u;
	uint32_t more = (uint32_t)(wanted - len);

	for (uint32_t i = 0; i < more; i++)
		to[quote + i] = (char)('a' + rng_below(r, 26));
	to[quote + more] = '"';
}
