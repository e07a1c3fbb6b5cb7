/*
 * sluiced. Order of the start: the command line, the configuration, the registry and the control
 * socket (all of which may fail without any harm), the data plane (as root: ports, hugepages,
 * recovery of the journal), then away with root, then the doors open.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/config/config.h"
#include "control/control.h"
#include "control/privileges.h"
#include "control/telemetry.h"

enum {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_CONFIG = 3, /* the configuration is wrong */
};

static void say(const char *text)
{
	fprintf(stderr, "sluiced: %s\n", text);
}

static int usage(FILE *out, int status)
{
	fputs("usage: sluiced --config FILE | --check-config FILE | --print-config | --version\n",
		out);
	return status;
}

static int load(const char *file, struct config *cfg)
{
	static struct config_errors errors;

	if (config_load(file, cfg, &errors) == 0)
		return 0;
	config_errors_print(&errors, stderr);
	return -1;
}

/* The file may be meant for another machine: no error. */
static void warn_of_cpus(const char *file, const char *key, const struct config_cpus *cpus)
{
	char path[64];

	for (unsigned i = 0; i < cpus->count; i++) {
		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u", (unsigned)cpus->v[i]);
		if (access(path, F_OK) != 0)
			fprintf(stderr, "%s: warning: %s: this machine has no CPU %u\n", file, key,
				(unsigned)cpus->v[i]);
	}
}

static int check_config(const char *file, struct config *cfg)
{
	if (load(file, cfg) != 0)
		return EXIT_CONFIG;
	warn_of_cpus(file, "cores.rx", &cfg->cores.rx);
	warn_of_cpus(file, "cores.workers", &cfg->cores.workers);
	printf("%s: fine\n", file);
	return EXIT_OK;
}

static int print_config(struct config *cfg)
{
	config_defaults(cfg);
	config_print(cfg, stdout);
	return EXIT_OK;
}

/* EAL's threads inherit the mask: no signal ever meets an lcore. */
static void block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* registry.db and the directory of keys lie beside the journal's directory. */
static void state_path(const struct config *cfg, const char *name, char *path, size_t size)
{
	char dir[CONFIG_MAX_PATH + 1];
	size_t n;
	char *slash;

	snprintf(dir, sizeof(dir), "%s", cfg->journal.dir);
	n = strlen(dir);
	while (n > 1 && dir[n - 1] == '/')
		dir[--n] = '\0';
	slash = strrchr(dir, '/');
	if (slash && slash != dir)
		*slash = '\0';
	else
		snprintf(dir, sizeof(dir), "%s", slash ? "" : ".");
	snprintf(path, size, "%s/%s", dir, name);
}

/* Everything that a process without root must still be able to write or remove. */
static int give_files(const struct privileges *p, const struct config *cfg, char *err, size_t size)
{
	char dir[CONFIG_MAX_SOCKET + 1], tls[CONFIG_MAX_PATH + 16];
	char *slash;

	state_path(cfg, "tls", tls, sizeof(tls));
	if (privileges_give(p, cfg->journal.dir, err, size) != 0 ||
		privileges_give_one(p, PRIVILEGES_STATE_DIR, err, size) != 0 ||
		privileges_give(p, tls, err, size) != 0)
		return -1;
	snprintf(dir, sizeof(dir), "%s", cfg->control.socket);
	slash = strrchr(dir, '/');
	if (slash)
		*slash = '\0';
	/* Else the socket stays behind at the end, which the next start copes with. */
	if (strcmp(dir, "/run/sluice") == 0)
		return privileges_give_one(p, dir, err, size);
	return 0;
}

static int drop_root(struct control *c, const struct privileges *p, const struct config *cfg)
{
	char err[512], caps[256];

	if (!p->root)
		return 0;
	if (!p->found) {
		say("there is no user " PRIVILEGES_USER ", nor " PRIVILEGES_OTHER
		    ", to become: what comes from outside is never parsed as root; make one by "
		    "`useradd --system --no-create-home " PRIVILEGES_USER "`");
		return -1;
	}
	if (strcmp(p->user, PRIVILEGES_USER) != 0) {
		say("there is no user " PRIVILEGES_USER ": going on as " PRIVILEGES_OTHER
		    "; make one by `useradd --system --no-create-home " PRIVILEGES_USER "`");
		control_alarm(c, "no_user",
			"there is no user " PRIVILEGES_USER ": running as " PRIVILEGES_OTHER
			", to whom the journal's files belong now");
	}
	if (give_files(p, cfg, err, sizeof(err)) != 0 ||
		privileges_drop(p, err, sizeof(err)) != 0) {
		say(err);
		return -1;
	}
	privileges_text(caps, sizeof(caps));
	event(control_events(c), EVENT_NOTICE, "drop-root",
		"running as %s; the control thread keeps %s, the others nothing", p->user, caps);
	return 0;
}

static int serve(struct control *c, struct dp *dp, const struct config *cfg,
	const struct privileges *p, const struct journal_recovery *recovery, const char *notes)
{
	static struct dp_error dp_err;
	char err[512];

	/* Not one byte from outside is parsed as root. */
	if (drop_root(c, p, cfg) != 0)
		return -1;
	control_take(c, dp);
	if (dp_run(dp, &dp_err) != 0) {
		say(dp_err.text);
		return -1;
	}
	if (telemetry_register() != 0)
		say("EAL does not take our telemetry commands: going on without");
	if (control_attach(c, recovery, notes, err, sizeof(err)) != 0 ||
		control_run(c, err, sizeof(err)) != 0) {
		say(err);
		return -1;
	}
	return 0;
}

/* From the data plane's start to its end. */
static int run(struct control *c, const struct config *cfg, const struct privileges *p)
{
	static struct dp_config dc;
	static struct dp_error dp_err;
	static char notes[4096];
	struct journal_recovery recovery = {0};
	struct dp *dp;
	int rc;

	dp_config_defaults(&dc);
	journal_config_defaults(&dc.journal);
	config_to_dp(cfg, &dc);
	if (dp_start(&dc, &dp, &recovery, notes, sizeof(notes), &dp_err) != 0) {
		say(dp_err.text);
		control_free(c);
		return EXIT_FAILED;
	}
	rc = serve(c, dp, cfg, p, &recovery, notes);
	if (!control_detach(c)) {
		/* A reader that cannot be stopped: all that matters is the journal, and that is
		 * closed properly; its thread ends with the process. */
		dp_stop(dp);
		_exit(rc == 0 ? EXIT_OK : EXIT_FAILED);
	}
	dp_stop(dp);
	control_free(c);
	return rc == 0 ? EXIT_OK : EXIT_FAILED;
}

static int start(const char *file, struct config *cfg)
{
	struct control_options options = {
		.config = cfg,
		.config_file = file,
		.socket = true,
		.metrics = true,
		.signals = true,
		.notify = true,
		.tick = telemetry_tick,
	};
	char registry[CONFIG_MAX_PATH + 16], tls[CONFIG_MAX_PATH + 16];
	char err[CONFIG_MAX_PATH + 512], path[PATH_MAX];
	struct privileges p;
	struct control *c;
	struct stat st = {0};

	if (load(file, cfg) != 0)
		return EXIT_CONFIG;
	/* The audit says which file a reload has read. */
	if (realpath(file, path))
		options.config_file = path;
	umask(0027);
	block_signals();
	/* Before the registry, which lies beside it and would be made. */
	if (stat(cfg->journal.dir, &st) != 0 || !S_ISDIR(st.st_mode)) {
		const int why = errno;

		snprintf(err, sizeof(err), "journal.dir: %s: %s", cfg->journal.dir,
			st.st_mode ? "not a directory" : strerror(why));
		if (!st.st_mode && why == ENOENT)
			snprintf(err + strlen(err), sizeof(err) - strlen(err),
				"; make it: install -d -o " PRIVILEGES_USER " -g " PRIVILEGES_USER
				" -m 0750 %s",
				cfg->journal.dir);
		say(err);
		return EXIT_FAILED;
	}
	privileges_prepare();
	privileges_choose(&p);
	state_path(cfg, "registry.db", registry, sizeof(registry));
	state_path(cfg, "tls", tls, sizeof(tls));
	options.tls_dir = tls;
	options.registry_file = registry;
	options.owner = p.uid;
	options.group = p.gid;
	c = control_new(&options, err, sizeof(err));
	if (!c) {
		say(err);
		return EXIT_FAILED;
	}
	return run(c, cfg, &p);
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{"config", required_argument, NULL, 'c'},
		{"check-config", required_argument, NULL, 'k'},
		{"print-config", no_argument, NULL, 'p'},
		{"version", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	static struct config cfg;
	int option = getopt_long(argc, argv, "", longs, NULL);
	const char *file = optarg;

	if (option == -1 || optind != argc)
		return usage(stderr, EXIT_USAGE);
	switch (option) {
	case 'c':
		return start(file, &cfg);
	case 'k':
		return check_config(file, &cfg);
	case 'p':
		return print_config(&cfg);
	case 'v':
		printf("sluiced %s\n", SLUICE_VERSION);
		return EXIT_OK;
	case 'h':
		return usage(stdout, EXIT_OK);
	default:
		return usage(stderr, EXIT_USAGE);
	}
}
