/* What the data plane is told of the configuration. */
#include <inttypes.h>
#include <string.h>

#include "control/config/config.h"
#include "dataplane/base/siphash.h"

#define US_PER_S 1000000u
#define MIB	 (1024u * 1024u)

/* Not secret: it keeps these hashes apart from other uses of the same text. */
static const struct siphash_key name_key = {0x736c756963652d63, 0x6f6e6669672d3031};

static uint64_t hash_text(const char *text, size_t len)
{
	return siphash24(&name_key, text, len);
}

void config_file_prefix(const struct config *cfg, char prefix[64])
{
	if (strcmp(cfg->eal.file_prefix, "auto") == 0)
		snprintf(prefix, 64, "sluice-%016" PRIx64,
			hash_text(cfg->control.socket, strlen(cfg->control.socket)));
	else
		snprintf(prefix, 64, "%s", cfg->eal.file_prefix);
}

void config_node_serial(
	const struct config *cfg, const char *machine_id, char serial[CONFIG_MAX_SERIAL + 1])
{
	const char *text = machine_id ? machine_id : "";
	size_t len = strcspn(text, "\n");

	if (strcmp(cfg->node.serial, "auto") != 0) {
		snprintf(serial, CONFIG_MAX_SERIAL + 1, "%s", cfg->node.serial);
		return;
	}
	if (len == 0) {
		text = cfg->node.name;
		len = strlen(text);
	}
	snprintf(serial, CONFIG_MAX_SERIAL + 1, "SL-%016" PRIX64, hash_text(text, len));
}

static void copy_prefixes(const struct config_prefixes *from, unsigned *count, struct dp_prefix *to)
{
	*count = from->count;
	memcpy(to, from->v, sizeof(from->v));
}

void config_to_policy(const struct config *cfg, struct dp_policy *policy)
{
	policy->cleartext = cfg->listen.cleartext;
	copy_prefixes(&cfg->listen.allow, &policy->allow_count, policy->allow);
	copy_prefixes(&cfg->listen.trust_devid, &policy->trust_devid_count, policy->trust_devid);
	policy->unknown_source = cfg->listen.unknown_source;
	policy->message_size = (uint32_t)cfg->limits.message_size;
	policy->sessions = cfg->limits.sessions;
	policy->idle_timeout_us = cfg->limits.idle_timeout;
	policy->unfinished_timeout_us = cfg->limits.unfinished_timeout;
	policy->tls_require_certificate =
		cfg->listen.tls_client_certificate == CONFIG_CLIENT_CERT_REQUIRE;
	policy->tls_name_serial = (cfg->listen.tls_names & CONFIG_TLS_NAME_SERIAL) != 0;
	policy->tls_name_dns = (cfg->listen.tls_names & CONFIG_TLS_NAME_DNS) != 0;
	policy->pending_hold_us = cfg->auth.pending_hold;
	policy->handshakes = cfg->limits.handshakes;
	policy->handshakes_per_source = cfg->limits.handshake_rate;
	policy->handshake_timeout_us = cfg->limits.handshake_timeout;
	policy->device_rate = cfg->limits.device_rate;
	policy->device_streams = cfg->limits.device_streams;
	policy->pending_per_source = cfg->limits.pending_per_source;
}

static void to_journal(const struct config *cfg, struct journal_config *j)
{
	memcpy(j->dir, cfg->journal.dir, sizeof(cfg->journal.dir));
	j->block_size = (uint32_t)cfg->journal.block_size;
	j->pool_blocks = (uint32_t)(cfg->journal.pool / cfg->journal.block_size);
	j->commit_interval_us = (uint32_t)cfg->journal.commit_interval;
	j->commit_interval_unacked_us = (uint32_t)cfg->journal.commit_interval_unacked;
	j->segment_size = cfg->journal.segment_size;
	j->segment_age_s = cfg->journal.segment_age / US_PER_S;
	j->min_free = cfg->journal.min_free;
	j->retention_age_s = cfg->journal.retention_age / US_PER_S;
	j->retention_bytes = cfg->journal.retention_size.bytes;
	j->retention_percent = (uint32_t)cfg->journal.retention_size.percent;
	j->stream_retention_s = cfg->journal.stream_retention / US_PER_S;
	j->compaction_level = cfg->journal.compaction_level;
}
_Static_assert(sizeof(((struct journal_config *)0)->dir) == CONFIG_MAX_PATH + 1, "copied whole");

static void copy_cpus(const struct config_cpus *from, unsigned *count, uint16_t *to)
{
	*count = from->count;
	memcpy(to, from->v, sizeof(from->v));
}

void config_to_dp(const struct config *cfg, struct dp_config *dp)
{
	dp->ports_count = cfg->ports_count;
	memcpy(dp->ports, cfg->ports, sizeof(dp->ports));

	dp->eal.huge = cfg->eal.huge;
	dp->eal.memory_mib = (uint32_t)(cfg->eal.memory / MIB);
	config_file_prefix(cfg, dp->eal.file_prefix);
	dp->eal.args_count = cfg->eal.args.count;
	memcpy(dp->eal.args, cfg->eal.args.v, sizeof(dp->eal.args));

	copy_cpus(&cfg->cores.rx, &dp->cores.rx_count, dp->cores.rx);
	copy_cpus(&cfg->cores.workers, &dp->cores.workers_count, dp->cores.workers);
	dp->cores.compressors = cfg->cores.compressors;
	dp->cores.poll = cfg->cores.poll;

	dp->listen_count = cfg->listen.ports.count;
	memcpy(dp->listen_ports, cfg->listen.ports.v, sizeof(dp->listen_ports));
	dp->limits.sessions = cfg->limits.sessions;
	dp->limits.devices = cfg->limits.devices;
	dp->limits.half_open = cfg->limits.half_open;
	dp->limits.time_wait = cfg->limits.time_wait;
	dp->limits.tcp_receive = (uint32_t)cfg->limits.tcp_receive;
	dp->limits.neighbours = cfg->limits.neighbours;
	dp->limits.reassembly = cfg->limits.reassembly;
	dp->limits.reassembly_per_source = cfg->limits.reassembly_per_source;
	dp->limits.icmp_rate = cfg->limits.icmp_rate;

	config_to_policy(cfg, &dp->policy);
	to_journal(cfg, &dp->journal);
	memcpy(dp->node_name, cfg->node.name, sizeof(dp->node_name));
}
