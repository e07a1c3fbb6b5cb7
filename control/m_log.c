/* log.show: notifications `log.entries`, then the answer. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/log_stream.h"
#include "control/method.h"

struct log_stream {
	struct log_reader reader; /* first: its job is this */
	struct pending pending;
	struct control *c;
	struct log_stream *next;
};

static struct log_stream *of_pending(struct pending *p)
{
	return (struct log_stream *)((char *)p - offsetof(struct log_stream, pending));
}

/* As many batches as the client has room for. `all`: whatever it has, for there come no more. */
static void send_batches(struct log_stream *s, bool all)
{
	struct client *client = s->pending.client;
	struct text batch;

	while (client && (all || client_backlog(client) < SERVER_HIGH_WATER) &&
		log_reader_take(&s->reader, &batch)) {
		struct text params = {0}, line = {0};

		text_str(&params, "{\"schema\":1,\"logs\":[");
		text_add(&params, batch.data, batch.len);
		text_str(&params, "]}");
		rpc_write_notification(&line, "log.entries", params.data, params.len);
		line.failed |= params.failed;
		client_send(client, &line);
		text_free(&line);
		text_free(&params);
		text_free(&batch);
	}
}

static void notified(struct job *job)
{
	send_batches((struct log_stream *)job, false);
}

static void drained(struct pending *p)
{
	send_batches(of_pending(p), false);
}

static void abandon(struct pending *p)
{
	job_cancel(&of_pending(p)->reader.job);
}

static void wake(struct job *job)
{
	log_reader_wake((struct log_reader *)job);
}

static void answer(struct log_stream *s)
{
	const struct log_reader *r = &s->reader;
	struct rpc_error e = {0};

	if (job_cancelled(&s->reader.job))
		rpc_error_set(&e, RPC_FAILED, REASON_CANCELLED, "cancelled");
	else if (r->error == JOURNAL_E_CONFIG)
		rpc_error_set(&e, RPC_INVALID_PARAMS, REASON_INVALID, "%s", r->fault.text);
	else if (r->error != JOURNAL_OK)
		rpc_error_set(&e, RPC_FAILED, REASON_FAILED, "%s",
			r->fault.text[0] ? r->fault.text : journal_error_text(r->error));
	if (e.code)
		pending_error(&s->pending, &e);
	else
		pending_result(
			&s->pending, json_pack("{s:i,s:I,s:I,s:I,s:I,s:I}", "schema", 1, "logs",
					     (json_int_t)r->logs, "blocks_read",
					     (json_int_t)r->stats.blocks_read, "blocks_skipped",
					     (json_int_t)r->stats.blocks_skipped, "corrupt_blocks",
					     (json_int_t)r->stats.corrupt_blocks, "undecided",
					     (json_int_t)r->stats.undecided));
}

static void finished(struct job *job)
{
	struct log_stream *s = (struct log_stream *)job;
	struct log_stream **at = &s->c->streams;

	send_batches(s, true);
	answer(s);
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	log_reader_free(&s->reader);
	free(s);
}

static void fill(struct call *call, struct log_reader *r)
{
	snprintf(r->dir, sizeof(r->dir), "%s", call->c->config.journal.dir);
	snprintf(r->device, sizeof(r->device), "%s", call_string(call, "device", ""));
	snprintf(r->grep, sizeof(r->grep), "%s", call_string(call, "grep", ""));
	r->since_ns = call_uint(call, "since_ns", 0);
	r->until_ns = call_uint(call, "until_ns", UINT64_MAX);
	r->follow = call_bool(call, "follow", false);
}

static void start(struct call *call, struct log_stream *s)
{
	struct control *c = call->c;

	if (job_start(c->jobs, &s->reader.job) == 0) {
		s->next = c->streams;
		c->streams = s;
		return;
	}
	if (errno == EBUSY)
		call_fail(call, REASON_BUSY, "%d readers are at work already", CONTROL_MAX_JOBS);
	else
		call_fail(call, REASON_FAILED, "cannot start a reader: %s", strerror(errno));
	call->later = false;
	pending_done(&s->pending);
	log_reader_free(&s->reader);
	free(s);
}

void m_log_show(struct call *call)
{
	struct control *c = call->c;
	struct log_stream *s = calloc(1, sizeof(*s));
	uint64_t durable, logs;

	if (!s) {
		call_fail(call, REASON_FAILED, "out of memory");
		return;
	}
	s->c = c;
	s->pending.abandon = abandon;
	s->pending.drained = drained;
	journal_durable(dp_journal(c->dp), &durable, &logs);
	fill(call, &s->reader);
	if (!call_later(call, &s->pending)) {
		free(s);
		return;
	}
	log_reader_init(&s->reader, durable);
	s->reader.job.notified = notified;
	s->reader.job.finished = finished;
	s->reader.job.wake = wake;
	start(call, s);
}

void log_streams_durable(struct control *c, uint64_t block)
{
	for (struct log_stream *s = c->streams; s; s = s->next)
		log_reader_durable(&s->reader, block);
}
