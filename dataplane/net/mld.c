#include "dataplane/net/mld.h"

#include "dataplane/base/bytes.h"
#include "dataplane/net/checksum.h"
#include "dataplane/net/port.h"

#define QUERY1_LEN		24
#define QUERY2_LEN		28
#define ALERT_LEN		8
#define RECORD_LEN		20

#define UNSOLICITED_INTERVAL_US SECOND	       /* RFC 3810 9.11 */
#define V1_QUERIER_US		(260 * SECOND) /* 9.12: 2 times 125 s, and 10 s */

enum record_type {
	IS_EXCLUDE = 2, /* current state: everything from any source */
	TO_EXCLUDE = 4, /* the same, as a change */
};

static const struct ip_addr mld2_routers = {{0xff, 0x02, [15] = 0x16}};

void mld_init(struct mld_state *m)
{
	memset(m, 0, sizeof(*m));
	m->changed_at = m->queried_at = NEVER;
}

/* Two addresses that end alike share a group, which the first of them stands for. */
static unsigned representative(const struct net_port *p, unsigned i)
{
	for (unsigned k = p->own.v4_count; k < i; k++)
		if (memcmp(p->own.a[k].addr.b + 13, p->own.a[i].addr.b + 13, 3) == 0)
			return k;
	return i;
}

/* Opens a frame with IPv6 and router alert headers; returns where the message is to be written. */
static uint8_t *open_message(struct net_port *p, const struct ip_addr *dst, uint32_t len,
	const struct net_out *out, struct frame *f)
{
	static const uint8_t alert[ALERT_LEN] = {PROTO_ICMP6, 0, 5, 2, 0, 0, 1, 0};
	static const struct ip_addr unspecified;
	const struct ip_addr *src = &unspecified;
	uint8_t mac[6];

	if (own_is_valid(&p->own, p->own.link_local))
		src = &p->own.a[p->own.link_local].addr;
	send_group_mac(dst, mac);
	if (!frame_open(p, mac, ETH_TYPE_IP6, IP6_LEN + ALERT_LEN + len, out, f))
		return NULL;
	net_build_ip(f->l3, src, dst, PROTO_HOP_BY_HOP, ALERT_LEN + len);
	f->l3[7] = 1;
	memcpy(f->l3 + IP6_LEN, alert, ALERT_LEN);
	memset(f->l3 + IP6_LEN + ALERT_LEN, 0, len);
	return f->l3 + IP6_LEN + ALERT_LEN;
}

static void close_message(
	struct net_port *p, uint8_t *icmp, uint32_t len, struct frame *f, const struct net_out *out)
{
	uint64_t sum = net_sum_pseudo6(f->l3 + 8, PROTO_ICMP6, len);
	uint16_t c = (uint16_t)~net_sum_fold(net_sum(sum, icmp, len));

	memcpy(icmp + 2, &c, 2);
	p->count.nd_out++;
	frame_send(f, out);
}

static void report_v2(
	struct net_port *p, uint32_t groups, enum record_type type, const struct net_out *out)
{
	unsigned n = (unsigned)__builtin_popcount(groups);
	uint32_t len = ICMP_LEN + n * RECORD_LEN;
	struct frame f;
	uint8_t *icmp, *at;

	icmp = open_message(p, &mld2_routers, len, out, &f);
	if (!icmp)
		return;
	icmp[0] = MLD2_REPORT;
	store_be16(icmp + 6, (uint16_t)n);
	at = icmp + ICMP_LEN;
	for (unsigned i = 0; i < p->own.count; i++) {
		struct ip_addr group;

		if (!(groups >> i & 1))
			continue;
		group = own_solicited_node(&p->own.a[i].addr);
		at[0] = (uint8_t)type;
		memcpy(at + 4, group.b, 16);
		at += RECORD_LEN;
	}
	close_message(p, icmp, len, &f, out);
}

static void report_v1(struct net_port *p, uint32_t groups, const struct net_out *out)
{
	for (unsigned i = 0; i < p->own.count; i++) {
		struct ip_addr group;
		struct frame f;
		uint8_t *icmp;

		if (!(groups >> i & 1))
			continue;
		group = own_solicited_node(&p->own.a[i].addr);
		icmp = open_message(p, &group, QUERY1_LEN, out, &f);
		if (!icmp)
			return;
		icmp[0] = MLD1_REPORT;
		memcpy(icmp + 8, group.b, 16);
		close_message(p, icmp, QUERY1_LEN, &f, out);
	}
}

static void report(struct net_port *p, uint32_t groups, enum record_type type,
	const struct net_out *out, uint64_t now)
{
	if (groups == 0)
		return;
	if (now < p->mld.v1_until)
		report_v1(p, groups, out);
	else
		report_v2(p, groups, type, out);
}

static void report_again(struct net_port *p, uint32_t groups, uint64_t now)
{
	uint64_t at = now + port_random_below(p, UNSOLICITED_INTERVAL_US);

	p->mld.changed |= groups;
	if (at < p->mld.changed_at)
		p->mld.changed_at = at;
}

void mld_join(struct net_port *p, unsigned i, const struct net_out *out, uint64_t now)
{
	uint32_t bit = 1u << representative(p, i);

	p->mld.joined |= bit;
	report(p, bit, TO_EXCLUDE, out, now);
	/* A report may be lost: the robustness variable is 2. */
	report_again(p, bit, now);
}

void mld_has_source(struct net_port *p, uint64_t now)
{
	report_again(p, p->mld.joined, now);
}

/* RFC 3810 5.1.3: milliseconds, in floating point from 32768. */
static uint64_t max_delay_us(uint16_t code)
{
	uint64_t ms = code;

	if (code >= 0x8000)
		ms = (uint64_t)((code & 0xfff) | 0x1000) << (((code >> 12) & 7) + 3);
	return ms * 1000;
}

static uint32_t groups_asked(const struct net_port *p, const uint8_t *group)
{
	static const uint8_t any[16];

	if (memcmp(group, any, 16) == 0)
		return p->mld.joined;
	for (unsigned i = p->own.v4_count; i < p->own.count; i++) {
		struct ip_addr g = own_solicited_node(&p->own.a[i].addr);

		if (memcmp(g.b, group, 16) == 0)
			return p->mld.joined & 1u << representative(p, i);
	}
	return 0;
}

bool mld_input(struct net_port *p, const uint8_t *frame, struct net_ip *ip, uint64_t now)
{
	const uint8_t *icmp = frame + ip->l4_off;
	uint64_t delay, at;

	ip->reason = WIRE_bad_header;
	if (icmp[0] != MLD_QUERY)
		return true; /* reports are for routers */
	/* RFC 3810 section 6.2 */
	if (!own_link_local6(&ip->src) || ip->ttl != 1 || !ip->router_alert ||
		(ip->l4_len != QUERY1_LEN && ip->l4_len < QUERY2_LEN))
		return false;
	if (ip->l4_len == QUERY1_LEN) {
		p->mld.v1_until = now + V1_QUERIER_US;
		delay = load_be16(icmp + 4) * 1000ull;
	} else {
		delay = max_delay_us(load_be16(icmp + 4));
	}
	/* One answer for all that is asked until then: what a general query wants anyway. */
	p->mld.queried |= groups_asked(p, icmp + 8);
	at = now + port_random_below(p, delay);
	if (p->mld.queried != 0 && at < p->mld.queried_at)
		p->mld.queried_at = at;
	return true;
}

uint64_t mld_next_deadline(const struct net_port *p)
{
	return p->mld.changed_at < p->mld.queried_at ? p->mld.changed_at : p->mld.queried_at;
}

void mld_expire(struct net_port *p, const struct net_out *out, uint64_t now)
{
	struct mld_state *m = &p->mld;

	if (m->changed_at <= now) {
		report(p, m->changed, TO_EXCLUDE, out, now);
		m->changed = 0;
		m->changed_at = NEVER;
	}
	if (m->queried_at <= now) {
		report(p, m->queried, IS_EXCLUDE, out, now);
		m->queried = 0;
		m->queried_at = NEVER;
	}
}
