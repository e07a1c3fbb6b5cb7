#include <stdio.h>
#include <string.h>

#include "dataplane/dp.h"

void dp_config_defaults(struct dp_config *cfg)
{
	memset(cfg, 0, sizeof(*cfg));
	cfg->eal.huge = DP_HUGE_AUTO;
	cfg->eal.memory_mib = 512;
	cfg->cores.compressors = -1;
	cfg->cores.poll = DP_POLL_ADAPTIVE;
	cfg->listen_count = 3;
	cfg->listen_ports[0] = 514;
	cfg->listen_ports[1] = 6514;
	cfg->listen_ports[2] = 2514;
	cfg->limits.sessions = 20000;
	cfg->limits.devices = 100000;
	cfg->limits.half_open = cfg->limits.time_wait = 16384;
	cfg->limits.tcp_receive = 4 * DP_MESSAGE_SIZE_MAX;
	cfg->limits.farewell_us = FAREWELL_US;
	cfg->limits.neighbours = 4096;
	cfg->limits.reassembly = 8 << 20;
	cfg->limits.reassembly_per_source = 64;
	cfg->limits.icmp_rate = 1000;
	cfg->policy.cleartext = DP_CLEAR_UDP_SYSLOG | DP_CLEAR_TCP_SYSLOG;
	cfg->policy.allow_count = 2;
	ip_addr_parse(&cfg->policy.allow[0].addr, "0.0.0.0");
	cfg->policy.allow[0].len = 96;
	cfg->policy.allow[1].len = 0; /* ::/0 */
	cfg->policy.message_size = 65536;
	cfg->policy.sessions = 20000;
	cfg->policy.idle_timeout_us = 86400ull * 1000000u;
	cfg->policy.unfinished_timeout_us = 60ull * 1000000u;
	cfg->policy.tls_require_certificate = true;
	cfg->policy.tls_name_serial = true;
	cfg->policy.pending_hold_us = 60ull * 1000000u;
	cfg->policy.pending_per_source = 256;
	cfg->policy.device_streams = 1024;
	cfg->policy.handshakes = 1024;
	cfg->policy.handshake_timeout_us = 10ull * 1000000u;
	cfg->telemetry = true;
	snprintf(cfg->node_name, sizeof(cfg->node_name), "sluice");
	journal_config_defaults(&cfg->journal);
	snprintf(cfg->journal.dir, sizeof(cfg->journal.dir), "/var/lib/sluice/journal");
}
