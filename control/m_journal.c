/* journal.list|verify|resume|status. The first two read the directory, in a thread. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "control/journal_json.h"
#include "control/method.h"

#define MAX_FINDINGS 1000

/* A journal that is read from one end to the other. */
struct verify_job {
	struct job job;
	struct pending pending;
	struct control *c;
	char dir[CONFIG_MAX_PATH + 1];
	uint64_t max_block;
	struct text out; /* the result, written by the thread */
	int error;
	struct journal_fault fault;
};

static void number(struct text *t, const char *key, uint64_t v)
{
	text_json_key(t, key);
	text_u64(t, v);
}

static void string(struct text *t, const char *key, const char *s)
{
	text_json_key(t, key);
	text_json_string(t, s, strlen(s));
}

static void run_list(struct job *job)
{
	struct verify_job *v = (struct verify_job *)job;

	v->error = journal_json_list(&v->out, v->dir, &v->fault);
}

static void run_verify(struct job *job)
{
	struct verify_job *v = (struct verify_job *)job;

	v->error = journal_json_verify(&v->out, v->dir, v->max_block, MAX_FINDINGS, &v->fault);
}

static void notified(struct job *job)
{
	(void)job;
}

static void answer(struct verify_job *v)
{
	struct rpc_error e = {0};
	struct text line = {0};

	if (job_cancelled(&v->job))
		rpc_error_set(&e, RPC_FAILED, REASON_CANCELLED, "cancelled");
	else if (v->error != JOURNAL_OK)
		rpc_error_set(&e, RPC_FAILED, REASON_FAILED, "%s", v->fault.text);
	else if (v->out.failed)
		rpc_error_set(&e, RPC_FAILED, REASON_FAILED, "out of memory");
	if (e.code) {
		pending_error(&v->pending, &e);
		return;
	}
	if (v->pending.client && v->pending.id) {
		rpc_write_result_text(&line, v->pending.id, &v->out);
		client_send(v->pending.client, &line);
		text_free(&line);
	}
	pending_done(&v->pending);
}

static void finished(struct job *job)
{
	struct verify_job *v = (struct verify_job *)job;

	answer(v);
	if (v->c->verify == v)
		v->c->verify = NULL;
	text_free(&v->out);
	free(v);
}

static void wake(struct job *job)
{
	(void)job; /* the reader cannot be stopped half-way; its result is thrown away */
}

static void abandon(struct pending *p)
{
	struct verify_job *v =
		(struct verify_job *)((char *)p - offsetof(struct verify_job, pending));

	job_cancel(&v->job);
}

static struct verify_job *start(struct call *call, void (*run)(struct job *))
{
	struct control *c = call->c;
	struct verify_job *v = calloc(1, sizeof(*v));
	uint64_t logs;

	if (!v) {
		call_fail(call, REASON_FAILED, "out of memory");
		return NULL;
	}
	v->c = c;
	v->job = (struct job){.run = run, .notified = notified, .finished = finished, .wake = wake};
	v->pending.abandon = abandon;
	memcpy(v->dir, c->config.journal.dir, sizeof(v->dir));
	journal_durable(dp_journal(c->dp), &v->max_block, &logs);
	if (!call_later(call, &v->pending)) {
		free(v);
		return NULL;
	}
	if (job_start(c->jobs, &v->job) != 0) {
		call->later = false;
		pending_done(&v->pending);
		call_fail(call, errno == EBUSY ? REASON_BUSY : REASON_FAILED,
			"cannot start a reader: %s",
			errno == EBUSY ? "too many are at work" : strerror(errno));
		free(v);
		return NULL;
	}
	return v;
}

void m_journal_list(struct call *call)
{
	start(call, run_list);
}

void m_journal_verify(struct call *call)
{
	if (call->c->verify) {
		call_fail(call, REASON_BUSY, "the journal is being verified already");
		return;
	}
	call->c->verify = start(call, run_verify);
}

static bool same_directory(const char *a, const char *b)
{
	struct stat x, y;

	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

void m_journal_resume(struct call *call)
{
	struct control *c = call->c;
	struct journal *j = dp_journal(c->dp);
	const char *before = journal_state_name(journal_state(j));
	const char *dir = json_string_value(json_object_get(call->params, "dir"));
	struct journal_fault fault = {0};
	const char *after;

	if (dir && !same_directory(dir, c->config.journal.dir)) {
		call_fail(call, REASON_NOT_FOUND, "sluiced's journal is %s", c->config.journal.dir);
		return;
	}
	if (journal_state(j) != JOURNAL_FAILED) {
		call_fail(call, REASON_INVALID, "the journal has not failed: it is %s", before);
		return;
	}
	if (journal_resume(j, &fault) != JOURNAL_OK) {
		control_audit(c, call->who, call->method->name, c->config.journal.dir, before,
			fault.text);
		call_fail(call, "journal_failed", "%s", fault.text);
		return;
	}
	after = journal_state_name(journal_state(j));
	control_audit(c, call->who, call->method->name, c->config.journal.dir, before, after);
	event(&c->events, EVENT_NOTICE, "journal-resume", "resumed by an operator, now %s", after);
	call_result(call, json_pack("{s:i,s:s}", "schema", 1, "state", after));
}

void m_journal_status(struct call *call)
{
	struct text *t = &call->text;
	struct journal_status s;

	journal_status(dp_journal(call->c->dp), &s);
	text_str(t, "{\"schema\":1");
	string(t, "state", journal_state_name(s.state));
	string(t, "dir", call->c->config.journal.dir);
	text_printf(t, ",\"id\":\"%016llx%016llx\"", (unsigned long long)s.id[0],
		(unsigned long long)s.id[1]);
	number(t, "durable_block", s.durable_block);
	number(t, "logs", s.durable_logs);
	number(t, "bytes", s.bytes);
	number(t, "free_bytes", s.free_bytes);
	number(t, "segments", s.segments);
	text_json_key(t, "oldest");
	text_json_time(t, s.oldest_ns);
	text_json_key(t, "newest");
	text_json_time(t, s.newest_ns);
	number(t, "blocks_compressed", s.blocks_compressed);
	number(t, "blocks_raw", s.blocks_raw);
	number(t, "commits", s.commits);
	number(t, "fsyncs", s.fsyncs);
	number(t, "raw_bytes", s.raw_bytes);
	number(t, "disk_bytes", s.disk_bytes);
	number(t, "pool_blocks", s.pool_blocks);
	number(t, "pool_free", s.pool_free);
	number(t, "no_block", s.no_block);
	number(t, "commit_p50_us", s.commit_us_p50);
	number(t, "commit_p99_us", s.commit_us_p99);
	number(t, "retention_removed_segments", s.retention_removed_segments);
	number(t, "compacted_segments", s.compacted_segments);
	number(t, "compacted_from_bytes", s.compacted_from_bytes);
	number(t, "compacted_to_bytes", s.compacted_to_bytes);
	number(t, "write_errors", s.write_errors);
	number(t, "sync_errors", s.sync_errors);
	string(t, "last_error", s.last_error);
	text_char(t, '}');
}
