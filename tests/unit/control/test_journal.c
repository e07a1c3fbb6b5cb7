/* The journal by its methods: segments, verify, resume, a full disk, streams that expire. */
#include <stdio.h>
#include <unistd.h>

#include "control/checks.h"
#include "tests/unit/control/harness.h"

static void journal_list_and_status(void **state)
{
	struct harness *h = *state;
	json_t *r = harness_result(h, "journal.list", NULL);

	assert_int_equal(json_array_size(at(r, "segments")), 2);
	assert_text(r, "segments.1.name", "000000000000000b.zst");
	assert_true(json_is_true(at(r, "segments.0.finished")));
	assert_true(json_is_false(at(r, "segments.1.finished")));
	json_decref(r);
	r = harness_result(h, "journal.status", NULL);
	assert_text(r, "state", "running");
	assert_number(r, "pool_free", 60);
	assert_number(r, "commit_p99_us", 2500);
	json_decref(r);
	h->dp->journal.refuse_open = true;
	harness_refused(h, "journal.list", NULL, "failed", "no such directory");
}

static void journal_verify_reports_findings_up_to_a_bound(void **state)
{
	struct harness *h = *state;
	json_t *r;

	h->dp->journal.findings = 1100;
	r = harness_result(h, "journal.verify", NULL);
	assert_int_equal(json_array_size(at(r, "findings")), 1000);
	assert_number(r, "omitted", 100);
	assert_text(r, "findings.0.kind", "torn_tail");
	assert_text(r, "findings.1.kind", "corruption");
	assert_number(r, "corrupt", 550);
	json_decref(r);
}

static void one_verify_at_a_time_and_nothing_waits_for_it(void **state)
{
	struct harness *h = *state;
	int fd = harness_connect(h);
	json_t *r;

	h->dp->journal.verify_waits = true;
	harness_send(fd, "{\"jsonrpc\":\"2.0\",\"id\":\"v\",\"method\":\"journal.verify\"}\n");
	harness_settle(h);
	json_decref(harness_result(h, "status", NULL));
	harness_refused(h, "journal.verify", NULL, "busy", NULL);
	pthread_mutex_lock(&h->dp->journal.mutex);
	h->dp->journal.verify_waits = false;
	pthread_cond_signal(&h->dp->journal.verify_go);
	pthread_mutex_unlock(&h->dp->journal.mutex);
	r = harness_read(h, fd);
	assert_text(r, "id", "v");
	assert_number(r, "result.schema", 1);
	json_decref(r);
	json_decref(harness_result(h, "journal.verify", NULL));
	close(fd);
}

static void journal_resume_only_after_a_failure(void **state)
{
	struct harness *h = *state;
	json_t *r = harness_error(h, "journal.resume", NULL);

	assert_reason(r, "invalid");
	json_decref(r);
	h->dp->journal.state = JOURNAL_FAILED;
	snprintf(h->dp->journal.last_error, sizeof(h->dp->journal.last_error), "%s",
		"fdatasync: Input/output error");
	r = harness_result(h, "status", NULL);
	assert_text(r, "state", "failed");
	assert_text(r, "alarms.0.name", "journal_failed");
	assert_contains(json_string_value(at(r, "alarms.0.text")), "fdatasync");
	json_decref(r);
	h->dp->journal.refuse_resume = true;
	harness_refused(h, "journal.resume", NULL, "journal_failed", NULL);
	h->dp->journal.refuse_resume = false;
	harness_says(h, "journal.resume", NULL, "state", "running");
	r = harness_result(h, "status", NULL);
	assert_text(r, "state", "ready");
	assert_int_equal(json_array_size(at(r, "alarms")), 0);
	json_decref(r);
	r = harness_result(h, "audit.list", NULL);
	assert_text(r, "audit.0.what", "journal.resume");
	assert_text(r, "audit.0.before", "failed");
	assert_text(r, "audit.0.after", "running");
	json_decref(r);
	assert_int_equal(fake_events(h->dp, "action=\"alarm\" alarm=\"journal_failed\""), 1);
	assert_int_equal(fake_events(h->dp, "action=\"alarm-end\" alarm=\"journal_failed\" "
					    "msg=\"journal_failed is over, after 0 s\""),
		1);
}

static void a_full_disk_is_a_hold(void **state)
{
	struct harness *h = *state;
	json_t *r;

	h->dp->journal.state = JOURNAL_HOLD_DISK_FULL;
	r = harness_result(h, "status", NULL);
	assert_text(r, "state", "hold");
	assert_text(r, "alarms.0.name", "journal_hold");
	json_decref(r);
}

static void expired_streams_are_audited(void **state)
{
	struct harness *h = *state;
	size_t before;
	json_t *r;

	checks_tick(h->c, 1);
	r = harness_result(h, "audit.list", NULL);
	before = json_array_size(at(r, "audit")); /* what the first tick does by itself */
	json_decref(r);
	h->dp->journal.streams_expired = 3;
	checks_tick(h->c, 2);
	h->dp->journal.streams_expired = 4;
	checks_tick(h->c, 3);
	checks_tick(h->c, 4);
	r = harness_result(h, "audit.list", NULL);
	assert_int_equal(json_array_size(at(r, "audit")), before + 2); /* newest first */
	assert_text(r, "audit.1.what", "journal.streams-expired");
	assert_text(r, "audit.1.before", "3 streams");
	assert_text(
		r, "audit.1.after", "forgotten: unseen for 400 days (journal.stream-retention)");
	assert_text(r, "audit.0.before", "1 streams");
	json_decref(r);
}

#define T(f) cmocka_unit_test_setup_teardown(f, harness_setup, harness_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(journal_list_and_status),
		T(journal_verify_reports_findings_up_to_a_bound),
		T(one_verify_at_a_time_and_nothing_waits_for_it),
		T(journal_resume_only_after_a_failure),
		T(expired_streams_are_audited),
		T(a_full_disk_is_a_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
