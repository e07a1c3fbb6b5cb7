#include "control/log_json.h"

#include <string.h>

#define LOG_FLAGS 8 /* bits there are */

static void add_source(struct text *out, const struct journal_log *log)
{
	char addr[IP_ADDR_TEXT];

	text_json_key(out, "source");
	if (!log->has_source) {
		text_str(out, "null");
		return;
	}
	ip_addr_format(&log->source, addr);
	text_json_string(out, addr, strlen(addr));
	if (log->source_port) {
		text_json_key(out, "source_port");
		text_u64(out, log->source_port);
	}
}

static void add_stream(struct text *out, const struct journal_log *log)
{
	if (!log->has_stream) {
		text_str(out, ",\"conn_id\":null,\"epoch\":null,\"seq_no\":null");
		return;
	}
	text_printf(out, ",\"conn_id\":%u,\"epoch\":\"%016llx\",\"seq_no\":%llu", log->conn_id,
		(unsigned long long)log->epoch, (unsigned long long)log->seq_no);
}

void log_json(struct text *out, const struct journal_log *log)
{
	const char *flags[LOG_FLAGS];
	unsigned n = journal_flag_names(log->flags, flags, LOG_FLAGS);
	const char *transport = journal_transport_name(log->transport);

	text_str(out, "{\"schema\":1,\"time\":");
	text_json_time(out, log->time_ns);
	text_json_key(out, "device");
	text_json_string(out, log->device, log->device_len);
	text_json_key(out, "vdom");
	if (log->vdom)
		text_json_string(out, log->vdom, log->vdom_len);
	else
		text_str(out, "null");
	add_source(out, log);
	text_json_key(out, "transport");
	text_json_string(out, transport, strlen(transport));
	add_stream(out, log);
	text_json_key(out, "flags");
	text_char(out, '[');
	for (unsigned i = 0; i < n; i++) {
		if (i)
			text_char(out, ',');
		text_json_string(out, flags[i], strlen(flags[i]));
	}
	text_char(out, ']');
	text_json_key(out, "block");
	text_u64(out, log->block);
	if (utf8_valid(log->log, log->len)) {
		text_json_key(out, "log");
		text_json_string(out, log->log, log->len);
	} else {
		text_json_key(out, "log_base64");
		text_base64(out, log->log, log->len);
	}
	text_char(out, '}');
}
