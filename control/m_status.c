/* status, version, port.list */
#include <stdio.h>

#include "control/m_device.h"
#include "control/shapes.h"

static json_t *port_state(const struct dp_port_info *p)
{
	char mac[18];
	json_t *addresses = json_array();

	for (unsigned i = 0; i < p->addresses_count; i++)
		json_array_append_new(addresses, json_pack("{s:o,s:s}", "address",
							 shape_prefix(&p->addresses[i].addr.addr,
								 p->addresses[i].addr.prefix_len),
							 "state", p->addresses[i].state));
	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", p->mac[0], p->mac[1], p->mac[2],
		p->mac[3], p->mac[4], p->mac[5]);
	return json_pack("{s:s,s:b,s:o,s:s,s:o}", "name", p->name, "up", p->up, "speed_mbps",
		p->speed_mbps ? json_integer(p->speed_mbps) : json_null(), "mac", mac, "addresses",
		addresses);
}

static json_t *ports_json(struct control *c, json_t *(*one)(const struct dp_port_info *p))
{
	struct dp_port_info ports[DP_MAX_PORTS];
	unsigned n = dp_ports(c->dp, ports, DP_MAX_PORTS);
	json_t *list = json_array();

	for (unsigned i = 0; i < n && i < DP_MAX_PORTS; i++)
		json_array_append_new(list, one(&ports[i]));
	return list;
}

static json_t *net_json(const struct net_counters *n)
{
	const struct {
		const char *name;
		uint64_t value;
	} v[] = {
		{"arp_in", n->arp_in},
		{"arp_out", n->arp_out},
		{"nd_in", n->nd_in},
		{"nd_out", n->nd_out},
		{"icmp_in", n->icmp_in},
		{"icmp_out", n->icmp_out},
		{"icmp_limited", n->icmp_limited},
		{"echo", n->echo},
		{"neighbours", n->neighbours},
		{"neighbours_full", n->neighbours_full},
		{"neighbour_changes", n->neighbour_changes},
		{"unresolved_dropped", n->unresolved_dropped},
		{"dad_conflicts", n->dad_conflicts},
		{"fragments", n->fragments},
		{"reassembled", n->reassembled},
		{"frag_timeout", n->frag_timeout},
		{"frag_overflow", n->frag_overflow},
		{"frag_overlap", n->frag_overlap},
		{"frag_duplicates", n->frag_duplicates},
		{"reassembly_bytes", n->reassembly_bytes},
	};
	json_t *o = json_object();

	for (unsigned i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		json_object_set_new(o, v[i].name, json_integer((json_int_t)v[i].value));
	return o;
}

static json_t *port_whole(const struct dp_port_info *p)
{
	json_t *o = port_state(p);
	json_t *more = json_pack("{s:s,s:s,s:i,s:o,s:i,s:i,s:b,s:b,s:b,s:o,s:I,s:I,s:I,s:o}",
		"driver", p->driver, "devargs", p->devargs, "mtu", p->mtu, "vlan",
		p->vlan == NET_VLAN_NONE ? json_null() : json_integer(p->vlan), "rx_queues",
		p->rx_queues, "tx_queues", p->tx_queues, "rx_csum_offload", p->rx_csum_offload,
		"tx_csum_offload", p->tx_csum_offload, "rx_interrupts", p->rx_interrupts, "wire",
		shape_wire(&p->wire), "tx_packets", (json_int_t)p->tx_packets, "tx_bytes",
		(json_int_t)p->tx_bytes, "tx_dropped", (json_int_t)p->tx_dropped, "net",
		net_json(&p->net));

	json_object_update(o, more);
	json_decref(more);
	return o;
}

void m_port_list(struct call *call)
{
	call_result(call,
		json_pack("{s:i,s:o}", "schema", 1, "ports", ports_json(call->c, port_whole)));
}

static json_t *journal_brief(struct control *c)
{
	struct journal_status st;

	journal_status(dp_journal(c->dp), &st);
	return json_pack("{s:s,s:I,s:I,s:I,s:I}", "state", journal_state_name(st.state),
		"durable_block", (json_int_t)st.durable_block, "logs", (json_int_t)st.durable_logs,
		"bytes", (json_int_t)st.bytes, "free_bytes", (json_int_t)st.free_bytes);
}

static json_t *settings_brief(const struct control *c)
{
	json_t *o = json_object();

	for (unsigned i = 0; i < SETTING_COUNT; i++)
		json_object_set_new(o, setting_spec(i)->name, json_string(c->settings.v[i].value));
	return o;
}

struct counting {
	const struct control *c;
	unsigned accepted;
};

/* Devices that log without being registered; not those whose logs nothing takes any more. */
static void count_device(void *ctx, const struct dp_account *a)
{
	struct counting *n = ctx;

	n->accepted += devices_find(&n->c->devices, a->device) == NULL &&
		       device_is_accepted(n->c, a->device);
}

void m_status(struct call *call)
{
	struct control *c = call->c;
	struct dp_lcore_info lcores[DP_MAX_LCORES];
	unsigned n = dp_lcores(c->dp, lcores, DP_MAX_LCORES);
	uint64_t sessions = 0;
	struct counting n_devices = {.c = c};
	const unsigned *by_state = c->devices.by_state;

	for (unsigned i = 0; i < n && i < DP_MAX_LCORES; i++)
		sessions += lcores[i].sessions;
	dp_accounts(c->dp, count_device, &n_devices);
	call_result(call,
		json_pack(
			"{s:i,s:s,s:{s:s,s:s},s:s,s:I,s:o,s:o,s:o,s:I,s:{s:i,s:i,s:i,s:i},s:o,s:o}",
			"schema", 1, "version", SLUICE_VERSION, "node", "name", c->config.node.name,
			"serial", c->serial, "state", control_state(c), "uptime_s",
			(json_int_t)((clock_mono_us() - c->start_us) / 1000000u), "started",
			time_json(c->start_ns), "journal", journal_brief(c), "ports",
			ports_json(c, port_state), "sessions", (json_int_t)sessions, "devices",
			"authorized", (int)by_state[AUTH_AUTHORIZED], "pending",
			(int)by_state[AUTH_PENDING], "denied", (int)by_state[AUTH_DENIED],
			"accepted", (int)n_devices.accepted, "settings", settings_brief(c),
			"alarms", alarms_json(&c->alarms)));
}

void m_version(struct call *call)
{
	call_result(call, json_pack("{s:i,s:s}", "schema", 1, "version", SLUICE_VERSION));
}
